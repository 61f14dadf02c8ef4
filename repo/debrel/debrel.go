// Package debrel reads the relationship fields of Debian packages: Depends,
// Provides, Build-Depends and their like (deb-control(5), Debian Policy 7).
//
// A field is taken as the strictest of its readers takes it: dpkg
// (f_dependency in lib/dpkg/fields.c) and apt (debListParser::ParseDepends in
// apt-pkg/deb/deblistparser.cc) for binary packages, Dpkg::Deps for source
// packages. Substitution variables, which only the sources of a control file
// may have, are refused.
package debrel

import (
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo/debver"
)

// MaxRelations bounds the relations of one field, alternatives counted: the
// largest Provides of Debian, that of the Rust libraries, have some 5,000.
// Going past it is a [SyntaxError].
const MaxRelations = 1 << 16

// Kind is what a field may hold.
type Kind int

const (
	// Depends is Depends, Pre-Depends, Recommends, Suggests and Enhances.
	Depends Kind = iota
	// Conflicts is Conflicts, Breaks and Replaces: no alternatives.
	Conflicts
	// Provides takes no alternatives, and exact versions only.
	Provides
	// BuiltUsing is Built-Using and Static-Built-Using: an exact version each.
	BuiltUsing
	// BuildDepends is Build-Depends and its like, which may have restrictions
	// to architectures and build profiles.
	BuildDepends
	// BuildConflicts is BuildDepends without alternatives.
	BuildConflicts
)

// KindOf returns the kind of a control field, in any case. It reports false
// for a field that holds no relations.
func KindOf(field string) (Kind, bool) {
	const longest = len("Build-Conflicts-Indep")
	if len(field) < len("Breaks") || len(field) > longest {
		return 0, false
	}
	switch field[0] | 0x20 {
	case 'b', 'c', 'd', 'e', 'p', 'r', 's':
	default:
		return 0, false
	}
	for _, k := range [...]struct {
		kind  Kind
		field string
	}{
		{Depends, "Depends"}, {Depends, "Pre-Depends"}, {Depends, "Recommends"}, {Depends, "Suggests"}, {Depends, "Enhances"},
		{Conflicts, "Conflicts"}, {Conflicts, "Breaks"}, {Conflicts, "Replaces"}, {Provides, "Provides"},
		{BuiltUsing, "Built-Using"}, {BuiltUsing, "Static-Built-Using"},
		{BuildDepends, "Build-Depends"}, {BuildDepends, "Build-Depends-Arch"}, {BuildDepends, "Build-Depends-Indep"},
		{BuildConflicts, "Build-Conflicts"}, {BuildConflicts, "Build-Conflicts-Arch"}, {BuildConflicts, "Build-Conflicts-Indep"},
	} {
		if len(field) == len(k.field) && strings.EqualFold(field, k.field) {
			return k.kind, true
		}
	}
	return 0, false
}

func (k Kind) source() bool { return k == BuildDepends || k == BuildConflicts }

func (k Kind) alternatives() bool { return k == Depends || k == BuildDepends }

func (k Kind) exact() bool { return k == Provides || k == BuiltUsing }

// List is a field: all of the groups must hold (or, for the negative ones,
// none).
type List []Group

// Group is one entry of a list: its alternatives, the preferred one first.
type Group []Relation

// Relation names a package.
type Relation struct {
	Name string
	// Arch is the qualifier behind the name: "any", "native" or an
	// architecture; empty if there is none.
	Arch string
	// Op and Version are what the package's version must be; empty if any will
	// do.
	Op      Operator
	Version string
	// Arches restricts the relation to some architectures.
	Arches []Term
	// Profiles restricts it to build profiles: one of the lists must hold
	// whole.
	Profiles [][]Term
}

// Operator compares versions.
type Operator string

// The operators. "<" and ">" are obsolete, and mean "<=" and ">=".
const (
	Earlier        Operator = "<<"
	EarlierOrEqual Operator = "<="
	Equal          Operator = "="
	LaterOrEqual   Operator = ">="
	Later          Operator = ">>"
	ObsoleteLess   Operator = "<"
	ObsoleteMore   Operator = ">"
)

// Term is a name in a restriction: an architecture, a wildcard of them
// ("linux-any"), or a build profile.
type Term struct {
	Name string
	Not  bool // "!" stands before the name
}

// Satisfies reports whether a package of that name and the version would do.
// The error is that of a version that dpkg cannot compare.
func (r Relation) Satisfies(version string) (bool, error) {
	if r.Op == "" {
		return true, nil
	}
	c, err := debver.Compare(version, r.Version)
	if err != nil {
		return false, err
	}
	switch r.Op {
	case Earlier:
		return c < 0, nil
	case EarlierOrEqual, ObsoleteLess:
		return c <= 0, nil
	case Equal:
		return c == 0, nil
	case LaterOrEqual, ObsoleteMore:
		return c >= 0, nil
	default: // Later, as Parse makes no other
		return c > 0, nil
	}
}

// ProvidedBy reports whether p, an entry of a Provides field, satisfies r: it
// needs the name, and a version where r asks for one (Debian Policy 7.5).
func (r Relation) ProvidedBy(p Relation) (bool, error) {
	switch {
	case r.Name != p.Name:
		return false, nil
	case r.Op == "":
		return true, nil
	case p.Version == "":
		return false, nil
	}
	return r.Satisfies(p.Version)
}

// String returns the field on one line, as dpkg writes it.
func (l List) String() string { return join(l, ", ") }

// String returns the alternatives with " | " between them.
func (g Group) String() string { return join(g, " | ") }

func join[S ~[]T, T interface{ String() string }](list S, between string) string {
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(x.String())
	}
	return b.String()
}

// String returns the relation as dpkg writes it.
func (r Relation) String() string {
	s := r.Name
	if r.Arch != "" {
		s += ":" + r.Arch
	}
	if r.Op != "" {
		s += " (" + string(r.Op) + " " + r.Version + ")"
	}
	if r.Arches != nil {
		s += " [" + terms(r.Arches) + "]"
	}
	for _, profiles := range r.Profiles {
		s += " <" + terms(profiles) + ">"
	}
	return s
}

func terms(list []Term) string {
	names := make([]string, len(list))
	for i, t := range list {
		if names[i] = t.Name; t.Not {
			names[i] = "!" + t.Name
		}
	}
	return strings.Join(names, " ")
}

// SyntaxError says where a field breaks the rules.
type SyntaxError struct {
	// Offset is that of the byte, in the value.
	Offset int
	// Near is what is written there.
	Near string
	Text string
}

// Error returns what is wrong and where.
func (e *SyntaxError) Error() string {
	if e.Near == "" {
		return e.Text + " at the end"
	}
	return e.Text + " at " + strconv.Quote(e.Near)
}

package rpm

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Kind is a kind of dependency.
type Kind string

// The kinds. OldSuggests and OldEnhances are those of SUSE and Mandriva from
// before rpm 4.12. The triggers are dependencies too: on what sets them off.
const (
	Provides          Kind = "provides"
	Conflicts         Kind = "conflicts"
	Obsoletes         Kind = "obsoletes"
	Requires          Kind = "requires"
	Suggests          Kind = "suggests"
	Enhances          Kind = "enhances"
	Recommends        Kind = "recommends"
	Supplements       Kind = "supplements"
	OldSuggests       Kind = "oldsuggests"
	OldEnhances       Kind = "oldenhances"
	Order             Kind = "order"
	Triggers          Kind = "triggers"
	FileTriggers      Kind = "filetriggers"
	TransFileTriggers Kind = "transfiletriggers"
)

// dependencyTag names the three lists of a kind.
type dependencyTag struct {
	kind                   Kind
	names, flags, versions uint32
}

// dependencyTags begins with createrepo_c's dep_items, in its order: provides
// come before requires.
func dependencyTags() []dependencyTag {
	return append(indexedDependencies(),
		dependencyTag{Order, 5035, 5037, 5036},
		dependencyTag{Triggers, 1066, 1068, 1067},
		dependencyTag{FileTriggers, 5069, 5072, 5071},
		dependencyTag{TransFileTriggers, 5079, 5082, 5081})
}

func indexedDependencies() []dependencyTag {
	return []dependencyTag{
		{Provides, 1047, 1112, 1113},
		{Conflicts, 1054, 1053, 1055},
		{Obsoletes, 1090, 1114, 1115},
		{Requires, 1049, 1048, 1050},
		{Suggests, 5049, 5051, 5050},
		{Enhances, 5055, 5057, 5056},
		{Recommends, 5046, 5048, 5047},
		{Supplements, 5052, 5054, 5053},
		{OldSuggests, 1156, 1158, 1157},
		{OldEnhances, 1159, 1161, 1160},
	}
}

// Dependencies returns the dependencies of one kind with all their flags, in
// the header's order. Rich dependencies are whole in their names: see
// [rpmdep.ParseRich].
func (h *Header) Dependencies(k Kind) ([]rpmdep.Dep, error) {
	for _, d := range dependencyTags() {
		if d.kind == k {
			return h.dependencies(d)
		}
	}
	return nil, fmt.Errorf("unknown kind of dependencies %q", string(k))
}

// dependencies reads the three lists. Before 2000 there may be no flags and no
// versions; that is any version.
func (h *Header) dependencies(d dependencyTag) ([]rpmdep.Dep, error) {
	names, flags, versions := h.Strings(d.names), h.numbers(d.flags), h.Strings(d.versions)
	if len(names) > MaxDependencies {
		return nil, &repo.FormatError{Where: tagWhere(d.names), Text: fmt.Sprintf("%d %s, more than %d", len(names), d.kind, MaxDependencies)}
	}
	bare := flags.len() == 0 && versions == nil
	if !bare && (len(names) != flags.len() || len(names) != len(versions)) {
		return nil, &repo.FormatError{Where: tagWhere(d.names), Text: fmt.Sprintf("%s: %d names, %d flags, %d versions", d.kind, len(names), flags.len(), len(versions))}
	}
	all := make([]rpmdep.Dep, len(names))
	for i, name := range names {
		all[i].Name = name
		if !bare {
			all[i].Flags, all[i].EVR = rpmdep.Flags(flags.at(i)), versions[i]
		}
	}
	return all, nil
}

// dependencies fills in the lists as createrepo_c does (src/parsehdr.c, built
// with ENABLE_LEGACY_WEAKDEPS as distributions have it). A rich dependency that
// rpm would not read is a fault.
func (p *Package) dependencies(h *Header, m *rpmmd.Metadata) error {
	primary := make(map[string]bool)
	for _, f := range m.Files {
		primary[f.Path] = true
	}
	provided := make(map[rpmdep.Dep]bool)
	reqs := requirements{primary: primary, provided: provided, seen: make(map[string]seenRequire)}
	for _, d := range indexedDependencies() {
		all, err := h.dependencies(d)
		if err != nil {
			return err
		}
		for _, dep := range all {
			p.checkRich(d.kind, dep)
			if d.kind == Requires && reqs.skip(dep) {
				continue
			}
			e, ok := indexEntry(dep)
			if !ok || dep.Name == "" {
				continue // createrepo_c warns and goes on
			}
			switch d.kind {
			case Provides:
				provided[indexKey(dep)] = true
				m.Provides = append(m.Provides, e)
			case Conflicts:
				m.Conflicts = append(m.Conflicts, e)
			case Obsoletes:
				m.Obsoletes = append(m.Obsoletes, e)
			case Requires:
				switch {
				case dep.Flags&rpmdep.MissingOK != 0:
					m.Recommends = append(m.Recommends, e)
				case !reqs.libc(dep, e):
					m.Requires = append(m.Requires, e)
				}
			case Suggests:
				m.Suggests = append(m.Suggests, e)
			case Enhances:
				m.Enhances = append(m.Enhances, e)
			case Recommends:
				m.Recommends = append(m.Recommends, e)
			case Supplements:
				m.Supplements = append(m.Supplements, e)
			case OldSuggests:
				if dep.Flags&rpmdep.Strong != 0 {
					m.Recommends = append(m.Recommends, e)
				} else {
					m.Suggests = append(m.Suggests, e)
				}
			case OldEnhances:
				if dep.Flags&rpmdep.Strong != 0 {
					m.Supplements = append(m.Supplements, e)
				} else {
					m.Enhances = append(m.Enhances, e)
				}
			}
		}
	}
	if reqs.highest != nil {
		m.Requires = append(m.Requires, *reqs.highest)
	}
	return nil
}

// checkRich reports a rich dependency that does not parse, or that stands where
// none may (addReqProv and parseRCPOT of rpm's build).
func (p *Package) checkRich(k Kind, d rpmdep.Dep) {
	if !d.Rich() {
		return
	}
	in := rpmdep.Demand
	switch k {
	case Provides, Obsoletes:
		p.fault(string(k), "%.200q: a rich dependency cannot be provided or obsoleted", d.Name)
		return
	case Conflicts, Supplements, Enhances, OldEnhances:
		in = rpmdep.Denial
	}
	if _, err := rpmdep.ParseRich(d.Name, in); err != nil {
		p.fault(string(k), "%v", err)
	}
}

// indexKey is what makes a dependency the same for createrepo_c.
func indexKey(d rpmdep.Dep) rpmdep.Dep {
	d.Flags = d.Flags & 0xf
	if senseName(d.Flags) == "" {
		d.Flags = 0
	}
	return d
}

// indexEntry returns d as the index has it; false when its epoch is no number.
func indexEntry(d rpmdep.Dep) (rpmmd.Entry, bool) {
	e := rpmmd.Entry{Name: utf8Text(d.Name), Flags: senseName(d.Flags)}
	epoch, version, release, ok := splitEVR(d.EVR)
	if e.Flags != "" { // an index leaves the version out otherwise
		e.Epoch, e.Version, e.Release = epoch, utf8Text(version), utf8Text(release)
	}
	return e, ok
}

// senseName is cr_flag_to_str.
func senseName(flags rpmdep.Flags) string {
	switch flags.Operator() {
	case "<":
		return "LT"
	case ">":
		return "GT"
	case "=":
		return "EQ"
	case "<=":
		return "LE"
	case ">=":
		return "GE"
	}
	return ""
}

// splitEVR is cr_str_to_evr. It reports false for an epoch that is no number.
func splitEVR(s string) (epoch, version, release string, ok bool) {
	if s == "" {
		return "", "", "", true
	}
	epoch = "0"
	if before, after, found := strings.Cut(s, ":"); found {
		if before != "" {
			if digits := strings.TrimLeft(before, "0123456789"); digits != "" {
				return "", "", "", false
			}
			epoch = before
		}
		s = after
	}
	version, release, _ = strings.Cut(s, "-")
	return epoch, version, release, true
}

// requirements are createrepo_c's rules for which requires an index leaves out.
type requirements struct {
	primary  map[string]bool
	provided map[rpmdep.Dep]bool
	seen     map[string]seenRequire
	// highest is the one libc.so.6 that is kept.
	highest *rpmmd.Entry
}

type seenRequire struct {
	flags, version string
	pre            bool
}

// skip reports whether d is left out: rpm's own features, primary files and
// provides of the package itself, and what was there just so before.
func (r *requirements) skip(d rpmdep.Dep) bool {
	if strings.HasPrefix(d.Name, "rpmlib(") || r.primary[utf8Text(d.Name)] || r.provided[indexKey(d)] {
		return true
	}
	this := seenRequire{
		flags: senseName(d.Flags), version: d.EVR,
		pre: d.Flags&(rpmdep.PreReq|rpmdep.ScriptPre|rpmdep.ScriptPost) != 0,
	}
	if seen, ok := r.seen[d.Name]; ok && seen == this {
		return true
	}
	if d.Flags&rpmdep.MissingOK == 0 && !strings.HasPrefix(d.Name, libcName) {
		if _, ok := indexEntry(d); ok {
			r.seen[d.Name] = this
		}
	}
	return false
}

const libcName = "libc.so.6"

// libc keeps the requirement of libc with the highest symbol version, for all,
// and reports whether d is one.
func (r *requirements) libc(d rpmdep.Dep, e rpmmd.Entry) bool {
	if !strings.HasPrefix(d.Name, libcName) {
		return false
	}
	if r.highest == nil || libcOlder(r.highest.Name, e.Name) {
		r.highest = &e
	}
	return true
}

// libcOlder reports whether a < b by cr_compare_dependency:
// libc.so.6() < libc.so.6(GLIBC_2.3.4)(64bit) < libc.so.6(GLIBC_2.4).
func libcOlder(a, b string) bool {
	va, okA := libcVersion(a)
	vb, okB := libcVersion(b)
	switch {
	case !okB:
		return false
	case !okA:
		return true
	}
	return rpmver.CompareSegments(va, vb) < 0
}

// libcVersion returns the version inside of the first parentheses.
func libcVersion(s string) (string, bool) {
	_, s, ok := strings.Cut(s, "(")
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, ")")
	if !ok {
		return "", false
	}
	i := strings.IndexAny(s, "0123456789")
	if i < 0 {
		return "", false
	}
	return s[i:], true
}

// utf8Text is createrepo_c's cr_latin1_to_utf8: text that is not UTF-8 is taken
// for ISO 8859-1, without its control characters.
func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', c >= 0x80 && c < 0xc0:
		default:
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}

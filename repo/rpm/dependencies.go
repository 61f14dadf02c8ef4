package rpm

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Flags of a dependency (rpm's include/rpm/rpmds.h).
const (
	senseCompare   = 0xf // less, greater, equal
	sensePreReq    = 1 << 6
	senseScriptPre = 1 << 9
	senseScriptPst = 1 << 10
	senseMissingOK = 1 << 19
	senseStrong    = 1 << 27
)

// dependencyTag names one list of dependencies.
type dependencyTag struct {
	list                   list
	names, flags, versions uint32
}

type list int

const (
	provides list = iota
	conflicts
	obsoletes
	requires
	suggests
	enhances
	recommends
	supplements
	oldSuggests
	oldEnhances
)

// dependencyTags is createrepo_c's dep_items, in its order: provides come
// before requires. The library's own methods are not used: they panic on lists
// of different lengths, and read Supplements from the wrong tag.
func dependencyTags() []dependencyTag {
	return []dependencyTag{
		{provides, 1047, 1112, 1113},
		{conflicts, 1054, 1053, 1055},
		{obsoletes, 1090, 1114, 1115},
		{requires, 1049, 1048, 1050},
		{suggests, 5049, 5051, 5050},
		{enhances, 5055, 5057, 5056},
		{recommends, 5046, 5048, 5047},
		{supplements, 5052, 5054, 5053},
		{oldSuggests, 1156, 1158, 1157},
		{oldEnhances, 1159, 1161, 1160},
	}
}

// dependencies fills in the lists as createrepo_c does (src/parsehdr.c, built
// with ENABLE_LEGACY_WEAKDEPS as distributions have it).
func dependencies(t tagSet, m *rpmmd.Metadata, files []headerFile) error {
	primary := make(map[string]bool)
	for _, f := range files {
		if rpmmd.IsPrimary(f.name) {
			primary[f.name] = true
		}
	}
	provided := make(map[string]bool)
	reqs := requirements{primary: primary, provided: provided, seen: make(map[string]seenRequire)}
	for _, d := range dependencyTags() {
		names, flags, versions := t.strings(d.names), t.numbers(d.flags), t.strings(d.versions)
		if len(names) != len(flags) || len(names) != len(versions) {
			return &repo.FormatError{Text: fmt.Sprintf("dependencies of tags %d, %d, %d: %d names, %d flags, %d versions",
				d.names, d.flags, d.versions, len(names), len(flags), len(versions))}
		}
		for i, name := range names {
			dep := dependency{name: name, flags: flags[i], version: versions[i]}
			if d.list == requires && reqs.skip(dep) {
				continue
			}
			entry, ok := dep.entry()
			if !ok || name == "" {
				continue // createrepo_c warns and goes on
			}
			switch d.list {
			case provides:
				provided[dep.key()] = true
				m.Provides = append(m.Provides, entry)
			case conflicts:
				m.Conflicts = append(m.Conflicts, entry)
			case obsoletes:
				m.Obsoletes = append(m.Obsoletes, entry)
			case requires:
				switch {
				case dep.flags&senseMissingOK != 0:
					m.Recommends = append(m.Recommends, entry)
				case !reqs.libc(dep, entry):
					m.Requires = append(m.Requires, entry)
				}
			case suggests:
				m.Suggests = append(m.Suggests, entry)
			case enhances:
				m.Enhances = append(m.Enhances, entry)
			case recommends:
				m.Recommends = append(m.Recommends, entry)
			case supplements:
				m.Supplements = append(m.Supplements, entry)
			case oldSuggests:
				if dep.flags&senseStrong != 0 {
					m.Recommends = append(m.Recommends, entry)
				} else {
					m.Suggests = append(m.Suggests, entry)
				}
			case oldEnhances:
				if dep.flags&senseStrong != 0 {
					m.Supplements = append(m.Supplements, entry)
				} else {
					m.Enhances = append(m.Enhances, entry)
				}
			}
		}
	}
	if reqs.highest != nil {
		m.Requires = append(m.Requires, *reqs.highest)
	}
	return nil
}

type dependency struct {
	name    string
	flags   int64
	version string
}

func (d dependency) key() string { return d.name + senseName(d.flags) + d.version }

// entry returns d as the index has it; false when its epoch is no number.
func (d dependency) entry() (rpmmd.Entry, bool) {
	e := rpmmd.Entry{Name: utf8Text(d.name), Flags: senseName(d.flags)}
	epoch, version, release, ok := splitEVR(d.version)
	if e.Flags != "" { // an index leaves the version out otherwise
		e.Epoch, e.Version, e.Release = epoch, utf8Text(version), utf8Text(release)
	}
	return e, ok
}

// senseName is cr_flag_to_str.
func senseName(flags int64) string {
	switch flags & senseCompare {
	case 2:
		return "LT"
	case 4:
		return "GT"
	case 8:
		return "EQ"
	case 10:
		return "LE"
	case 12:
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
	primary, provided map[string]bool
	seen              map[string]seenRequire
	// highest is the one libc.so.6 that is kept.
	highest *rpmmd.Entry
}

type seenRequire struct {
	flags, version string
	pre            bool
}

// skip reports whether d is left out: rpm's own features, primary files and
// provides of the package itself, and what was there just so before.
func (r *requirements) skip(d dependency) bool {
	if strings.HasPrefix(d.name, "rpmlib(") || r.primary[d.name] || r.provided[d.key()] {
		return true
	}
	seen, ok := r.seen[d.name]
	if ok && seen == d.seen() {
		return true
	}
	if d.flags&senseMissingOK == 0 && !strings.HasPrefix(d.name, libcName) {
		if _, ok := d.entry(); ok {
			r.seen[d.name] = d.seen()
		}
	}
	return false
}

func (d dependency) seen() seenRequire {
	pre := d.flags&(sensePreReq|senseScriptPre|senseScriptPst) != 0
	return seenRequire{flags: senseName(d.flags), version: d.version, pre: pre}
}

const libcName = "libc.so.6"

// libc keeps the requirement of libc with the highest symbol version, for all,
// and reports whether d is one.
func (r *requirements) libc(d dependency, e rpmmd.Entry) bool {
	if !strings.HasPrefix(d.name, libcName) {
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

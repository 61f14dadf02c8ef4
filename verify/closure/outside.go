package closure

import (
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/verify"
)

// outside decides what the system provides:
//
//   - what the question assumes, by name and version;
//   - else nothing of a name that the repository has for any architecture, or
//     should have: a newer cri-tools is not to be hoped for from elsewhere;
//   - else what every system of the format has, whose names would fill pages:
//     see debSystem and rpmSystem.
type outside struct {
	assumed map[string][]verify.Capability
	inside  map[string]bool
}

func newOutside(q *Question) *outside {
	o := &outside{assumed: make(map[string][]verify.Capability), inside: make(map[string]bool)}
	for _, c := range q.Assumed {
		o.assumed[c.Name] = append(o.assumed[c.Name], c)
	}
	for _, name := range q.Own {
		// Other files are not in primary.xml, so that their absence there says
		// nothing.
		if q.Format == repo.Deb || !strings.HasPrefix(name, "/") || rpmmd.IsPrimary(name) {
			o.inside[name] = true
		}
	}
	for i := range q.Packages {
		p := &q.Packages[i]
		o.inside[p.Name] = true
		if q.Format == repo.Deb {
			// What does not parse is reported where it is needed.
			provides, _ := debrel.Parse(debrel.Provides, p.Fields.Value("Provides"))
			for _, g := range provides {
				o.inside[g[0].Name] = true
			}
			continue
		}
		for line := range strings.SplitSeq(p.Fields.Value("provides"), "\n") {
			o.inside[family(entry(line).Name)] = true
		}
		for line := range strings.SplitSeq(p.Fields.Value("files"), "\n") {
			o.inside[filePath(line)] = true
		}
	}
	return o
}

// deb reports whether the system meets r.
func (o *outside) deb(r debrel.Relation) bool {
	for _, c := range o.assumed[r.Name] {
		if c.Version == "" {
			return true
		}
		if ok, err := r.Satisfies(c.Version); err == nil && ok {
			return true
		}
	}
	return !o.inside[r.Name] && debSystem(r.Name)
}

// rpm reports whether the system meets d, which is not rich.
func (o *outside) rpm(d rpmdep.Dep) bool {
	for _, c := range o.assumed[d.Name] {
		has := rpmdep.Dep{Name: c.Name}
		if c.Version != "" {
			has.Flags, has.EVR = rpmdep.Equal, c.Version
		}
		if rpmdep.Overlap(has, d) {
			return true
		}
	}
	if strings.HasPrefix(d.Name, "rpmlib(") { // rpm's own abilities
		return true
	}
	return !o.inside[d.Name] && !o.inside[family(d.Name)] && rpmSystem(d.Name)
}

// debSystem reports whether every Debian and Ubuntu has a package or virtual
// package of that name: those that are Essential or of priority required
// (Debian Policy 3.8: nobody needs to depend on the essential ones), and the
// libraries that compiled programs need, which dpkg-shlibdeps asks for.
func debSystem(name string) bool {
	return slices.Contains([]string{
		"base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debianutils", "diffutils", "dpkg", "findutils", "grep",
		"gzip", "hostname", "init-system-helpers", "libc-bin", "login", "ncurses-base", "ncurses-bin", "perl-base", "sed", "sysvinit-utils",
		"tar", "util-linux",
		"adduser", "apt", "debconf", "debconf-2.0", "e2fsprogs", "libpam-modules", "libpam-runtime", "lsb-base", "mawk", "awk", "mount",
		"passwd", "tzdata",
		"libc6", "libc6.1", "libgcc1", "libgcc-s1", "libstdc++6", "zlib1g",
	}, name)
}

// rpmSystem reports whether a capability is of the kinds that distributions
// have thousands of, and that rpmbuild asks for without being told to: files,
// shared libraries, and what interpreters and the like have.
func rpmSystem(name string) bool {
	if strings.HasPrefix(name, "/") {
		return true
	}
	f := family(name)
	if isSoname(f) {
		return true
	}
	return f != name && slices.Contains([]string{
		"rtld", "user", "group", "perl", "python", "python3dist", "pkgconfig", "kernel", "font", "config",
	}, f)
}

// family returns what is in front of a capability's parentheses: the library of
// libc.so.6(GLIBC_2.17)(64bit), the kind of perl(strict). Two capabilities of
// one family come from the same hand.
func family(name string) string {
	if i := strings.IndexByte(name, '('); i > 0 {
		return name[:i]
	}
	return name
}

// isSoname reports whether name is that of a shared library: "libc.so.6",
// "libfoo-2.so", "ld-linux-x86-64.so.2".
func isSoname(name string) bool {
	return strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.")
}

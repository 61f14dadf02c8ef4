package checks

import (
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
)

// maxClosure bounds the packages that are looked at as the dependencies of one.
const maxClosure = 512

// need is one alternative of a dependency, in either format's terms.
type need struct {
	name string
	deb  debrel.Relation
	rpm  rpmdep.Dep
}

// needsOf returns the dependencies of p, each with its alternatives. What does
// not parse is left out: the well-formedness checks report it.
func needsOf(f repo.Format, p repo.Package) [][]need {
	var all [][]need
	if f == repo.Deb {
		for _, field := range []string{"Pre-Depends", "Depends"} {
			list, err := debrel.Parse(debrel.Depends, p.Fields.Value(field))
			if err != nil {
				continue
			}
			for _, group := range list {
				var alternatives []need
				for _, r := range group {
					alternatives = append(alternatives, need{name: r.Name, deb: r})
				}
				all = append(all, alternatives)
			}
		}
		return all
	}
	for line := range strings.Lines(p.Fields.Value("requires")) {
		d := rpmEntry(line)
		if !d.Rich() {
			all = append(all, []need{{name: d.Name, rpm: d}})
			continue
		}
		// Which parts of a rich dependency hold is for dependency-closure to
		// say; here each part is something that may be there.
		if rich, err := rpmdep.ParseRich(d.Name, rpmdep.Demand); err == nil {
			rich.Leaves(func(leaf rpmdep.Dep) { all = append(all, []need{{name: leaf.Name, rpm: leaf}}) })
		}
	}
	return all
}

// rpmEntry reads a line of the field "requires" or "provides": "name" or
// "name GE 1:2.0-3".
func rpmEntry(line string) rpmdep.Dep {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "(") {
		return rpmdep.Dep{Name: line}
	}
	words := strings.Fields(line)
	if len(words) != 3 {
		return rpmdep.Dep{Name: line}
	}
	flags := map[string]rpmdep.Flags{
		"LT": rpmdep.Less, "LE": rpmdep.Less | rpmdep.Equal, "EQ": rpmdep.Equal,
		"GE": rpmdep.Greater | rpmdep.Equal, "GT": rpmdep.Greater,
	}[words[1]]
	return rpmdep.Dep{Name: words[0], Flags: flags, EVR: words[2]}
}

// met reports whether q is what n asks for.
func (n need) met(f repo.Format, q repo.Package) bool {
	if f == repo.Deb {
		if q.Name == n.name {
			ok, err := n.deb.Satisfies(q.Version)
			return ok && err == nil
		}
		list, err := debrel.Parse(debrel.Provides, q.Fields.Value("Provides"))
		if err != nil {
			return false
		}
		for _, group := range list {
			for _, p := range group {
				if ok, err := n.deb.ProvidedBy(p); ok && err == nil {
					return true
				}
			}
		}
		return false
	}
	if q.Name == n.name && rpmdep.Overlap(n.rpm, rpmdep.Dep{Name: q.Name, Flags: rpmdep.Equal, EVR: q.Version}) {
		return true
	}
	for line := range strings.Lines(q.Fields.Value("provides")) {
		if rpmdep.Overlap(n.rpm, rpmEntry(line)) {
			return true
		}
	}
	return false
}

// universe is the packages of a repository by what they are called.
type universe struct {
	format   repo.Format
	packages []repo.Package
	named    map[string][]int   // by name and by provided names
	direct   map[int]companions // what has been asked of a package itself
}

func newUniverse(r *verify.Facts) *universe {
	u := &universe{format: r.Target.Format, packages: r.Packages, named: make(map[string][]int), direct: make(map[int]companions)}
	for i, p := range r.Packages {
		u.named[p.Name] = append(u.named[p.Name], i)
		var provided []string
		if u.format == repo.Deb {
			if list, err := debrel.Parse(debrel.Provides, p.Fields.Value("Provides")); err == nil {
				for _, group := range list {
					for _, r := range group {
						provided = append(provided, r.Name)
					}
				}
			}
		} else {
			for line := range strings.Lines(p.Fields.Value("provides")) {
				provided = append(provided, rpmEntry(line).Name)
			}
		}
		for _, name := range provided {
			if all := u.named[name]; len(all) == 0 || all[len(all)-1] != i {
				u.named[name] = append(all, i)
			}
		}
	}
	return u
}

// companions is what is installed along with a package.
type companions struct {
	// members are indexes of packages: the package itself first.
	members []int
	// outside are the names that no package of the repository answers to.
	outside []string
}

// closureOf returns a package with its dependencies, as far as the repository
// has them. Of several packages that would do, the one of the same upstream
// version is taken, since they are released together, else the newest.
func (u *universe) closureOf(roots ...int) companions {
	var c companions
	add := func(i int) {
		if len(c.members) < maxClosure && !slices.Contains(c.members, i) {
			c.members = append(c.members, i)
		}
	}
	for _, i := range roots {
		add(i)
	}
	for at := 0; at < len(c.members); at++ {
		d := u.directOf(c.members[at])
		for _, i := range d.members {
			add(i)
		}
		c.outside = append(c.outside, d.outside...)
	}
	return c
}

// directOf returns what a package itself depends on.
func (u *universe) directOf(i int) companions {
	if c, ok := u.direct[i]; ok {
		return c
	}
	var c companions
	p := u.packages[i]
	for _, alternatives := range needsOf(u.format, p) {
		found, names := false, []string(nil)
		for _, n := range alternatives {
			if i, ok := u.best(u.named[n.name], p, func(q repo.Package) bool { return n.met(u.format, q) }); ok {
				c.members = append(c.members, i)
				found = true
				break
			}
			names = append(names, n.name)
		}
		if !found {
			c.outside = append(c.outside, names...)
		}
	}
	u.direct[i] = c
	return c
}

// best returns the package among candidates that fits p, with which it is to be
// installed: of the same upstream version, else the newest.
func (u *universe) best(candidates []int, p repo.Package, fits func(repo.Package) bool) (int, bool) {
	best, found := 0, false
	for _, i := range candidates {
		q := u.packages[i]
		if !together(p.Arch, q.Arch) || !fits(q) {
			continue
		}
		if !found {
			best, found = i, true
			continue
		}
		same, had := q.Upstream() == p.Upstream(), u.packages[best].Upstream() == p.Upstream()
		if same && !had || same == had && vercmp.Compare(u.format, q.Version, u.packages[best].Version) > 0 {
			best = i
		}
	}
	return best, found
}

// together reports whether packages of two architectures are installed side by
// side on a machine of one.
func together(a, b string) bool {
	if a == b || b == "all" || b == "noarch" || a == "all" || a == "noarch" {
		return true
	}
	x, okX := repo.ParseArch(a)
	y, okY := repo.ParseArch(b)
	return okX && okY && x == y
}

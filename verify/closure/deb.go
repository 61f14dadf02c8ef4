package closure

import (
	"fmt"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// debs is dpkg's and apt's rules (Debian Policy 7; lib/dpkg/depcon.c;
// debListParser in apt-pkg/deb/deblistparser.cc): Depends and Pre-Depends must be met,
// Conflicts and Breaks must not; a package has one version; Provides meets what
// asks for its version, or for none, and a package does not conflict with what
// it provides itself. Replaces never stands in the way.
func (b *builder) debs(in []int) {
	w := &debWriter{builder: b, by: make(map[string][]debProvider), conflicts: make(map[string][]int32)}
	nodes := make([]int, len(in))
	for i, pkg := range in {
		if b.Err() != nil {
			return
		}
		p := &b.q.Packages[pkg]
		nodes[i] = b.node(pkg, p.Name)
		w.index(nodes[i], pkg, p)
	}
	for _, list := range w.by {
		w.sort(list)
	}
	for i, pkg := range in {
		if b.Err() != nil {
			return
		}
		w.relate(nodes[i], pkg)
	}
}

// debProvider is a package under one of the names that it has.
type debProvider struct {
	node int32
	// version is what the name is provided in, "" for none: the package's own,
	// or that of Provides. of is the package's.
	version, of string
	named       bool
	// any says that "name:any" means this package, too.
	any bool
}

type debWriter struct {
	*builder
	by        map[string][]debProvider
	conflicts map[string][]int32
}

func (w *debWriter) index(n, pkg int, p *repo.Package) {
	// apt makes "name:any" of these alone, where dpkg takes "foreign", too.
	allowed := p.Fields.Value("Multi-Arch") == "allowed"
	own := debProvider{node: int32(n), version: p.Version, of: p.Version, named: true, any: allowed}
	w.by[p.Name] = append(w.by[p.Name], own)
	provides, err := debrel.Parse(debrel.Provides, p.Fields.Value("Provides"))
	if err != nil {
		w.cannotRead(pkg, fmt.Errorf("field Provides: %w", err))
	}
	w.Spend(len(provides) + 1)
	for _, g := range provides {
		r := g[0]
		if r.Arch != "" && r.Arch != w.arch {
			continue // to apt, it is provided for machines of another architecture
		}
		w.by[r.Name] = append(w.by[r.Name], debProvider{node: int32(n), version: r.Version, of: p.Version, any: allowed})
	}
}

// sort puts packages of the very name first, and newer versions before older.
func (w *debWriter) sort(list []debProvider) {
	slices.SortStableFunc(list, func(x, y debProvider) int {
		if x.named != y.named {
			if x.named {
				return -1
			}
			return 1
		}
		w.Spend(comparison)
		c, err := debver.Compare(y.of, x.of)
		if err != nil {
			return 0
		}
		return c
	})
}

func (w *debWriter) relate(n, pkg int) {
	p := &w.q.Packages[pkg]
	parse := func(kind debrel.Kind, field string) debrel.List {
		list, err := debrel.Parse(kind, p.Fields.Value(field))
		if err != nil {
			w.cannotRead(pkg, fmt.Errorf("field %s: %w", field, err))
		}
		return list
	}
	for _, field := range []string{"Pre-Depends", "Depends"} {
		for _, g := range parse(debrel.Depends, field) {
			if c := w.group(g); c != met {
				w.Require(n, c)
			}
		}
	}
	for _, field := range []string{"Conflicts", "Breaks"} {
		for _, g := range parse(debrel.Conflicts, field) {
			for _, other := range w.against(g[0]) {
				w.Conflict(n, int(other))
			}
		}
	}
}

// group returns the clause of alternatives.
func (w *debWriter) group(g debrel.Group) solve.Clause {
	text := g.String()
	if c, ok := w.memo[text]; ok {
		return c
	}
	c := w.newGroup(g, text)
	w.memo[text] = c
	return c
}

func (w *debWriter) newGroup(g debrel.Group, text string) solve.Clause {
	var lits []solve.Lit
	var names []string
	seen := make(map[int32]bool)
	for _, r := range g {
		if w.outside.deb(r) || w.foreignArch(r) {
			return met
		}
		names = append(names, r.Name)
		for _, n := range w.matches(r) {
			if !seen[n] {
				seen[n] = true
				lits = append(lits, solve.Has(int(n)))
			}
		}
	}
	return w.clause(lits, need{text: text, names: names})
}

// matches returns the nodes that satisfy r.
func (w *debWriter) matches(r debrel.Relation) []int32 {
	var out []int32
	list := w.by[r.Name]
	w.Spend(comparison*len(list) + 1)
	for _, p := range list {
		switch r.Arch {
		case "", w.arch:
		case "any":
			if !p.any {
				continue
			}
		default:
			continue
		}
		if r.Op != "" {
			if p.version == "" { // provided without a version
				continue
			}
			if ok, err := r.Satisfies(p.version); err != nil || !ok {
				continue
			}
		}
		out = append(out, p.node)
	}
	return out
}

// against returns the nodes that a conflict is with.
func (w *debWriter) against(r debrel.Relation) []int32 {
	text := r.String()
	if nodes, ok := w.conflicts[text]; ok {
		w.Spend(len(nodes))
		return nodes
	}
	nodes := w.matches(r)
	w.conflicts[text] = nodes
	return nodes
}

// foreignArch reports whether r asks for a package of another architecture
// that the repository has. Whether a system has that architecture added, and
// what the package needs there, is not asked.
func (w *debWriter) foreignArch(r debrel.Relation) bool {
	if r.Arch == "" || r.Arch == "any" || r.Arch == w.arch {
		return false
	}
	for i := range w.q.Packages {
		if p := &w.q.Packages[i]; p.Name == r.Name && p.Arch == r.Arch {
			w.Spend(i + comparison)
			if ok, err := r.Satisfies(p.Version); err == nil && ok {
				return true
			}
		}
	}
	w.Spend(len(w.q.Packages))
	return false
}

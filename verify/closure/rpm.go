package closure

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/rpmver"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// rpms is rpm's rules as libsolv writes them (solver_addpkgrulesforsolvable in
// src/rules.c): requires must be met by provides, names or files; conflicts
// must not; of a name there is one version for each architecture, and one at
// all when it is for every architecture; a package is not installed beside one
// that it obsoletes by name. A package conflicts neither with itself nor
// obsoletes itself.
func (b *builder) rpms(in []int) {
	w := &rpmWriter{builder: b, by: make(map[string][]rpmProvider), self: -1}
	nodes := make([]int, len(in))
	neutral := make(map[string]bool)
	for _, pkg := range in {
		if p := &b.q.Packages[pkg]; anywhere(p.Arch) {
			neutral[p.Name] = true
		}
	}
	for i, pkg := range in {
		if b.Err() != nil {
			return
		}
		p := &b.q.Packages[pkg]
		group := p.Name
		if !neutral[p.Name] {
			group += "." + p.Arch
		}
		nodes[i] = b.node(pkg, group)
		w.index(nodes[i], p)
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

// rpmProvider is a package under one of its capabilities.
type rpmProvider struct {
	node  int32
	dep   rpmdep.Dep
	of    string // the package's version
	named bool   // it is the package's own name
}

type rpmWriter struct {
	*builder
	by map[string][]rpmProvider
	// self is the node that does not count in the rich conflict being read,
	// else -1.
	self int32
}

func (w *rpmWriter) index(n int, p *repo.Package) {
	own := rpmdep.Dep{Name: p.Name, Flags: rpmdep.Equal, EVR: p.Version}
	add := func(d rpmdep.Dep, named bool) {
		w.by[d.Name] = append(w.by[d.Name], rpmProvider{node: int32(n), dep: d, of: p.Version, named: named})
	}
	// libsolv's reader of primary.xml adds the package itself, too.
	add(own, true)
	provides, files := lines(p, "provides"), lines(p, "files")
	w.Spend(len(provides) + len(files) + 1)
	for _, line := range provides {
		add(entry(line), false)
	}
	for _, line := range files {
		add(rpmdep.Dep{Name: filePath(line)}, false)
	}
}

// filePath returns the path of a file as the index's fields have it, behind
// "dir" or "ghost".
func filePath(line string) string {
	if i := strings.IndexByte(line, '/'); i > 0 {
		return line[i:]
	}
	return line
}

// entry reads a line of a list of dependencies: "name" or "name GE 1:2-3".
func entry(line string) rpmdep.Dep {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return rpmdep.Dep{Name: line}
	}
	j := strings.LastIndexByte(line[:i], ' ')
	if j < 0 {
		return rpmdep.Dep{Name: line}
	}
	var flags rpmdep.Flags
	switch line[j+1 : i] {
	case "LT":
		flags = rpmdep.Less
	case "LE":
		flags = rpmdep.Less | rpmdep.Equal
	case "EQ":
		flags = rpmdep.Equal
	case "GE":
		flags = rpmdep.Greater | rpmdep.Equal
	case "GT":
		flags = rpmdep.Greater
	default:
		return rpmdep.Dep{Name: line}
	}
	return rpmdep.Dep{Name: line[:j], Flags: flags, EVR: line[i+1:]}
}

func (w *rpmWriter) sort(list []rpmProvider) {
	slices.SortStableFunc(list, func(x, y rpmProvider) int {
		if x.named != y.named {
			if x.named {
				return -1
			}
			return 1
		}
		w.Spend(comparison)
		return rpmver.Compare(y.of, x.of)
	})
}

func (w *rpmWriter) relate(n, pkg int) {
	p := &w.q.Packages[pkg]
	for _, line := range lines(p, "requires") {
		for _, c := range w.require(pkg, line) {
			w.Require(n, c)
		}
	}
	for _, line := range lines(p, "conflicts") {
		d := entry(line)
		if !d.Rich() {
			for _, other := range w.matches(d) {
				w.Conflict(n, int(other))
			}
			continue
		}
		rich, err := rpmdep.ParseRich(line, rpmdep.Denial)
		if err != nil {
			w.cannotRead(pkg, fmt.Errorf("conflicts: %w", err))
			continue
		}
		not := w.denied(n, rich)
		for _, c := range w.clauses(not, need{text: "not " + line, names: leaves(rich)}) {
			w.Require(n, c)
		}
	}
	for _, line := range lines(p, "obsoletes") {
		d := entry(line)
		w.Spend(comparison * len(w.by[d.Name]))
		for _, x := range w.by[d.Name] {
			if x.named && rpmdep.Overlap(x.dep, d) {
				w.Conflict(n, int(x.node))
			}
		}
	}
}

// require returns the clauses of one line of requires.
func (w *rpmWriter) require(pkg int, line string) []solve.Clause {
	d := entry(line)
	if d.Rich() {
		rich, err := rpmdep.ParseRich(line, rpmdep.Demand)
		if err != nil {
			w.cannotRead(pkg, fmt.Errorf("requires: %w", err))
			return nil
		}
		yes, _ := w.rich(rich)
		return w.clauses(yes, need{text: line, names: leaves(rich)})
	}
	c, ok := w.memo[line]
	if !ok {
		c = met
		if !w.outside.rpm(d) {
			c = w.clause(positive(w.matches(d)), need{text: written(d), names: []string{d.Name}})
		}
		w.memo[line] = c
	}
	if c == met {
		return nil
	}
	return []solve.Clause{c}
}

// written returns d without an epoch of 0, which createrepo_c writes always.
func written(d rpmdep.Dep) string {
	d.EVR = strings.TrimPrefix(d.EVR, "0:")
	return d.String()
}

func leaves(r rpmdep.Rich) []string {
	var names []string
	r.Leaves(func(d rpmdep.Dep) {
		if !slices.Contains(names, d.Name) && len(names) < maxRichNames {
			names = append(names, d.Name)
		}
	})
	return names
}

// maxRichNames bounds the names that a rich dependency is known by.
const maxRichNames = 16

// matches returns the nodes that provide d, each once.
func (w *rpmWriter) matches(d rpmdep.Dep) []int32 {
	list := w.by[d.Name]
	w.Spend(comparison*len(list) + 1)
	var out []int32
	for _, p := range list {
		if rpmdep.Overlap(p.dep, d) {
			out = append(out, p.node)
		}
	}
	if len(out) < 2 {
		return out
	}
	seen := make(map[int32]bool, len(out))
	return slices.DeleteFunc(out, func(n int32) bool {
		if seen[n] {
			return true
		}
		seen[n] = true
		return false
	})
}

func positive(nodes []int32) []solve.Lit {
	lits := make([]solve.Lit, len(nodes))
	for i, n := range nodes {
		lits[i] = solve.Has(int(n))
	}
	return lits
}

package closure

import (
	"errors"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// maxHence bounds the steps that are made, over all causes of an architecture,
// to find the packages that cannot be installed because others cannot.
const maxHence = 1 << 24

// collector joins what the universes of the architectures say.
type collector struct {
	q       *Question
	outside *outside
	// known is what the architectures say of each package.
	known     []known
	unread    map[int]error
	gave      error
	causes    map[string]*collected
	order     []*collected
	explained int
	// The time spent, over all architectures.
	solving, explaining time.Duration
}

// known is the verdicts on one package, of any architecture.
type known struct {
	installable, unknown, bad bool
}

// isBad reports whether the package can be installed nowhere. Where one
// architecture says no and of another nobody knows, nobody knows.
func (k known) isBad() bool { return k.bad && !k.unknown && !k.installable }

// isUnknown reports whether nobody can tell.
func (k known) isUnknown() bool { return k.unknown && !k.installable }

// collected is a cause while it is being collected.
type collected struct {
	names  []string
	clash  bool
	facts  []string
	direct []Affected
	hence  []int
	// arches are those in which it was met.
	arches []string
}

// ask solves the universe of one architecture and keeps what it says.
func (c *collector) ask(arch string) error {
	u := build(c.q, arch, c.outside, c.unread)
	begin := time.Now()
	a, err := u.SolveWithin(solve.MaxSolvingOne, solve.MaxSolving-c.solving)
	c.solving += time.Since(begin)
	if err != nil {
		return err
	}
	c.gave = errors.Join(c.gave, a.Gave)
	var bad []int
	for n, pkg := range u.packages {
		if pkg < 0 {
			continue
		}
		k := &c.known[pkg]
		k.installable = k.installable || a.Installable(n)
		k.bad = k.bad || a.Bad(n)
		k.unknown = k.unknown || a.Verdicts[n] == solve.Unknown
		if a.Bad(n) {
			bad = append(bad, n)
		}
	}
	if len(bad) > 0 {
		c.blame(u, a, bad)
	}
	return nil
}

// blame finds the causes for which nodes cannot be installed.
func (c *collector) blame(u *universe, a *solve.Answer, bad []int) {
	b := blamer{collector: c, universe: u, answer: a, dependents: make(map[int][]int), blamed: make(map[int]bool), left: maxHence}
	var roots []*rooted
	of := make(map[*collected]*rooted)
	root := func(x *collected, n int, text string) {
		r := of[x]
		if r == nil {
			r = &rooted{cause: x}
			of[x] = r
			roots = append(roots, r)
		}
		r.nodes = append(r.nodes, n)
		x.direct = append(x.direct, Affected{Package: int(u.packages[n]), Need: text})
	}
	for _, n := range bad {
		for _, clause := range u.UnmetBy(a, n) {
			nodes := b.candidates(clause, nil, 0)
			for _, m := range nodes {
				b.dependents[m] = append(b.dependents[m], n)
			}
			if len(nodes) == 0 {
				need := u.needs[clause]
				root(c.lacking(u.arch, need.names), n, need.text)
			}
		}
		if a.Verdicts[n] == solve.Clash {
			root(c.clash(u, n), n, "")
		}
	}
	for _, r := range roots {
		b.spread(r)
	}
	// What is left depends in a circle on packages of which none can be
	// installed because of the circle.
	for _, n := range bad {
		if b.blamed[n] {
			continue
		}
		r := &rooted{cause: c.clash(u, n), nodes: []int{n}}
		r.cause.direct = append(r.cause.direct, Affected{Package: int(u.packages[n])})
		b.spread(r)
	}
}

// rooted is a cause and the nodes that it strikes first.
type rooted struct {
	cause *collected
	nodes []int
}

type blamer struct {
	*collector
	*universe
	answer *solve.Answer
	// dependents are the nodes that need a node and have no other.
	dependents map[int][]int
	blamed     map[int]bool
	left       int
}

// maxDeep bounds how parts of requirements are followed into each other.
const maxDeep = 2 * 64

// candidates returns the packages that an unmet clause asks for, through the
// parts that it may consist of. All of them cannot be installed.
func (b *blamer) candidates(clause solve.Clause, out []int, deep int) []int {
	if deep == maxDeep {
		return out
	}
	for _, l := range b.Literals(clause) {
		m := l.Node()
		if b.packages[m] >= 0 {
			out = append(out, m)
			continue
		}
		for _, part := range b.UnmetBy(b.answer, m) {
			out = b.candidates(part, out, deep+1)
		}
	}
	return out
}

// spread finds the packages that need those that r strikes.
func (b *blamer) spread(r *rooted) {
	seen := make(map[int]bool)
	for _, n := range r.nodes {
		seen[n], b.blamed[n] = true, true
	}
	queue := slices.Clone(r.nodes)
	for i := 0; i < len(queue) && b.left > 0; i++ {
		b.left -= len(b.dependents[queue[i]]) + 1
		for _, n := range b.dependents[queue[i]] {
			if !seen[n] {
				seen[n], b.blamed[n] = true, true
				queue = append(queue, n)
				r.cause.hence = append(r.cause.hence, int(b.packages[n]))
			}
		}
	}
}

// cause returns that of a kind, which is new unless it was met before.
func (c *collector) cause(kind, arch string, first func() *collected) *collected {
	x := c.causes[kind]
	if x == nil {
		x = first()
		c.causes[kind] = x
		c.order = append(c.order, x)
	}
	if !slices.Contains(x.arches, arch) {
		x.arches = append(x.arches, arch)
	}
	return x
}

// lacking returns the cause of names that are not there.
func (c *collector) lacking(arch string, names []string) *collected {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return c.cause("lacking\x00"+strings.Join(names, "\x00"), arch, func() *collected { return &collected{names: names} })
}

// clash returns the cause of a node all of whose requirements can be met, but
// not together. What could not be explained is one cause for each package name.
func (c *collector) clash(u *universe, n int) *collected {
	facts, kind := []string(nil), []string{"not explained", c.q.Packages[u.packages[n]].Name}
	if c.explained < maxExplained && c.explaining < maxExplaining {
		c.explained++
		begin := time.Now()
		if core := u.Explain(n); core != nil {
			facts, kind = u.facts(c.q, core)
		}
		c.explaining += time.Since(begin)
	}
	return c.cause("clash\x00"+strings.Join(kind, "\x00"), u.arch, func() *collected { return &collected{clash: true, facts: facts} })
}

// facts says constraints in words, and what they are without versions: the same
// trouble in several versions and architectures is one.
func (u *universe) facts(q *Question, core []solve.Constraint) (facts, kind []string) {
	pkg := func(n int) *repo.Package { return &q.Packages[u.packages[n]] }
	full := func(n int) string { return pkg(n).Name + " " + pkg(n).Version }
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, c := range core {
		switch c.Kind {
		case solve.Needs:
			// Parts of a requirement belong to one that is said as a whole.
			if u.packages[c.Node] >= 0 {
				need := u.needs[c.Clause]
				add(&facts, full(c.Node)+" needs "+need.text)
				add(&kind, pkg(c.Node).Name+" needs "+strings.Join(need.names, " "))
			}
		case solve.Conflicts:
			add(&facts, full(c.Node)+" excludes "+full(c.Other))
			add(&kind, pkg(c.Node).Name+" excludes "+pkg(c.Other).Name)
		case solve.OneOf:
			s := "only one version of " + pkg(int(u.Group(c.Group)[0])).Name + " can be installed"
			add(&facts, s)
			add(&kind, s)
		}
	}
	slices.Sort(kind)
	return facts, kind
}

// answer returns what was collected, without the packages that can be installed
// on another architecture.
func (c *collector) answer() *Answer {
	out := &Answer{Gave: c.gave}
	for i, k := range c.known {
		if k == (known{}) {
			continue
		}
		out.Asked++
		if k.isUnknown() {
			out.Unknown = append(out.Unknown, i)
		}
		if err := c.unread[i]; err != nil {
			out.Unread = append(out.Unread, Unread{Package: i, Err: err})
		}
	}
	bad := func(pkg int) bool { return c.known[pkg].isBad() }
	var wanted []*collected
	for _, x := range c.order {
		x.direct = slices.DeleteFunc(x.direct, func(a Affected) bool { return !bad(a.Package) })
		x.hence = slices.DeleteFunc(x.hence, func(pkg int) bool { return !bad(pkg) })
		slices.Sort(x.hence)
		x.hence = slices.Compact(x.hence)
		if len(x.direct) > 0 {
			wanted = append(wanted, x)
		}
	}
	carriers := c.carriers(wanted)
	for _, x := range wanted {
		out.Causes = append(out.Causes, c.finish(x, carriers))
	}
	return out
}

// carriers returns, for each name that is asked for, the packages that have it,
// in whatever version and for whatever architecture.
func (c *collector) carriers(wanted []*collected) map[string][]int {
	of := make(map[string][]int)
	for _, x := range wanted {
		for _, name := range x.names {
			of[name] = nil
		}
	}
	if len(of) == 0 {
		return of
	}
	note := func(name string, pkg int) {
		if list, ok := of[name]; ok && (len(list) == 0 || list[len(list)-1] != pkg) {
			of[name] = append(list, pkg)
		}
	}
	for i := range c.q.Packages {
		p := &c.q.Packages[i]
		if source(p.Arch) {
			continue
		}
		note(p.Name, i)
		if c.q.Format == repo.Deb {
			provides, _ := debrel.Parse(debrel.Provides, p.Fields.Value("Provides")) // see outside
			for _, g := range provides {
				note(g[0].Name, i)
			}
			continue
		}
		for _, line := range lines(p, "provides") {
			note(entry(line).Name, i)
		}
		for _, line := range lines(p, "files") {
			note(filePath(line), i)
		}
	}
	return of
}

// finish makes the cause of what was collected.
func (c *collector) finish(x *collected, carriers map[string][]int) Cause {
	out := Cause{Kind: Clash, Names: x.names, Direct: x.direct, Hence: x.hence, Facts: x.facts}
	if x.clash {
		return out
	}
	out.Kind = Foreign
	for _, name := range x.names {
		// What Own names is inside, too, though nothing carries it.
		if c.outside.inside[name] {
			out.Kind = Missing
		}
		out.Available = append(out.Available, carriers[name]...)
	}
	slices.Sort(out.Available)
	out.Available = slices.Compact(out.Available)
	if len(out.Available) == 0 {
		return out
	}
	out.Kind = OtherArch
	for _, arch := range x.arches {
		fits := fitting(c.q.Format, arch)
		if slices.ContainsFunc(out.Available, func(i int) bool { return fits[c.q.Packages[i].Arch] }) {
			out.Kind = OtherVersion
		}
	}
	return out
}

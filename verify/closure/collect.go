package closure

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	a, err := u.Solve()
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
				root(c.cause(u.arch, need.names, nil), n, need.text)
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

// cause returns that of names that are not there, or of facts.
func (c *collector) cause(arch string, names, facts []string) *collected {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	key := strings.Join(names, "\x00") + "\x01" + strings.Join(facts, "\x00")
	x := c.causes[key]
	if x == nil {
		x = &collected{names: names, facts: facts}
		c.causes[key] = x
		c.order = append(c.order, x)
	}
	if !slices.Contains(x.arches, arch) {
		x.arches = append(x.arches, arch)
	}
	return x
}

// clash returns the cause of a node all of whose requirements can be met, but
// not together.
func (c *collector) clash(u *universe, n int) *collected {
	var facts []string
	if c.explained < maxExplained {
		c.explained++
		facts = u.facts(c.q, u.Explain(n))
	}
	if facts == nil {
		x := &collected{clash: true, arches: []string{u.arch}}
		c.order = append(c.order, x)
		return x
	}
	x := c.cause(u.arch, nil, facts)
	x.clash = true
	return x
}

// facts says constraints in words, without the architecture, so that the same
// trouble in several architectures is one.
func (u *universe) facts(q *Question, core []solve.Constraint) []string {
	name := func(n int) string {
		p := &q.Packages[u.packages[n]]
		return p.Name + " " + p.Version
	}
	var out []string
	add := func(format string, args ...any) {
		if s := fmt.Sprintf(format, args...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, c := range core {
		switch c.Kind {
		case solve.Needs:
			// Parts of a requirement belong to one that is said as a whole.
			if need := u.needs[c.Clause]; u.packages[c.Node] >= 0 {
				add("%s needs %s", name(c.Node), need.text)
			}
		case solve.Conflicts:
			add("%s excludes %s", name(c.Node), name(c.Other))
		case solve.OneOf:
			add("only one version of %s can be installed", q.Packages[u.packages[u.Group(c.Group)[0]]].Name)
		}
	}
	return out
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

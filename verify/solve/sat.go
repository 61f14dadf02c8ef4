package solve

import (
	"errors"
	"time"

	"github.com/go-air/gini"
	"github.com/go-air/gini/z"
)

// ErrSolver is returned when the SAT solver gave a set that is none.
var ErrSolver = errors.New("the SAT solver's answer does not hold")

// errTime is why verdicts are unknown when the solver took too long.
func errTime(d time.Duration) error {
	return &BoundError{What: "milliseconds of SAT solving", Bound: d.Milliseconds()}
}

// cone is the part of a universe that some nodes may need: they, the candidates
// of their requirements, and so on. What is outside of it need not be
// installed for their sake.
type cone struct {
	u *Universe
	// in are the nodes, at their place in the cone; at is the way back, -1 for
	// those outside.
	in []int32
	at []int32
}

// newCone returns the cone of the roots, without nodes that are known not to
// be installable; a may be nil.
func (u *Universe) newCone(a *Answer, roots ...int) *cone {
	c := &cone{u: u, at: make([]int32, len(u.nodes))}
	for i := range c.at {
		c.at[i] = -1
	}
	add := func(n int) {
		if c.at[n] < 0 && (a == nil || !a.Bad(n)) {
			c.at[n] = int32(len(c.in))
			c.in = append(c.in, int32(n))
		}
	}
	for _, n := range roots {
		add(n)
	}
	for i := 0; i < len(c.in); i++ {
		for _, r := range u.nodes[c.in[i]].requires {
			for _, l := range u.clauses[r] {
				if l.Positive() {
					add(l.Node())
				}
			}
		}
	}
	return c
}

// groups returns those nodes of each group that are in the cone, for groups
// with two or more.
func (c *cone) groups(yield func(group int, members []int32) bool) {
	done := make(map[int32]bool)
	for _, n := range c.in {
		g := c.u.nodes[n].group
		if g == NoGroup || done[g] {
			continue
		}
		done[g] = true
		var members []int32
		for _, m := range c.u.groups[g] {
			if c.at[m] >= 0 {
				members = append(members, m)
			}
		}
		if len(members) > 1 && !yield(int(g), members) {
			return
		}
	}
}

// formula is a cone in a SAT solver: variable i+1 is node i of the cone.
type formula struct {
	*cone
	sat *gini.Gini
	// free is the next variable that stands for nothing yet.
	free   int
	shared map[Clause]sharedClause
	// stopped is set when the solver ran out of time, after which it is of no
	// more use.
	stopped bool
	// guards, if kept, are the literals that switch constraints on.
	guarded bool
	guards  []z.Lit
	meaning []Constraint
}

// sharedClause is what oneOf returned.
type sharedClause struct {
	one z.Lit
	ok  bool
}

func newFormula(c *cone, guarded bool) *formula {
	f := &formula{cone: c, sat: gini.NewVc(2*len(c.in), 4*len(c.in)), free: len(c.in) + 1, guarded: guarded, shared: make(map[Clause]sharedClause)}
	for _, n := range c.in {
		for _, r := range c.u.nodes[n].requires {
			f.require(n, r)
		}
		for _, m := range c.u.nodes[n].conflicts {
			if c.at[m] >= 0 {
				f.add(f.guard(Constraint{Kind: Conflicts, Node: int(n), Other: int(m)}), f.lit(n).Not(), f.lit(m).Not())
			}
		}
	}
	for g, members := range c.groups {
		f.atMostOne(f.guard(Constraint{Kind: OneOf, Group: g}), members)
	}
	return f
}

func variable(i int) z.Lit { return z.Var(i).Pos() }

func (f *formula) lit(n int32) z.Lit { return variable(int(f.at[n]) + 1) }

func (f *formula) fresh() z.Lit {
	f.free++
	return variable(f.free - 1)
}

// guard returns a literal that must be assumed for the constraint to hold, or 0
// when constraints always hold.
func (f *formula) guard(c Constraint) z.Lit {
	if !f.guarded {
		return 0
	}
	g := f.fresh()
	f.guards = append(f.guards, g)
	f.meaning = append(f.meaning, c)
	return g
}

// add adds a clause that holds if guard does.
func (f *formula) add(guard z.Lit, lits ...z.Lit) {
	if guard != 0 {
		f.sat.Add(guard.Not())
	}
	for _, l := range lits {
		f.sat.Add(l)
	}
	f.sat.Add(0)
}

// require says that n needs one of the literals of r.
func (f *formula) require(n int32, r Clause) {
	one, ok := f.oneOf(r)
	if !ok {
		return
	}
	guard := f.guard(Constraint{Kind: Needs, Node: int(n), Clause: r})
	if one == 0 {
		f.add(guard, f.lit(n).Not())
		return
	}
	f.add(guard, f.lit(n).Not(), one)
}

// oneOf returns a literal that demands one of those of r: many nodes may share
// a requirement of many candidates, which is written down once. It is 0 when
// none can hold, and false is returned when one always does. Nodes outside the
// cone are not installed.
func (f *formula) oneOf(r Clause) (one z.Lit, ok bool) {
	if x, seen := f.shared[r]; seen {
		return x.one, x.ok
	}
	one, ok = f.newOneOf(r)
	f.shared[r] = sharedClause{one, ok}
	return one, ok
}

func (f *formula) newOneOf(r Clause) (one z.Lit, ok bool) {
	var out []z.Lit
	for _, l := range f.u.clauses[r] {
		m := int32(l.Node())
		switch {
		case l.Positive() && f.at[m] >= 0:
			out = append(out, f.lit(m))
		case l.Positive():
		case f.at[m] < 0:
			return 0, false // it is not installed
		default:
			out = append(out, f.lit(m).Not())
		}
	}
	switch len(out) {
	case 0:
		return 0, true
	case 1:
		return out[0], true
	}
	one = f.fresh()
	f.add(0, append(out, one.Not())...)
	return one, true
}

// atMostOne is the sequential encoding (Sinz, "Towards an Optimal CNF Encoding
// of Boolean Cardinality Constraints", 2005): its size is that of the group,
// where pairs would be its square.
func (f *formula) atMostOne(guard z.Lit, members []int32) {
	var earlier z.Lit // one of the members before is installed
	for i, m := range members {
		x := f.lit(m)
		if i > 0 {
			f.add(guard, x.Not(), earlier.Not())
		}
		if i == len(members)-1 {
			return
		}
		here := f.fresh()
		f.add(guard, x.Not(), here)
		if i > 0 {
			f.add(guard, earlier.Not(), here)
		}
		earlier = here
	}
}

// try asks whether node n can be installed: 1 if so, -1 if not, 0 when that
// took too long.
func (f *formula) try(n int, within time.Duration) int {
	f.sat.Assume(f.lit(int32(n)))
	result := f.sat.Try(within)
	f.stopped = result == 0
	return result
}

// installed returns the set that the solver found.
func (f *formula) installed() []int32 {
	var set []int32
	for _, n := range f.in {
		if f.sat.Value(f.lit(n)) {
			set = append(set, n)
		}
	}
	return set
}

// solveHard decides the nodes that the quick way did not. They share one
// formula, so that what the solver learns serves all of them, and every set
// that it finds decides all that are in it.
func (u *Universe) solveHard(a *Answer, hard []int, one, all time.Duration) error {
	var spent time.Duration
	var f *formula
	for _, n := range hard {
		if a.Verdicts[n] != Unknown {
			continue
		}
		left := min(one, all-spent)
		if left <= 0 {
			a.Gave = errTime(all)
			return nil
		}
		begin := time.Now()
		if f == nil || f.stopped {
			f = newFormula(u.newCone(a, hard...), false)
		}
		result := f.try(n, left)
		spent += time.Since(begin)
		switch result {
		case 1:
			set := f.installed()
			if !u.valid(n, set) {
				return ErrSolver
			}
			for _, m := range set {
				a.Verdicts[m] = Installable
			}
		case -1:
			a.Verdicts[n] = Clash
		default:
			a.Gave = errTime(left)
		}
	}
	return nil
}

// valid reports whether the set holds n and can be installed.
func (u *Universe) valid(n int, set []int32) bool {
	in := make(map[int32]bool, len(set))
	groups := make(map[int32]bool, len(set))
	for _, m := range set {
		in[m] = true
		if g := u.nodes[m].group; g != NoGroup {
			if groups[g] {
				return false
			}
			groups[g] = true
		}
	}
	for _, m := range set {
		for _, c := range u.nodes[m].conflicts {
			if in[c] {
				return false
			}
		}
		for _, c := range u.nodes[m].requires {
			met := false
			for _, l := range u.clauses[c] {
				if met = in[int32(l.Node())] == l.Positive(); met {
					break
				}
			}
			if !met {
				return false
			}
		}
	}
	return in[int32(n)]
}

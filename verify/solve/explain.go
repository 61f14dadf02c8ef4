package solve

import (
	"slices"
	"time"

	"github.com/go-air/gini/z"
)

// Kind is what a constraint says.
type Kind uint8

// The kinds of constraints.
const (
	// Needs: Node requires Clause.
	Needs Kind = iota
	// Conflicts: Node conflicts with Other.
	Conflicts
	// OneOf: of Group no more than one can be installed.
	OneOf
)

// Constraint is one of those that cannot hold together.
type Constraint struct {
	Kind   Kind
	Node   int
	Clause Clause
	Other  int
	Group  int
}

const (
	// maxExplaining bounds the time for one explanation, and for one step of
	// it.
	maxExplaining     = 5 * time.Second
	maxExplainingStep = time.Second
)

// Explain returns constraints because of which n, whose verdict is [Clash] or
// [Unmet], cannot be installed. Without any one of them it could be, unless
// finding that out took too long. It returns nil when nothing was found in
// time.
func (u *Universe) Explain(n int) []Constraint {
	end := time.Now().Add(maxExplaining)
	f := newFormula(u.newCone(nil, n), true)
	core := f.refute(n, f.guards, maxExplaining)
	// Asking again with the core alone confirms it, and makes it smaller.
	for {
		smaller := f.refute(n, core, min(maxExplainingStep, time.Until(end)))
		if smaller == nil {
			return nil
		}
		if len(smaller) >= len(core) {
			break
		}
		core = smaller
	}
	// Then each is left out on trial.
	for i := len(core) - 1; i >= 0 && i < len(core); i-- {
		left := min(maxExplainingStep, time.Until(end))
		if left <= 0 {
			break
		}
		if smaller := f.refute(n, slices.Concat(core[:i], core[i+1:]), left); smaller != nil {
			core = smaller
			i = min(i, len(core))
		}
	}
	return f.meanings(core)
}

// refute asks for n with some of the constraints, and returns those of them
// because of which it cannot be; nil if it can be, or nobody knows.
func (f *formula) refute(n int, guards []z.Lit, within time.Duration) []z.Lit {
	if within <= 0 || f.stopped {
		return nil
	}
	f.sat.Assume(f.lit(int32(n)))
	f.sat.Assume(guards...)
	result := f.sat.Try(within)
	f.stopped = result == 0
	if result != -1 {
		return nil
	}
	first := f.guards[0]
	core := slices.DeleteFunc(f.sat.Why(nil), func(l z.Lit) bool { return l < first })
	slices.Sort(core)
	return slices.Compact(core)
}

// meanings returns what the guards switch on, needs first, from the root on.
func (f *formula) meanings(core []z.Lit) []Constraint {
	on := make(map[z.Lit]bool, len(core))
	for _, g := range core {
		on[g] = true
	}
	var out []Constraint
	for i, g := range f.guards {
		if on[g] {
			out = append(out, f.meaning[i])
		}
	}
	slices.SortStableFunc(out, func(a, b Constraint) int { return int(a.Kind) - int(b.Kind) })
	return out
}

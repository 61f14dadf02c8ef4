package solve_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/verify/solve"
)

// world is a universe that brute force can decide.
type world struct {
	group     []int
	groups    int
	requires  [][][]solve.Lit // by node, by requirement
	conflicts [][2]int
}

func (w world) universe() *solve.Universe {
	u := new(solve.Universe)
	for range w.groups {
		u.NewGroup()
	}
	for _, g := range w.group {
		u.Add(g)
	}
	for n, all := range w.requires {
		for _, lits := range all {
			u.Require(n, u.NewClause(lits))
		}
	}
	for _, c := range w.conflicts {
		u.Conflict(c[0], c[1])
	}
	return u
}

// installable returns, for each node, whether one of all subsets will do.
func (w world) installable() []bool {
	out := make([]bool, len(w.group))
	for set := range 1 << len(w.group) {
		if !w.holds(set) {
			continue
		}
		for n := range out {
			out[n] = out[n] || set>>n&1 == 1
		}
	}
	return out
}

func (w world) holds(set int) bool {
	seen := make(map[int]bool)
	for n, g := range w.group {
		if set>>n&1 == 0 {
			continue
		}
		if g != solve.NoGroup && seen[g] {
			return false
		}
		seen[g] = true
		for _, lits := range w.requires[n] {
			met := false
			for _, l := range lits {
				met = met || (set>>l.Node()&1 == 1) == l.Positive()
			}
			if !met {
				return false
			}
		}
	}
	for _, c := range w.conflicts {
		if set>>c[0]&1 == 1 && set>>c[1]&1 == 1 {
			return false
		}
	}
	return true
}

// random makes a world from a source of numbers below n.
func random(next func(n int) int) world {
	nodes := 2 + next(9)
	w := world{groups: 1 + next(nodes), requires: make([][][]solve.Lit, nodes)}
	for n := range nodes {
		g := next(w.groups+2) - 2
		w.group = append(w.group, max(g, solve.NoGroup))
		for range next(4) {
			var lits []solve.Lit
			for range next(4) {
				if l := next(nodes); next(6) == 0 {
					lits = append(lits, solve.Lacks(l))
				} else {
					lits = append(lits, solve.Has(l))
				}
			}
			w.requires[n] = append(w.requires[n], lits)
		}
	}
	for range next(nodes) {
		a, b := next(nodes), next(nodes)
		if a != b {
			w.conflicts = append(w.conflicts, [2]int{a, b})
		}
	}
	return w
}

// judge holds the answer for w against brute force, and each explanation: what
// it names must suffice, and all of it must be needed.
func judge(t *testing.T, w world) {
	t.Helper()
	u := w.universe()
	a, err := u.Solve()
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	want := w.installable()
	for n := range want {
		if a.Verdicts[n] == solve.Unknown || a.Installable(n) != want[n] {
			t.Fatalf("%+v: node %d: verdict %d, brute force says %v", w, n, a.Verdicts[n], want[n])
		}
		if want[n] {
			continue
		}
		if unmet := len(u.UnmetBy(a, n)) > 0; unmet != (a.Verdicts[n] == solve.Unmet) {
			t.Fatalf("%+v: node %d: verdict %d, but unmet requirements: %v", w, n, a.Verdicts[n], unmet)
		}
		core := u.Explain(n)
		if core == nil || w.reduced(u, core).installable()[n] {
			t.Fatalf("%+v: node %d: %v does not explain it", w, n, core)
		}
		for i := range core {
			less := append(append([]solve.Constraint(nil), core[:i]...), core[i+1:]...)
			if !w.reduced(u, less).installable()[n] {
				t.Fatalf("%+v: node %d: %v explains it without number %d", w, n, core, i)
			}
		}
	}
}

// reduced returns w with the constraints of the core alone.
func (w world) reduced(u *solve.Universe, core []solve.Constraint) world {
	out := world{requires: make([][][]solve.Lit, len(w.group))}
	kept := make(map[int]bool)
	for _, c := range core {
		switch c.Kind {
		case solve.Needs:
			out.requires[c.Node] = append(out.requires[c.Node], u.Literals(c.Clause))
		case solve.Conflicts:
			out.conflicts = append(out.conflicts, [2]int{c.Node, c.Other})
		case solve.OneOf:
			kept[c.Group] = true
		}
	}
	for _, g := range w.group {
		if !kept[g] {
			g = solve.NoGroup
		}
		out.group = append(out.group, g)
	}
	return out
}

func TestAgainstBruteForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		judge(t, random(r.IntN))
	}
}

func FuzzSolve(f *testing.F) {
	f.Add([]byte("seed"))
	f.Add([]byte{0xff, 3, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 60)
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		judge(t, random(func(n int) int {
			if len(b) == 0 {
				return 0
			}
			x := int(b[0]) % n
			b = b[1:]
			return x
		}))
	})
}

// TestPreference shows that the first candidate is not held to when it leads
// nowhere: a needs b, in either version, and c, which conflicts with the newer.
func TestPreference(t *testing.T) {
	t.Parallel()
	var u solve.Universe
	g := u.NewGroup()
	a, b2, b1, c := u.Add(solve.NoGroup), u.Add(g), u.Add(g), u.Add(solve.NoGroup)
	u.Require(a, u.NewClause([]solve.Lit{solve.Has(b2), solve.Has(b1)}))
	u.Require(a, u.NewClause([]solve.Lit{solve.Has(c)}))
	u.Conflict(c, b2)
	answer, err := u.Solve()
	if err != nil {
		t.Fatal(err)
	}
	for n := range u.Len() {
		if !answer.Installable(n) {
			t.Errorf("node %d: verdict %d", n, answer.Verdicts[n])
		}
	}
}

// TestLargeGroup has one package in more versions than pairs of them could be
// written down.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	var u solve.Universe
	g := u.NewGroup()
	const versions = 50_000
	lits := make([]solve.Lit, versions)
	for i := range versions {
		lits[i] = solve.Has(u.Add(g))
	}
	odd, even := u.NewClause(lits[:versions/2]), u.NewClause(lits[versions/2:])
	good, bad := u.Add(solve.NoGroup), u.Add(solve.NoGroup)
	u.Require(good, odd)
	u.Require(bad, odd)
	u.Require(bad, even)
	a, err := u.Solve()
	if err != nil {
		t.Fatal(err)
	}
	if !a.Installable(good) || a.Verdicts[bad] != solve.Clash {
		t.Errorf("verdicts %d and %d", a.Verdicts[good], a.Verdicts[bad])
	}
}

// TestBounds goes past each bound that can be reached without much memory.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(*solve.Universe){
		"packages and parts of requirements": func(u *solve.Universe) {
			for range solve.MaxNodes + 2 {
				u.Add(solve.NoGroup)
			}
		},
		"candidates of requirements": func(u *solve.Universe) {
			lits := make([]solve.Lit, 1<<20)
			for i := range lits {
				lits[i] = solve.Has(u.Add(solve.NoGroup))
			}
			for range solve.MaxLiterals>>20 + 1 {
				u.NewClause(lits)
			}
		},
		"requirements": func(u *solve.Universe) {
			n, c := u.Add(solve.NoGroup), u.NewClause(nil)
			for range solve.MaxRequirements + 1 {
				u.Require(n, c)
			}
		},
		"conflicts": func(u *solve.Universe) {
			a, b := u.Add(solve.NoGroup), u.Add(solve.NoGroup)
			for range solve.MaxConflicts + 1 {
				u.Conflict(a, b)
			}
		},
		"steps": func(u *solve.Universe) { u.Spend(solve.MaxSteps + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			u := new(solve.Universe)
			build(u)
			_, err := u.Solve()
			var bound *solve.BoundError
			if !errors.As(err, &bound) || bound.What != name {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestHardUniverse puts a pigeonhole problem into a universe, which no solver of
// this kind decides in reasonable time: the verdict must be that nobody knows,
// and the rest must be decided all the same.
func TestHardUniverse(t *testing.T) {
	t.Parallel()
	var u solve.Universe
	root, plain := u.Add(solve.NoGroup), u.Add(solve.NoGroup)
	const holes = 13
	var in [holes]int
	for h := range in {
		in[h] = u.NewGroup()
	}
	for range holes + 1 {
		var lits []solve.Lit
		for h := range holes {
			lits = append(lits, solve.Has(u.Add(in[h])))
		}
		u.Require(root, u.NewClause(lits))
	}
	a, err := u.SolveWithin(200*time.Millisecond, 400*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var bound *solve.BoundError
	if a.Verdicts[root] != solve.Unknown || !errors.As(a.Gave, &bound) {
		t.Errorf("verdict %d, %v", a.Verdicts[root], a.Gave)
	}
	if !a.Installable(plain) {
		t.Errorf("the other package: verdict %d", a.Verdicts[plain])
	}
}

// Package solve answers, for each package of a universe, whether a set of
// packages can be installed that it belongs to: one in which every package has
// what it requires, none conflicts with another, and there is one version of
// each name at most. This is what package managers ask before they install, and
// what dose-debcheck asks of distributions. It knows of no package format:
// package verify/closure translates.
//
// The question is NP-complete (Di Cosmo and others, "Managing the Complexity of
// Large Free and Open Source Package-Based Software Distributions", ASE 2006),
// yet real repositories are easy: nearly every package is shown to be
// installable by taking the first candidate of each requirement. What is left
// goes to a SAT solver. That is gini: written in Go alone, under the MIT
// licence, without dependencies, used for the same by the Operator Lifecycle
// Manager, and able to give up after a time, which a universe made by an
// adversary needs. A set that it finds is held against the universe before it
// is believed.
package solve

import (
	"fmt"
	"time"
)

// Bounds on a universe and on the work that is done for it. Debian 12's main for
// amd64, the largest repository that was tried, has 63,000 packages with 279,000
// requirements, of which 61,000 candidates are different, and 1,700 conflicts;
// it takes 3 million steps to write down, and 16 million to walk through.
const (
	// MaxNodes bounds the packages and the parts of their requirements.
	MaxNodes = 1 << 21
	// MaxLiterals bounds the candidates of all requirements; requirements of
	// the same words are counted once.
	MaxLiterals = 1 << 23
	// MaxRequirements bounds the requirements of all packages.
	MaxRequirements = 1 << 22
	// MaxConflicts bounds the pairs of packages that conflict.
	MaxConflicts = 1 << 22
	// MaxSteps bounds the work of writing a universe down.
	MaxSteps = 1 << 29
	// MaxWalk bounds the steps of the quick way for one package, MaxWalks
	// those for all; what it does not come to goes to the SAT solver.
	MaxWalk  = 1 << 20
	MaxWalks = 1 << 29
	// MaxSolving bounds the time of the SAT solver for all packages.
	MaxSolving = 2 * time.Minute
	// MaxSolvingOne bounds its time for one package.
	MaxSolvingOne = 20 * time.Second
)

// BoundError says that a universe is beyond a bound, so that there is no answer.
type BoundError struct {
	What  string
	Bound int64
}

// Error says which bound was met.
func (e *BoundError) Error() string { return fmt.Sprintf("more than %d %s", e.Bound, e.What) }

// Lit is a literal: that a node is installed, or that it is not.
type Lit int32

// Has is the literal that node n is installed.
func Has(n int) Lit { return Lit(n + 1) }

// Lacks is the literal that node n is not installed.
func Lacks(n int) Lit { return Lit(-n - 1) }

// Node returns the node that l speaks of.
func (l Lit) Node() int {
	if l < 0 {
		return int(-l) - 1
	}
	return int(l) - 1
}

// Positive reports whether l says that its node is installed.
func (l Lit) Positive() bool { return l > 0 }

// Clause is a requirement that any number of nodes may share.
type Clause int32

// NoGroup is the group of nodes that any number of may be installed.
const NoGroup = -1

// Universe is packages and what binds them. Its nodes are numbered from 0 in
// the order in which they were added. A node may also stand for a part of a
// requirement: it is "installed" when that part is made true.
//
// A bound that was met is kept and returned by [Universe.Err] and
// [Universe.Solve]; what is added after it is dropped.
type Universe struct {
	nodes   []node
	clauses [][]Lit
	groups  [][]int32
	err     error

	literals, requirements, conflicts int
	steps                             int64
}

type node struct {
	group     int32
	requires  []Clause
	conflicts []int32
}

// Err returns the *[BoundError] of a universe that is too large.
func (u *Universe) Err() error { return u.err }

// Len returns the number of nodes.
func (u *Universe) Len() int { return len(u.nodes) }

func (u *Universe) beyond(what string, bound int64) bool {
	if u.err == nil {
		u.err = &BoundError{What: what, Bound: bound}
	}
	return false
}

// Spend counts n steps of work and reports whether there may be more.
func (u *Universe) Spend(n int) bool {
	if u.err != nil {
		return false
	}
	if u.steps += int64(n); u.steps > MaxSteps {
		return u.beyond("steps", MaxSteps)
	}
	return true
}

// NewGroup returns a new group: one of its nodes can be installed at most.
func (u *Universe) NewGroup() int {
	u.groups = append(u.groups, nil)
	return len(u.groups) - 1
}

// Group returns the nodes of a group.
func (u *Universe) Group(g int) []int32 { return u.groups[g] }

// GroupOf returns the group of a node.
func (u *Universe) GroupOf(n int) int { return int(u.nodes[n].group) }

// Add adds a node to a group, or to [NoGroup], and returns its number.
func (u *Universe) Add(group int) int {
	n := len(u.nodes)
	if n == MaxNodes {
		u.beyond("packages and parts of requirements", MaxNodes)
		return n - 1
	}
	u.nodes = append(u.nodes, node{group: int32(group)})
	if group != NoGroup {
		u.groups[group] = append(u.groups[group], int32(n))
	}
	return n
}

// NewClause returns a requirement that holds when one of the literals does. The
// nodes to be preferred come first. An empty one cannot be met. The slice is
// kept.
func (u *Universe) NewClause(lits []Lit) Clause {
	if u.literals += len(lits); u.literals > MaxLiterals {
		u.beyond("candidates of requirements", MaxLiterals)
		lits = nil
	}
	u.clauses = append(u.clauses, lits)
	return Clause(len(u.clauses) - 1)
}

// Literals returns what a requirement was made of.
func (u *Universe) Literals(c Clause) []Lit { return u.clauses[c] }

// Require makes node n require c.
func (u *Universe) Require(n int, c Clause) {
	if u.requirements++; u.requirements > MaxRequirements {
		u.beyond("requirements", MaxRequirements)
		return
	}
	u.nodes[n].requires = append(u.nodes[n].requires, c)
}

// Requires returns what node n requires.
func (u *Universe) Requires(n int) []Clause { return u.nodes[n].requires }

// Conflict says that a and b cannot be installed together. A node does not
// conflict with itself.
func (u *Universe) Conflict(a, b int) {
	if a == b || u.nodes[a].group != NoGroup && u.nodes[a].group == u.nodes[b].group {
		return
	}
	if u.conflicts++; u.conflicts > MaxConflicts {
		u.beyond("conflicts", MaxConflicts)
		return
	}
	u.nodes[a].conflicts = append(u.nodes[a].conflicts, int32(b))
}

// Verdict is what is known of a node.
type Verdict uint8

// The verdicts.
const (
	// Unknown: a bound was met first.
	Unknown Verdict = iota
	// Installable: a set was found that it belongs to.
	Installable
	// Unmet: something that it requires has no installable candidate.
	Unmet
	// Clash: each of its requirements can be met, but not all together.
	Clash
)

// Answer is the verdict on each node.
type Answer struct {
	Verdicts []Verdict
	// Gave says why some verdicts are Unknown, nil if none is.
	Gave error
}

// Installable reports whether a node can be installed.
func (a *Answer) Installable(n int) bool { return a.Verdicts[n] == Installable }

// Bad reports whether a node is known not to be installable.
func (a *Answer) Bad(n int) bool { v := a.Verdicts[n]; return v == Unmet || v == Clash }

// Solve answers for every node, within [MaxSolving]. The error is that of a universe beyond its
// bounds (a *[BoundError]), or that the solver broke.
func (u *Universe) Solve() (*Answer, error) { return u.SolveWithin(MaxSolvingOne, MaxSolving) }

// SolveWithin is Solve with other bounds on the time of the SAT solver: for one
// package, and for all.
func (u *Universe) SolveWithin(one, all time.Duration) (*Answer, error) {
	if u.err != nil {
		return nil, u.err
	}
	a := &Answer{Verdicts: make([]Verdict, len(u.nodes))}
	u.propagate(a)
	w := newWalker(u, a)
	var hard []int
	for n := range u.nodes {
		if a.Verdicts[n] == Unknown && !w.walk(n) {
			hard = append(hard, n)
		}
	}
	if err := u.solveHard(a, hard, one, all); err != nil {
		return nil, err
	}
	// A node whose requirement turned out to have no installable candidate is
	// unmet and no clash.
	for _, n := range hard {
		if a.Verdicts[n] == Clash && len(u.UnmetBy(a, n)) > 0 {
			a.Verdicts[n] = Unmet
		}
	}
	return a, nil
}

// UnmetBy returns those requirements of n of which no candidate can be
// installed.
func (u *Universe) UnmetBy(a *Answer, n int) []Clause {
	var unmet []Clause
	for _, c := range u.nodes[n].requires {
		if u.dead(a, c) {
			unmet = append(unmet, c)
		}
	}
	return unmet
}

func (u *Universe) dead(a *Answer, c Clause) bool {
	for _, l := range u.clauses[c] {
		if !l.Positive() || !a.Bad(l.Node()) {
			return false
		}
	}
	return true
}

// propagate finds the nodes that cannot be installed even if nothing were in
// conflict: those with a requirement without candidates, and, again and again,
// those with one whose candidates are all such.
func (u *Universe) propagate(a *Answer) {
	// alive counts the literals of a clause that may still hold; usedBy and
	// has lead back from literals to clauses, and from clauses to nodes.
	alive := make([]int32, len(u.clauses))
	has := newLists(len(u.nodes), u.literals)
	for c, lits := range u.clauses {
		alive[c] = int32(len(lits))
		for _, l := range lits {
			if l.Positive() {
				has.count(l.Node())
			}
		}
	}
	has.lay()
	for c, lits := range u.clauses {
		for _, l := range lits {
			if l.Positive() {
				has.put(l.Node(), int32(c))
			}
		}
	}
	usedBy := newLists(len(u.clauses), u.requirements)
	for n := range u.nodes {
		for _, c := range u.nodes[n].requires {
			usedBy.count(int(c))
		}
	}
	usedBy.lay()
	for n := range u.nodes {
		for _, c := range u.nodes[n].requires {
			usedBy.put(int(c), int32(n))
		}
	}
	var fallen []Clause
	for c := range u.clauses {
		if alive[c] == 0 {
			fallen = append(fallen, Clause(c))
		}
	}
	for len(fallen) > 0 {
		c := fallen[len(fallen)-1]
		fallen = fallen[:len(fallen)-1]
		for _, n := range usedBy.of(int(c)) {
			if a.Verdicts[n] == Unmet {
				continue
			}
			a.Verdicts[n] = Unmet
			for _, d := range has.of(int(n)) {
				if alive[d]--; alive[d] == 0 {
					fallen = append(fallen, Clause(d))
				}
			}
		}
	}
}

// lists are many lists of numbers in one array: counted, laid out, then filled.
type lists struct {
	from []int32
	all  []int32
	next []int32
}

func newLists(n, capacity int) *lists {
	return &lists{from: make([]int32, n+1), all: make([]int32, 0, capacity)}
}

func (l *lists) count(i int) { l.from[i+1]++ }

func (l *lists) lay() {
	for i := 1; i < len(l.from); i++ {
		l.from[i] += l.from[i-1]
	}
	l.all = l.all[:l.from[len(l.from)-1]]
	l.next = append([]int32(nil), l.from...)
}

func (l *lists) put(i int, x int32) { l.all[l.next[i]] = x; l.next[i]++ }

func (l *lists) of(i int) []int32 { return l.all[l.from[i]:l.from[i+1]] }

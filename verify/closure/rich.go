package closure

import (
	"slices"

	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// expr is a condition on what is installed, in which only literals are negated.
type expr struct {
	kind exprKind
	lit  solve.Lit
	args []expr
}

type exprKind uint8

const (
	always exprKind = iota
	never
	literal
	all
	some
)

// every returns the conjunction.
func every(args ...expr) expr { return join(all, always, never, args) }

// either returns the disjunction.
func either(args ...expr) expr { return join(some, never, always, args) }

// join leaves out what says nothing, and stops at what decides.
func join(kind, nothing, decides exprKind, args []expr) expr {
	out := expr{kind: kind}
	for _, a := range args {
		switch a.kind {
		case nothing:
		case decides:
			return expr{kind: decides}
		case kind:
			out.args = append(out.args, a.args...)
		default:
			out.args = append(out.args, a)
		}
	}
	switch len(out.args) {
	case 0:
		return expr{kind: nothing}
	case 1:
		return out.args[0]
	}
	return out
}

// rich returns when r holds, and when it does not, by rpm's rules for rich
// dependencies (unsatisfiedDepend in lib/depends.c, and the manual's "Boolean
// Dependencies"). Both are made at once: each of "if" and "unless" needs its
// condition both ways, and making them apart would double the work with each
// level.
func (w *rpmWriter) rich(r rpmdep.Rich) (yes, no expr) {
	if w.Spend(1); len(r.Args) == 0 {
		return w.leaf(w.others(r.Dep), w.outside.rpm(r.Dep))
	}
	switch r.Op {
	case rpmdep.With, rpmdep.Without:
		nodes := r.Providers(func(d rpmdep.Dep) []int {
			var out []int
			for _, n := range w.others(d) {
				out = append(out, int(n))
			}
			slices.Sort(out)
			return out
		})
		set := make([]int32, len(nodes))
		for i, n := range nodes {
			set[i] = int32(n)
		}
		return w.leaf(set, w.allOutside(r))
	case rpmdep.And, rpmdep.Or:
		var yeses, noes []expr
		for _, a := range r.Args {
			yes, no := w.rich(a)
			yeses, noes = append(yeses, yes), append(noes, no)
		}
		if r.Op == rpmdep.And {
			return every(yeses...), either(noes...)
		}
		return either(yeses...), every(noes...)
	case rpmdep.If, rpmdep.Unless:
		return w.conditional(r)
	}
	return w.rich(r.Args[0])
}

// denied returns when the rich conflict of node n does not hold. Where n alone
// would meet it, n does not count: a package does not conflict with itself.
func (w *rpmWriter) denied(n int, r rpmdep.Rich) expr {
	alone := r.Satisfied(func(d rpmdep.Dep) []int {
		if slices.Contains(w.matches(d), int32(n)) {
			return []int{n}
		}
		return nil
	})
	if alone {
		w.self = int32(n)
		defer func() { w.self = -1 }()
	}
	_, no := w.rich(r)
	return no
}

// others returns the nodes that provide d, without the one that does not count.
func (w *rpmWriter) others(d rpmdep.Dep) []int32 {
	return slices.DeleteFunc(w.matches(d), func(n int32) bool { return n == w.self })
}

// conditional is "A if B else C", which is A where B holds and else C, and "A
// unless B else C", which is C where B holds and else A. What is not given is
// true for "if", and false for "unless".
func (w *rpmWriter) conditional(r rpmdep.Rich) (yes, no expr) {
	thenYes, thenNo := w.rich(r.Args[0])
	condYes, condNo := w.rich(r.Args[1])
	ifYes, ifNo := expr{kind: always}, expr{kind: never}
	if r.Op == rpmdep.Unless {
		ifYes, ifNo = ifNo, ifYes
	}
	if len(r.Args) > 2 {
		ifYes, ifNo = w.rich(r.Args[2])
	}
	if r.Op == rpmdep.Unless {
		thenYes, thenNo, ifYes, ifNo = ifYes, ifNo, thenYes, thenNo
	}
	// As literals, so that using them twice costs nothing.
	condYes, condNo = w.named(condYes), w.named(condNo)
	return every(either(condNo, thenYes), either(condYes, ifYes)),
		every(either(condNo, thenNo), either(condYes, ifNo))
}

// leaf is a plain dependency: one of the nodes, or none of them. What a system
// may provide, it may as well lack, so that neither is asked then.
func (w *rpmWriter) leaf(nodes []int32, outside bool) (yes, no expr) {
	w.Spend(len(nodes))
	var has, lacks []expr
	for _, n := range nodes {
		has = append(has, expr{kind: literal, lit: solve.Has(int(n))})
		lacks = append(lacks, expr{kind: literal, lit: solve.Lacks(int(n))})
	}
	yes, no = either(has...), every(lacks...)
	if outside {
		yes = expr{kind: always}
	}
	return yes, no
}

// allOutside reports whether all that a "with" asks for may be the system's.
func (w *rpmWriter) allOutside(r rpmdep.Rich) bool {
	args := r.Args
	if r.Op == rpmdep.Without {
		args = args[:1]
	}
	for _, a := range args {
		if len(a.Args) == 0 && !w.outside.rpm(a.Dep) || len(a.Args) > 0 && !w.allOutside(a) {
			return false
		}
	}
	return true
}

// named returns e as a literal or a constant: that of a node that requires it.
func (w *rpmWriter) named(e expr) expr {
	if e.kind != all && e.kind != some {
		return e
	}
	n := w.part()
	for _, c := range w.clauses(e, need{}) {
		w.Require(n, c)
	}
	return expr{kind: literal, lit: solve.Has(n)}
}

// clauses returns e as clauses that must all hold.
func (w *rpmWriter) clauses(e expr, n need) []solve.Clause {
	switch e.kind {
	case always:
		return nil
	case all:
		var out []solve.Clause
		for _, a := range e.args {
			out = append(out, w.clauses(a, n)...)
		}
		return out
	case some:
		lits := make([]solve.Lit, 0, len(e.args))
		for _, a := range e.args {
			lits = append(lits, w.named(a).lit)
		}
		return []solve.Clause{w.clause(lits, n)}
	case literal:
		return []solve.Clause{w.clause([]solve.Lit{e.lit}, n)}
	}
	return []solve.Clause{w.clause(nil, n)} // never
}

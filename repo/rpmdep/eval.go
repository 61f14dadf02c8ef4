package rpmdep

import "slices"

// Satisfied reports whether r holds in a set of packages. find returns the
// numbers of the packages that provide a plain dependency, in ascending order.
//
// It is unsatisfiedDepend of rpm's lib/depends.c: "with" and "without" ask for
// one package that meets both sides, or only the first; only they, "or" and
// parentheses may stand inside of them, as [ParseRich] sees to.
func (r Rich) Satisfied(find func(Dep) []int) bool {
	if len(r.Args) == 0 {
		return len(find(r.Dep)) > 0
	}
	holds := func(i int) bool { return r.Args[i].Satisfied(find) }
	switch r.Op {
	case And:
		for i := range r.Args {
			if !holds(i) {
				return false
			}
		}
		return true
	case Or:
		for i := range r.Args {
			if holds(i) {
				return true
			}
		}
		return false
	case If:
		if holds(1) {
			return holds(0)
		}
		return len(r.Args) < 3 || holds(2)
	case Unless:
		if holds(1) {
			return len(r.Args) > 2 && holds(2)
		}
		return holds(0)
	case With, Without:
		return len(r.set(find)) > 0
	}
	return holds(0) // in parentheses; and of an "else" without "if" rpm looks at no more
}

// Providers returns the packages that meet r, a plain dependency or one of
// "with", "without", "or" and parentheses alone, in ascending order; none for
// any other, because no single package meets it. find is as in
// [Rich.Satisfied].
func (r Rich) Providers(find func(Dep) []int) []int { return r.set(find) }

// set returns the packages that meet r, which is inside of "with" or "without".
func (r Rich) set(find func(Dep) []int) []int {
	if len(r.Args) == 0 {
		return find(r.Dep)
	}
	all := slices.Clone(r.Args[0].set(find))
	switch r.Op {
	case Single:
	case With, Without:
		for _, a := range r.Args[1:] {
			other := a.set(find)
			all = slices.DeleteFunc(all, func(n int) bool {
				_, both := slices.BinarySearch(other, n)
				return both != (r.Op == With)
			})
		}
	case Or:
		for _, a := range r.Args[1:] {
			all = append(all, a.set(find)...)
		}
		slices.Sort(all)
		all = slices.Compact(all)
	default:
		return nil
	}
	return all
}

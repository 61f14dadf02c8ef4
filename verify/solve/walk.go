package solve

// walker is the quick way: it takes the first candidate of each requirement
// that nothing speaks against, and gives up where there is none. All of a set
// that it completes are installable.
type walker struct {
	u *Universe
	a *Answer
	// What belongs to the present walk carries its number, so that nothing
	// has to be cleared between walks.
	walkNo    int32
	taken     []int32 // by node
	forbidden []int32 // by node
	occupied  []int32 // by group
	set       []int32
	steps     int   // of the present walk
	walked    int64 // steps of all walks
}

func newWalker(u *Universe, a *Answer) *walker {
	return &walker{
		u: u, a: a,
		taken:     make([]int32, len(u.nodes)),
		forbidden: make([]int32, len(u.nodes)),
		occupied:  make([]int32, len(u.groups)),
	}
}

// walk reports whether it showed n to be installable.
func (w *walker) walk(n int) bool {
	if w.walked > MaxWalks {
		return false
	}
	w.walkNo++
	w.set, w.steps = w.set[:0], 0
	complete := w.take(n) && w.complete()
	w.walked += int64(w.steps)
	if !complete {
		return false
	}
	for _, x := range w.set {
		w.a.Verdicts[x] = Installable
	}
	return true
}

// complete takes what the set requires, until nothing is open.
func (w *walker) complete() bool {
	for i := 0; i < len(w.set); i++ {
		for _, c := range w.u.nodes[w.set[i]].requires {
			lits := w.u.clauses[c]
			w.steps += len(lits) + 1
			if w.steps > MaxWalk || !w.holds(lits) && !w.choose(lits) {
				return false
			}
		}
	}
	return true
}

// holds reports whether one of the literals is true already, and for good.
func (w *walker) holds(lits []Lit) bool {
	for _, l := range lits {
		if n := l.Node(); l.Positive() && w.taken[n] == w.walkNo || !l.Positive() && w.forbidden[n] == w.walkNo {
			return true
		}
	}
	return false
}

// choose makes one of the literals true: what asks for nothing comes first.
func (w *walker) choose(lits []Lit) bool {
	for _, l := range lits {
		if n := l.Node(); !l.Positive() && w.taken[n] != w.walkNo {
			w.forbidden[n] = w.walkNo
			return true
		}
	}
	for _, l := range lits {
		if l.Positive() && w.take(l.Node()) {
			return true
		}
	}
	return false
}

// take adds n to the set unless something speaks against it.
func (w *walker) take(n int) bool {
	x := &w.u.nodes[n]
	if w.a.Bad(n) || w.forbidden[n] == w.walkNo || x.group != NoGroup && w.occupied[x.group] == w.walkNo {
		return false
	}
	w.steps += len(x.conflicts)
	for _, c := range x.conflicts {
		if w.taken[c] == w.walkNo {
			return false
		}
	}
	for _, c := range x.conflicts {
		w.forbidden[c] = w.walkNo
	}
	if x.group != NoGroup {
		w.occupied[x.group] = w.walkNo
	}
	w.taken[n] = w.walkNo
	w.set = append(w.set, int32(n))
	return true
}

package closure

import (
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// universe is the packages for one architecture, as the solver sees them.
type universe struct {
	solve.Universe
	arch string
	// packages are the indexes of the nodes' packages, -1 for a node that
	// stands for a part of a requirement.
	packages []int32
	// needs are what the clauses were made of.
	needs []need
}

// need is one requirement.
type need struct {
	// text is as the package has it.
	text string
	// names are those of its alternatives or parts.
	names []string
}

// comparison is what comparing two versions costs, in steps.
const comparison = 16

// builder makes a universe.
type builder struct {
	*universe
	q       *Question
	outside *outside
	groups  map[string]int
	memo    map[string]solve.Clause
	unread  map[int]error
}

// met is the clause of requirements that the assumed system meets.
const met solve.Clause = -1

func build(q *Question, arch string, out *outside, unread map[int]error) *universe {
	b := &builder{
		universe: &universe{arch: arch},
		q:        q,
		outside:  out,
		groups:   make(map[string]int),
		memo:     make(map[string]solve.Clause),
		unread:   unread,
	}
	in := members(q, arch)
	if q.Format == repo.RPM {
		b.rpms(in)
	} else {
		b.debs(in)
	}
	return b.universe
}

// node adds the node of a package; of a group there is one at most on a system.
func (b *builder) node(pkg int, group string) int {
	g, ok := b.groups[group]
	if !ok {
		g = b.NewGroup()
		b.groups[group] = g
	}
	return b.add(pkg, g)
}

// part adds a node that stands for a part of a requirement.
func (b *builder) part() int { return b.add(-1, solve.NoGroup) }

func (b *builder) add(pkg, group int) int {
	n := b.Add(group)
	if n == len(b.packages) { // else a bound was met
		b.packages = append(b.packages, int32(pkg))
	}
	return n
}

// clause adds a clause with what it means.
func (b *builder) clause(lits []solve.Lit, n need) solve.Clause {
	b.needs = append(b.needs, n)
	return b.NewClause(lits)
}

// cannotRead keeps that a package's relations do not parse.
func (b *builder) cannotRead(pkg int, err error) {
	if b.unread[pkg] == nil {
		b.unread[pkg] = err
	}
}

// lines returns the lines of a list field of an rpm's.
func lines(p *repo.Package, field string) []string {
	v := p.Fields.Value(field)
	if v == "" {
		return nil
	}
	return strings.Split(v, "\n")
}

package reports

import (
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of the matrix. A repository may list 100,000 packages; the picture is
// of those that were asked for.
const (
	// maxMatrixVersions bounds the versions of a table; the newest are shown.
	maxMatrixVersions = 80
	// maxMatrixTables bounds the tables, one for each package of a channel and
	// minor.
	maxMatrixTables = 400
	// maxMatrixRows bounds the rows of a table.
	maxMatrixRows = 40
)

// CheckPublished is the check that finds holes.
const CheckPublished = "packages-published"

// Matrix is what is published of what was asked for.
type Matrix struct {
	Groups []MatrixGroup
	// There, Missing and Faulty count squares.
	There, Missing, Faulty int
	// Left counts the tables that are left out, Others the packages that were not
	// asked for.
	Left, Others int
}

// MatrixGroup is one channel and minor.
type MatrixGroup struct {
	Channel, Minor string
	// Missing counts squares.
	Missing int
	Tables  []MatrixTable
}

// MatrixTable is one package.
type MatrixTable struct {
	Package string
	// Versions are upstream versions, oldest first; "" stands for any.
	Versions []string
	// Older counts older versions that are left out.
	Older int
	Rows  []MatrixRow
}

// MatrixRow is one architecture of one format.
type MatrixRow struct {
	Format repo.Format
	// Arch is as the repository spells it.
	Arch string
	// Squares has one for each version.
	Squares []Square
}

// SquareState is what is known of one package file.
type SquareState string

// The states. The empty one is of a file that was not asked for.
const (
	SquareThere   SquareState = "there"
	SquareMissing SquareState = "missing"
	SquareFaulty  SquareState = "faulty"
	SquareWarned  SquareState = "warned"
	SquareKnown   SquareState = "known"
	// SquareUnknown: nobody could tell.
	SquareUnknown SquareState = "unknown"
)

// Square is one package file, or the want of it.
type Square struct {
	State SquareState
	// Finding is the worst of the file, nil if there is none.
	Finding *Result
}

// shelf is what one repository has, and should have, of one package.
type shelf struct {
	target   string
	format   repo.Format
	expected *Expected
	// has are the full versions by upstream version and architecture.
	has map[slotKey]string
	// unread is set where nobody knows what the repository has.
	unread bool
}

type slotKey struct{ version, arch string }

// subjectKey is what the index of findings is by.
type subjectKey struct{ target, pkg string }

// matrixMaker makes the tables of a report.
type matrixMaker struct {
	r        *Report
	shelves  map[subjectKey]*shelf
	order    map[string][]string // packages by target, in order
	findings map[subjectKey][]*Result
	holes    map[string][]*Result // by target
	matrix   Matrix
}

// Matrix returns the picture of what is published.
func (r *Report) Matrix() Matrix {
	m := &matrixMaker{
		r: r, shelves: map[subjectKey]*shelf{}, order: map[string][]string{},
		findings: map[subjectKey][]*Result{}, holes: map[string][]*Result{},
	}
	m.stock()
	m.index()
	type group struct{ channel, minor string }
	var groups []group
	targets := map[group][]repo.Target{}
	for _, t := range r.Plan.Targets {
		g := group{t.Channel, t.Minor}
		if targets[g] == nil {
			groups = append(groups, g)
		}
		targets[g] = append(targets[g], t)
	}
	tables := 0
	for _, g := range groups {
		v := MatrixGroup{Channel: g.channel, Minor: g.minor}
		missing := m.matrix.Missing
		for _, pkg := range m.packages(targets[g]) {
			if tables == maxMatrixTables {
				m.matrix.Left++
				continue
			}
			tables++
			if t := m.table(targets[g], pkg); len(t.Rows) > 0 {
				v.Tables = append(v.Tables, t)
			}
		}
		v.Missing = m.matrix.Missing - missing
		if len(v.Tables) > 0 {
			m.matrix.Groups = append(m.matrix.Groups, v)
		}
	}
	return m.matrix
}

// shelf returns the shelf of a package, made when it is not there.
func (m *matrixMaker) shelf(t repo.Target, pkg string) *shelf {
	k := subjectKey{t.Name(), pkg}
	s := m.shelves[k]
	if s == nil {
		s = &shelf{target: k.target, format: t.Format, has: map[slotKey]string{}}
		m.shelves[k] = s
		m.order[k.target] = append(m.order[k.target], pkg)
	}
	return s
}

// stock fills the shelves: what was asked for, then what is there of it.
func (m *matrixMaker) stock() {
	// What was not looked at is not in the picture.
	byName := map[string]repo.Target{}
	for i := range m.r.Repositories {
		byName[m.r.Repositories[i].Target.Name()] = m.r.Repositories[i].Target
	}
	for i := range m.r.Plan.Expected {
		x := &m.r.Plan.Expected[i]
		if t, ok := byName[x.Target]; ok {
			m.shelf(t, x.Package).expected = x
		}
	}
	others := map[string]bool{}
	for i := range m.r.Repositories {
		x := &m.r.Repositories[i]
		for j := range x.Packages {
			p := &x.Packages[j]
			if p.Arch == "src" || p.Arch == "nosrc" {
				continue
			}
			if len(m.r.Plan.Packages) > 0 && !slices.Contains(m.r.Plan.Packages, p.Name) {
				others[p.Name] = true
				continue
			}
			m.shelf(x.Target, p.Name).has[slotKey{p.Upstream(), p.Arch}] = p.Version
		}
		if len(x.Packages) == 0 {
			m.markUnread(x.Target.Name())
		}
	}
	m.matrix.Others = len(others)
}

// markUnread notes that nobody knows what a repository holds, unless the check
// that looks for holes could tell.
func (m *matrixMaker) markUnread(target string) {
	for i := range m.r.Results {
		x := &m.r.Results[i]
		if x.Check != CheckPublished || x.Target != target {
			continue
		}
		switch x.Status {
		case verify.Pass, verify.Fail, verify.Known:
			return
		}
	}
	for k, s := range m.shelves {
		if k.target == target {
			s.unread = true
		}
	}
}

// index sorts the findings by what they are of.
func (m *matrixMaker) index() {
	for i := range m.r.Results {
		x := &m.r.Results[i]
		switch x.Status {
		case verify.Fail, verify.Warn, verify.Known:
		default:
			continue
		}
		if x.Check == CheckPublished {
			m.holes[x.Target] = append(m.holes[x.Target], x)
			continue
		}
		if x.Subject.Package != "" && x.Subject.Version != "" && x.Subject.Cell == "" {
			k := subjectKey{x.Target, x.Subject.Package}
			m.findings[k] = append(m.findings[k], x)
		}
	}
}

// packages returns the packages of targets, in the order of the first.
func (m *matrixMaker) packages(targets []repo.Target) []string {
	var all []string
	for _, t := range targets {
		for _, pkg := range m.order[t.Name()] {
			if !slices.Contains(all, pkg) {
				all = append(all, pkg)
			}
		}
	}
	return all
}

// table returns the picture of one package.
func (m *matrixMaker) table(targets []repo.Target, pkg string) MatrixTable {
	v := MatrixTable{Package: pkg}
	versions := m.versions(targets, pkg)
	if n := len(versions) - maxMatrixVersions; n > 0 {
		v.Older = n
		versions = versions[n:]
	}
	v.Versions = versions
	for _, t := range targets {
		s := m.shelves[subjectKey{t.Name(), pkg}]
		if s == nil {
			continue
		}
		newest := versions[len(versions)-1]
		for _, arch := range s.arches() {
			if len(v.Rows) == maxMatrixRows {
				break
			}
			row := MatrixRow{Format: t.Format, Arch: arch}
			for _, version := range versions {
				sq := m.square(s, pkg, version, arch, version == newest)
				m.count(sq)
				row.Squares = append(row.Squares, sq)
			}
			v.Rows = append(v.Rows, row)
		}
	}
	return v
}

func (m *matrixMaker) count(s Square) {
	switch s.State {
	case SquareThere, SquareWarned:
		m.matrix.There++
	case SquareMissing:
		m.matrix.Missing++
	case SquareFaulty:
		m.matrix.Faulty++
	}
}

// versions returns the upstream versions of a package, oldest first; one
// without a name stands for any, where none is there.
func (m *matrixMaker) versions(targets []repo.Target, pkg string) []string {
	var all []string
	seen := map[string]bool{}
	add := func(v string) {
		if !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	for _, t := range targets {
		s := m.shelves[subjectKey{t.Name(), pkg}]
		if s == nil {
			continue
		}
		if s.expected != nil {
			for _, v := range s.expected.Versions {
				add(v)
			}
		}
		for k := range s.has {
			add(k.version)
		}
	}
	if len(all) == 0 {
		return []string{""}
	}
	slices.SortFunc(all, func(a, b string) int {
		// In Debian's order "~rc.1" comes before the release. What does not
		// parse comes in the order of its letters.
		if c, err := debver.Compare(strings.ReplaceAll(a, "-", "~"), strings.ReplaceAll(b, "-", "~")); err == nil && c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return all
}

// arches returns the architectures that are expected, then others that are
// there.
func (s *shelf) arches() []string {
	var all, more []string
	if s.expected != nil {
		all = append(all, s.expected.Architectures...)
	}
	for k := range s.has {
		if !slices.Contains(all, k.arch) && !slices.Contains(more, k.arch) {
			more = append(more, k.arch)
		}
	}
	slices.Sort(more)
	return append(all, more...)
}

// square says what is in one place.
func (m *matrixMaker) square(s *shelf, pkg, version, arch string, newest bool) Square {
	if full, ok := s.has[slotKey{version, arch}]; ok {
		return m.faults(s, pkg, full, arch)
	}
	expected := s.expected != nil && slices.Contains(s.expected.Architectures, arch) &&
		(slices.Contains(s.expected.Versions, version) || version == "")
	for _, every := range []string{"all", "noarch"} {
		if _, ok := s.has[slotKey{version, every}]; ok {
			expected = false
		}
	}
	if hole := m.hole(s, pkg, version, arch, newest); hole != nil {
		state := SquareMissing
		if hole.Status == verify.Known {
			state = SquareKnown
		}
		return Square{State: state, Finding: hole}
	}
	switch {
	case expected && s.unread:
		return Square{State: SquareUnknown}
	case expected:
		return Square{State: SquareMissing}
	}
	return Square{}
}

// hole returns the finding that says that something is missing, nil if none
// does. A finding without a version, say, is of all of them. Of a package with
// versions of its own only the newest is asked for.
func (m *matrixMaker) hole(s *shelf, pkg, version, arch string, newest bool) *Result {
	own := false
	if x := s.expected; x != nil {
		own = len(x.Versions) == 0
		if !slices.Contains(x.Architectures, arch) || !own && !slices.Contains(x.Versions, version) {
			return nil
		}
	}
	for _, x := range m.holes[s.target] {
		of := x.Subject
		switch {
		case of.Package != "" && of.Package != pkg, of.Arch != "" && of.Arch != arch, of.Version != "" && of.Version != version,
			own && of.Version == "" && !newest,
			own && of.Version != "" && of.Package == "", // the version is the product's
			of.Arch == "" && partial(x, version, arch):
			continue
		}
		return x
	}
	return nil
}

// partial reports whether a finding of several architectures, which it names at
// the end of its message, leaves this one out.
func partial(x *Result, version, arch string) bool {
	_, list, ok := strings.Cut(x.Message, version+" is missing for ")
	return ok && version != "" && list != "every architecture" && !slices.Contains(strings.Split(list, ", "), arch)
}

// faults marks a file that is there with the worst that was found of it.
func (m *matrixMaker) faults(s *shelf, pkg, full, arch string) Square {
	var worst *Result
	for _, x := range m.findings[subjectKey{s.target, pkg}] {
		if x.Subject.Version != full || x.Subject.Arch != "" && x.Subject.Arch != arch {
			continue
		}
		if worst == nil || x.Status != worst.Status && x.Status.Worse(worst.Status) == x.Status {
			worst = x
		}
	}
	if worst == nil {
		return Square{State: SquareThere}
	}
	state := map[verify.Status]SquareState{verify.Fail: SquareFaulty, verify.Warn: SquareWarned, verify.Known: SquareKnown}[worst.Status]
	return Square{State: state, Finding: worst}
}

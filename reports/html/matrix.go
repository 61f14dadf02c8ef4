package html

import (
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of the matrix. A repository may list 100,000 packages; the picture is
// of those that were asked for.
const (
	// maxVersions bounds the columns of a table; the newest are shown.
	maxVersions = 80
	// maxTables bounds the tables, one for each package of a channel and minor.
	maxTables = 400
	// maxRows bounds the rows of a table.
	maxRows = 40
)

// checkPublished is the check that finds holes.
const checkPublished = "packages-published"

// matrixView is the picture of what is published.
type matrixView struct {
	Groups []matrixGroup
	// There, Missing and Faulty count squares.
	There, Missing, Faulty int
	// Left counts tables, Others packages that were not asked for.
	Left, Others string
}

// matrixGroup is one channel and minor.
type matrixGroup struct {
	Title  string
	Holes  string
	Tables []matrixTable
}

// matrixTable is one package.
type matrixTable struct {
	Package  string
	Versions []string
	Left     string // older versions that are not shown
	Rows     []matrixRow
}

// matrixRow is one architecture of one format.
type matrixRow struct {
	Format, Arch string
	First        bool // the first row of its format
	Cells        []square
}

// square is one package file, or the want of it.
type square struct {
	// Class and Word are one of: yes, missing, bad, warned, known, unknown, none.
	Class string
	Title string
	Href  string
}

// shelf is what one repository has, and should have, of one package.
type shelf struct {
	target   string
	format   repo.Format
	expected *reports.Expected
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
	r        *reports.Report
	ids      *anchors
	shelves  map[subjectKey]*shelf
	order    map[string][]string // packages by target, in order
	findings map[subjectKey][]*reports.Result
	holes    map[string][]*reports.Result // by target
	view     matrixView
}

func matrixOf(r *reports.Report, ids *anchors) matrixView {
	m := &matrixMaker{
		r: r, ids: ids, shelves: map[subjectKey]*shelf{}, order: map[string][]string{},
		findings: map[subjectKey][]*reports.Result{}, holes: map[string][]*reports.Result{},
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
	tables, left := 0, 0
	for _, g := range groups {
		v := matrixGroup{Title: name(g.channel + " " + g.minor)}
		missing := m.view.Missing
		for _, pkg := range m.packages(targets[g]) {
			if tables == maxTables {
				left++
				continue
			}
			tables++
			if t := m.table(targets[g], pkg); len(t.Rows) > 0 {
				v.Tables = append(v.Tables, t)
			}
		}
		if n := m.view.Missing - missing; n > 0 {
			v.Holes = plural(n, "file missing", "files missing")
		}
		if len(v.Tables) > 0 {
			m.view.Groups = append(m.view.Groups, v)
		}
	}
	if left > 0 {
		m.view.Left = plural(left, "more table", "more tables")
	}
	return m.view
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
	byName := map[string]repo.Target{}
	for _, t := range m.r.Plan.Targets {
		byName[t.Name()] = t
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
	if n := len(others); n > 0 {
		m.view.Others = plural(n, "package that was not asked for is not shown", "packages that were not asked for are not shown")
	}
}

// markUnread notes that nobody knows what a repository holds, unless the check
// that looks for holes could tell.
func (m *matrixMaker) markUnread(target string) {
	switch status, _ := m.ids.state(asked{check: checkPublished, target: target}); status {
	case verify.Pass, verify.Fail, verify.Known:
		return
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
		if x.Check == checkPublished {
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
func (m *matrixMaker) table(targets []repo.Target, pkg string) matrixTable {
	v := matrixTable{Package: name(pkg)}
	versions := m.versions(targets, pkg)
	if n := len(versions) - maxVersions; n > 0 {
		v.Left = plural(n, "older version is not shown", "older versions are not shown")
		versions = versions[n:]
	}
	for _, x := range versions {
		if x == "" {
			x = "any"
		}
		v.Versions = append(v.Versions, name(x))
	}
	for _, t := range targets {
		s := m.shelves[subjectKey{t.Name(), pkg}]
		if s == nil {
			continue
		}
		newest := versions[len(versions)-1]
		for i, arch := range s.arches() {
			if len(v.Rows) == maxRows {
				break
			}
			row := matrixRow{Format: string(t.Format), Arch: name(arch), First: i == 0}
			for _, version := range versions {
				sq := m.square(s, pkg, version, arch, version == newest)
				m.count(sq)
				row.Cells = append(row.Cells, sq)
			}
			v.Rows = append(v.Rows, row)
		}
	}
	return v
}

func (m *matrixMaker) count(s square) {
	switch s.Class {
	case "yes", "warned":
		m.view.There++
	case "missing":
		m.view.Missing++
	case "bad":
		m.view.Faulty++
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
func (m *matrixMaker) square(s *shelf, pkg, version, arch string, newest bool) square {
	title := name(strings.TrimSpace(pkg + " " + version + " " + arch))
	if full, ok := s.has[slotKey{version, arch}]; ok {
		return m.faults(s, pkg, full, arch, square{Class: "yes", Title: title})
	}
	expected := s.expected != nil && slices.Contains(s.expected.Architectures, arch) &&
		(slices.Contains(s.expected.Versions, version) || version == "")
	for _, every := range []string{"all", "noarch"} {
		if _, ok := s.has[slotKey{version, every}]; ok {
			expected = false
		}
	}
	if hole := m.hole(s, pkg, version, arch, newest); hole != nil {
		class := "missing"
		if hole.Status == verify.Known {
			class = "known"
		}
		return square{Class: class, Title: title + ": missing", Href: m.ids.href(hole)}
	}
	switch {
	case expected && s.unread:
		return square{Class: "unknown", Title: title + ": nobody could tell"}
	case expected:
		return square{Class: "missing", Title: title + ": missing"}
	}
	return square{Class: "none"}
}

// hole returns the finding that says that something is missing, nil if none
// does. A finding without a version, say, is of all of them. Of a package with
// versions of its own only the newest is asked for.
func (m *matrixMaker) hole(s *shelf, pkg, version, arch string, newest bool) *reports.Result {
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
func partial(x *reports.Result, version, arch string) bool {
	_, list, ok := strings.Cut(x.Message, version+" is missing for ")
	return ok && version != "" && list != "every architecture" && !slices.Contains(strings.Split(list, ", "), arch)
}

// faults marks a file that is there with the worst that was found of it.
func (m *matrixMaker) faults(s *shelf, pkg, full, arch string, sq square) square {
	var worst *reports.Result
	for _, x := range m.findings[subjectKey{s.target, pkg}] {
		if x.Subject.Version != full || x.Subject.Arch != "" && x.Subject.Arch != arch {
			continue
		}
		if worst == nil || x.Status != worst.Status && x.Status.Worse(worst.Status) == x.Status {
			worst = x
		}
	}
	if worst == nil {
		return sq
	}
	sq.Class = map[verify.Status]string{verify.Fail: "bad", verify.Warn: "warned", verify.Known: "known"}[worst.Status]
	sq.Title += ": " + name(worst.Check)
	sq.Href = m.ids.href(worst)
	return sq
}

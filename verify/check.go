package verify

import (
	"fmt"
	"runtime/debug"
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

// Suite is how deep a check looks.
type Suite string

// The suites, shallow to deep.
const (
	Metadata Suite = "metadata"
	Packages Suite = "packages"
	Install  Suite = "install"
)

// Suites returns all suites, shallow to deep.
func Suites() []Suite { return []Suite{Metadata, Packages, Install} }

// Need is a group of facts without which a check cannot ask its question.
type Need int

const (
	// NeedRoot: the signed root (Release or repomd.xml) was read.
	NeedRoot Need = iota + 1
	// NeedIndex: the list of packages was read.
	NeedIndex
)

// Beside is a group of facts beside those of the target's own crawl. They are
// gathered only for checks that ask for them.
type Beside int

const (
	// BesideSiblings: the repositories of the other formats.
	BesideSiblings Beside = iota + 1
	// BesideOrigins: the same repository at its other addresses.
	BesideOrigins
	// BesideTransport: how the servers answer.
	BesideTransport
	// BesideOfficial: the checksums of the released binaries.
	BesideOfficial
)

// Facts are what a repository check is a function of.
type Facts struct {
	*repo.Repository
	// Siblings are the repositories of the same channel and minor in the other
	// formats of the plan, for checks that compare them.
	Siblings []*repo.Repository
	// Origins are the repository at each of its addresses, metadata only, read
	// side by side: the target's own address first, then those of
	// Expectation.Origins. They are empty when there are no others.
	Origins []*repo.Repository
	// Transport is how the target's servers answer, nil when they were not
	// asked.
	Transport *repo.Transport
	// Official are the checksums of the released binaries.
	Official map[OfficialFile]Official
}

// OfficialFile names one released binary.
type OfficialFile struct {
	// Path is where its checksum is, below Expectation.Official; Name and Arch
	// tell it from others in the same list of checksums.
	Path, Name string
	Arch       repo.Arch
}

// Official is what is published of the checksum of one released binary.
type Official struct {
	URL     string
	Digests repo.Digests
	// Problem is why there are no digests.
	Problem *repo.Problem
}

// Check is one rule of the catalogue. Exactly one of Repository and Cell is set.
type Check struct {
	// ID is stable: reports, known-issues files and TestGrid rows use it.
	ID    string
	Title string
	Suite Suite
	// Severity is what a violation does to the run.
	Severity Severity
	// Formats it applies to.
	Formats []repo.Format
	Needs   []Need
	// Payload says that the check looks at the files inside the packages, which
	// are then decompressed: the dearest facts of all.
	Payload bool
	// Doc says what it asks, why, the incident behind it, and what to do when
	// it fails.
	Doc string
	// Beside says which further facts it looks at.
	Beside []Beside
	// Moot says why there is nothing to ask of a target, "" when there is. Nil is
	// "" for every target.
	Moot func(*Expectation) string
	// Repository asks of a crawl's facts; no finding means all is right.
	Repository func(*Expectation, *Facts) []Finding
	// Cell asks of a container cell's facts.
	Cell func(*CellExpectation, *images.CellFacts) []Finding
}

// Applies reports whether c has anything to ask of the format.
func (c *Check) Applies(f repo.Format) bool { return slices.Contains(c.Formats, f) }

// OnRepository runs c on the facts of a crawl.
func (c *Check) OnRepository(e *Expectation, r *Facts) Result {
	res := Result{Check: c.ID, Severity: c.Severity, Target: e.Target.Name()}
	if !c.Applies(e.Target.Format) {
		res.Status = NotApplicable
		return res
	}
	if c.Moot != nil {
		if why := c.Moot(e); why != "" {
			res.Status, res.Message = NotApplicable, why
			return res
		}
	}
	if blocked, why := unmet(c.Needs, r.Repository); why != "" {
		res.Status, res.Message = Skipped, why
		if blocked {
			res.Status = Blocked
		}
		return res
	}
	res.Findings = guarded(func() []Finding { return c.Repository(e, r) })
	res.settle(c)
	return res
}

// OnCell runs c on the facts of a container cell.
func (c *Check) OnCell(e *CellExpectation, f *images.CellFacts) Result {
	res := Result{Check: c.ID, Severity: c.Severity, Target: e.Target.Name(), Cell: e.Cell.ID}
	if f.Blocked != nil {
		res.Status, res.Message = Blocked, f.Blocked.String()
		return res
	}
	res.Findings = guarded(func() []Finding { return c.Cell(e, f) })
	for i := range res.Findings {
		s := &res.Findings[i].Subject
		s.Cell, s.Distro = e.Cell.ID, e.Cell.Distro
		if s.Arch == "" {
			s.Arch = e.Cell.Arch.In(e.Target.Format)
		}
	}
	res.settle(c)
	return res
}

// settle gives each finding its status, and the result the one that decides.
func (r *Result) settle(c *Check) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Status == "" {
			f.Status = Fail
		}
		if f.Status == Fail && c.Severity == Warning {
			f.Status = Warn
		}
	}
	r.Decide()
}

// guarded turns a panic of a check into a blocked finding: a harness that
// breaks must not say that all is well, nor that the repository is wrong.
func guarded(run func() []Finding) (findings []Finding) {
	defer func() {
		if p := recover(); p != nil {
			findings = append(findings, Finding{
				Status:   Blocked,
				Message:  fmt.Sprintf("the check itself broke: %v", p),
				Evidence: []string{string(debug.Stack())},
				Hint:     "report this as a bug of pkgverify, with report.json",
			})
		}
	}()
	return run()
}

// Unmet is for repositories beside the target's own: it returns why the facts
// are missing, "" if they are there, and whether that means that nobody could
// tell. A check's own Needs are seen to before it runs.
func Unmet(r *repo.Repository, needs ...Need) (blocked bool, why string) { return unmet(needs, r) }

// unmet returns why the facts that a check needs are missing, "" if they are
// there, and whether that means that nobody could tell.
func unmet(needs []Need, r *repo.Repository) (blocked bool, why string) {
	for _, n := range needs {
		p, reporter := missing(n, r)
		if p == nil {
			continue
		}
		if p.Is(repo.Unreachable) {
			return true, p.String()
		}
		return false, fmt.Sprintf("not asked, see %s: %s", reporter, p)
	}
	return false, ""
}

// missing returns why the facts of n are not there, and the check that reports
// it; nil when they are there.
func missing(n Need, r *repo.Repository) (*repo.Problem, string) {
	switch n {
	case NeedRoot:
		return missingRoot(r)
	case NeedIndex:
		if p, by := missingRoot(r); p != nil {
			return p, by
		}
		return missingIndex(r)
	}
	panic(fmt.Sprintf("unknown need %d", n))
}

func missingRoot(r *repo.Repository) (*repo.Problem, string) {
	switch {
	case r.Apt != nil && r.Apt.Root() != nil, r.RPM != nil && r.RPM.Repomd != nil:
		return nil, ""
	case r.Apt != nil:
		p := r.Apt.InRelease.Problem
		if p.Is(repo.Absent) && !r.Apt.Release.OK() {
			p = r.Apt.Release.Problem
		}
		return orUnread(p), "apt-release-present"
	case r.RPM != nil:
		return orUnread(r.RPM.RepomdFile.Problem), "rpm-repomd-present"
	}
	return &repo.Problem{Kind: repo.Unreachable, Text: "the target was not crawled"}, ""
}

func missingIndex(r *repo.Repository) (*repo.Problem, string) {
	var indexes []repo.Index
	kind, reporter := "Packages", "apt-index-checksums"
	if r.Apt != nil {
		indexes = r.Apt.Indexes
	} else {
		indexes, kind, reporter = r.RPM.Indexes, "primary", "rpm-index-checksums"
	}
	var first *repo.Problem
	for _, x := range indexes {
		if IsPackageIndex(x) {
			if x.Parsed {
				return nil, ""
			}
			if first == nil || x.Problem.Is(repo.Unreachable) {
				first = x.Problem
			}
		}
	}
	if first == nil {
		first = &repo.Problem{Kind: repo.Absent, Text: "no " + kind + " is listed"}
	}
	return first, reporter
}

// orUnread returns p, or a problem that says that nothing was read.
func orUnread(p *repo.Problem) *repo.Problem {
	if p == nil {
		return &repo.Problem{Kind: repo.Malformed, Text: "its signed text does not parse"}
	}
	return p
}

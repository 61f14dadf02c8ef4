// Package reports holds report v1 and renders it: as JSON, as JUnit for
// TestGrid and Spyglass, and as text for a terminal. All renderings are made
// from the same [Report], so that they can be made again from the file.
package reports

import (
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Schema names the version of the report format. Readers refuse another.
const Schema = "pkgverify/report/v1"

// Report is one run: what was planned, what came of it, and the facts behind
// it. Times are RFC 3339, durations seconds, sizes bytes.
type Report struct {
	Schema      string    `json:"schema"`
	Tool        Tool      `json:"tool"`
	Started     time.Time `json:"started"`
	Finished    time.Time `json:"finished"`
	Interrupted bool      `json:"interrupted"`
	// Vantage is the machine that looked: a repository may answer others
	// differently (k8s.io #5655: 403 from some networks only).
	Vantage      string            `json:"vantage,omitempty"`
	Plan         Plan              `json:"plan"`
	Summary      Summary           `json:"summary"`
	Results      []Result          `json:"results"`
	Repositories []repo.Repository `json:"repositories"`
	Cells        []Cell            `json:"cells"`
}

// Tool says what made the report.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// Plan is what was asked for.
type Plan struct {
	Profile       string        `json:"profile"`
	Channels      []string      `json:"channels"`
	Minors        []string      `json:"minors"`
	Versions      []string      `json:"versions"`
	Targets       []repo.Target `json:"targets"`
	Architectures []string      `json:"architectures"`
	Packages      []string      `json:"packages"`
	Cells         []string      `json:"cells"`
	// Expected is what had to be published, repository by repository.
	Expected []Expected `json:"expected,omitempty"`
}

// Expected is what had to be published of one package in one repository.
type Expected struct {
	// Target is the name of the repository, as in [Result].
	Target  string `json:"target"`
	Package string `json:"package"`
	// Versions are upstream versions, oldest first. It is empty for a package
	// with versions of its own (cri-tools), of which any will do.
	Versions []string `json:"versions,omitempty"`
	// Architectures are as the repository spells them.
	Architectures []string `json:"architectures"`
}

// Verdict is the outcome of the whole run.
type Verdict string

// The verdicts. Warnings and known issues pass.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Blocked Verdict = "blocked"
)

// Summary counts results by status.
type Summary struct {
	Verdict       Verdict `json:"verdict"`
	Pass          int     `json:"pass"`
	Warn          int     `json:"warn"`
	Fail          int     `json:"fail"`
	Blocked       int     `json:"blocked"`
	Known         int     `json:"known"`
	Skipped       int     `json:"skipped"`
	NotApplicable int     `json:"not_applicable"`
}

// Result is one finding of a check, or a check without findings.
type Result struct {
	Check    string          `json:"check"`
	Status   verify.Status   `json:"status"`
	Severity verify.Severity `json:"severity"`
	// Target is the stable name of the repository, such as "deb/stable/1.26".
	Target   string         `json:"target"`
	Subject  verify.Subject `json:"subject"`
	Message  string         `json:"message"`
	Want     string         `json:"want,omitempty"`
	Got      string         `json:"got,omitempty"`
	Evidence []string       `json:"evidence,omitempty"`
	URL      string         `json:"url,omitempty"`
	Hint     string         `json:"hint,omitempty"`
	// Duration of the check with the facts that it waited for, in seconds.
	Duration float64 `json:"duration"`
}

// Cell is one container cell and what was run in it.
type Cell struct {
	ID          string `json:"id"`
	Image       string `json:"image"`
	ImageDigest string `json:"image_digest"`
	Platform    string `json:"platform"`
	Emulated    bool   `json:"emulated"`
	Engine      string `json:"engine"`
	// Notice is what to know of the distribution: that it is a stand-in, or has
	// reached its end of life.
	Notice string `json:"notice,omitempty"`
	// Scenario is the list of scenarios that were run, comma-separated.
	Scenario string `json:"scenario"`
	// Started is when the cell's turn came, and Duration how long it took, in
	// seconds; both are zero in reports that do not have them.
	Started  time.Time     `json:"started,omitzero"`
	Duration float64       `json:"duration,omitempty"`
	Blocked  *repo.Problem `json:"blocked,omitempty"`
	Steps    []Step        `json:"steps"`
}

// Step is one command run in a cell.
type Step struct {
	// Scenario is the check that the command was run for, or "prepare".
	Scenario   string   `json:"scenario,omitempty"`
	Argv       []string `json:"argv"`
	Exit       int      `json:"exit"`
	Duration   float64  `json:"duration"`
	OutputTail string   `json:"output_tail,omitempty"`
}

// Summarise counts results. One failure fails the run; without one, something
// blocked means that nobody can say that all is well. So does a run without a
// single result.
func Summarise(results []Result) Summary {
	s := Summary{Verdict: Pass}
	for _, r := range results {
		switch r.Status {
		case verify.Pass:
			s.Pass++
		case verify.Warn:
			s.Warn++
		case verify.Fail:
			s.Fail++
		case verify.Blocked:
			s.Blocked++
		case verify.Known:
			s.Known++
		case verify.Skipped:
			s.Skipped++
		case verify.NotApplicable:
			s.NotApplicable++
		}
	}
	switch {
	case s.Fail > 0:
		s.Verdict = Fail
	case s.Blocked > 0 || s.Pass+s.Warn+s.Known == 0:
		s.Verdict = Blocked
	}
	return s
}

// ResultsOf flattens the outcome of a check: one result for each finding, or
// one for a check without any.
func ResultsOf(r verify.Result, took time.Duration) []Result {
	base := Result{Check: r.Check, Severity: r.Severity, Target: r.Target, Duration: took.Seconds()}
	if len(r.Findings) == 0 {
		base.Status, base.Message = r.Status, r.Message
		base.Subject.Cell = r.Cell
		return []Result{base}
	}
	var out []Result
	for _, f := range r.Findings {
		x := base
		x.Status, x.Subject, x.Message = f.Status, f.Subject, f.Message
		x.Want, x.Got, x.Evidence, x.URL, x.Hint = f.Want, f.Got, f.Evidence, f.URL, f.Hint
		out = append(out, x)
	}
	return out
}

// CellOf returns the report's view of a cell's facts.
func CellOf(f images.CellFacts) Cell {
	c := Cell{
		ID: f.Cell.ID, Image: f.Image, ImageDigest: f.ImageDigest, Platform: f.Platform,
		Emulated: f.Emulated, Engine: f.Engine, Notice: f.Notice, Blocked: f.Blocked, Steps: []Step{},
		Started: f.Started.UTC(), Duration: f.Duration.Seconds(),
	}
	var scenarios []string
	for _, s := range f.Steps {
		if name := string(s.Scenario); !slices.Contains(scenarios, name) {
			scenarios = append(scenarios, name)
		}
		c.Steps = append(c.Steps, Step{Scenario: string(s.Scenario), Argv: s.Argv, Exit: s.Exit, Duration: s.Duration.Seconds(), OutputTail: s.Output})
	}
	c.Scenario = strings.Join(scenarios, ",")
	return c
}

// PlanOf returns the report's view of a plan.
func PlanOf(p *verify.Plan) Plan {
	out := Plan{
		Profile: p.Profile, Channels: p.Channels, Minors: p.Minors, Versions: p.Versions,
		Targets: []repo.Target{}, Architectures: []string{}, Packages: p.PackageNames(), Cells: []string{},
	}
	if out.Versions == nil {
		out.Versions = []string{}
	}
	for _, t := range p.Targets {
		out.Targets = append(out.Targets, t.Target)
		out.Expected = append(out.Expected, expectedOf(t)...)
	}
	for _, a := range p.Architectures() {
		out.Architectures = append(out.Architectures, string(a))
	}
	for _, c := range p.Cells {
		out.Cells = append(out.Cells, c.Cell.ID)
	}
	return out
}

// expectedOf returns what had to be published in one repository.
func expectedOf(t *verify.Expectation) []Expected {
	var out []Expected
	for _, p := range t.Packages {
		x := Expected{Target: t.Target.Name(), Package: p.Name, Versions: p.Versions, Architectures: []string{}}
		arches := p.Arches
		if len(arches) == 0 {
			arches = t.Arches
		}
		for _, a := range arches {
			x.Architectures = append(x.Architectures, a.In(t.Target.Format))
		}
		out = append(out, x)
	}
	return out
}

package verify

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
)

// Status is the outcome of a check, or of one finding of it.
type Status string

// The statuses of report v1.
const (
	// Pass: the check asked, and all was right.
	Pass Status = "pass"
	// Warn: something to mend that does not fail the run.
	Warn Status = "warn"
	// Fail: the repository is wrong.
	Fail Status = "fail"
	// Blocked: nobody could tell; the network, the engine or the time failed.
	Blocked Status = "blocked"
	// Known: wrong, and listed among the known issues.
	Known Status = "known"
	// Skipped: not asked, because what it needs is wrong and is reported by
	// another check.
	Skipped Status = "skipped"
	// NotApplicable: the check has nothing to ask of this target.
	NotApplicable Status = "not-applicable"
)

// rank orders statuses by how much they say about a check that has several.
func (s Status) rank() int {
	for i, x := range []Status{NotApplicable, Pass, Skipped, Known, Warn, Blocked, Fail} {
		if s == x {
			return i
		}
	}
	return -1
}

// Worse returns the one of s and o that decides: a check with one failure and
// one blocked subject has failed.
func (s Status) Worse(o Status) Status {
	if o.rank() > s.rank() {
		return o
	}
	return s
}

// Severity says what a violated rule does to the run.
type Severity string

// The severities of report v1.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Subject is what a finding is about. Fields that do not apply are empty.
type Subject struct {
	Package string `json:"package,omitempty"`
	Version string `json:"version,omitempty"`
	Arch    string `json:"arch,omitempty"`
	File    string `json:"file,omitempty"`
	Distro  string `json:"distro,omitempty"`
	Cell    string `json:"cell,omitempty"`
}

// SubjectOf returns p as a subject.
func SubjectOf(p repo.Package) Subject {
	return Subject{Package: p.Name, Version: p.Version, Arch: p.Arch, File: p.Path}
}

// String returns the parts that are set.
func (s Subject) String() string {
	var parts []byte
	add := func(x string) {
		if x == "" {
			return
		}
		if len(parts) > 0 {
			parts = append(parts, ' ')
		}
		parts = append(parts, x...)
	}
	add(s.Package)
	add(s.Version)
	add(s.Arch)
	if s.Package == "" {
		add(s.File)
	}
	if s.Cell != "" {
		add("in " + s.Cell)
	}
	return string(parts)
}

// Finding is one thing that is wrong, or that could not be told: what, where,
// wanted and got, and what to do about it.
type Finding struct {
	Status  Status
	Subject Subject
	Message string
	Want    string
	Got     string
	// Evidence are further lines: places in files, output of a command.
	Evidence []string
	URL      string
	Hint     string
}

// Result is the outcome of a check on one target or cell.
type Result struct {
	Check    string
	Severity Severity
	Target   string
	Cell     string
	Status   Status
	// Message sums up a result without findings: what was looked at, or why
	// it was not.
	Message  string
	Findings []Finding
}

// Decide derives the status of r from its findings: the worst of them, pass
// without any.
func (r *Result) Decide() {
	r.Status = Pass
	if len(r.Findings) > 0 {
		r.Status = r.Findings[0].Status // what is not applicable has not passed
	}
	for _, f := range r.Findings {
		r.Status = r.Status.Worse(f.Status)
	}
}

// Problemf returns a finding for a file that could not be had: fail where the
// repository is to blame, blocked where nobody can tell.
func Problemf(p *repo.Problem, f Finding, format string, args ...any) Finding {
	f.Status = Fail
	if p.Is(repo.Unreachable) {
		f.Status = Blocked
	}
	f.Message = fmt.Sprintf(format, args...)
	f.Got = p.String()
	return f
}

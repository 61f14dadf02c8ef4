package reports

import (
	"regexp"
	"time"

	"sigs.k8s.io/pkgverify/verify"
)

// ComparisonSchema names the version of the format of a [Comparison].
const ComparisonSchema = "pkgverify/comparison/v1"

// Comparison is what changed from one run to a later one. A finding is in one
// list at most. Lists are never null, and ordered as the later report, then as
// the earlier one.
type Comparison struct {
	Schema  string `json:"schema"`
	Earlier Side   `json:"earlier"`
	Later   Side   `json:"later"`
	// New was not there before, or is worse than it was: a warning that became
	// a failure, a known issue whose entry has ended.
	New []Change `json:"new"`
	// Mended was wrong, and the check that found it was asked again and finds
	// it no more.
	Mended []Change `json:"mended"`
	// Still was there before and is there now.
	Still []Change `json:"still"`
	// Untold was wrong, and this time nobody could tell: the check was blocked,
	// skipped or not asked. It is not mended.
	Untold []Change `json:"untold"`
}

// Side is one of the two runs.
type Side struct {
	Finished time.Time `json:"finished"`
	Verdict  Verdict   `json:"verdict"`
}

// NotAsked is the status in a [Change] of a check that a run did not ask.
const NotAsked verify.Status = "not-asked"

// Change is one finding in both runs. Findings that differ only in what
// changes from day to day are one.
type Change struct {
	Check  string `json:"check"`
	Target string `json:"target"`
	// Subject and Message are of the first such finding of the later run, or of
	// the earlier one where the later has none.
	Subject verify.Subject `json:"subject"`
	Message string         `json:"message"`
	Hint    string         `json:"hint,omitempty"`
	// Before and After are the worst statuses, pass where the check was asked
	// and found nothing, [NotAsked] where it was not.
	Before verify.Status `json:"before"`
	After  verify.Status `json:"after"`
	// WasCount and Count are how many findings are this one in each run.
	WasCount int `json:"was_count"`
	Count    int `json:"count"`
}

// Compare says what changed from one run to a later one. It changes neither
// report. A finding is known again by its check, its target and its subject:
// the package, version and architecture of something that was published, for
// that does not change; of what was installed in a container, not the version,
// for there the latest is another one from day to day; of a file that is named
// by its digest, not the digest.
func Compare(earlier, later *Report) *Comparison {
	c := &Comparison{
		Schema:  ComparisonSchema,
		Earlier: Side{earlier.Finished, earlier.Summary.Verdict},
		Later:   Side{later.Finished, later.Summary.Verdict},
		New:     []Change{}, Mended: []Change{}, Still: []Change{}, Untold: []Change{},
	}
	digest := regexp.MustCompile(`[0-9a-f]{32,128}`)
	before, after := sideOf(earlier, digest), sideOf(later, digest)
	for _, id := range after.order {
		c.add(id, before, after)
	}
	for _, id := range before.order {
		if after.findings[id] == nil {
			c.add(id, before, after)
		}
	}
	return c
}

// identity is what makes findings of two runs the same.
type identity struct {
	asked   question
	subject verify.Subject
}

// question is what is asked once a run.
type question struct{ check, target, cell string }

func identify(r *Result, digest *regexp.Regexp) identity {
	s := r.Subject
	if s.Cell != "" {
		s.Version, s.File = "", ""
	}
	if s.Package != "" {
		s.File = "" // its name holds the version
	}
	s.File = digest.ReplaceAllLiteralString(s.File, "*")
	return identity{question{r.Check, r.Target, r.Subject.Cell}, s}
}

// found are the findings of one identity in a run.
type found struct {
	first  *Result
	status verify.Status
	count  int
}

// side is a run, ready to be compared.
type side struct {
	order    []identity
	findings map[identity]*found
	// asked is what each check came to, blocked when any part of it was: what
	// it does not mention may be there all the same.
	asked map[question]verify.Status
	// worst is the worst of what each check came to.
	worst map[question]verify.Status
}

func sideOf(r *Report, digest *regexp.Regexp) *side {
	s := &side{findings: map[identity]*found{}, asked: map[question]verify.Status{}, worst: map[question]verify.Status{}}
	for i := range r.Results {
		x := &r.Results[i]
		id := identify(x, digest)
		answer := verify.Pass
		switch x.Status {
		case verify.Blocked, verify.Skipped, verify.NotApplicable:
			answer = x.Status
		}
		if was, ok := s.asked[id.asked]; ok {
			answer = answer.Worse(was)
		}
		s.asked[id.asked] = answer
		s.worst[id.asked] = x.Status.Worse(s.worst[id.asked])
		if !told(x.Status) && x.Status != verify.Blocked {
			continue
		}
		f := s.findings[id]
		if f == nil {
			f = &found{first: x, status: x.Status}
			s.findings[id] = f
			s.order = append(s.order, id)
		}
		f.status = f.status.Worse(x.Status)
		f.count++
	}
	return s
}

// told reports whether a status says that something is wrong.
func told(s verify.Status) bool {
	return s == verify.Fail || s == verify.Warn || s == verify.Known
}

// of returns what a run says of a finding, and in how many results.
func (s *side) of(id identity) (status verify.Status, count int) {
	if f := s.findings[id]; f != nil {
		return f.status, f.count
	}
	if status, ok := s.asked[id.asked]; ok {
		return status, 0
	}
	return NotAsked, 0
}

// add puts the finding into the list that it belongs to.
func (c *Comparison) add(id identity, before, after *side) {
	f := after.findings[id]
	if f == nil {
		f = before.findings[id]
	}
	x := Change{Check: f.first.Check, Target: f.first.Target, Subject: f.first.Subject, Message: f.first.Message, Hint: f.first.Hint}
	x.Before, x.WasCount = before.of(id)
	x.After, x.Count = after.of(id)
	was, is := told(x.Before), told(x.After)
	// That a check is blocked is news of the check as a whole.
	blocked := x.Count > 0 && x.WasCount == 0 && x.After == verify.Blocked
	if worst, ok := before.worst[id.asked]; ok && blocked {
		x.Before = worst
	}
	switch {
	case x.After == verify.Fail && x.Before != verify.Fail,
		is && !was && x.After != verify.Known,
		blocked && x.Before != verify.Blocked:
		c.New = append(c.New, x)
	case is, x.After == verify.Blocked && x.Before == verify.Blocked:
		c.Still = append(c.Still, x)
	case x.After == verify.Pass, x.After == verify.NotApplicable && was:
		c.Mended = append(c.Mended, x)
	default:
		c.Untold = append(c.Untold, x)
	}
}

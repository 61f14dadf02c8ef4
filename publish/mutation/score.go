package mutation

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/publish/fault"
)

// Score is what a run proved.
type Score struct {
	Clean    []Clean
	Outcomes []Outcome
}

// Clean is the verifier's word on a tree that nothing is wrong with.
type Clean struct {
	Profile  string
	Findings []Finding
	// Err says why it could not be verified.
	Err error
}

// OK reports whether the verifier was silent, as it must be.
func (c Clean) OK() bool { return c.Err == nil && len(c.Findings) == 0 }

func (c Clean) verdict() string {
	switch {
	case c.Err != nil:
		return "broken"
	case len(c.Findings) > 0:
		return "alarm"
	}
	return "silent"
}

// Outcome is the verifier's word on one fault.
type Outcome struct {
	Fault    fault.Fault
	Findings []Finding
	// Missed are the checks that should have found it and did not.
	Missed []string
	// False are the findings that do not follow from the fault.
	False []Finding
	// Err says why the fault could not be made or verified.
	Err error
}

// OK reports whether the fault was found by the checks that are meant for it,
// and by no others that have no cause.
func (o Outcome) OK() bool { return o.Err == nil && len(o.Missed) == 0 && len(o.False) == 0 }

// Verdict is one word: caught, or silent where there was nothing to find;
// missed, alarm (a false one), or broken.
func (o Outcome) Verdict() string {
	switch {
	case o.Err != nil:
		return "broken"
	case len(o.Missed) > 0:
		return "missed"
	case len(o.False) > 0:
		return "alarm"
	case len(expected(o.Fault)) == 0:
		return "silent"
	}
	return "caught"
}

// installCheck begins the names of the checks that need containers.
const installCheck = "install-"

// expected are the checks that must say something without containers.
func expected(f fault.Fault) []string {
	return slices.DeleteFunc(slices.Concat(f.Want, f.Warn), func(id string) bool { return strings.HasPrefix(id, installCheck) })
}

// judge holds the findings against what the fault must and may cause. known are
// the checks that the verifier has.
func (o *Outcome) judge(known []string) {
	if o.Err != nil {
		return
	}
	has := func(status, check string) bool {
		return slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Status == status && f.Check == check })
	}
	for _, id := range expected(o.Fault) {
		status := fail
		if slices.Contains(o.Fault.Warn, id) {
			status = warn
		}
		switch {
		case !slices.Contains(known, id):
			o.Missed = append(o.Missed, id+" (no such check)")
		case !has(status, id):
			o.Missed = append(o.Missed, id)
		}
	}
	for _, f := range o.Findings {
		if !o.follows(f) {
			o.False = append(o.False, f)
		}
	}
}

// follows reports whether a finding is what the fault causes. A check that
// looks for another fault's facts may be left out.
func (o *Outcome) follows(f Finding) bool {
	switch f.Status {
	case skipped:
		return true // another check says why
	case fail:
		return slices.Contains(o.Fault.Want, f.Check) || slices.Contains(o.Fault.May, f.Check)
	case warn:
		return slices.Contains(o.Fault.Want, f.Check) || slices.Contains(o.Fault.Warn, f.Check) || slices.Contains(o.Fault.May, f.Check)
	}
	return false // blocked or known: nothing of the kind was made
}

// OK reports whether all faults were caught and no clean tree gave a finding.
func (s *Score) OK() bool {
	return !slices.ContainsFunc(s.Clean, func(c Clean) bool { return !c.OK() }) &&
		!slices.ContainsFunc(s.Outcomes, func(o Outcome) bool { return !o.OK() })
}

// The widths of the table's columns, in characters.
const (
	faultWidth    = 38
	expectedWidth = 26
	findingWidth  = 92
)

// Write writes the table and the score.
func (s *Score) Write(w io.Writer) error {
	var b strings.Builder
	row := func(columns ...string) {
		line := fmt.Sprintf("%-*s  %-*s  %-*s  %s", faultWidth, columns[0], expectedWidth, columns[1],
			findingWidth, cut(columns[2], findingWidth), columns[3])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	row("FAULT", "EXPECTED CHECK", "FINDINGS", "VERDICT")
	for _, c := range s.Clean {
		rows(row, "clean tree, "+c.Profile, []string{"none"}, said(c.Findings, c.Err), []string{c.verdict()})
	}
	caught, alarms := 0, 0
	for _, o := range s.Outcomes {
		if o.Err == nil && len(o.Missed) == 0 {
			caught++
		}
		alarms += len(o.False)
		want := expected(o.Fault)
		if len(want) == 0 {
			want = []string{"none"}
		}
		rows(row, o.Fault.Name, want, said(o.Findings, o.Err), o.verdicts())
	}
	silent := 0
	for _, c := range s.Clean {
		if c.OK() {
			silent++
		}
	}
	fmt.Fprintf(&b, "\nscore: %d of %d faults caught, %d false alarms, %d of %d clean trees without a finding\n",
		caught, len(s.Outcomes), alarms, silent, len(s.Clean))
	_, err := io.WriteString(w, b.String())
	return err
}

// rows writes columns of several lines.
func rows(row func(columns ...string), name string, columns ...[]string) {
	height := 1
	for _, column := range columns {
		height = max(height, len(column))
	}
	at := func(column []string, i int) string {
		if i < len(column) {
			return column[i]
		}
		return ""
	}
	for i := range height {
		row(at([]string{name}, i), at(columns[0], i), at(columns[1], i), at(columns[2], i))
	}
}

// verdicts is the verdict, and a line for each thing that speaks against it.
func (o Outcome) verdicts() []string {
	lines := []string{o.Verdict()}
	for _, id := range o.Missed {
		lines = append(lines, "missed by "+id)
	}
	for _, f := range o.False {
		lines = append(lines, fmt.Sprintf("false %s of %s", f.Status, f.Check))
	}
	return lines
}

// said is a line for each finding.
func said(findings []Finding, err error) []string {
	var lines []string
	if err != nil {
		lines = append(lines, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	for _, f := range findings {
		if f.Status == skipped {
			continue // the finding that it refers to is here
		}
		text := f.Check + ": " + f.Message
		if f.Status != fail {
			text = f.Status + " " + text
		}
		lines = append(lines, text)
	}
	return lines
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-3]) + "..."
	}
	return text
}

// sha256Of returns a file's SHA-256 in hexadecimal.
func sha256Of(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(data)), nil
}

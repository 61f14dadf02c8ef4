package reports

import (
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of the text: it is for reading, report.json has everything.
const (
	// maxCauses bounds the blocks of each section.
	maxCauses = 20
	// maxCausesOfCheck bounds the blocks of one check, so that it does not
	// hide the others.
	maxCausesOfCheck = 4
	// maxPlaces bounds the places listed in a block.
	maxPlaces = 6
	// maxEvidence bounds the lines of evidence in a block.
	maxEvidence = 6
	// maxValue bounds each value, in bytes.
	maxValue = 600
	// maxRows bounds the rows of a table.
	maxRows = 60
	// defaultWidth and minWidth are columns.
	defaultWidth = 80
	minWidth     = 30
)

// TextOptions are for [Report.Text].
type TextOptions struct {
	// Width of the page in columns; 0 is 80. Words that are longer, such as
	// URLs, stay whole.
	Width int
	// Color says that w is a terminal that understands ECMA-48 colours.
	Color bool
	// Files are the written files, to be named at the end.
	Files []string
	// Quiet writes the verdict and nothing else. Verbose adds what every check
	// came to, those that passed too, without a bound.
	Quiet, Verbose bool
}

// Text writes r for reading: the verdict on the first line, then what failed,
// what could not be told, the warnings and the known issues, then tables, then
// where the files are. Findings with one cause are one block. The length is
// bounded; what is left out is counted. Whatever does not print is written as
// an escape, so that a repository cannot drive the terminal.
func (r *Report) Text(w io.Writer, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = defaultWidth
	}
	t := &textReport{
		page: &page{width: max(opts.Width, minWidth), color: opts.Color},
		r:    r, outcomes: r.outcomes(), rest: "report.json",
	}
	for _, f := range opts.Files {
		if strings.HasSuffix(f, "report.json") {
			t.rest = f
		}
	}
	t.verdict()
	if opts.Quiet {
		return t.write(w)
	}
	t.section("FAILED", red, verify.Fail)
	t.blocked()
	t.section("WARNINGS", yellow, verify.Warn)
	t.known()
	t.targets()
	t.packages()
	t.cells()
	if opts.Verbose {
		t.every()
	}
	t.files(opts.Files)
	return t.write(w)
}

// write writes the page.
func (t *textReport) write(w io.Writer) error {
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// textReport is one rendering under way.
type textReport struct {
	*page
	r        *Report
	outcomes []*outcome
	rest     string // the file that has what is left out here
}

// verdict writes the first lines.
func (t *textReport) verdict() {
	s := t.r.Summary
	word, text := t.r.Headline()
	t.headline(map[string]style{headPass: green, headFail: red, headBlocked: yellow, headInterrupted: yellow}[word], word+": ", text)
	var more []string
	add := func(n int, one, many string) {
		if n > 0 {
			more = append(more, count(n, one, many))
		}
	}
	add(s.Fail, "failure", "failures")
	add(s.Blocked, "blocked", "blocked")
	add(s.Warn, "warning", "warnings")
	add(s.Known, "known issue", "known issues")
	add(s.Skipped, "skipped", "skipped")
	if len(more) > 0 {
		t.para("", "", strings.Join(more, ", "))
	}
	if t.r.Interrupted && s.Verdict == Fail {
		t.styled(yellow, "", "", "The run was interrupted: what follows is what it had learnt by then.")
	}
	t.restarts()
}

// restarts says which repositories were published while they were read.
func (t *textReport) restarts() {
	for i := range t.r.Repositories {
		x := &t.r.Repositories[i]
		if len(x.Restarts) == 0 {
			continue
		}
		name, times := x.Target.Name(), count(len(x.Restarts)+1, "time", "times")
		if x.Unsettled == "" {
			t.styled(yellow, "", "", fmt.Sprintf("%s was being published: it was read %s, the last counts (%s).", name, times, visible(x.Restarts[0].Why)))
		} else {
			t.styled(yellow, "", "", fmt.Sprintf("%s was read %s and did not come to rest: %s.", name, times, visible(x.Unsettled)))
		}
	}
}

// headline writes the verdict.
func (t *textReport) headline(st style, word, text string) {
	t.styled(st, "", strings.Repeat(" ", columns(word)), word+text)
}

// section writes the causes of a status, check by check.
func (t *textReport) section(title string, st style, s verify.Status) {
	causes := t.r.causesOf(s, byMessage)
	if len(causes) == 0 {
		return
	}
	t.blank()
	t.line(t.paint(st, title))
	// All causes of a check stand together, where its first stands.
	var order []string
	byCheck := map[string][]*cause{}
	for _, c := range causes {
		id := c.checks[0]
		if byCheck[id] == nil {
			order = append(order, id)
		}
		byCheck[id] = append(byCheck[id], c)
	}
	shown, left := 0, 0
	for _, id := range order {
		ofCheck := 0
		for i, c := range byCheck[id] {
			if shown == maxCauses || i == maxCausesOfCheck {
				for _, more := range byCheck[id][i:] {
					ofCheck += len(more.results)
				}
				break
			}
			shown++
			t.block(st, id, c)
		}
		if shown == maxCauses {
			left += ofCheck
		} else if ofCheck > 0 {
			t.blank()
			t.para("    ", "    ", fmt.Sprintf("... and %s of %s, see %s", count(ofCheck, "more finding", "more findings"), id, t.rest))
		}
	}
	if left > 0 {
		t.blank()
		t.para("  ", "  ", fmt.Sprintf("... and %s, see %s", count(left, "more finding", "more findings"), t.rest))
	}
}

// Prefixes of a block's lines.
const (
	inBlock = "    "
	inField = "      "
)

// block writes one cause of one check.
func (t *textReport) block(st style, check string, c *cause) {
	t.blank()
	t.line("  " + t.paint(st, visible(check)))
	t.para(inBlock, inBlock, cut(orWord(c.text, "no message was recorded"), maxValue))
	t.places(c)
	t.field(c, "wanted: ", func(r *Result) string { return r.Want })
	t.field(c, "got: ", func(r *Result) string { return r.Got })
	t.evidence(c)
	t.field(c, "what to do: ", func(r *Result) string { return r.Hint })
}

// orWord returns s, or the word for an empty one.
func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// places writes where a cause shows: target and subject, and the address.
func (t *textReport) places(c *cause) {
	for i, r := range c.results {
		if i == maxPlaces {
			t.para(inBlock, inField, fmt.Sprintf("and %s, see %s", count(len(c.results)-i, "more place", "more places"), t.rest))
			return
		}
		at := r.Target
		if s := r.Subject.String(); s != "" {
			at = strings.TrimPrefix(at+": "+s, ": ") // some results are of no target
		}
		t.para(inBlock+"in ", inField, cut(at, maxValue))
		if r.URL != "" {
			t.para(inField+" ", inField+" ", cut(r.URL, maxValue))
		}
	}
}

// field writes a value of a cause, and how many others there are.
func (t *textReport) field(c *cause, label string, of func(*Result) string) {
	v := c.first(of)
	if v == "" {
		return
	}
	v = cut(v, maxValue)
	if n := c.different(of); n > 1 {
		v += fmt.Sprintf(" (the first of %s values)", thousands(n))
	}
	t.para(inBlock+label, inField, v)
}

// evidence writes the first lines of the first evidence and counts the rest.
func (t *textReport) evidence(c *cause) {
	for _, r := range c.results {
		if len(r.Evidence) == 0 {
			continue
		}
		var lines []string
		for _, e := range r.Evidence {
			lines = append(lines, strings.Split(strings.TrimRight(e, "\n"), "\n")...)
		}
		t.line(inBlock + "evidence:")
		for i, l := range lines {
			if i == maxEvidence {
				t.line(inField + "| (" + count(len(lines)-i, "more line", "more lines") + ")")
				break
			}
			t.para(inField+"| ", inField+"| ", cut(l, maxValue))
		}
		return
	}
}

// blocked writes what could not be told, by reason.
func (t *textReport) blocked() {
	causes := t.r.causesOf(verify.Blocked, newUnaddress().byReason)
	if len(causes) == 0 {
		return
	}
	t.blank()
	t.line(t.paint(yellow, "BLOCKED (could not tell)"))
	for i, c := range causes {
		t.blank()
		if i == maxCauses {
			t.para("  ", "  ", fmt.Sprintf("... and %s, see %s", count(len(causes)-i, "more reason", "more reasons"), t.rest))
			return
		}
		t.para("  ", inBlock, cut(orWord(c.text, "no reason was recorded"), maxValue))
		t.para(inBlock+"checks: ", inField, some(c.checks))
		t.para(inBlock+"in: ", inField, some(c.targets()))
		t.field(c, "such as: ", func(r *Result) string { return r.URL })
		t.evidence(c)
		t.field(c, "what to do: ", func(r *Result) string { return r.Hint })
	}
}

// some returns the first few of a list and counts the rest.
func some(list []string) string {
	if len(list) <= maxPlaces {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(list[:maxPlaces], ", "), thousands(len(list)-maxPlaces))
}

// known writes the known issues, each with the reason why it is one.
func (t *textReport) known() {
	causes := t.r.causesOf(verify.Known, byMessage)
	if len(causes) == 0 {
		return
	}
	t.blank()
	t.line(t.paint(bold, "KNOWN ISSUES"))
	for i, c := range causes {
		if i == maxCauses {
			t.para("  ", inBlock, fmt.Sprintf("... and %s, see %s", count(len(causes)-i, "more", "more"), t.rest))
			return
		}
		t.para("  ", inBlock, fmt.Sprintf("%s: %s (in %s)", c.checks[0], cut(c.text, maxValue), some(c.targets())))
		for _, r := range c.results {
			if len(r.Evidence) > 0 { // the first line says why it is known, and where that is written
				t.para(inBlock, inField, cut(r.Evidence[0], maxValue))
				break
			}
		}
	}
}

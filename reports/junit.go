package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of the JUnit file.
const (
	// MaxTestcaseText bounds the text of one testcase, in bytes of XML.
	MaxTestcaseText = 64 << 10
	// MaxTestcaseTexts bounds the texts of all testcases together, in bytes of
	// XML. Testcases that come after it keep their verdict.
	MaxTestcaseTexts = 24 << 20
	// MaxJUnitSize bounds the whole file. TestGrid refuses 100 MB.
	MaxJUnitSize = 64 << 20
	// maxMessage bounds a message attribute, in bytes before escaping.
	maxMessage = 1000
	// maxName bounds the name of a testcase, in bytes before escaping.
	maxName = 500
)

// ErrTooManyTestcases says that a report does not fit into [MaxJUnitSize] even
// with its texts left out.
var ErrTooManyTestcases = errors.New("too many testcases for one JUnit file: narrow the plan, for example with --channel or --minor")

// suiteName is TestGrid's first part of each row's name, and the class name:
// TestGrid ignores the latter, others ask for it.
const suiteName = "pkgverify"

type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Time     string     `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name       string          `xml:"name,attr"`
	Classname  string          `xml:"classname,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Failure    *junitVerdict   `xml:"failure"`
	Error      *junitVerdict   `xml:"error"`
	Skipped    *junitVerdict   `xml:"skipped"`
	SystemOut  *junitText      `xml:"system-out"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitVerdict struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

// JUnit returns r as JUnit XML, for TestGrid and Spyglass: one testcase for
// each check of a target or a cell, all its findings in one text. Fail is a
// failure, blocked an error; skipped and known are skipped, with the reason,
// without which TestGrid drops the row; warn passes, with its text in
// system-out; not-applicable is left out. Equal reports give equal bytes.
func (r *Report) JUnit() ([]byte, error) {
	suite := junitSuite{
		Name:      suiteName,
		Time:      seconds(max(0, r.Finished.Sub(r.Started).Seconds())),
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	budget := MaxTestcaseTexts
	for _, o := range r.outcomes() {
		if o.status == verify.NotApplicable {
			continue
		}
		c, cost := o.testcase(budget)
		budget -= cost
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	enc := xml.NewEncoder(&buf)
	enc.Indent("", "  ")
	err := enc.Encode(junitSuites{
		Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suite: suite,
	})
	if err != nil {
		return nil, fmt.Errorf("write the report as JUnit: %w", err)
	}
	buf.WriteByte('\n')
	if buf.Len() > MaxJUnitSize {
		return nil, fmt.Errorf("write the report as JUnit: %d bytes: %w", buf.Len(), ErrTooManyTestcases)
	}
	return buf.Bytes(), nil
}

// testcase returns o as a testcase whose text takes at most budget bytes, and
// how many it takes.
func (o *outcome) testcase(budget int) (junitCase, int) {
	c := junitCase{
		Name: cut(o.name(), maxName), Classname: suiteName, Time: seconds(o.duration),
		// No value is a number: TestGrid would make a metric of it.
		Properties: []junitProperty{
			{"check", property(o.check)}, {"target", property(o.target)}, {"severity", property(string(o.severity))},
		},
	}
	if o.cell != "" {
		c.Properties = append(c.Properties, junitProperty{"cell", property(o.cell)})
	}
	if o.status == verify.Pass {
		return c, 0
	}
	// TestGrid shows 140 characters, cut out of the middle, of the message and
	// the text joined; older versions read the text only. So both begin with
	// the verdict.
	message := cut(o.headline(), maxMessage)
	text := clip(strings.TrimRight(message+"\n\n"+o.details(), "\n"), min(MaxTestcaseText, budget))
	v := &junitVerdict{Message: message, Text: text}
	switch o.status {
	case verify.Fail:
		v.Type = string(o.status)
		c.Failure = v
	case verify.Warn:
		c.SystemOut = &junitText{Text: text}
	case verify.Skipped, verify.Known:
		c.Skipped = v
	default:
		// Blocked, and a status that nobody knows: neither may pass.
		v.Type = string(verify.Blocked)
		c.Error = v
	}
	return c, cdataSize(text)
}

// headline returns the verdict of o and its first finding, on one line.
func (o *outcome) headline() string {
	decisive := o.with(o.status)
	message := visible(decisive[0].Message)
	if message == "" {
		message = "no reason was recorded"
	}
	head := strings.ToUpper(visible(string(o.status))) + ": "
	if n := len(decisive); n > 1 {
		head += fmt.Sprintf("%d findings, first: ", n)
	}
	return head + message
}

// details returns all findings of o, the decisive ones first.
func (o *outcome) details() string {
	var b strings.Builder
	for _, s := range []verify.Status{verify.Fail, verify.Blocked, verify.Warn, verify.Known, verify.Skipped} {
		for _, r := range o.with(s) {
			// No more is shown than one text's worth.
			if b.Len() > MaxTestcaseText {
				return b.String()
			}
			r.detail(&b)
		}
	}
	return b.String()
}

// detail writes one finding as lines.
func (r *Result) detail(b *strings.Builder) {
	line := func(label, value string) {
		if value != "" {
			b.WriteString("  " + label + ": " + visible(cut(value, MaxTestcaseText)) + "\n")
		}
	}
	fmt.Fprintf(b, "[%s] %s\n", visible(string(r.Status)), visible(cut(r.Message, MaxTestcaseText)))
	line("subject", r.Subject.String())
	line("url", r.URL)
	line("wanted", r.Want)
	line("got", r.Got)
	for _, e := range r.Evidence {
		if b.Len() > MaxTestcaseText {
			break
		}
		b.WriteString("  | " + strings.ReplaceAll(visibleLines(cut(strings.TrimRight(e, "\n"), MaxTestcaseText)), "\n", "\n  | ") + "\n")
	}
	line("what to do", r.Hint)
	b.WriteByte('\n')
}

// cdataClose is what ends a CDATA section; encoding/xml writes it inside one
// as "]]]]><![CDATA[>", which is cdataGrowth bytes longer.
const (
	cdataClose  = "]]>"
	cdataGrowth = 12
)

// cdataSize returns how many bytes s takes as CDATA.
func cdataSize(s string) int { return len(s) + cdataGrowth*strings.Count(s, cdataClose) }

// clip returns s, or as much of its start as takes at most limit bytes of
// CDATA together with a line that says so. Without room even for that line it
// returns "".
func clip(s string, limit int) string {
	const note = "\n(cut here; report.json has the rest)\n"
	if cdataSize(s) <= limit {
		return s
	}
	limit -= len(note)
	if limit <= 0 {
		return ""
	}
	size := 0
	for i, r := range s {
		size += len(string(r))
		if strings.HasSuffix(s[:i+len(string(r))], cdataClose) {
			size += cdataGrowth
		}
		if size > limit {
			return s[:i] + note
		}
	}
	return s
}

// property returns a value for a property's attribute.
func property(s string) string { return cut(visible(s), maxName) }

// seconds writes a duration as the plain float that TestGrid asks for.
func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }

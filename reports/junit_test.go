package reports

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/verify"
)

// parsedCase is what a reader of JUnit sees of a testcase, declared apart from
// what writes it.
type parsedCase struct {
	Name      string  `xml:"name,attr"`
	Classname string  `xml:"classname,attr"`
	Time      float64 `xml:"time,attr"`
	Failure   *struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	} `xml:"failure"`
	Error *struct {
		Message string `xml:"message,attr"`
	} `xml:"error"`
	Skipped *struct {
		Message string `xml:"message,attr"`
	} `xml:"skipped"`
	Out string `xml:"system-out"`
}

type parsedSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []struct {
		Name     string       `xml:"name,attr"`
		Tests    *int         `xml:"tests,attr"`
		Failures *int         `xml:"failures,attr"`
		Errors   *int         `xml:"errors,attr"`
		Skipped  *int         `xml:"skipped,attr"`
		Time     *float64     `xml:"time,attr"`
		Cases    []parsedCase `xml:"testcase"`
	} `xml:"testsuite"`
}

// junitOf writes r as JUnit and reads it back.
func junitOf(t *testing.T, r *Report) ([]byte, []parsedCase) {
	t.Helper()
	data, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var s parsedSuites
	if err := xml.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Suites) != 1 {
		t.Fatalf("%d suites, want 1", len(s.Suites))
	}
	// The schema of Jenkins' xunit plugin asks for these, and for names.
	suite := s.Suites[0]
	if suite.Name == "" || suite.Tests == nil || suite.Failures == nil || suite.Errors == nil || suite.Skipped == nil || suite.Time == nil {
		t.Fatalf("a required attribute of the suite is missing: %+v", suite)
	}
	if *suite.Tests != len(suite.Cases) {
		t.Errorf("tests=%d, want %d", *suite.Tests, len(suite.Cases))
	}
	got := [3]int{*suite.Failures, *suite.Errors, *suite.Skipped}
	var want [3]int
	for _, c := range suite.Cases {
		if c.Name == "" || c.Classname == "" {
			t.Errorf("testcase without name or class: %+v", c)
		}
		if c.Failure != nil {
			want[0]++
		}
		if c.Error != nil {
			want[1]++
		}
		if c.Skipped != nil {
			want[2]++
		}
	}
	if got != want {
		t.Errorf("failures, errors, skipped %v, want %v", got, want)
	}
	return data, suite.Cases
}

func names(cases []parsedCase) []string {
	var out []string
	for _, c := range cases {
		out = append(out, c.Name)
	}
	return out
}

func TestJUnitGolden(t *testing.T) {
	t.Parallel()
	data, cases := junitOf(t, mixed())
	golden(t, "junit-mixed.xml", data)
	got := map[string]string{}
	for _, c := range cases {
		switch {
		case c.Failure != nil:
			got[c.Name] = c.Failure.Message
		case c.Error != nil:
			got[c.Name] = c.Error.Message
		case c.Skipped != nil:
			got[c.Name] = c.Skipped.Message
		case c.Out != "":
			got[c.Name], _, _ = strings.Cut("out "+c.Out, "\n")
		default:
			got[c.Name] = "passes"
		}
	}
	want := map[string]string{
		"deb/stable/1.26 apt-release-signed":                   "passes",
		"deb/stable/1.26 package-checksums":                    "FAIL: 2 findings, first: the file is not the one that the index names",
		"rpm/stable/1.26 package-checksums":                    "FAIL: the file is not the one that the index names",
		"deb/stable/1.26 key-current":                          "out WARN: the key ends in 20 days",
		"deb/stable/1.26 apt-release-complete":                 "KNOWN: Release has no Suite",
		"rpm/stable/1.26 minor-policy":                         "SKIPPED: not asked, see rpm-index-checksums: broken",
		"deb/stable/1.26 debian-12 arm64 install-list":         "passes",
		"deb/stable/1.26 debian-12 arm64 install-latest":       "FAIL: kubelet --version says v1.26.2",
		"rpm/stable/1.26 opensuse-leap-15 amd64 install-setup": "BLOCKED: no image for opensuse-leap-15",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("testcases (-want +got):\n%s", diff)
	}
}

func TestJUnitNamesLineUp(t *testing.T) {
	t.Parallel()
	today, tomorrow := mixed(), mixed()
	tomorrow.Started = tomorrow.Started.AddDate(0, 0, 1)
	for i := range tomorrow.Results {
		x := &tomorrow.Results[i]
		x.Subject.Version, x.Message, x.URL, x.Duration = "1.26.4-1.1", "something else of 17", "http://other/", 9
	}
	_, a := junitOf(t, today)
	_, b := junitOf(t, tomorrow)
	if diff := cmp.Diff(names(a), names(b)); diff != "" {
		t.Errorf("names of two runs differ:\n%s", diff)
	}
}

func TestJUnitHostile(t *testing.T) {
	t.Parallel()
	f := Result{Check: "c", Target: hostile, Status: verify.Fail, Message: hostile, Want: hostile, Got: hostile,
		Evidence: []string{hostile}, Hint: hostile, URL: hostile}
	data, cases := junitOf(t, reportOf(f))
	if strings.ContainsAny(string(data), "\x00\x1b\u202e\ufffd\uffff") {
		t.Error("raw control characters in the file")
	}
	for _, want := range []string{`wanted: a\x1b[31mred\x00\xff\u202egpj\r\nnext ]]> <b>&"' \uffff\u2028end`, "  | next ]]>"} {
		if !strings.Contains(cases[0].Failure.Text, want) {
			t.Errorf("no %q in\n%s", want, cases[0].Failure.Text)
		}
	}
}

func TestJUnitIsBounded(t *testing.T) {
	t.Parallel()
	big := []string{strings.Repeat("]]>", 100<<10)}
	var results []Result
	for i := range 600 {
		f := finding(fmt.Sprintf("check-%d", i), "deb/stable/1.26", verify.Fail, "broken")
		f.Evidence = big
		results = append(results, f)
	}
	data, cases := junitOf(t, reportOf(results...))
	if len(data) > MaxTestcaseTexts+600*2000 {
		t.Errorf("%d bytes, want at most the texts' bound and the elements", len(data))
	}
	for i, c := range cases {
		if c.Failure == nil || c.Failure.Message != "FAIL: broken" {
			t.Fatalf("testcase %d has lost its verdict: %+v", i, c)
		}
		if len(c.Failure.Text) > MaxTestcaseText {
			t.Errorf("testcase %d: %d bytes of text", i, len(c.Failure.Text))
		}
	}
	if !strings.Contains(cases[0].Failure.Text, "cut here; report.json has the rest") {
		t.Error("the first text does not say that it is cut")
	}
}

func TestJUnitReasonIsNeverEmpty(t *testing.T) {
	t.Parallel()
	_, cases := junitOf(t, reportOf(Result{Check: "c", Target: "deb/stable/1.26", Status: verify.Skipped}))
	if got := cases[0].Skipped.Message; got != "SKIPPED: no reason was recorded" {
		t.Errorf("got %q", got)
	}
}

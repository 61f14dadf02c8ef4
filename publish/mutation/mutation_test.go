package mutation

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/sample"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	f := fault.Fault{Name: "x", Want: []string{"key-current", "install-setup"}, May: []string{"signature-policy"}}
	warns := fault.Fault{Name: "x", Warn: []string{"key-current"}}
	finding := func(check, status string) Finding { return Finding{Check: check, Status: status, Message: "m"} }
	for _, tt := range []struct {
		name     string
		fault    fault.Fault
		known    []string
		findings []Finding
		err      error
		verdict  string
		missed   []string
		alarms   int
	}{
		{name: "found", fault: f, findings: []Finding{finding("key-current", "fail")}, verdict: "caught"},
		{name: "found, with a consequence", fault: f, verdict: "caught",
			findings: []Finding{finding("key-current", "fail"), finding("signature-policy", "warn"), finding("key-published", "skipped")}},
		{name: "nothing found", fault: f, verdict: "missed", missed: []string{"key-current"}},
		{name: "a warning is no failure", fault: f, findings: []Finding{finding("key-current", "warn")}, verdict: "missed", missed: []string{"key-current"}},
		{name: "not asked", fault: f, findings: []Finding{finding("key-current", "skipped")}, verdict: "missed", missed: []string{"key-current"}},
		{name: "no such check", fault: f, known: []string{"key-published"}, verdict: "missed", missed: []string{"key-current (no such check)"}},
		{name: "something else as well", fault: f, verdict: "alarm", alarms: 1,
			findings: []Finding{finding("key-current", "fail"), finding("minor-policy", "fail")}},
		{name: "could not tell", fault: f, verdict: "alarm", alarms: 1,
			findings: []Finding{finding("key-current", "fail"), finding("key-current", "blocked")}},
		{name: "a warning that is wanted", fault: warns, findings: []Finding{finding("key-current", "warn")}, verdict: "caught"},
		{name: "a failure in its place", fault: warns, findings: []Finding{finding("key-current", "fail")}, verdict: "missed",
			missed: []string{"key-current"}, alarms: 1},
		{name: "nothing to find", fault: fault.Fault{Name: "x"}, verdict: "silent"},
		{name: "nothing to find, and found", fault: fault.Fault{Name: "x"}, findings: []Finding{finding("key-current", "warn")}, verdict: "alarm", alarms: 1},
		{name: "could not be made", fault: f, err: fault.ErrNoTarget, verdict: "broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			known := tt.known
			if known == nil {
				known = []string{"key-current"}
			}
			o := Outcome{Fault: tt.fault, Findings: tt.findings, Err: tt.err}
			o.judge(known)
			if diff := cmp.Diff(tt.missed, o.Missed); diff != "" {
				t.Errorf("missed (-want +got):\n%s", diff)
			}
			if o.Verdict() != tt.verdict || len(o.False) != tt.alarms {
				t.Errorf("%s, %d false alarms; want %s, %d", o.Verdict(), len(o.False), tt.verdict, tt.alarms)
			}
			if ok := tt.verdict == "caught" || tt.verdict == "silent"; o.OK() != ok {
				t.Errorf("OK is %t", o.OK())
			}
		})
	}
}

func TestWriteNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	score := &Score{
		Clean: []Clean{{Profile: "kubernetes"}, {Profile: "kep-1731", Findings: []Finding{{"key-current", "warn", "deb/stable/1.26", "expires soon"}}}},
		Outcomes: []Outcome{
			{Fault: fault.Fault{Name: "one", Want: []string{"a", "b", "install-list"}}, Findings: []Finding{{"a", "fail", "t", strings.Repeat("é", 200)}},
				Missed: []string{"b"}, False: []Finding{{"c", "fail", "t", "m"}}},
			{Fault: fault.Fault{Name: "two"}},
			{Fault: fault.Fault{Name: "three", Want: []string{"a"}}, Err: errors.New("no\ntree")},
		},
	}
	var out bytes.Buffer
	if err := score.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"clean tree, kep-1731", "warn key-current: expires soon", "missed by b", "false fail of c", "no tree",
		"score: 1 of 3 faults caught, 1 false alarms, 1 of 2 clean trees without a finding",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "install-list") {
		t.Errorf("expects a check that needs containers:\n%s", out.String())
	}
	if score.OK() {
		t.Error("OK")
	}
}

// fake is a verifier that knows two checks and writes the report that the file
// beside it holds, unless the tree is broken: then another one.
const fake = `#!/bin/sh
set -e
dir=$(dirname "$0")
case $1 in
checks) printf 'key-current metadata error the key\ninstall-setup install error set-up\n'; exit 0;;
--help) echo '--base-url URL'; exit 0;;
esac
while [ $# -gt 0 ]; do
	case $1 in --artifacts) artifacts=$2;; esac
	shift
done
mkdir -p "$artifacts"
case $artifacts in
*/faults/*) cp "$dir/broken.json" "$artifacts/report.json"; exit 1;;
esac
cp "$dir/clean.json" "$artifacts/report.json"
`

// cleanReport says that all is well.
const cleanReport = `{"schema":"pkgverify/report/v1","results":[{"check":"key-current","status":"pass","target":"deb/stable/1.26"}]}`

// newFake writes the fake verifier with its two reports.
func newFake(t *testing.T, clean, broken string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"verify": fake, "clean.json": clean, "broken.json": broken} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "verify")
}

func TestRun(t *testing.T) {
	t.Parallel()
	f, err := fault.Find("expired-key")
	if err != nil {
		t.Fatal(err)
	}
	options := options(t, f, newFake(t, cleanReport, strings.Replace(cleanReport, "pass", "fail", 1)))
	score, err := Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if got := score.Outcomes[0].Verdict(); got != "caught" || !score.OK() {
		t.Errorf("%s, OK %t (%v)", got, score.OK(), score.Outcomes[0].Err)
	}
	if len(score.Clean) != len(publish.Layouts()) {
		t.Errorf("%d clean trees", len(score.Clean))
	}
	// Faults are made in copies: the clean tree has the key in force.
	clean, err := os.ReadFile(filepath.Join(options.Dir, "kep-1731", "root", "core:/stable:/v1.26/deb/Release.key"))
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := os.ReadFile(filepath.Join(options.Dir, "kep-1731", "key.asc"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(pinned), string(clean)); diff != "" {
		t.Errorf("the clean tree was broken (-pinned +served):\n%s", diff)
	}
}

// TestReports: what a verifier may answer, and what is no answer.
func TestReports(t *testing.T) {
	t.Parallel()
	failing := strings.Replace(cleanReport, "pass", "fail", 1)
	for _, tt := range []struct {
		name, clean, broken string
		artifacts           string
		want                []Finding
		bad                 bool
	}{
		{name: "silent", clean: cleanReport, artifacts: "report", want: []Finding{}},
		{name: "not asked", clean: strings.Replace(cleanReport, "pass", "not-applicable", 1), artifacts: "report", want: []Finding{}},
		{name: "a warning", clean: strings.Replace(cleanReport, "pass", "warn", 1), artifacts: "report",
			want: []Finding{{Check: "key-current", Status: "warn", Target: "deb/stable/1.26"}}},
		{name: "a failure", broken: failing, artifacts: "faults/x", want: []Finding{{Check: "key-current", Status: "fail", Target: "deb/stable/1.26"}}},
		{name: "it ends as failed and reports none", broken: cleanReport, artifacts: "faults/x", bad: true},
		{name: "it ends as passed and reports a failure", clean: failing, artifacts: "report", bad: true},
		{name: "no results", clean: `{"schema":"pkgverify/report/v1","results":[]}`, artifacts: "report", bad: true},
		{name: "another schema", clean: strings.Replace(cleanReport, "v1", "v2", 1), artifacts: "report", bad: true},
		{name: "nonsense", clean: `{`, artifacts: "report", bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			layout, err := publish.ParseLayout("kep-1731")
			if err != nil {
				t.Fatal(err)
			}
			r := &runner{Options: options(t, fault.Fault{}, newFake(t, tt.clean, tt.broken)), verifier: &verifier{baseline: true, official: true}}
			q := request{tree: &tree{layout: layout}, root: t.TempDir(), baseline: "before.json"}
			got, err := r.verify(t.Context(), q, filepath.Join(t.TempDir(), tt.artifacts))
			if tt.bad != (err != nil) || tt.bad && !errors.Is(err, ErrVerifier) {
				t.Fatalf("got %v", err)
			}
			if !tt.bad {
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestRunWithoutAVerifier(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), options(t, fault.Fault{}, filepath.Join(t.TempDir(), "none")))
	if !errors.Is(err, ErrVerifier) {
		t.Errorf("got %v, want ErrVerifier", err)
	}
}

func options(t *testing.T, f fault.Fault, verifier string) Options {
	t.Helper()
	layout, err := publish.ParseLayout("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := publish.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	samples, err := sample.FindSources(".")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Verify: Program{Arguments: []string{verifier}}, Layout: layout, Faults: []fault.Fault{f}, Jobs: 1, Dir: t.TempDir(),
		Cache: cache, Samples: samples, Now: time.Now, Log: func(string) {},
	}
}

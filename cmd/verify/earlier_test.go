package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// of returns the results of a check, of one target if it is named.
func (o *outcome) of(check, target string) []reports.Result {
	var out []reports.Result
	if o.report != nil {
		for _, r := range o.report.Results {
			if r.Check == check && (target == "" || r.Target == target) {
				out = append(out, r)
			}
		}
	}
	return out
}

// TestBaselineAndKnownIssues: an earlier report finds what has vanished, and a
// known issue takes it out of the verdict, in sight.
func TestBaselineAndKnownIssues(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	p.channels, p.versions = "stable", "1.26.0"
	args := p.arguments("--suite", "metadata", "--label-filter", "check:published-files-kept")
	first := program(t, args...)
	if got := first.of("published-files-kept", ""); len(got) != 2 || got[0].Status != verify.NotApplicable {
		t.Fatalf("without a baseline: exit %d, %+v\n%s", first.exit, got, first.stderr)
	}
	baseline := filepath.Join(first.artifacts, "report.json")
	if again := program(t, append(args, "--baseline", baseline)...); again.exit != exitPass || !slices.Equal(again.with(verify.Pass), []string{"published-files-kept"}) {
		t.Fatalf("nothing has changed: exit %d\n%s%s", again.exit, again.stdout, again.stderr)
	}

	// The same with one package more in the earlier report.
	data, err := os.ReadFile(baseline)
	if err != nil {
		t.Fatal(err)
	}
	const was = `"packages": [`
	more := strings.Replace(string(data), "\n      "+was+"\n", "\n      "+was+`
        {"name": "kubelet", "version": "1.26.99-1.1", "arch": "amd64", "path": "amd64/kubelet_1.26.99-1.1_amd64.deb", "claim": {"size": 1}},
`, 1)
	if more == string(data) {
		t.Fatal("the report has no packages")
	}
	if err := os.WriteFile(baseline, []byte(more), 0o644); err != nil {
		t.Fatal(err)
	}
	o := program(t, append(args, "--baseline", baseline)...)
	got := o.of("published-files-kept", "deb/stable/1.26")
	if o.exit != exitFail || len(got) != 1 || got[0].Subject.Version != "1.26.99-1.1" || !strings.Contains(got[0].Message, "has vanished") {
		t.Fatalf("exit %d, %+v\n%s", o.exit, got, o.stderr)
	}

	listed := filepath.Join(t.TempDir(), "known.yaml")
	text := `- check: published-files-kept
  subject: "deb/stable/1.26 kubelet 1.26.99-*"
  reason: withdrawn on purpose
  link: https://example.org/issue/1
  expires: 2999-12-31
- check: published-files-kept
  subject: "rpm/*"
  reason: was never true
  link: https://example.org/issue/2
  expires: 2999-12-31
`
	if err := os.WriteFile(listed, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o = program(t, append(args, "--baseline", baseline, "--known-issues", listed)...)
	if got := o.of("published-files-kept", "deb/stable/1.26"); o.exit != exitPass || got[0].Status != verify.Known || o.report.Summary.Known != 1 {
		t.Errorf("exit %d, %+v\n%s", o.exit, got, o.stderr)
	}
	if got := o.of("known-issues", ""); len(got) != 1 || got[0].Status != verify.Warn || !strings.Contains(got[0].Evidence[0], "line 6") {
		t.Errorf("the unused entry: %+v", got)
	}
	for _, want := range []string{"KNOWN ISSUES", "withdrawn on purpose", "https://example.org/issue/1", "was not met"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("the summary does not say %q:\n%s", want, o.stdout)
		}
	}
	junit, err := os.ReadFile(filepath.Join(o.artifacts, "junit_verify.xml"))
	if err != nil || !strings.Contains(string(junit), "withdrawn on purpose") || !strings.Contains(string(junit), `name="known-issues"`) {
		t.Errorf("JUnit: %v\n%s", err, junit)
	}

	// What is wrong with the files is usage, one line each.
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(strings.Replace(string(data), "report/v1", "report/v0", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		more []string
		says []string
	}{
		{[]string{"--baseline", other}, []string{`schema is "pkgverify/report/v0"`}},
		{[]string{"--baseline", "no/such/file", "--known-issues", "no/such/file", "--wait", "-1s"}, []string{"--wait", "--known-issues", "--baseline"}},
		{[]string{"--baseline", baseline, "--minor", "1.25", "--versions", "1.25.0"}, []string{"it holds deb/stable/1.26, rpm/stable/1.26"}},
		{[]string{"--baseline", baseline, "--profile", "kubernetes"}, []string{`is of the profile "kep-1731", this run of "kubernetes"`}},
		{[]string{"--known-issues", p.key}, []string{"--known-issues"}},
	} {
		a := slices.Clone(args)
		if slices.Contains(tt.more, "--minor") {
			a = []string{"--profile", "kep-1731", "--base-url", p.url, "--channel", "stable"}
		}
		o := program(t, append(a, tt.more...)...)
		if o.exit != exitUsage || o.report != nil {
			t.Errorf("%v: exit %d\n%s", tt.more, o.exit, o.stderr)
		}
		for _, want := range tt.says {
			if !strings.Contains(o.stderr, want) {
				t.Errorf("%v: does not say %q:\n%s", tt.more, want, o.stderr)
			}
		}
	}
}

// TestWaitThenVerify: what is there is not waited for, and a version that does
// not come is missed in time, by the checks.
func TestWaitThenVerify(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	there := program(t, p.arguments("--suite", "metadata", "--wait", "1h")...)
	if there.exit != exitPass || !strings.Contains(there.stderr, "wait for deb/stable/1.26: everything is there") {
		t.Errorf("exit %d\n%s%s", there.exit, there.stdout, there.stderr)
	}
	never := program(t, "--profile", p.profile, "--base-url", p.url, "--key", p.key, "--channel", "stable", "--minor", "1.26",
		"--arch", p.arches, "--suite", "metadata", "--settle", "0", "--versions", "1.26.77", "--wait", "1s")
	if never.exit != exitFail || !slices.Contains(never.with(verify.Fail), "packages-published") || !strings.Contains(never.stderr, "still missing: ") {
		t.Errorf("exit %d\n%s%s", never.exit, never.stdout, never.stderr)
	}
}

// TestInterruptedWhileWaiting: the report is written, and says so.
func TestInterruptedWhileWaiting(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		if strings.HasSuffix(r.URL.Path, "repomd.xml") { // the last target of the first look
			once.Do(func() { close(reached) })
		}
	}))
	t.Cleanup(server.Close)
	cmd, o := command(t.Context(), t, "--base-url", server.URL, "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0",
		"--engine", "none", "--wait", "1h")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Fatalf("ended with %v, want exit %d", cmd.ProcessState, exitInterrupted)
	}
	o.read(t)
	if o.report == nil || !o.report.Interrupted || len(o.report.Results) == 0 || o.report.Summary.Verdict == reports.Pass {
		t.Errorf("report: %+v", o.report)
	}
}

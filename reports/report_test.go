package reports_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		statuses []verify.Status
		want     reports.Verdict
	}{
		{"all right", []verify.Status{verify.Pass, verify.Pass, verify.NotApplicable}, reports.Pass},
		{"warnings and known issues pass", []verify.Status{verify.Warn, verify.Known}, reports.Pass},
		{"one failure decides", []verify.Status{verify.Pass, verify.Blocked, verify.Fail}, reports.Fail},
		{"blocked without a failure", []verify.Status{verify.Pass, verify.Blocked}, reports.Blocked},
		{"nothing was asked", nil, reports.Blocked},
		{"everything was skipped", []verify.Status{verify.Skipped, verify.NotApplicable}, reports.Blocked},
	} {
		var results []reports.Result
		for _, s := range tt.statuses {
			results = append(results, reports.Result{Status: s})
		}
		if got := reports.Summarise(results).Verdict; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestResultsOf(t *testing.T) {
	t.Parallel()
	passed := reports.ResultsOf(verify.Result{Check: "x", Target: "deb/stable/1.26", Cell: "c", Status: verify.Pass}, time.Second)
	want := []reports.Result{{Check: "x", Target: "deb/stable/1.26", Status: verify.Pass, Subject: verify.Subject{Cell: "c"}, Duration: 1}}
	if diff := cmp.Diff(want, passed); diff != "" {
		t.Errorf("no findings (-want +got):\n%s", diff)
	}
	two := reports.ResultsOf(verify.Result{Check: "x", Status: verify.Fail, Findings: []verify.Finding{
		{Status: verify.Fail, Message: "a", Hint: "h"}, {Status: verify.Warn, Message: "b"},
	}}, 0)
	if len(two) != 2 || two[0].Status != verify.Fail || two[0].Hint != "h" || two[1].Status != verify.Warn {
		t.Errorf("two findings: got %+v", two)
	}
}

func TestCellOf(t *testing.T) {
	t.Parallel()
	got := reports.CellOf(images.CellFacts{
		Cell: images.Cell{ID: "c"}, Emulated: true, Started: time.Unix(60, 0), Duration: 90 * time.Second, Notice: "a stand-in",
		Steps: []images.Step{
			{Scenario: images.Setup, Argv: []string{"apt-get", "update"}, Duration: 1500 * time.Millisecond, Output: "Hit"},
			{Scenario: images.Setup}, {Scenario: images.List, Exit: 1},
		},
	})
	if !got.Started.Equal(time.Unix(60, 0)) || got.Duration != 90 || got.Steps[2].Scenario != "install-list" {
		t.Errorf("times and scenarios: got %+v", got)
	}
	if got.Scenario != "install-setup,install-list" || got.Notice != "a stand-in" || !got.Emulated || len(got.Steps) != 3 || got.Steps[0].Duration != 1.5 || got.Steps[2].Exit != 1 {
		t.Errorf("got %+v", got)
	}
}

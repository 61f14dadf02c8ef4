package main

import (
	"bytes"
	"os"
	"runtime"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/mutation"
	"sigs.k8s.io/pkgverify/publish/sample"
)

// TestMutation breaks a tree in each way of the catalogue and verifies it
// without containers: each fault is found by the checks that are meant for it,
// no other check has anything to say, and the clean trees give no finding. The
// known incidents are replayed by them, and by what they cannot do.
func TestMutation(t *testing.T) {
	t.Parallel()
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
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	score, err := mutation.Run(t.Context(), mutation.Options{
		Verify: mutation.Program{Arguments: []string{self}, Environment: []string{asProgram + "=1"}},
		Layout: layout, Faults: fault.Catalogue(), Jobs: runtime.NumCPU(), Dir: t.TempDir(),
		Cache: cache, Samples: samples, Now: time.Now, Log: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(score.Clean) != len(publish.Layouts()) {
		t.Errorf("%d clean trees, want one of each layout", len(score.Clean))
	}
	for _, c := range score.Clean {
		if !c.OK() {
			t.Errorf("the clean tree of %s: %v, findings %+v", c.Profile, c.Err, c.Findings)
		}
	}
	for _, o := range score.Outcomes {
		t.Run(o.Fault.Name, func(t *testing.T) {
			if o.OK() {
				return
			}
			t.Errorf("%s: %v", o.Verdict(), o.Err)
			for _, id := range o.Missed {
				t.Errorf("%s says nothing", id)
			}
			for _, f := range o.False {
				t.Errorf("false %s of %s: %s", f.Status, f.Check, f.Message)
			}
		})
	}
	t.Run("incidents", func(t *testing.T) { replayIncidents(t, score) })
	var table bytes.Buffer
	if err := score.Write(&table); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.Logf("\n%s", &table)
	}
}

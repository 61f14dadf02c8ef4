package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/verify"
)

// TestTreeOfOtherTools: a repository that none of our code had a hand in passes
// without a complaint, and fails when a version is missing from it.
func TestTreeOfOtherTools(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "testdata/independent.sh", root).CombinedOutput(); err != nil {
		t.Fatalf("publish with the distributions' tools (make deps installs them): %v\n%s", err, out)
	}
	args := []string{"--profile", "testdata/widgets.yaml", "--base-url", root, "--key", filepath.Join(root, "key.asc"),
		"--channel", "main", "--minor", "2.0", "--versions", "2.0.0,2.0.1", noContainers}
	o := program(t, args...)
	if o.exit != exitPass || len(o.with(verify.Warn)) > 0 || len(o.with(verify.Skipped)) > 0 {
		t.Errorf("exit %d\n%s%s", o.exit, o.stdout, o.stderr)
	}
	for _, r := range o.report.Repositories {
		if len(r.Packages) != 4 {
			t.Errorf("%s: %d packages were read, want 4", r.Target.Name(), len(r.Packages))
		}
	}
	o = program(t, append(args, "--deb-url", filepath.Join(root, "archive", "dists", "stable"))...)
	if o.exit != exitPass || len(o.with(verify.Warn)) > 0 || len(o.report.Repositories) != 2 || len(o.report.Repositories[0].Packages) != 4 {
		t.Errorf("below dists/: exit %d\n%s%s", o.exit, o.stdout, o.stderr)
	}
	mirror := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(root, "main", "2.0", "rpm"))))
	t.Cleanup(mirror.Close)
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# mirrors\n" + mirror.URL + "/nothing/\n" + mirror.URL + "/\n"))
	}))
	t.Cleanup(lists.Close)
	o = program(t, append(args, "--rpm-url", lists.URL+"/mirrorlist?repo=x", "--format", "rpm")...)
	if o.exit != exitPass || o.report.Repositories[0].Target.URL != mirror.URL+"/" || len(o.report.Repositories[0].Mirrors.Passed) != 1 {
		t.Errorf("by a mirrorlist: exit %d\n%s%s", o.exit, o.stdout, o.stderr)
	}
	o = program(t, append(args, "--versions", "2.0.2")...)
	if diff := cmp.Diff([]string{"packages-published"}, o.with(verify.Fail)); diff != "" || o.exit != exitFail {
		t.Errorf("exit %d, failing (-want +got):\n%s\n%s", o.exit, diff, o.stdout)
	}
}

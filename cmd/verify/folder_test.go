package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// disk mounts a file system of a size in memory, for this test; it needs root,
// as the containers do.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a small disk (the tests run as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// onNothing are the arguments of a quick run on an empty tree.
func onNothing(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{
		"--base-url", t.TempDir(), "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0",
		"--suite", "metadata", "--format", "deb", "--settle", "0",
	}, more...)
}

func TestFolderRefused(t *testing.T) {
	t.Parallel()
	full, readOnly := disk(t, "64k"), disk(t, "1m")
	if err := unix.Mount("", readOnly, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	aFile := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(aFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ dir, want string }{
		"full":      {full, "no space left on device"},
		"read-only": {readOnly, "read-only file system"},
		"a file":    {aFile, "not a directory"},
	} {
		o := program(t, onNothing(t, "--artifacts", tt.dir)...)
		if o.exit != exitUsage || o.stdout != "" || !strings.Contains(o.stderr, tt.want) || !strings.Contains(o.stderr, "--artifacts") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want exit 2 before the work begins, with %q", name, o.exit, o.stdout, o.stderr, tt.want)
		}
	}
	if left, err := os.ReadDir(full); err != nil || len(left) != 1 {
		t.Errorf("left in the full folder: %v, %v; want cells only", left, err)
	}
}

// TestFolderHeld: of two runs in one folder the second is refused, and may have
// it when the first has ended.
func TestFolderHeld(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "artifacts")
	first, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := program(t, onNothing(t, "--artifacts", dir)...)
	if o.exit != exitUsage || !strings.Contains(o.stderr, "another run") {
		t.Errorf("beside another run: exit %d, %s", o.exit, o.stderr)
	}
	first.close()
	second, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	second.close()
}

// TestDiskFillsUp: the disk has room when the run begins and none at its end.
func TestDiskFillsUp(t *testing.T) {
	t.Parallel()
	dir := disk(t, "1m")
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	large := &reports.Report{Schema: reports.Schema, Results: []reports.Result{{
		Check: "c", Status: verify.Fail, Message: "wrong", Evidence: []string{strings.Repeat("x", 2<<20)},
	}}}
	written, err := writeReports(dir, large)
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "report.json") {
		t.Errorf("error %v, want that report.json found no space", err)
	}
	if slices.Contains(written, filepath.Join(dir, "report.json")) || len(written) == 0 {
		t.Errorf("written: %v; want the files that fit", written)
	}
	for _, pattern := range []string{"report.json", ".*.tmp"} {
		if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// TestStdout: the exit code says the verdict whatever becomes of the summary.
func TestStdout(t *testing.T) {
	t.Parallel()
	want := program(t, onNothing(t)...)
	if want.exit != exitFail || !strings.HasPrefix(want.stdout, "FAIL: ") {
		t.Fatalf("an empty tree: exit %d, %s%s", want.exit, want.stdout, want.stderr)
	}
	start := func(args []string, out *os.File) (exit int, stderr string) {
		cmd, _ := command(t.Context(), t, args...)
		var b bytes.Buffer
		cmd.Stdout, cmd.Stderr = out, &b
		if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), b.String()
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	if exit, stderr := start(onNothing(t), full); exit != exitFail || !strings.Contains(stderr, "verify: fail: the summary could not be written") {
		t.Errorf("full: exit %d, %s", exit, stderr)
	}
	for name, tt := range map[string]struct {
		args []string
		want int
	}{
		"run":  {onNothing(t), exitFail},
		"json": {onNothing(t, "--json"), exitFail},
		"list": {[]string{"list", "--channel", "stable", "--minor", "1.26"}, exitPass},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil { // the reader has gone
			t.Fatal(err)
		}
		exit, stderr := start(tt.args, w)
		if exit != tt.want || strings.Contains(stderr, "pipe") || strings.Contains(stderr, "see verify") {
			t.Errorf("%s into a closed pipe: exit %d, want %d; stderr %s", name, exit, tt.want, stderr)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if o := program(t, onNothing(t, "-q")...); o.exit != exitFail || o.stderr != "" || strings.Contains(o.stdout, "FAILED") || !strings.HasPrefix(o.stdout, "FAIL: ") {
		t.Errorf("-q: exit %d, stdout %q, stderr %q; want the verdict only", o.exit, o.stdout, o.stderr)
	}
	if o := program(t, onNothing(t, "-v")...); o.exit != exitFail || !strings.Contains(o.stdout, "deb/stable/1.26 apt-release-present") {
		t.Errorf("-v: exit %d, stdout %q; want every check", o.exit, o.stdout)
	}
	if o := program(t, "list", "--channel", "stable", "--minor", "1.26", "--label-filter", "check:none"); o.exit != exitUsage || o.stdout != "" {
		t.Errorf("nothing selected: exit %d, %q", o.exit, o.stdout)
	}
}

func TestRenderAgainst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save := func(name string, status verify.Status, finished time.Time, change func(*reports.Report)) string {
		rep := &reports.Report{Schema: reports.Schema, Finished: finished, Plan: reports.Plan{Profile: "p"},
			Results: []reports.Result{{Check: "c", Target: "t", Status: status, Message: "m"}}}
		change(rep)
		if err := reports.WriteFile(dir, name, rep.WriteJSON); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	as := func(*reports.Report) {}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	earlier, later := save("a.json", verify.Pass, day, as), save("b.json", verify.Fail, day.Add(24*time.Hour), as)
	for name, tt := range map[string]struct {
		args     []string
		exit     int
		out, err string
	}{
		"text":          {[]string{later, "--against", earlier}, exitPass, "1 new, 0 mended", ""},
		"json":          {[]string{later, "--against", earlier, "--json"}, exitPass, `"schema": "pkgverify/comparison/v1"`, ""},
		"page":          {[]string{later, "--html"}, exitPass, `<section id="findings"`, ""},
		"page, changes": {[]string{later, "--against", earlier, "--html"}, exitPass, `<section id="changes"`, ""},
		"metrics":       {[]string{later, "--metrics"}, exitPass, "pkgverify_verdict", ""},
		"the wrong way": {[]string{earlier, "--against", later}, exitUsage, "", "change them over"},
		"other profile": {[]string{later, "--against", save("p.json", verify.Pass, day, func(r *reports.Report) { r.Plan.Profile = "q" })}, exitUsage, "", "same profile"},
		"newer schema":  {[]string{later, "--against", save("v2.json", verify.Pass, day, func(r *reports.Report) { r.Schema = "pkgverify/report/v2" })}, exitUsage, "", "pkgverify/report/v2"},
		"json alone":    {[]string{later, "--json"}, exitUsage, "", "--against"},
		"two formats":   {[]string{later, "--junit", "--metrics"}, exitUsage, "", "none of the others"},
	} {
		var out, errs bytes.Buffer
		exit := run(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &errs}, append([]string{"render"}, tt.args...))
		if exit != tt.exit || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want %d, %q, %q", name, exit, out.String(), errs.String(), tt.exit, tt.out, tt.err)
		}
	}
}

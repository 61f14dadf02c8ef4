package lab

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/repo"
)

// The tests in this file run real cells: real apt, dnf and qemu, in a real
// engine, on repositories that real tools made.

// openEngine returns the engine that starts a command in half of the time of the
// others: there are hundreds. Its contract is theirs (package enginetest), and
// Docker runs the cells of cmd/verify's tests.
func openEngine(t *testing.T) engine.Engine {
	t.Helper()
	e, _, err := engine.Open(t.Context(), engine.OCIName)
	if err != nil {
		t.Fatalf("no OCI runtime (make deps): %v", err)
	}
	t.Cleanup(func() {
		if c, ok := e.(engine.Closer); ok {
			_ = c.Close()
		}
	})
	return e
}

func builder(t testing.TB) *build.Builder {
	t.Helper()
	dir, err := build.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	return &build.Builder{Dir: dir, Log: testLog{t}}
}

// testLog writes a build's log to a test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// realCell runs one cell on a repository and returns its facts; the transcript
// goes to the test's log when the test fails.
func realCell(t *testing.T, distro string, arch repo.Arch, url string, key []byte, packages []string, more func(*Job, *Options)) images.CellFacts {
	t.Helper()
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := images.Find(all, distro)
	if !ok {
		t.Fatalf("no distribution %q", distro)
	}
	target := repo.Target{Format: d.Manager.Format(), Channel: "stable", Minor: "1.26", URL: url}
	job := Job{Cell: images.NewCell(target, distro, arch), Distro: d, RepoURL: url, Key: key, Packages: packages,
		Scenarios: []images.Scenario{images.Setup, images.List, images.Latest, images.Versions}}
	for _, p := range packages {
		job.Released = append(job.Released, p)
		job.Binaries = append(job.Binaries, Binary{Package: p, Argv: []string{"/usr/bin/" + p}})
	}
	var log strings.Builder
	opts := Options{
		Run: fmt.Sprintf("test-%s-%d", strings.ToLower(filepath.Base(t.Name())), time.Now().UnixNano()), Images: builder(t),
		Transcript: func(images.Cell) (io.WriteCloser, error) { return nopCloser{&log}, nil },
	}
	if more != nil {
		more(&job, &opts)
	}
	facts, err := Run(t.Context(), openEngine(t), []Job{job}, opts)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("transcript:\n%s", log.String())
		}
		if f := os.Getenv("LAB_TRANSCRIPTS"); f != "" {
			_ = os.WriteFile(filepath.Join(f, strings.ReplaceAll(t.Name(), "/", "_")+".log"), []byte(log.String()), 0o644)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts[0]
}

func TestRealCells(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	for _, tc := range []struct {
		distro   string
		arch     repo.Arch
		revision string
		tree     func(testing.TB, signer, repo.Arch, ...pkg) string
	}{
		{"debian-12", repo.AMD64, "-1.1", debTree},
		{"rpm-dnf4", repo.AMD64, "-150500.1.1", rpmTree},
		{"debian-12", repo.ARM64, "-1.1", debTree},
		{"rpm-dnf4", repo.ARM64, "-150500.1.1", rpmTree},
	} {
		t.Run(tc.distro+"-"+string(tc.arch), func(t *testing.T) {
			dir := tc.tree(t, s, tc.arch,
				pkg{name: "kubeadm", version: "1.26.0"}, pkg{name: "kubeadm", version: "1.26.2", requires: "conntrack, iptables, kubelet"},
				pkg{name: "kubeadm", version: "1.26.10", requires: "conntrack, iptables, kubelet"}, pkg{name: "kubelet", version: "1.26.10"})
			f := realCell(t, tc.distro, tc.arch, serve(t, dir), s.public(), []string{"kubeadm", "kubelet"}, nil)
			if f.Blocked != nil {
				t.Fatalf("blocked: %s", f.Blocked)
			}
			for name, o := range map[string]images.Outcome{
				"setup": f.Setup.Outcome, "list": f.List.Outcome, "latest": f.Latest.Outcome, "versions": f.Versions.Outcome,
			} {
				if !o.Ran || !o.OK {
					t.Errorf("%s: want ok, got %+v", name, o)
				}
			}
			if len(f.Setup.Warnings) != 0 {
				t.Errorf("warnings at set-up: %q", f.Setup.Warnings)
			}
			if f.Emulated != (tc.arch != repo.AMD64) {
				t.Errorf("emulated: got %t", f.Emulated)
			}
			newest := "1.26.10" + tc.revision
			if d := cmp.Diff(map[string]string{"kubeadm": newest, "kubelet": newest}, f.List.Candidates); d != "" {
				t.Errorf("candidates (-want +got):\n%s", d)
			}
			var offered []string
			for _, o := range f.List.Offers {
				offered = append(offered, o.Package+" "+o.Version)
			}
			if len(offered) != 4 {
				t.Errorf("want 4 offers, got %q", offered)
			}
			var installed []string
			for _, i := range f.Latest.Installed {
				installed = append(installed, i.Package+" "+i.Version+" "+i.Arch)
			}
			arch := tc.arch.In(f.Cell.Target.Format)
			if d := cmp.Diff([]string{"kubeadm " + newest + " " + arch, "kubelet " + newest + " " + arch}, installed); d != "" {
				t.Errorf("installed (-want +got):\n%s", d)
			}
			if len(f.Versions.Runs) != 2 || f.Versions.Runs[0].Stdout != "kubeadm v1.26.10\n" {
				t.Errorf("runs: got %+v", f.Versions.Runs)
			}
		})
	}
}

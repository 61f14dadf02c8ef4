package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/repo"
)

// flip changes one byte in the last quarter of the one file that matches.
func flip(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: want one file, got %q (%v)", pattern, files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)*3/4] ^= 0x55
	write(t, files[0], data, 0o644)
}

// TestRefusals checks that what must not be installed is not, and that the
// facts lay it at the repository's door and not at the laboratory's.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s, other := newSigner(t, "repo"), newSigner(t, "other")
	good := pkg{name: "kubeadm", version: "1.26.0"}
	failing := pkg{name: "kubeadm", version: "1.26.0", postinst: "echo it went wrong >&2; exit 3"}
	needy := pkg{name: "kubeadm", version: "1.26.0", requires: "there-is-no-such"}
	type tree = func(testing.TB, signer, repo.Arch, ...pkg) string
	for _, tc := range []struct {
		name   string
		distro string
		tree   tree
		pkg    pkg
		change func(t *testing.T, dir string)
		failed images.Scenario
		says   string
	}{
		{"apt wrong key", "debian-12", debTree, good, func(t *testing.T, dir string) { signDeb(t, other, dir) }, images.Setup, "NO_PUBKEY"},
		{"apt flipped byte", "debian-12", debTree, good, func(t *testing.T, dir string) { flip(t, dir+"/amd64/*.deb") }, images.Latest, "Hash Sum mismatch"},
		{"apt index changed", "debian-12", debTree, good, func(t *testing.T, dir string) { flip(t, dir+"/Packages") }, images.Setup, "Hash Sum mismatch"},
		{"apt failing postinst", "debian-12", debTree, failing, nil, images.Latest, "exit status 3"},
		{"apt missing dependency", "debian-12", debTree, needy, nil, images.Latest, "there-is-no-such"},
		{"dnf wrong key", "rpm-dnf4", rpmTree, good, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "repodata/repomd.xml.key"), other.public(), 0o644)
		}, images.Setup, "GPG"},
		{"dnf flipped byte", "rpm-dnf4", rpmTree, good, func(t *testing.T, dir string) { flip(t, dir+"/x86_64/*.rpm") }, images.Latest, "checksum"},
		{"dnf missing dependency", "rpm-dnf4", rpmTree, needy, nil, images.Latest, "there-is-no-such"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := tc.tree(t, s, repo.AMD64, tc.pkg)
			if tc.change != nil {
				tc.change(t, dir)
			}
			f := realCell(t, tc.distro, repo.AMD64, serve(t, dir), s.public(), []string{"kubeadm"}, nil)
			if f.Blocked != nil {
				t.Fatalf("want a failure of the repository's, got blocked: %s", f.Blocked)
			}
			o := f.Setup.Outcome
			if tc.failed == images.Latest {
				if !o.OK || !f.List.OK {
					t.Errorf("set-up and list: want ok, got %+v, %+v", o, f.List.Outcome)
				}
				o = f.Latest.Outcome
			}
			output := ""
			for _, step := range f.Steps {
				output += step.Output
			}
			if o.OK || o.Fault != "" {
				t.Errorf("%s: want failed without a fault of the laboratory, got %+v", tc.failed, o)
			}
			if !strings.Contains(output, tc.says) {
				t.Errorf("want the output to say %q", tc.says)
			}
			if f.Versions.Ran {
				t.Error("programs were run that were not installed")
			}
		})
	}
}

// TestFailingScriptlet: rpm takes the failure of a %post for a warning, and dnf
// exits 0. The facts must show it all the same.
func TestFailingScriptlet(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	dir := rpmTree(t, s, repo.AMD64, pkg{name: "kubeadm", version: "1.26.0", postinst: "echo it went wrong >&2; exit 3"})
	f := realCell(t, "rpm-dnf4", repo.AMD64, serve(t, dir), s.public(), []string{"kubeadm"}, nil)
	if f.Blocked != nil || !f.Latest.OK {
		t.Errorf("want installed, got %+v, blocked %v", f.Latest.Outcome, f.Blocked)
	}
	if !strings.Contains(strings.Join(f.Latest.Warnings, "\n"), "scriptlet failed, exit status 3") {
		t.Errorf("want a warning on the scriptlet, got %q", f.Latest.Warnings)
	}
}

func TestUnreachableRepositoryIsBlamedOnTheLaboratory(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	for _, distro := range []string{"debian-12", "rpm-dnf4"} {
		t.Run(distro, func(t *testing.T) {
			// Port 9 of loopback: nothing listens there.
			f := realCell(t, distro, repo.AMD64, "http://127.0.0.1:9/x/", s.public(), []string{"kubeadm"}, nil)
			if f.Setup.OK || f.Setup.Fault != images.FaultNetwork {
				t.Errorf("want the fault network, got %+v", f.Setup.Outcome)
			}
		})
	}
}

// TestTimeUp checks that a package that never ends is ended, and its container
// goes. Nothing is laid at its door before its script has had its time.
func TestTimeUp(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	dir := debTree(t, s, repo.AMD64, pkg{name: "kubeadm", version: "1.26.0", postinst: "sleep 1000000"})
	run := ""
	f := realCell(t, "debian-12", repo.AMD64, serve(t, dir), s.public(), []string{"kubeadm"}, func(_ *Job, o *Options) {
		o.Timeouts.Install = 1 // it is up before the installation can have ended
		run = o.Run
	})
	if f.Blocked != nil || f.Latest.OK || f.Latest.Fault != images.FaultTimeout {
		t.Errorf("want a time-out and no block, got %+v, blocked %v", f.Latest.Outcome, f.Blocked)
	}
	noneLeft(t, run)
}

// TestEndlessScript checks that a maintainer script that does not end is found
// out, with every package manager.
func TestEndlessScript(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	endless := pkg{name: "kubeadm", version: "1.26.0", postinst: "sleep 1000000"}
	for distro, tree := range map[string]func(testing.TB, signer, repo.Arch, ...pkg) string{
		"debian-12": debTree, "rpm-dnf4": rpmTree, "rpm-dnf5": rpmTree, "rpm-zypper": rpmTree,
	} {
		t.Run(distro, func(t *testing.T) {
			t.Parallel()
			run := ""
			f := realCell(t, distro, repo.AMD64, serve(t, tree(t, s, repo.AMD64, endless)), s.public(), []string{"kubeadm"}, func(j *Job, o *Options) {
				// Unpacking one small file needs less than half of it.
				o.Timeouts.Install = 40 * time.Second
				j.Scenarios = []images.Scenario{images.Latest, images.Remove}
				run = o.Run
			})
			if o := f.Latest.Outcome; f.Blocked != nil || o.OK || o.Fault != "" || !strings.Contains(o.Detail, "does not end") || !strings.Contains(o.Detail, ": sleep 1000000") {
				t.Errorf("want a failure of the script's, got %+v, blocked %v", o, f.Blocked)
			}
			noneLeft(t, run)
		})
	}
}

// TestInterrupted cancels a run in the middle of an installation.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	dir := debTree(t, s, repo.AMD64, pkg{name: "kubeadm", version: "1.26.0", postinst: "sleep 1000000"})
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := images.Find(all, "debian-12")
	url := serve(t, dir)
	cell := images.NewCell(repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.26", URL: url}, "debian-12", repo.AMD64)
	second := cell
	second.ID += "-second"
	job := Job{Cell: cell, Distro: d, RepoURL: url, Key: s.public(), Packages: []string{"kubeadm"}}
	waiting := job
	waiting.Cell = second
	const run = "test-interrupted"
	why := errors.New("the user pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	eng := watch{openEngine(t), func(c engine.Command) {
		if c.Argv[0] == "apt-get" && c.Argv[1] == "install" {
			cancel(why)
		}
	}}
	p, err := Start(ctx, eng, []Job{job, waiting}, Options{Run: run, Images: builder(t), Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{cell.ID, second.ID} {
		f, err := p.Await(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if f.Blocked == nil || f.BlockedFault != images.FaultInterrupted || !strings.Contains(f.Blocked.Text, why.Error()) {
			t.Errorf("%s: want blocked as interrupted, got %v (%s)", id, f.Blocked, f.BlockedFault)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Await(t.Context(), "no-such"); !errors.Is(err, ErrUnknownCell) {
		t.Errorf("got %v", err)
	}
	noneLeft(t, run)
}

// noneLeft checks that a run has no container any more.
func noneLeft(t *testing.T, run string) {
	t.Helper()
	r, ok := openEngine(t).(engine.Reaper)
	if !ok {
		t.Fatal("the engine cannot find containers")
	}
	if n, err := r.RemoveRun(t.Context(), run); err != nil || n != 0 {
		t.Errorf("want no container left, got %d, %v", n, err)
	}
}

// watch is an engine whose commands are seen before they start.
type watch struct {
	engine.Engine
	seen func(engine.Command)
}

func (w watch) Start(ctx context.Context, s engine.Spec) (engine.Container, error) {
	c, err := w.Engine.Start(ctx, s)
	if err != nil {
		return nil, err
	}
	return watched{c, w.seen}, nil
}

type watched struct {
	engine.Container
	seen func(engine.Command)
}

func (w watched) Exec(ctx context.Context, c engine.Command) (engine.Result, error) {
	w.seen(c)
	return w.Container.Exec(ctx, c)
}

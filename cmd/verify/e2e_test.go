package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/demo"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/sample"
	"sigs.k8s.io/pkgverify/publish/serve"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// asProgram makes this test binary behave as the program: Ginkgo runs its
// specs once a process, so that every run needs a process of its own.
const asProgram = "PKGVERIFY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// outcome is what one run of the program left.
type outcome struct {
	exit      int
	stdout    string
	stderr    string
	artifacts string
	report    *reports.Report // nil when none was written
}

// command returns the program, about to run with its own artifacts folder.
func command(ctx context.Context, t testing.TB, args ...string) (*exec.Cmd, *outcome) {
	t.Helper()
	o := &outcome{artifacts: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "ARTIFACTS="+o.artifacts)
	return cmd, o
}

// program runs the program to its end.
func program(t *testing.T, args ...string) *outcome {
	t.Helper()
	cmd, o := command(t.Context(), t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o.exit, o.stdout, o.stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	o.read(t)
	return o
}

// read reads the report, if one was written.
func (o *outcome) read(t *testing.T) {
	t.Helper()
	f, err := os.Open(filepath.Join(o.artifacts, "report.json"))
	if errors.Is(err, os.ErrNotExist) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if o.report, err = reports.Read(f); err != nil {
		t.Fatal(err)
	}
}

// with returns the checks that have a result of the status, each once.
func (o *outcome) with(status verify.Status) []string {
	out := []string{}
	if o.report != nil {
		for _, r := range o.report.Results {
			if r.Status == status && !slices.Contains(out, r.Check) {
				out = append(out, r.Check)
			}
		}
	}
	slices.Sort(out)
	return out
}

// published is a tree on a server on loopback, and what to expect of it.
type published struct {
	url, root, key              string
	profile, channels, versions string
	arches                      string
}

// publishing keeps the builds of several trees from competing for the machine.
var publishing sync.Mutex

// publishTree publishes the demonstration for two architectures and serves it
// as pkgs.k8s.io does. Two are enough to tell them apart.
func publishTree(t *testing.T, layoutName, broken string, arches ...string) published {
	t.Helper()
	publishing.Lock()
	defer publishing.Unlock()
	layout, err := publish.ParseLayout(layoutName)
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
	options := demo.Options{
		Dir: t.TempDir(), Layout: layout, Cache: cache, Samples: samples, Now: time.Now, Log: func(string) {},
		Quick: broken != "", // sound trees show xz
	}
	if len(arches) == 0 {
		arches = []string{"amd64", "s390x"}
	}
	for _, name := range arches {
		arch, err := publish.ParseArch(name)
		if err != nil {
			t.Fatal(err)
		}
		options.Architectures = append(options.Architectures, arch)
	}
	if broken != "" {
		f, err := fault.Find(broken)
		if err != nil {
			t.Fatal(err)
		}
		options.Fault = &f
	}
	result, err := demo.Publish(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.Handler(result.Root))
	t.Cleanup(server.Close)
	versions, err := os.ReadFile(filepath.Join(options.Dir, demo.VersionsFile))
	if err != nil {
		t.Fatal(err)
	}
	p := published{url: server.URL, root: result.Root, key: filepath.Join(options.Dir, demo.PublicKey),
		profile: layoutName, channels: "stable,dev,nightly", arches: strings.Join(arches, ","), versions: strings.TrimSpace(string(versions))}
	if layoutName == "kubernetes" { // pkgs.k8s.io has no nightlies
		p.channels = "stable,dev"
		p.versions = strings.Join(slices.DeleteFunc(strings.Split(p.versions, ","), func(v string) bool { return strings.Contains(v, "+") }), ",")
	}
	return p
}

// arguments are those of a run on the tree.
func (p published) arguments(more ...string) []string {
	return append([]string{"--profile", p.profile, "--base-url", p.url, "--key", p.key, "--channel", p.channels,
		"--minor", "1.26", "--versions", p.versions, "--arch", p.arches, "--settle", "0",
		// The sample programs are no release's.
		"--official-binaries", "none"}, more...)
}

const noContainers = "--suite=metadata,packages"

func TestSoundTreePasses(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"kep-1731", "kubernetes"} {
		p := publishTree(t, layout, "")
		for _, root := range []string{p.url, p.root} { // over http and from a folder
			o := program(t, p.arguments(noContainers, "--base-url", root)...)
			if o.exit != exitPass || !strings.Contains(o.stdout, "PASS") {
				t.Errorf("%s from %s: exit %d\n%s%s", layout, root, o.exit, o.stdout, o.stderr)
			}
			for _, status := range []verify.Status{verify.Fail, verify.Warn, verify.Blocked, verify.Skipped} {
				if got := o.with(status); len(got) > 0 {
					t.Errorf("%s from %s: %s: %v", layout, root, status, got)
				}
			}
		}
	}
}

// inContainers are faults of every kind that a package manager has a word on.
// TestMutation makes all of the catalogue, without containers.
func inContainers() []string {
	return []string{"flip-deb", "flip-rpm", "foreign-key", "unsigned-rpm", "missing-arch", "rc-in-stable", "other-minor",
		"index-mismatch", "expired-key"}
}

// firstSteps are the install checks that need no second version.
func firstSteps() []string {
	return []string{"install-setup", "install-list", "install-latest", "install-versions"}
}

// TestFaults breaks a tree in some ways of the catalogue and verifies it whole,
// with containers. The checks that the fault must cause fail, and beside them
// only those that can follow from it.
func TestFaults(t *testing.T) {
	t.Parallel()
	exists := make(map[string]bool)
	for _, c := range checks.Catalogue() {
		exists[c.ID] = true
	}
	for _, name := range inContainers() {
		f, err := fault.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			p := publishTree(t, "kep-1731", f.Name)
			// The first steps, and what the fault is about: each fault would else
			// be upgraded, removed and tampered with.
			asked := slices.Concat(firstSteps(), slices.DeleteFunc(slices.Clone(f.Want), func(id string) bool { return !exists[id] }))
			o := program(t, p.arguments("--install-arch", "amd64",
				"--label-filter", "!suite:install || (channel:stable && check: containsAny {"+strings.Join(asked, ", ")+"})")...)
			failed := o.with(verify.Fail)
			for _, id := range f.Want {
				if exists[id] && !slices.Contains(failed, id) {
					t.Errorf("%s does not fail", id)
				}
			}
			for _, id := range failed {
				if !slices.Contains(f.Want, id) && !slices.Contains(f.May, id) {
					t.Errorf("%s fails, which does not follow from the fault", id)
				}
			}
			if o.exit != exitFail || len(o.with(verify.Blocked)) > 0 {
				t.Errorf("exit %d, blocked %v", o.exit, o.with(verify.Blocked))
			}
			for _, r := range o.report.Results {
				if r.Status == verify.Fail && !strings.Contains(r.Target, "stable/1.26") {
					t.Errorf("%s fails in %s, which was not touched", r.Check, r.Target)
				}
				if r.Status == verify.Fail && (r.Message == "" || r.Hint == "" || r.URL == "") {
					t.Errorf("%s: message, hint or URL is missing: %+v", r.Check, r)
				}
			}
			if t.Failed() {
				t.Log(o.stdout)
			}
		})
	}
}

// TestInstallsInContainers: the whole way, on this machine's architecture and,
// emulated, on another one.
func TestInstallsInContainers(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "", "amd64", "arm64")
	few := "check: containsAny {" + strings.Join(firstSteps(), ", ") + "}"
	o := program(t, p.arguments("--suite", "install", "--install-arch", "amd64,arm64",
		"--label-filter", "channel:stable && (arch:"+hostArch()+" || "+few+")")...)
	if o.exit != exitPass || len(o.report.Cells) != 4 {
		t.Fatalf("exit %d, %d cells\n%s%s", o.exit, len(o.report.Cells), o.stdout, o.stderr)
	}
	for _, c := range o.report.Cells {
		if c.Emulated != !strings.HasSuffix(c.ID, "-"+hostArch()) {
			t.Errorf("%s: emulated: %t", c.ID, c.Emulated)
		}
		log, err := os.ReadFile(filepath.Join(o.artifacts, "cells", c.ID+".log"))
		if err != nil || !bytes.Contains(log, []byte("/usr/bin/kubelet --version")) {
			t.Errorf("%s: transcript: %v\n%s", c.ID, err, log)
		}
	}
	// From a folder, which the harness serves to the containers itself.
	o = program(t, p.arguments("--base-url", p.root, "--suite", "install", "--install-arch", "amd64", "--label-filter", "channel:stable && "+few)...)
	if o.exit != exitPass || len(o.report.Cells) != 2 {
		t.Errorf("from a folder: exit %d, %d cells\n%s%s", o.exit, len(o.report.Cells), o.stdout, o.stderr)
	}
}

// TestUnreachableIsBlocked: with nothing listening, nobody can tell.
func TestUnreachableIsBlocked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	o := program(t, "--base-url", server.URL, "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--engine", "none")
	if o.exit != exitBlocked {
		t.Errorf("exit %d, want %d\n%s", o.exit, exitBlocked, o.stdout)
	}
	if got := o.with(verify.Fail); len(got) > 0 {
		t.Errorf("failed: %v", got)
	}
	if !strings.Contains(o.stdout, strings.TrimPrefix(server.URL, "http://")) {
		t.Errorf("does not say what it could not reach:\n%s", o.stdout)
	}
}

// TestMissingEngineIsBlocked: the rest of the run still tells the truth.
func TestMissingEngineIsBlocked(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	o := program(t, p.arguments("--engine", "none", "--install-arch", "amd64")...)
	if o.exit != exitBlocked || len(o.with(verify.Fail)) > 0 {
		t.Errorf("exit %d, failed %v\n%s", o.exit, o.with(verify.Fail), o.stdout)
	}
	var want []string
	for _, c := range checks.Catalogue() {
		if c.Suite == verify.Install {
			want = append(want, c.ID)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, o.with(verify.Blocked)); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
}

// TestEverythingForbidden: a repository that is not there at all has failed.
func TestEverythingForbidden(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(server.Close)
	o := program(t, "--base-url", server.URL, "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", noContainers)
	if diff := cmp.Diff([]string{"apt-release-present", "rpm-repomd-present"}, o.with(verify.Fail)); diff != "" || o.exit != exitFail {
		t.Errorf("exit %d, failing (-want +got):\n%s\n%s", o.exit, diff, o.stdout)
	}
}

func TestBadUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want []string // one for each line before the last
	}{
		{[]string{"--channel", "stabel", "--minor", "1.26.3", "--format", "dep"}, []string{"stable?", "--minor 1.26", "deb?"}},
		{[]string{"--channel", "stable", "--minor", "1.26", "--no-such-flag"}, []string{"no-such-flag"}},
		{[]string{"--channel", "stable", "--minor", "1.26", "--engine", "dokcer"}, []string{"docker"}},
		{[]string{"--channel", "stable", "--minor", "1.26", "--label-filter", "check:none"}, []string{"select no spec"}},
		{[]string{"--channel", "stable", "--minor", "1.26", "--label-filter", "(("}, []string{"label-filter"}},
		{[]string{"--channel", "stable", "--minor", "1.26", "--key", "no/such/file"}, []string{"--key"}},
		{[]string{"--profile", "kuberntes"}, []string{"kubernetes and kep-1731"}},
		{[]string{"lits"}, []string{"lits"}},
		{[]string{"checks", "no-such-check"}, []string{"no-such-check"}},
	} {
		o := program(t, tt.args...)
		lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
		if o.exit != exitUsage || len(lines) != len(tt.want)+1 {
			t.Errorf("%v: exit %d, want %d\n%s", tt.args, o.exit, exitUsage, o.stderr)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%v: line %q does not say %q", tt.args, lines[i], want)
			}
		}
		if o.report != nil {
			t.Errorf("%v: wrote a report", tt.args)
		}
	}
}

// TestInterrupted: the report of an interrupted run is whole and says so.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(reached) })
		<-r.Context().Done() // never answers
	}))
	t.Cleanup(server.Close)
	cmd, o := command(t.Context(), t, "--base-url", server.URL, "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--engine", "none")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) || exit.ExitCode() != exitInterrupted {
		t.Fatalf("ended with %v, want exit %d", cmd.ProcessState, exitInterrupted)
	}
	o.read(t)
	if o.report == nil || !o.report.Interrupted || len(o.report.Results) == 0 || o.report.Summary.Verdict == reports.Pass {
		t.Errorf("report: %+v", o.report)
	}
}

func TestJSONOnStdout(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	o := program(t, p.arguments(noContainers, "--json")...)
	var rep reports.Report
	if err := json.Unmarshal([]byte(o.stdout), &rep); err != nil {
		t.Fatalf("stdout is not the report: %v\n%.300s", err, o.stdout)
	}
	if rep.Schema != reports.Schema || rep.Summary.Verdict != reports.Pass {
		t.Errorf("got %s, %+v", rep.Schema, rep.Summary)
	}
}

func TestListFetchesNothing(t *testing.T) {
	t.Parallel()
	o := program(t, "list", "--channel", "stable", "--minor", "1.26", "--base-url", "http://192.0.2.1/")
	if o.exit != exitPass || !strings.Contains(o.stdout, "deb/stable/1.26 apt-release-signed") || o.report != nil {
		t.Errorf("exit %d\n%s%s", o.exit, o.stdout, o.stderr)
	}
}

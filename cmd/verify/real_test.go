package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// realIndex serves the index of pkgs.k8s.io's v1.28 as it was on 2024-10-23,
// laid out as there: a front that redirects to the store of a second host,
// which answers 403 for what it does not have. The index came without its
// signatures and without Packages.gz.
func realIndex(t *testing.T, key string) string {
	t.Helper()
	files := map[string]string{
		"Release": "testdata/pkgs.k8s.io-v1.28-deb/Release", "Packages": "testdata/pkgs.k8s.io-v1.28-deb/Packages", "Release.key": key,
	}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dir, name := path.Split(r.URL.Path)
		if file, ok := files[name]; ok && dir == "/repositories/isv:/kubernetes:/core:/stable:/v1.28/deb/" {
			http.ServeFile(w, r, file)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(store.Close)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, store.URL+"/repositories/isv:/kubernetes:"+r.URL.EscapedPath(), http.StatusFound)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// patches returns the versions .0 to .last of a minor.
func patches(minor string, last int) string {
	var all []string
	for n := range last + 1 {
		all = append(all, fmt.Sprintf("%s.%d", minor, n))
	}
	return strings.Join(all, ",")
}

// TestRealIndex: the one package that is missing from the real index is found,
// and nothing else is said of it.
func TestRealIndex(t *testing.T) {
	t.Parallel()
	o := program(t, "--base-url", realIndex(t, "../../verify/profile/isv-kubernetes.asc"), "--channel", "stable", "--minor", "1.28",
		"--versions", patches("1.28", 15), "--format", "deb", "--suite", "metadata", "--settle", "0")
	// What was not kept of the repository is missed, by the right checks.
	want := []string{"apt-index-checksums", "apt-release-present", "packages-published"}
	if diff := cmp.Diff(want, o.with(verify.Fail)); diff != "" || o.exit != exitFail {
		t.Errorf("exit %d, failing (-want +got):\n%s\n%s", o.exit, diff, o.stdout)
	}
	var missing []reports.Result
	for _, r := range o.report.Results {
		switch {
		case r.Check == "packages-published":
			missing = append(missing, r)
		case r.Check == "apt-index-checksums" && r.Subject.File != "Packages.gz":
			t.Errorf("apt-index-checksums complains of %s: %s", r.Subject.File, r.Message)
		}
	}
	if len(missing) != 1 || missing[0].Subject != (verify.Subject{Package: "kubelet", Version: "1.28.5", Arch: "s390x"}) {
		t.Errorf("packages-published: got %+v, want kubelet 1.28.5 s390x alone", missing)
	}
	if got := o.report.Repositories[0].Apt.Release.Hops; len(got) != 2 {
		t.Errorf("the redirect is not in the report: %v", got)
	}
}

// TestExpiredCopyOfTheKey: the copy fails on its own; the signing key itself
// is the pinned one all the same (kubernetes/release #3818).
func TestExpiredCopyOfTheKey(t *testing.T) {
	t.Parallel()
	o := program(t, "--base-url", realIndex(t, "testdata/isv-kubernetes-expired-2024-11-02.asc"), "--channel", "stable", "--minor", "1.28",
		"--versions", "1.28.0", "--format", "deb", "--label-filter", "check:key-current || check:key-published")
	if diff := cmp.Diff([]string{"key-current"}, o.with(verify.Fail)); diff != "" || o.exit != exitFail {
		t.Errorf("exit %d, failing (-want +got):\n%s\n%s", o.exit, diff, o.stdout)
	}
	if diff := cmp.Diff([]string{"key-published"}, o.with(verify.Pass)); diff != "" {
		t.Errorf("passing (-want +got):\n%s", diff)
	}
}

// TestTheUsersOwnCommand: with no other flag the real repositories are meant.
// Here nothing can be reached: a proxy that does not listen sees to that.
func TestTheUsersOwnCommand(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	cmd, o := command(t.Context(), t, "--channel", "stable", "--minor", "1.26", "--engine", "none")
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"} {
		cmd.Env = append(cmd.Env, name+"="+closed.URL)
	}
	cmd.Env = append(cmd.Env, "NO_PROXY=", "no_proxy=")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if exit := (*exec.ExitError)(nil); !errors.As(cmd.Run(), &exit) || exit.ExitCode() != exitBlocked {
		t.Fatalf("ended with %v, want exit %d\n%s", cmd.ProcessState, exitBlocked, stdout.String())
	}
	o.read(t)
	if got := append(o.with(verify.Fail), o.with(verify.Pass)...); len(got) > 0 {
		t.Errorf("not blocked: %v", got)
	}
	for _, want := range []string{"BLOCKED", "https://pkgs.k8s.io/core:/stable:/v1.26/deb/InRelease"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("does not say %s:\n%s", want, stdout.String())
		}
	}
	for _, name := range []string{"report.json", "junit_verify.xml", "metadata.json"} {
		if _, err := os.Stat(path.Join(o.artifacts, name)); err != nil {
			t.Error(err)
		}
	}
}

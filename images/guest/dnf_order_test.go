package guest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
)

// What dnf 4.14 wrote in rpm-dnf4.
const (
	solvedInstall = `repo: using cache for: kubernetes
Last metadata expiration check: 0:00:01 ago on Mon Nov 23 09:23:37 2026.
Excludes in repo kubernetes: cri-tools, kubeadm, kubectl, kubelet, kubernetes-cni
--> Starting dependency resolution
---> Package cri-tools.x86_64 1.26.0-150500.1.1 will be installed
---> Package kubeadm.x86_64 1.26.1-150500.1.1 will be a downgrade
---> Package kubectl.x86_64 1.26.1-150500.1.1 will be upgraded
---> Package kubectl.x86_64 1.26.2-150500.1.1 will be an upgrade
---> Package other.noarch 2:1.0-1 will be erased
--> Finished dependency resolution
timer: depsolve: 5 ms
Dependencies resolved.
================================================================================
 Package             Arch        Version                  Repository       Size
================================================================================
Operation aborted.
Cleaning up.
`
	solvedNothing = `Package kubectl-1.26.1-150500.1.1.x86_64 is already installed.
--> Starting dependency resolution
--> Finished dependency resolution
Dependencies resolved.
Nothing to do.
Complete!
`
	unsolvable = `--> Starting dependency resolution
--> Finished dependency resolution
timer: depsolve: 0 ms

Traceback (most recent call last):
dnf.exceptions.DepsolveError: 
 Problem: conflicting requests
  - nothing provides util-linux needed by kubelet-1.26.1-150500.1.1.x86_64
(try to add '--skip-broken' to skip uninstallable packages or '--nobest' to use not only best candidate packages)
Cleaning up.
`
	unsolvableErrors = `Error: 
 Problem: conflicting requests
  - nothing provides util-linux needed by kubelet-1.26.1-150500.1.1.x86_64
`
	noMatch       = "No match for argument: kubelet-1.26.7-150500.1.1\nCleaning up.\n"
	noMatchErrors = "Error: Unable to find a match: kubelet-1.26.7-150500.1.1\n"
)

func TestParseDNFSolve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer Answer
		want   Solution
		err    string
	}{
		"solved": {Answer{1, solvedInstall, ""}, Solution{OK: true, Would: []images.Installed{
			{Package: "cri-tools", Version: "1.26.0-150500.1.1", Arch: "x86_64"},
			{Package: "kubeadm", Version: "1.26.1-150500.1.1", Arch: "x86_64"},
			{Package: "kubectl", Version: "1.26.2-150500.1.1", Arch: "x86_64"},
		}}, ""},
		"nothing to do": {Answer{0, solvedNothing, ""}, Solution{OK: true}, ""},
		"no solution": {Answer{1, unsolvable, unsolvableErrors}, Solution{
			Reason: "Problem: conflicting requests\n  - nothing provides util-linux needed by kubelet-1.26.1-150500.1.1.x86_64"}, ""},
		"no such version": {Answer{1, noMatch, noMatchErrors}, Solution{
			Reason: "No match for argument: kubelet-1.26.7-150500.1.1\nUnable to find a match: kubelet-1.26.7-150500.1.1"}, ""},
		"no cache": {Answer{1, "", "Error: Cache-only enabled but no cache for 'kubernetes'\n"}, Solution{},
			"exit 1 without a word of its solver: Cache-only enabled but no cache for 'kubernetes'"},
		"killed": {Answer{137, "--> Starting dependency resolution\n", ""}, Solution{}, "exit 137 without a word"},
		"an unknown fate": {Answer{1, "--> Starting dependency resolution\n---> Package a.noarch 1-1 will be admired\n", ""}, Solution{},
			`line 2: want a package, its version and what becomes of it, got "a.noarch 1-1 will be admired"`},
		"no architecture": {Answer{1, "---> Package a 1-1 will be installed\n", ""}, Solution{}, "line 1: want a package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDNFSolve(tc.answer)
			checkErr(t, err, tc.err)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// checkErr fails unless err has the text, or is nil where there is none.
func checkErr(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil {
		err = errors.New("")
	}
	if text == "" && err.Error() != "" || !strings.Contains(err.Error(), text) {
		t.Errorf("want error %q, got %q", text, err)
	}
}

func TestDNFOrder(t *testing.T) {
	t.Parallel()
	o := Order{Pins: []Pin{{"kubeadm", "1.26.1-150500.1.1"}, {"kubelet", "1:2-3"}, {"kubectl", ""}}}
	pins := "kubeadm-1.26.1-150500.1.1 kubelet-1:2-3 kubectl"
	inst := dnf{}.Install(Source{}, o)
	purge, ok := dnf{}.Purge([]string{"a"})
	for _, tc := range []struct{ got, want string }{
		{Quote(inst.Command.Argv), "dnf -y install --disableexcludes=kubernetes --setopt=install_weak_deps=False " + pins},
		{Quote(inst.Query.Argv[4:]), "kubeadm kubelet kubectl"},
		{Quote(dnf{}.Solve(Source{}, o).Commands[0].Argv),
			"dnf -C -d 10 --assumeno install --disableexcludes=kubernetes --setopt=install_weak_deps=False " + pins},
		{Quote(dnf{}.Remove([]string{"a", "b"}).Argv), "dnf -y remove a b"},
		{Quote(dnf{}.Autoremove().Argv), "dnf -y autoremove"},
		{Quote(purge.Argv), ""},
	} {
		if tc.got != tc.want {
			t.Errorf("want %s\ngot  %s", tc.want, tc.got)
		}
	}
	if ok {
		t.Error("rpm has no purge")
	}
}

func TestDNFOrigins(t *testing.T) {
	t.Parallel()
	read := dnf{}.Origins(Source{}, []string{"a"}).Read
	got, err := read([]Answer{{0, "kubeadm kubernetes\npkgverify-stand-in \nold @System\n", ""}})
	checkErr(t, err, "")
	if d := cmp.Diff(map[string]string{"kubeadm": "kubernetes"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, err = read([]Answer{{1, "", "Error: x"}})
	checkErr(t, err, "want one answer with exit 0, got [1]")
	_, err = read([]Answer{{0, "three fields here\n", ""}})
	checkErr(t, err, "line 1: want package and repository")
}

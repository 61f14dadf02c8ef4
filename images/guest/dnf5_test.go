package guest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
)

// What dnf 5.4 wrote in rpm-dnf5.
const (
	dnf5Table = `Package              Arch   Version             Repository      Size
Installing:
 conntrack-tools     x86_64 0:1.4.9-1.standin   distribution 0.0   B
Installing dependencies:
 cri-tools           x86_64 2:1.26.0-150500.1.1 kubernetes   1.5 MiB
Downgrading:
 kubeadm             x86_64 0:1.26.1-150500.1.1 kubernetes   1.8 MiB
   replacing kubeadm x86_64 0:1.26.2-150500.1.1 kubernetes   1.8 MiB
Removing unused dependencies:
 kubectl             x86_64 0:1.26.2-150500.1.1 kubernetes   1.8 MiB

Transaction Summary:
 Replacing:          1 package
 Downgrading:        1 package

`
	dnf5TableErrors = `Updating and loading repositories:
Repositories loaded.
Total size of inbound packages is 2 MiB. Need to download 2 MiB.
Operation aborted by the user.
`
	dnf5Unsolvable = `Updating and loading repositories:
Repositories loaded.
Failed to resolve the transaction:
Problem: conflicting requests
  - nothing provides util-linux needed by kubelet-1.26.1-150500.1.1.x86_64 from kubernetes
You can try to add to command line:
  --skip-broken to skip uninstallable packages
`
	dnf5NoMatch = `Repositories loaded.
Failed to resolve the transaction:
No match for argument: kubeadm-1.26.7
You can try to add to command line:
  --skip-unavailable to skip unavailable packages
`
)

func TestParseDNF5Solve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer Answer
		want   Solution
		err    string
	}{
		"solved": {Answer{1, dnf5Table, dnf5TableErrors}, Solution{OK: true, Would: []images.Installed{
			{Package: "conntrack-tools", Version: "1.4.9-1.standin", Arch: "x86_64"},
			{Package: "cri-tools", Version: "2:1.26.0-150500.1.1", Arch: "x86_64"},
			{Package: "kubeadm", Version: "1.26.1-150500.1.1", Arch: "x86_64"},
		}}, ""},
		"nothing to do": {Answer{0, "Nothing to do.\n", "Package \"kubectl-1.26.2-150500.1.1.x86_64\" is already installed.\n"}, Solution{OK: true}, ""},
		"no solution": {Answer{1, "", dnf5Unsolvable}, Solution{
			Reason: "Problem: conflicting requests\n  - nothing provides util-linux needed by kubelet-1.26.1-150500.1.1.x86_64 from kubernetes"}, ""},
		"no such version":        {Answer{1, "", dnf5NoMatch}, Solution{Reason: "No match for argument: kubeadm-1.26.7"}, ""},
		"no cache":               {Answer{1, "", "Cache-only enabled but no cache for repository \"kubernetes\"\n"}, Solution{}, "exit 1 without a word of its solver: Cache-only"},
		"killed":                 {Answer{137, dnf5Table, ""}, Solution{}, "exit 137 without a word"},
		"success without a word": {Answer{0, "", ""}, Solution{}, "exit 0 without a word"},
		"a row cut short":        {Answer{1, "Package Arch Size\nInstalling:\n kubeadm x86_64\n", ""}, Solution{}, "line 3: want package, architecture"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDNF5Solve(tc.answer)
			checkErr(t, err, tc.err)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDNF5Commands(t *testing.T) {
	t.Parallel()
	src := Source{URL: "http://x/", Packages: []string{"kubeadm"}}
	o := Order{Pins: []Pin{{"kubeadm", "1.26.1-150500.1.1"}, {"kubectl", ""}}, Downgrade: true}
	set, err := dnf5{}.Setup(src)
	if err != nil {
		t.Fatal(err)
	}
	const opts = "--setopt=disable_excludes=kubernetes --setopt=install_weak_deps=False"
	for _, tc := range []struct{ got, want string }{
		{Quote(set.Commands[0].Argv), "dnf5 -y makecache --setopt=kubernetes.skip_if_unavailable=False"},
		{Quote(dnf5{}.Install(src, o).Command.Argv), "dnf5 -y install " + opts + " --allow-downgrade kubeadm-1.26.1-150500.1.1 kubectl"},
		{Quote(dnf5{}.Solve(src, o).Commands[0].Argv), "dnf5 -C --assumeno install " + opts + " --allow-downgrade kubeadm-1.26.1-150500.1.1 kubectl"},
		{Quote(dnf5{}.InstallLatest(src).Command.Argv), "dnf5 -y install " + opts + " kubeadm"},
		{Quote(dnf5{}.List(src).Commands[1].Argv), "dnf5 -q -C repoquery --repo=kubernetes --setopt=disable_excludes=kubernetes --qf " +
			`'%{name} %{epoch}:%{version}-%{release} %{arch} %{repoid}\n' --latest-limit=1 kubeadm`},
		{Quote(dnf5{}.Origins(src, []string{"a"}).Commands[0].Argv), `dnf5 -q -C repoquery --installed --qf '%{name} %{from_repo}\n' a`},
		{Quote(dnf5{}.Remove([]string{"a", "b"}).Argv), "dnf5 -y remove a b"},
		{Quote(dnf5{}.Autoremove().Argv), "dnf5 -y autoremove"},
	} {
		if tc.got != tc.want {
			t.Errorf("want %s\ngot  %s", tc.want, tc.got)
		}
	}
}

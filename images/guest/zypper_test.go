package guest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
)

// What zypper 1.14.42 wrote in rpm-zypper.
const (
	zypperSearchXML = `<?xml version='1.0'?>
<stream>
<message type="info">Loading repository data...</message>

<search-result version="0.0">
<solvable-list>
<solvable status="other-version" name="kubeadm" kind="package" edition="1.26.2-150500.1.1" arch="x86_64" repository="kubernetes"/>
<solvable status="installed" name="kubeadm" kind="package" edition="2:1.26.1-150500.1.1" arch="x86_64" repository="kubernetes"/>
<solvable status="not-installed" name="kubeadm" kind="srcpackage" edition="1.26.1-150500.1.1" arch="noarch" repository="kubernetes"/>
</solvable-list>
</search-result>
</stream>
`
	zypperInfoText = `Loading repository data...


Information for package kubeadm:
--------------------------------
Repository     : kubernetes
Name           : kubeadm
Version        : 1.26.2-150500.1.1
Arch           : x86_64
Status         : out-of-date (version 1.26.1-150500.1.1 installed)
Summary        : Command-line utility for administering a Kubernetes cluster
Description    : 
    Version        : 9
Version        : 9


Information for package kubelet:
--------------------------------
Version        : 0:1.26.0-150500.1.1


Information for package kubeadm:
Version        : 9

package 'nothere' not found.
`
	zypperSolveXML = `<?xml version='1.0'?>
<stream>
<message type="info">Resolving package dependencies...</message>
<install-summary download-size="2433058" space-usage-diff="0" packages-to-change="3">
<to-downgrade>
<solvable type="package" name="kubeadm" edition="1.26.1-150500.1.1" arch="x86_64" edition-old="1.26.2-150500.1.1" arch-old="x86_64" summary="a &amp; b">
<description>Command-line utility.</description></solvable>
</to-downgrade>
<to-install>
<solvable type="package" name="cri-tools" edition="1.26.0-150500.1.1" arch="x86_64" summary="c"></solvable>
</to-install>
<to-remove>
<solvable type="package" name="kubectl" edition="1.26.0-150500.1.1" arch="x86_64" summary="c"></solvable>
</to-remove>
</install-summary>
<prompt id="0">
<text>Continue?</text>
<option default="1" value="y" desc="Yes"/>
</prompt>
<fileconflict-summary><message type="warning">1 package had to be excluded.</message>
</fileconflict-summary></stream>
`
	zypperNothing = `<?xml version='1.0'?>
<stream>
<message type="info">&apos;kubeadm&apos; is already installed.</message>
<install-summary download-size="0" space-usage-diff="0" packages-to-change="0">
</install-summary>
<message type="info">Nothing to do.</message>
</stream>
`
	zypperOlder = `<stream>
<message type="info">The selected package &apos;kubeadm-1.26.1-1.x86_64&apos; from repository &apos;kubernetes&apos; has lower version than the installed one. Use &apos;x&apos; to force installation of the package.</message>
<install-summary download-size="0" space-usage-diff="0" packages-to-change="0">
</install-summary>
</stream>
`
	zypperProblem = `<?xml version='1.0'?>
<stream>
<prompt id="1">
<description>Problem: nothing provides util-linux needed by kubelet-1.26.1-1.x86_64
 Solution 1: do not install kubelet
</description>
<text>Choose from above solutions by number or cancel</text>
</prompt>
</stream>
`
	zypperNoProvider = `<stream>
<message type="error">No provider of &apos;kubeadm=1.26.7-1&apos; found.</message>
</stream>
`
	zypperHistory = `2026-11-23 09:39:22|command|root@vm|'zypper' 'install' 'a'|
# 2026-11-23 09:39:22 iptables-1.8.9-1.standin.x86_64.rpm installed ok
2026-11-23 09:39:22|install|iptables|1.8.9-1.standin|x86_64||distribution|91ae|
2026-11-23 09:39:23|install|kubelet|1.26.2-150500.1.1|x86_64|root@vm|kubernetes|b638|
2026-11-23 09:39:23|install|kubeadm|1.26.2-150500.1.1|x86_64|root@vm|kubernetes|c035|
2026-11-23 09:40:43|remove |kubelet|1.26.2-150500.1.1|x86_64|root@vm|
`
)

func TestParseZypperSearch(t *testing.T) {
	t.Parallel()
	got, err := ParseZypperSearch(zypperSearchXML)
	checkErr(t, err, "")
	want := []images.Offer{
		{Package: "kubeadm", Version: "1.26.2-150500.1.1", Arch: "x86_64", Origin: "kubernetes"},
		{Package: "kubeadm", Version: "2:1.26.1-150500.1.1", Arch: "x86_64", Origin: "kubernetes"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for name, tc := range map[string][2]string{
		"no stream":    {"Loading...\n", "want a stream element"},
		"cut short":    {zypperSearchXML[:200], "unexpected EOF"},
		"no edition":   {strings.Replace(zypperSearchXML, `edition="1.26.2-150500.1.1" `, "", 1), "want name, edition"},
		"name":         {strings.Replace(zypperSearchXML, `name="kubeadm"`, `name="-x"`, 1), "want name, edition"},
		"wrong ending": {"<stream><a></b></stream>", "answer in XML"},
		"too long":     {strings.Repeat(" ", maxXML+1), "at most"},
	} {
		_, err := ParseZypperSearch(tc[0])
		if err == nil {
			t.Errorf("%s: want an error", name)
			continue
		}
		checkErr(t, err, tc[1])
	}
}

func TestParseZypperInfo(t *testing.T) {
	t.Parallel()
	got, err := ParseZypperInfo(zypperInfoText)
	checkErr(t, err, "")
	if d := cmp.Diff(map[string]string{"kubeadm": "1.26.2-150500.1.1", "kubelet": "1.26.0-150500.1.1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, err = ParseZypperInfo("Information for package -x:\n")
	checkErr(t, err, "line 1: want the name of a package")
}

func TestParseZypperSolve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer Answer
		want   Solution
		err    string
	}{
		"solved": {Answer{0, zypperSolveXML, ""}, Solution{OK: true, Would: []images.Installed{
			{Package: "kubeadm", Version: "1.26.1-150500.1.1", Arch: "x86_64"},
			{Package: "cri-tools", Version: "1.26.0-150500.1.1", Arch: "x86_64"},
		}}, ""},
		"nothing to do": {Answer{0, zypperNothing, ""}, Solution{OK: true}, ""},
		"an older version": {Answer{0, zypperOlder, ""}, Solution{
			Reason: "The selected package 'kubeadm-1.26.1-1.x86_64' from repository 'kubernetes' has lower version than the installed one. " +
				"Use 'x' to force installation of the package."}, ""},
		"no solution": {Answer{4, zypperProblem, ""}, Solution{
			Reason: "Problem: nothing provides util-linux needed by kubelet-1.26.1-1.x86_64\n Solution 1: do not install kubelet"}, ""},
		"no such version":  {Answer{104, zypperNoProvider, ""}, Solution{Reason: "No provider of 'kubeadm=1.26.7-1' found."}, ""},
		"locked":           {Answer{7, "<stream></stream>", "System management is locked"}, Solution{}, "exit 7\nSystem management is locked"},
		"killed":           {Answer{137, zypperSolveXML[:100], ""}, Solution{}, "exit 137"},
		"a failing solver": {Answer{4, zypperNothing, ""}, Solution{}, "libzypp refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseZypperSolve(tc.answer)
			checkErr(t, err, tc.err)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestZypperExit(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		0: "", 100: "", 101: "", 102: "", 103: "", 1: "exit 1", 4: "libzypp refused", 104: "nothing provides", 105: "signal",
		106: "passed over", 107: "%post script",
	} {
		err := ZypperExit(code)
		checkErr(t, err, want)
		if (err == nil) != (want == "") || err != nil && !errors.Is(err, ErrZypper) {
			t.Errorf("exit %d: got %v", code, err)
		}
	}
}

func TestZypperOrigins(t *testing.T) {
	t.Parallel()
	read := zypper{}.Origins(Source{}, []string{"kubeadm", "kubelet", "never"}).Read
	got, err := read([]Answer{{0, zypperHistory, ""}})
	checkErr(t, err, "")
	if d := cmp.Diff(map[string]string{"kubeadm": "kubernetes"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got, err = read([]Answer{{1, "", "cat: no such file"}})
	if err != nil || len(got) != 0 {
		t.Errorf("nothing was installed yet: want no origins, got %v, %v", got, err)
	}
	_, err = read([]Answer{{0, "d|install|x|\n", ""}})
	checkErr(t, err, "line 1: want a package")
}

func TestZypperCommands(t *testing.T) {
	t.Parallel()
	src := Source{URL: "http://x/", Packages: []string{"kubeadm"}}
	o := Order{Pins: []Pin{{"kubeadm", "1.26.1-150500.1.1"}, {"kubectl", ""}}}
	back := o
	back.Downgrade = true
	set, err := zypper{}.Setup(src)
	if err != nil {
		t.Fatal(err)
	}
	const call = "zypper --non-interactive --no-refresh "
	for _, tc := range []struct{ got, want string }{
		{string(set.Files[0].Data), "[kubernetes]\nname=kubernetes\nbaseurl=http://x/\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n" +
			"gpgkey=http://x/repodata/repomd.xml.key\npkg_gpgcheck=1\n"},
		{set.Files[0].Path, "/etc/zypp/repos.d/kubernetes.repo"},
		{Quote(set.Commands[0].Argv), "zypper --non-interactive --gpg-auto-import-keys refresh kubernetes"},
		{Quote(zypper{}.Install(src, o).Command.Argv), call + "install --no-recommends kubeadm=1.26.1-150500.1.1 kubectl"},
		{Quote(zypper{}.Solve(src, back).Commands[0].Argv), call + "--xmlout install --no-recommends --dry-run --oldpackage kubeadm=1.26.1-150500.1.1 kubectl"},
		{Quote(zypper{}.InstallLatest(src).Command.Argv), call + "install --no-recommends kubeadm"},
		{Quote(zypper{}.List(src).Commands[0].Argv), call + "--xmlout search --details --match-exact --type package --repo kubernetes kubeadm"},
		{Quote(zypper{}.Remove([]string{"a"}).Argv), call + "remove a"},
	} {
		if tc.got != tc.want {
			t.Errorf("want %s\ngot  %s", tc.want, tc.got)
		}
	}
	if _, err := (zypper{}).Setup(Source{URL: "http://x/$y/"}); err == nil {
		t.Error("a URL with a variable: want an error")
	}
}

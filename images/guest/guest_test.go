package guest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
)

// recordedPolicy is apt 2.6's own output, from a Debian 12 container in which
// kubelet was installed from the repository.
const recordedPolicy = `kubeadm:
  Installed: (none)
  Candidate: 1.26.10-1.1
  Version table:
     1.26.10-1.1 500
        500 http://127.0.0.1:39259/core:/stable:/v1.26/x  Packages
     1.26.2-1.1 500
        500 http://127.0.0.1:39259/core:/stable:/v1.26/x  Packages
kubelet:
  Installed: 1.26.10-1.1
  Candidate: 1.26.10-1.1
  Version table:
 *** 1.26.10-1.1 500
        500 http://127.0.0.1:39259/core:/stable:/v1.26/x  Packages
        100 /var/lib/dpkg/status
gone:
  Installed: (none)
  Candidate: (none)
  Version table:
N: Unable to locate package there-is-no-such
`

// recordedRepoquery is dnf 4.14's own output.
const recordedRepoquery = `Last metadata expiration check: 0:00:03 ago on Mon Nov 23 00:51:50 2026.
kubeadm 0:1.26.0-150500.1.1 x86_64 kubernetes
kubeadm 0:1.26.10-150500.1.1 x86_64 kubernetes
kubelet 1:1.26.10-150500.1.1 x86_64 kubernetes
`

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	offers, candidates, err := ParsePolicy(recordedPolicy)
	if err != nil {
		t.Fatal(err)
	}
	const from = "http://127.0.0.1:39259/core:/stable:/v1.26/x"
	want := []images.Offer{
		{Package: "kubeadm", Version: "1.26.10-1.1", Origin: from},
		{Package: "kubeadm", Version: "1.26.2-1.1", Origin: from},
		{Package: "kubelet", Version: "1.26.10-1.1", Origin: from},
	}
	if d := cmp.Diff(want, offers); d != "" {
		t.Errorf("offers (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"kubeadm": "1.26.10-1.1", "kubelet": "1.26.10-1.1"}, candidates); d != "" {
		t.Errorf("candidates (-want +got):\n%s", d)
	}
	for _, bad := range []string{"no colon\n", "  Installed: x\n", "a:\n     1 500\n", "a:\n  Version table:\n        500 http://x\n", "a b:\n"} {
		if _, _, err := ParsePolicy(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestParseRepoquery(t *testing.T) {
	t.Parallel()
	got, err := ParseRepoquery(recordedRepoquery)
	if err != nil {
		t.Fatal(err)
	}
	want := []images.Offer{
		{Package: "kubeadm", Version: "1.26.0-150500.1.1", Arch: "x86_64", Origin: "kubernetes"},
		{Package: "kubeadm", Version: "1.26.10-150500.1.1", Arch: "x86_64", Origin: "kubernetes"},
		{Package: "kubelet", Version: "1:1.26.10-150500.1.1", Arch: "x86_64", Origin: "kubernetes"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []string{"a b c\n", "a 1-1 x86_64 r\n", "../a 0:1-1 x86_64 r\n"} {
		if _, err := ParseRepoquery(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestParseInstalled(t *testing.T) {
	t.Parallel()
	deb, err := ParseDpkgQuery("kubeadm\t1.26.10-1.1\tamd64\tinstall ok installed\ndpkg-query: no packages found matching x\n")
	if err != nil {
		t.Fatal(err)
	}
	rpm, err := ParseRPMQuery("kubeadm 0:1.26.10-150500.1.1 x86_64\npackage x is not installed\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []images.Installed{
		{Package: "kubeadm", Version: "1.26.10-1.1", Arch: "amd64", Status: "install ok installed"},
		{Package: "kubeadm", Version: "1.26.10-150500.1.1", Arch: "x86_64", Status: "installed"},
	}
	if d := cmp.Diff(want, append(deb, rpm...)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := ParseDpkgQuery("a b\n"); err == nil {
		t.Error("dpkg-query: want an error")
	}
	if _, err := ParseRPMQuery("a b\n"); err == nil {
		t.Error("rpm -q: want an error")
	}
	if _, err := ParseRPMQuery(strings.Repeat("x", maxLine+1)); err == nil {
		t.Error("a line past the bound: want an error")
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	src := Source{URL: "https://pkgs.example.org/core:/stable:/v1.26/deb/", Key: []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), Packages: []string{"kubeadm", "kubelet"}}
	a, err := apt{}.Setup(src)
	if err != nil {
		t.Fatal(err)
	}
	const source = "Types: deb\nURIs: https://pkgs.example.org/core:/stable:/v1.26/deb/\nSuites: /\nSigned-By: /etc/apt/keyrings/kubernetes-apt-keyring.asc\n"
	if len(a.Files) != 2 || string(a.Files[1].Data) != source || a.Files[0].Path != "/etc/apt/keyrings/kubernetes-apt-keyring.asc" {
		t.Errorf("got %+v", a.Files)
	}
	binary := src
	binary.Key = []byte{0x99, 1}
	if a, err := (apt{}).Setup(binary); err != nil || !strings.HasSuffix(a.Files[0].Path, ".gpg") {
		t.Errorf("binary key: got %+v, %v", a.Files, err)
	}
	d, err := dnf{}.Setup(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ngpgcheck=1\n", "\nrepo_gpgcheck=1\n", "\ngpgkey=" + src.URL + "repodata/repomd.xml.key\n", "\nexclude=kubeadm kubelet\n"} {
		if !strings.Contains(string(d.Files[0].Data), want) {
			t.Errorf("want %q in %q", want, d.Files[0].Data)
		}
	}
	// Nothing from outside adds a line or an option.
	for _, bad := range []Source{
		{URL: "http://x/\nTrusted: yes", Key: src.Key}, {URL: "", Key: src.Key}, {URL: src.URL, Key: src.Key, Packages: []string{"--allow-unauthenticated"}},
		{URL: src.URL, Key: src.Key, Packages: []string{"a\ngpgcheck=0"}},
	} {
		if _, err := (apt{}).Setup(bad); err == nil {
			t.Errorf("apt: %+v: want an error", bad)
		}
		if _, err := (dnf{}).Setup(bad); err == nil {
			t.Errorf("dnf: %+v: want an error", bad)
		}
	}
}

// TestVerificationStaysOn holds every command and file against the options
// that would switch verification off.
func TestVerificationStaysOn(t *testing.T) {
	t.Parallel()
	src := Source{URL: "http://x/", Key: []byte("k"), Packages: []string{"a"}}
	for _, m := range []images.Manager{images.APT, images.DNF} {
		g, err := For(m)
		if err != nil {
			t.Fatal(err)
		}
		s, err := g.Setup(src)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, c := range append(s.Commands, append(g.List(src).Commands, g.InstallLatest(src).Command)...) {
			all = append(all, Quote(c.Argv))
		}
		for _, f := range s.Files {
			all = append(all, string(f.Data))
		}
		text := strings.ToLower(strings.Join(all, "\n"))
		for _, bad := range []string{"unauthenticated", "insecure", "nogpgcheck", "gpgcheck=0", "trusted", "force-yes", "sslverify"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %q is in:\n%s", m, bad, text)
			}
		}
	}
	if _, err := For("pacman"); err == nil {
		t.Error("an unknown manager: want an error")
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	const repo = "http://127.0.0.1:8080/x/"
	for _, tc := range []struct {
		name     string
		exit     int
		output   string
		emulated bool
		want     images.Fault
	}{
		{"success", 0, "No space left on device", true, ""},
		{"plain failure", 100, "E: Unable to locate package x", true, ""},
		{"not found", 100, "Err:1 http://127.0.0.1:8080/x/ a 404  Not Found", false, ""},
		{"disk", 100, "dpkg: error: failed to write: No space left on device", false, images.FaultDisk},
		{"qemu", 100, "qemu: uncaught target signal 11 (Segmentation fault) - core dumped", true, images.FaultEmulation},
		{"dpkg's word under emulation", 100, " installed libc-bin package post-installation script subprocess returned error exit status 139", true, images.FaultEmulation},
		{"the same on the real processor", 100, " installed libc-bin package post-installation script subprocess returned error exit status 139", false, ""},
		{"crash under emulation", 139, "", true, images.FaultEmulation},
		{"crash on the real processor", 139, "", false, ""},
		{"killed", 137, "", false, images.FaultMemory},
		{"repository refuses", 100, "  Could not connect to 127.0.0.1:8080 (127.0.0.1). - connect (111: Connection refused)", false, images.FaultNetwork},
		{"curl on the repository", 1, "Curl error (7): Couldn't connect to server for http://127.0.0.1:8080/x/repodata/repomd.xml", false, images.FaultNetwork},
		{"another server", 100, "Err:1 http://deb.debian.org/debian bookworm InRelease  Temporary failure resolving 'deb.debian.org'", false, images.FaultMirror},
		{"postinst", 100, "subprocess returned error exit status 3", true, ""},
	} {
		got, why := Fault(tc.exit, tc.output, tc.emulated, repo)
		if got != tc.want || (got != "") != (why != "") {
			t.Errorf("%s: want %q, got %q (%s)", tc.name, tc.want, got, why)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	if got := Quote([]string{"a", "b c", "", "it's", "x=1"}); got != `a 'b c' '' 'it'\''s' x=1` {
		t.Errorf("got %s", got)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add(recordedPolicy)
	f.Add(recordedRepoquery)
	f.Add("kubeadm\t1.26.10-1.1\tamd64\tinstall ok installed\n")
	f.Add("kubeadm 0:1.26.10-150500.1.1 x86_64\npackage x is not installed\n")
	f.Fuzz(func(t *testing.T, text string) {
		offers, candidates, err := ParsePolicy(text)
		if err != nil && (offers != nil || candidates != nil) {
			t.Error("apt-cache policy: an answer and an error")
		}
		for _, o := range offers {
			if !ValidPackage(o.Package) || o.Version == "" || strings.ContainsAny(o.Version, " \n") {
				t.Errorf("offer %+v", o)
			}
		}
		if offers, err := ParseRepoquery(text); err == nil {
			for _, o := range offers {
				if !ValidPackage(o.Package) || o.Arch == "" || o.Origin == "" {
					t.Errorf("offer %+v", o)
				}
			}
		}
		if got, err := ParseDpkgQuery(text); err == nil && len(got) > strings.Count(text, "\t") {
			t.Errorf("%d packages from %q", len(got), text)
		}
		if got, err := ParseRPMQuery(text); err == nil && len(got) > strings.Count(text, ":") {
			t.Errorf("%d packages from %q", len(got), text)
		}
		Fault(1, text, true, "http://x/")
		Warnings(text)
	})
}

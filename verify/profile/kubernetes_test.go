package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/profile"
)

// target returns the expectation of one repository of an embedded profile.
func target(t *testing.T, name, channel, minor string, f repo.Format) *verify.Expectation {
	t.Helper()
	p, err := plan(t, load(t, name), profile.Selection{Channels: []string{channel}, Minors: []string{minor}, Formats: []string{string(f)}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Targets[0]
}

// needs returns what a version of a package must depend on, and what it may.
func needs(e *verify.Expectation, name, version string) (must, may string) {
	var a, b []string
	for _, rule := range e.Package(name).Dependencies {
		if !rule.Range.Contains(version) {
			continue
		}
		for _, n := range rule.Needs {
			a = append(a, strings.TrimSuffix(n.Name+" "+n.Version, " "))
		}
		b = append(b, rule.Optional...)
	}
	slices.Sort(a)
	slices.Sort(b)
	return strings.Join(a, ", "), strings.Join(b, ", ")
}

// TestKubernetesDependencies holds the table against kubernetes/release's
// metadata.yaml, at each side of each of its bounds.
func TestKubernetesDependencies(t *testing.T) {
	t.Parallel()
	const companions = "kubectl 1.19.0, kubelet 1.19.0"
	for _, tt := range []struct{ kubeadm, cni, versions string }{
		{"cri-tools 1.23.0, " + companions + ", kubernetes-cni 0.8.7", "0.8.7", "1.24.0 1.24.1"},
		{"cri-tools 1.24.2, " + companions + ", kubernetes-cni 0.8.7", "0.8.7", "1.24.2 1.24.4 1.25.0"},
		{"cri-tools 1.25.0, " + companions + ", kubernetes-cni 1.1.1", "1.1.1", "1.24.5 1.24.17 1.25.1 1.25.16 1.26.0 1.26.15 1.27.0 1.27.16"},
		{"cri-tools 1.28.0, " + companions + ", kubernetes-cni 1.2.0", "1.2.0", "1.28.0 1.28.15 1.29.0 1.29.14"},
		{"cri-tools 1.30.0", "1.2.0", "1.30.0 1.30.14 1.31.0 1.31.14"},
		{"", "1.2.0", "1.32.0 1.33.0 1.34.0 1.36.2"},
	} {
		for _, version := range strings.Fields(tt.versions) {
			for _, f := range repo.Formats() {
				minor := version[:strings.LastIndexByte(version, '.')]
				e := target(t, "kubernetes", "stable", minor, f)
				if must, may := needs(e, "kubeadm", version); must != tt.kubeadm || may != "" {
					t.Errorf("%s kubeadm %s: needs %q, may %q, want %q", f, version, must, may, tt.kubeadm)
				}
				want, optional := "kubernetes-cni "+tt.cni+", util-linux", "conntrack, conntrack-tools, ebtables, ethtool, iproute, socat"
				if f == repo.Deb {
					want, optional = strings.Replace(want, "util", "mount, util", 1), "conntrack, ebtables, ethtool, iproute2, socat"
				}
				if minor < "1.34" {
					want = "iptables 1.4.21, " + want
				} else {
					optional = strings.Replace(optional, "socat", "iptables, socat", 1)
				}
				if must, may := needs(e, "kubelet", version); must != want || may != optional {
					t.Errorf("%s kubelet %s: needs %q, may %q\nwant %q, may %q", f, version, must, may, want, optional)
				}
				for _, name := range []string{"kubectl", "cri-tools", "kubernetes-cni"} {
					if must, may := needs(e, name, version); must+may != "" || e.Package(name).Dependencies == nil {
						t.Errorf("%s: needs %q, may %q, want it said that there are none", name, must, may)
					}
				}
			}
		}
	}
}

// TestKubernetesRelease holds the identity against the real Release of v1.28.
func TestKubernetesRelease(t *testing.T) {
	t.Parallel()
	want := verify.ReleaseExpectation{Origin: "obs://build.opensuse.org/isv:kubernetes:core:stable:v1.28/deb", Label: "isv:kubernetes:core:stable:v1.28", Codename: "deb"}
	if diff := cmp.Diff(want, target(t, "kubernetes", "stable", "1.28", repo.Deb).Release); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := target(t, "kubernetes", "dev", "1.30", repo.Deb).Release.Label; got != "isv:kubernetes:core:prerelease:v1.30" {
		t.Errorf("dev: label %q", got)
	}
	if got := target(t, "kubernetes", "stable", "1.28", repo.RPM).Release; got != (verify.ReleaseExpectation{}) {
		t.Errorf("rpm has no Release: %+v", got)
	}
}

func TestKubernetesCompanions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ channel, minor, crictl, cni string }{
		{"stable", "1.27", "", ""},
		{"stable", "1.28", "1.28.0", "1.2.0"},
		{"stable", "1.30", "1.30.0", ""},
		{"stable", "1.31", "1.31.1", "1.5.1"},
		{"stable", "1.36", "1.36.0", "1.9.1"},
		{"stable", "1.99", "", ""},
		{"dev", "1.31", "", ""},
	} {
		e := target(t, "kubernetes", tt.channel, tt.minor, repo.Deb)
		if crictl, cni := e.Package("cri-tools").MinVersion, e.Package("kubernetes-cni").MinVersion; crictl != tt.crictl || cni != tt.cni {
			t.Errorf("%s %s: cri-tools %q, kubernetes-cni %q, want %q and %q", tt.channel, tt.minor, crictl, cni, tt.crictl, tt.cni)
		}
	}
}

// TestKubernetesArchitectures: there are no programs for 32-bit arm from 1.27 on
// (kubernetes/kubernetes #117996).
func TestKubernetesArchitectures(t *testing.T) {
	t.Parallel()
	four := []repo.Arch{repo.AMD64, repo.ARM64, repo.PPC64LE, repo.S390X}
	five := []repo.Arch{repo.AMD64, repo.ARM64, repo.ARM, repo.PPC64LE, repo.S390X}
	for _, tt := range []struct {
		profile, minor string
		want           []repo.Arch
	}{
		{"kep-1731", "1.24", five}, {"kep-1731", "1.26", five}, {"kep-1731", "1.27", four}, {"kep-1731", "1.36", four},
		{"kubernetes", "1.24", four}, {"kubernetes", "1.36", four},
	} {
		for _, f := range repo.Formats() {
			e := target(t, tt.profile, "stable", tt.minor, f)
			if diff := cmp.Diff(tt.want, e.Arches); diff != "" {
				t.Errorf("%s %s %s (-want +got):\n%s", tt.profile, tt.minor, f, diff)
			}
		}
	}
}

// TestKubernetesFiles: the environment file differs by format, and is the one
// that kubeadm's drop-in names (kubernetes/release #3276).
func TestKubernetesFiles(t *testing.T) {
	t.Parallel()
	for f, want := range map[repo.Format]string{repo.Deb: "/etc/default/kubelet", repo.RPM: "/etc/sysconfig/kubelet"} {
		var config []string
		for _, x := range target(t, "kubernetes", "stable", "1.30", f).Package("kubelet").Files {
			if x.Config {
				config = append(config, x.Path)
			}
		}
		if diff := cmp.Diff([]string{want}, config); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	}
}

// TestKubernetesOtherPlaces: origins and official checksums.
func TestKubernetesOtherPlaces(t *testing.T) {
	t.Parallel()
	e := target(t, "kubernetes", "stable", "1.30", repo.RPM)
	if diff := cmp.Diff([]string{"https://download.opensuse.org/repositories/isv:/kubernetes:/core:/stable:/v1.30/rpm/"}, e.Origins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if e.Official != "https://dl.k8s.io/release/" || e.Package("kubelet").Binaries[0].Official != "v{version}/bin/linux/{arch}/kubelet.sha256" {
		t.Errorf("official: %q and %q", e.Official, e.Package("kubelet").Binaries[0].Official)
	}
	for _, b := range append(e.Package("cri-tools").Binaries, e.Package("kubernetes-cni").Binaries...) {
		if b.Official != "" || len(b.Embedded) == 0 {
			t.Errorf("%s: is released in archives only, and holds its version: %+v", b.Path, b)
		}
	}
	kep := target(t, "kep-1731", "nightly", "1.26", repo.Deb)
	if len(kep.Origins) > 0 || kep.Official != "https://dl.k8s.io/ci/" {
		t.Errorf("kep-1731: origins %v, official %q", kep.Origins, kep.Official)
	}
}

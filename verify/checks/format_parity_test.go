package checks_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestFormatParity(t *testing.T) {
	t.Parallel()
	keep := func(*verify.Facts) {}
	latest := func(p repo.Package) bool { return p.Upstream() == "1.26.1" }
	for _, tt := range []struct {
		name     string
		deb, rpm func(*verify.Facts)
		says     []string
	}{
		{"both the same", keep, keep, []string{}},
		{"other revisions", add("kubelet", "1.26.0-2.1", "amd64"), keep, []string{}},
		{"a hole in deb", drop(func(p repo.Package) bool { return p.Name == "kubelet" && p.Arch == "s390x" && latest(p) }), keep,
			[]string{"fail: deb lacks what rpm has: kubelet 1.26.1 is missing for s390x"}},
		{"a hole in rpm", keep, drop(func(p repo.Package) bool { return p.Name == "kubelet" && p.Arch == "x86_64" && latest(p) }),
			[]string{"fail: rpm lacks what deb has: kubelet 1.26.1 is missing for x86_64"}},
		{"one hole in both", drop(latest), drop(latest), []string{}},
		{"an architecture: one cause", drop(func(p repo.Package) bool { return p.Arch == "s390x" }), keep,
			[]string{"fail: deb lacks what rpm has: the architecture s390x is missing: cri-tools, kubeadm, kubelet"}},
		{"a version", keep, drop(func(p repo.Package) bool { return latest(p) && p.Name != "cri-tools" }),
			[]string{"fail: rpm lacks what deb has: the version 1.26.1 is missing: kubeadm, kubelet"}},
		{"a package", drop(func(p repo.Package) bool { return p.Name == "cri-tools" }), keep,
			[]string{"fail: deb lacks what rpm has: the package cri-tools is missing in every expected version"}},
		{"everything", drop(func(repo.Package) bool { return true }), keep,
			[]string{"fail: deb lacks what rpm has: none of the expected packages is there"}},
		{"a version that nobody expects, in one", add("kubelet", "1.26.9-1.1", "amd64"), keep,
			[]string{"fail: rpm lacks what deb has: the version 1.26.9 is missing: kubelet"}},
		{"holes on both sides",
			drop(func(p repo.Package) bool { return p.Name == "kubelet" && p.Arch == "s390x" && latest(p) }),
			drop(func(p repo.Package) bool { return p.Name == "kubeadm" && p.Arch == "x86_64" && latest(p) }),
			[]string{"fail: deb lacks what rpm has: kubelet 1.26.1 is missing for s390x", "fail: rpm lacks what deb has: kubeadm 1.26.1 is missing for x86_64"}},
		{"packages of another product", add("widget", "1.0-1", "amd64"), keep, []string{}},
		{"an architecture that the profile does not know", add("kubelet", "1.26.1-1.1", "riscv64"), keep, []string{}},
		{"one for all architectures", func(r *verify.Facts) {
			drop(func(p repo.Package) bool { return p.Name == "cri-tools" })(r)
			add("cri-tools", "1.26.0-1.1", "all")(r)
			add("cri-tools", "1.26.1-1.1", "all")(r)
		}, keep, []string{}},
		{"the sibling's index is wrong", func(r *verify.Facts) { r.Apt.Indexes[0].Parsed, r.Apt.Indexes[0].Problem = false, malformed }, keep,
			[]string{"skipped: the list of the deb packages could not be read"}},
		{"the sibling is unreachable", func(r *verify.Facts) {
			r.Apt.Inline, r.Apt.Detached, r.Apt.InRelease.Problem = nil, nil, unreachable
		}, keep, []string{"blocked: the list of the deb packages could not be read"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			deb, rpm := sound(repo.Deb), sound(repo.RPM)
			tt.deb(deb)
			tt.rpm(rpm)
			deb.Siblings, rpm.Siblings = []*repo.Repository{rpm.Repository}, []*repo.Repository{deb.Repository}
			res := onRepository(t, expectation(repo.RPM), rpm)["format-parity"]
			if diff := cmp.Diff(tt.says, says(res)); diff != "" {
				t.Errorf("rpm (-want +got):\n%s", diff)
			}
			for _, f := range res.Findings {
				if f.URL == "" || f.Status == verify.Fail && (f.Hint == "" || f.Want == "") {
					t.Errorf("says too little: %+v", f)
				}
			}
			// The pair is judged once.
			if r := onRepository(t, expectation(repo.Deb), deb)["format-parity"]; len(r.Findings) > 0 {
				t.Errorf("deb: got %+v, want it said on the rpm side only", r)
			}
		})
	}
}

// TestParityOfSharedArchitectures: what only one format has is not asked of the
// other.
func TestParityOfSharedArchitectures(t *testing.T) {
	t.Parallel()
	deb, rpm := sound(repo.Deb), sound(repo.RPM)
	drop(func(p repo.Package) bool { return p.Arch == "s390x" })(deb)
	rpm.Siblings = []*repo.Repository{deb.Repository}
	e := expectation(repo.RPM)
	e.SharedArches = []repo.Arch{repo.AMD64}
	if r := onRepository(t, e, rpm)["format-parity"]; r.Status != verify.Pass {
		t.Errorf("got %+v", r)
	}
	// A package may have architectures of its own.
	e.Packages[0].Arches = []repo.Arch{repo.AMD64, repo.S390X}
	if r := onRepository(t, e, rpm)["format-parity"]; len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Message, "cri-tools") {
		t.Errorf("got %+v", r)
	}
	// rpm spells 32-bit arm in several ways.
	e.Arches, e.SharedArches = []repo.Arch{repo.ARM}, []repo.Arch{repo.ARM}
	e.Packages = []verify.PackageExpectation{{Name: "kubelet", Versions: []string{"1.26.0"}}}
	rpm.Packages, deb.Packages = nil, nil
	deb.Packages = []repo.Package{pkg(repo.Deb, "kubelet", "1.26.0-1.1", "armhf")}
	rpm.Packages = []repo.Package{pkg(repo.RPM, "kubelet", "1.26.0-150500.1.1", "armv7hl")}
	if r := onRepository(t, e, rpm)["format-parity"]; r.Status != verify.Pass {
		t.Errorf("got %+v", r)
	}
}

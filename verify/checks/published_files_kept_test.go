package checks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// baselineOf is what a run saw of the packages.
func baselineOf(r *verify.Facts) *verify.Baseline {
	b := &verify.Baseline{Source: "old.json", Finished: now.AddDate(0, 0, -7), URL: "http://repo.test/"}
	for _, p := range r.Packages {
		b.Packages = append(b.Packages, verify.Published{Name: p.Name, Version: p.Version, Arch: p.Arch, Path: p.Path, Size: p.Claim.Size, Digests: p.Claim.Digests})
	}
	return b
}

// another is p as another revision.
func another(p *repo.Package, revision string) {
	p.Version = p.Upstream() + revision
	p.Path = p.Arch + "/" + p.Name + "_" + p.Version
}

func TestPublishedFilesKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		format repo.Format
		// change makes of what was there what is there now.
		change func(*verify.Expectation, *verify.Facts)
		want   verify.Status
		// says are in the messages of the findings, one each.
		says []string
	}{
		"nothing has changed": {repo.Deb, func(*verify.Expectation, *verify.Facts) {}, verify.Pass, nil},
		"new packages, keys and metadata": {repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages = append(r.Packages, pkg(repo.RPM, "kubelet", "1.26.2-150500.1.1", "x86_64"))
			r.Keys[0].Content, r.RPM.RepomdFile.Content = content("new key"), content("new")
		}, verify.Pass, nil},
		"a new revision beside the old one": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			p := r.Packages[0]
			another(&p, "-2.1")
			r.Packages = append(r.Packages, p)
		}, verify.Pass, nil},
		"one package has vanished": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			drop(func(p repo.Package) bool {
				return p.Name == "kubelet" && p.Upstream() == "1.26.0" && p.Arch == "s390x"
			})(r)
		}, verify.Fail, []string{"kubelet 1.26.0-1.1 has vanished for s390x"}},
		"a version has vanished": {repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			drop(func(p repo.Package) bool { return p.Upstream() == "1.26.0" })(r)
		}, verify.Fail, []string{"the version 1.26.0 has vanished: cri-tools, kubeadm, kubelet"}},
		"an architecture has vanished": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			drop(func(p repo.Package) bool { return p.Arch == "s390x" })(r)
		}, verify.Fail, []string{"the architecture s390x has vanished"}},
		"a package has vanished in every version": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			drop(func(p repo.Package) bool { return p.Name == "kubeadm" })(r)
		}, verify.Fail, []string{"the package kubeadm has vanished"}},
		"everything has vanished": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) { r.Packages = nil },
			verify.Fail, []string{"every package of the baseline has vanished"}},
		// kubernetes/release #3623
		"another revision in its place": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			for i := range r.Packages {
				if p := &r.Packages[i]; p.Upstream() == "1.26.1" {
					another(p, "-2.1")
				}
			}
		}, verify.Fail, []string{"1.26.1 was published again as another revision, and the old one has vanished"}},
		// cri-o #5343
		"built again under the same name": {repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages[0].Claim = claimOf("primary", content("built again"))
			r.Packages[1].Claim = claimOf("primary", content("built again as well"))
		}, verify.Fail, []string{"a package was changed under its name and version (2 files)"}},
		"changed in size alone": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) { r.Packages[0].Claim.Size++ },
			verify.Fail, []string{"changed under its name"}},
		"another digest under another algorithm proves nothing": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages[0].Claim.Digests = repo.Digests{SHA512: "x"}
		}, verify.Pass, nil},
		"the old file beside a changed one": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			p := r.Packages[0]
			p.Claim, p.Path = claimOf("Packages", content("other")), "elsewhere.deb"
			r.Packages = slices.Insert(r.Packages, 0, p)
		}, verify.Pass, nil},
		"moved": {repo.RPM, func(_ *verify.Expectation, r *verify.Facts) { r.Packages[0].Path = "Packages/" + r.Packages[0].Path },
			verify.Warn, []string{"moved to another path"}},
		"an older version under a newer one's path": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			p := r.Packages[0]
			r.Packages[0] = pkg(repo.Deb, p.Name, "1.25.0-1.1", p.Arch)
			r.Packages[0].Path = p.Path
		}, verify.Fail, []string{"a path now holds another package"}},
		"two causes": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages[0].Claim = claimOf("Packages", content("other"))
			drop(func(p repo.Package) bool { return p.Name == "kubeadm" })(r)
		}, verify.Fail, []string{"the package kubeadm has vanished", "changed under its name"}},
		"nothing is known": {repo.Deb, func(e *verify.Expectation, _ *verify.Facts) { e.Baseline.Unknown = "that run did not look at it" },
			verify.Warn, []string{"the baseline says nothing of this repository: that run did not look at it"}},
		"a list that could not be reached": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Indexes = append(r.Apt.Indexes, repo.Index{Type: "contrib/Packages", File: repo.File{Path: "contrib/Packages.gz", Problem: unreachable}})
			drop(func(p repo.Package) bool { return p.Name == "kubeadm" })(r)
		}, verify.Blocked, []string{"not asked of 4 packages: a list was not read, see apt-index-checksums"}},
		"a list that is broken": {repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Indexes = append(r.Apt.Indexes, repo.Index{Type: "contrib/Packages", File: repo.File{Path: "contrib/Packages.gz", Problem: malformed}})
			r.Packages[0].Claim.Size++
			drop(func(p repo.Package) bool { return p.Name == "kubeadm" })(r)
		}, verify.Fail, []string{"changed under its name", "not asked of 4 packages"}},
		"below dists, an architecture that is not read": {repo.Deb, func(e *verify.Expectation, r *verify.Facts) {
			e.Target.Suite, e.Arches = "bookworm", []repo.Arch{repo.AMD64}
			drop(func(p repo.Package) bool { return p.Arch == "s390x" })(r)
		}, verify.Pass, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			e.Baseline = baselineOf(r)
			tt.change(e, r)
			res := onRepository(t, e, r)["published-files-kept"]
			if res.Status != tt.want || len(res.Findings) != len(tt.says) {
				t.Fatalf("got %s, want %s: %+v", res.Status, tt.want, res.Findings)
			}
			for i, f := range res.Findings {
				if !strings.Contains(f.Message, tt.says[i]) {
					t.Errorf("finding %d says %q, want %q in it", i, f.Message, tt.says[i])
				}
				if f.Hint == "" && f.Status == verify.Fail || f.URL == "" {
					t.Errorf("%q does not say where, or what to do", f.Message)
				}
			}
		})
	}
}

// TestRevisionNamesTheNewOne: whoever reads it must learn what to install.
func TestRevisionNamesTheNewOne(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	e.Baseline = baselineOf(r)
	onKubelet("s390x", func(p *repo.Package) { another(p, "-2.1") })(r)
	res := onRepository(t, e, r)["published-files-kept"]
	if len(res.Findings) != 1 {
		t.Fatalf("got %+v", res.Findings)
	}
	f := res.Findings[0]
	want := verify.Subject{Package: "kubelet", Version: "1.26.0-1.1", Arch: "s390x", File: "s390x/kubelet_1.26.0-1.1.deb"}
	if diff := cmp.Diff(want, f.Subject); diff != "" || f.Want != "1.26.0-1.1" || f.Got != "1.26.0-2.1 only" {
		t.Errorf("wanted %q, got %q, subject (-want +got):\n%s", f.Want, f.Got, diff)
	}
	wantEvidence := []string{"kubelet 1.26.0-1.1 s390x: now 1.26.0-2.1", "held against old.json of 2026-01-08T12:00:00Z"}
	if diff := cmp.Diff(wantEvidence, f.Evidence); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
}

func TestNoBaseline(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	if got := onRepository(t, e, r)["published-files-kept"]; got.Status != verify.NotApplicable || !strings.Contains(got.Message, "--baseline") {
		t.Errorf("got %+v", got)
	}
}

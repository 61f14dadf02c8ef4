package html_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
	"sigs.k8s.io/pkgverify/verify"
)

// began is when all runs of these tests began.
func began() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func targetOf(f repo.Format, minor string) repo.Target {
	return repo.Target{
		Format: f, Channel: "stable", Minor: minor,
		URL: fmt.Sprintf("https://pkgs.example.org/core:/stable:/v%s/%s/", minor, f),
	}
}

// render returns the page of a report.
func render(t testing.TB, r *reports.Report, opts html.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := html.Write(&b, r, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// published returns a report of a product in three minor versions, six
// repositories, with keys, signatures, certificates and containers, in which
// all is right.
func published() *reports.Report {
	r := &reports.Report{
		Schema: reports.Schema, Tool: reports.Tool{Version: "v1.0.0", Commit: "0123456789ab", Go: "go1.26"},
		Started: began(), Finished: began().Add(9*time.Minute + 24*time.Second), Vantage: "runner-7",
		Plan: reports.Plan{
			Profile: "kubernetes", Channels: []string{"stable"}, Minors: []string{"1.26", "1.27", "1.28"},
			Architectures: []string{"amd64", "arm64", "ppc64le", "s390x"},
			Packages:      []string{"kubeadm", "kubectl", "kubelet", "cri-tools"},
		},
	}
	for _, minor := range r.Plan.Minors {
		for _, f := range repo.Formats() {
			r.Plan.Targets = append(r.Plan.Targets, targetOf(f, minor))
			r.Repositories = append(r.Repositories, repositoryOf(r, targetOf(f, minor)))
		}
	}
	for _, t := range r.Plan.Targets {
		for _, check := range []string{"apt-release-signed", "rpm-repomd-signed", "key-current", "packages-published", "dependency-closure", "package-checksums"} {
			if strings.HasPrefix(check, "apt-") && t.Format != repo.Deb || strings.HasPrefix(check, "rpm-") && t.Format != repo.RPM {
				continue
			}
			r.Results = append(r.Results, reports.Result{Check: check, Status: verify.Pass, Severity: verify.Error, Target: t.Name(), Duration: 1.2})
		}
		addCells(r, t)
	}
	r.Summary = reports.Summarise(r.Results)
	return r
}

// repositoryOf fills one repository, and what the plan expects of it.
func repositoryOf(r *reports.Report, t repo.Target) repo.Repository {
	x := repo.Repository{Target: t, Started: began(), Finished: began().Add(48 * time.Second)}
	var arches, versions []string
	for _, a := range []repo.Arch{repo.AMD64, repo.ARM64, repo.PPC64LE, repo.S390X} {
		arches = append(arches, a.In(t.Format))
	}
	for patch := range 16 {
		versions = append(versions, fmt.Sprintf("%s.%d", t.Minor, patch))
	}
	key := repo.Key{
		Fingerprint: "DE15B14486CD377B9E876E1A234654DA9A296436", KeyID: "234654DA9A296436", UserIDs: []string{"Build Service <build@example.org>"},
		Algorithm: "RSA", Bits: 2048, Version: 4, Created: time.Date(2022, 8, 25, 0, 0, 0, 0, time.UTC), Expires: time.Date(2026, 12, 29, 0, 0, 0, 0, time.UTC), CanSign: true, SelfSignatureHash: "SHA256",
	}
	x.PinnedKeys = []repo.Key{key}
	own := key
	if t.Minor == "1.26" {
		own.Expires = time.Date(2024, 11, 2, 0, 0, 0, 0, time.UTC)
	}
	sig := repo.Signature{
		Version: 4, Hash: "SHA256", KeyAlgorithm: "RSA", KeyBits: 2048, Fingerprint: key.Fingerprint, Signer: key.Fingerprint, SignerKey: key.Fingerprint,
		Created: began().AddDate(0, -1, 0), Verdict: repo.Good, SelfSignatureHash: "SHA256", AtSigning: repo.KeyValid, Now: repo.KeyValid,
	}
	if t.Minor == "1.26" {
		sig.Version = 3
	}
	file := func(path string, n int64) repo.File {
		return repo.File{
			Path: path, URL: t.URL + path, Content: repo.Content{Size: n},
			Hops: []repo.Hop{{URL: t.URL + path, Status: 302, Address: "192.0.2.7:443"}, {URL: "https://cdn.example.org/" + path, Status: 200, Address: "198.51.100.4:443"}},
		}
	}
	x.Keys = []repo.KeyFile{{File: file(map[repo.Format]string{repo.Deb: "Release.key", repo.RPM: "repodata/repomd.xml.key"}[t.Format], 1705), Keys: []repo.Key{own}}}
	if t.Format == repo.Deb {
		sig.Over = "InRelease"
		detached := sig
		detached.Over = "Release"
		x.Apt = &repo.Apt{
			InRelease: file("InRelease", 1186), Release: file("Release", 662), ReleaseGPG: file("Release.gpg", 488),
			InlineSignatures: []repo.Signature{sig}, DetachedSignatures: []repo.Signature{detached},
			Indexes: []repo.Index{{File: file("Packages", 163280), Type: "Packages", Parsed: true}, {File: file("Packages.gz", 19000), Type: "Packages"}},
		}
	} else {
		sig.Over = "repomd.xml"
		x.RPM = &repo.RPMMD{
			RepomdFile: file("repodata/repomd.xml", 1600), SignatureFile: file("repodata/repomd.xml.asc", 488), Signatures: []repo.Signature{sig},
			Indexes: []repo.Index{{File: file("repodata/primary.xml.gz", 23000), Type: "primary", Parsed: true}},
		}
	}
	x.Transport = &repo.Transport{Path: "InRelease", Plain: repo.Probe{Certificates: []repo.Certificate{
		{Host: "pkgs.example.org", Issuer: "CN=Example CA R3", Ends: began().AddDate(0, 0, 71)},
		{Host: "cdn.example.org", Issuer: "CN=Example CA R3", Ends: began().AddDate(0, 0, 9)},
	}}}
	for _, pkg := range r.Plan.Packages {
		list := versions
		expected := reports.Expected{Target: t.Name(), Package: pkg, Versions: versions, Architectures: arches}
		if pkg == "cri-tools" {
			list, expected.Versions = []string{t.Minor + ".0", t.Minor + ".1"}, nil
		}
		r.Plan.Expected = append(r.Plan.Expected, expected)
		for _, v := range list {
			for _, a := range arches {
				x.Packages = append(x.Packages, packageOf(t, pkg, v, a, sig))
			}
		}
	}
	return x
}

func packageOf(t repo.Target, pkg, version, arch string, sig repo.Signature) repo.Package {
	full, path := version+"-1.1", fmt.Sprintf("%s/%s_%s-1.1_%s.deb", arch, pkg, version, arch)
	if t.Format == repo.RPM {
		full, path = version+"-150500.1.1", fmt.Sprintf("%s/%s-%s-150500.1.1.%s.rpm", arch, pkg, version, arch)
	}
	p := repo.Package{Name: pkg, Version: full, Arch: arch, Path: path, Artifact: &repo.Artifact{
		File: repo.File{Path: path, URL: t.URL + path, Content: repo.Content{Size: 10_400_000}},
	}}
	if t.Format == repo.RPM {
		sig.Over, sig.Tag = "rpm header", 268
		p.Artifact.Signatures = []repo.Signature{sig}
	}
	return p
}

// addCells adds the containers of one repository and what was asked in them.
func addCells(r *reports.Report, t repo.Target) {
	distros := map[repo.Format][]string{repo.Deb: {"debian-12", "ubuntu-24.04"}, repo.RPM: {"fedora-43", "opensuse-leap-15"}}
	for i, d := range distros[t.Format] {
		for j, arch := range []string{"amd64", "arm64"} {
			id := fmt.Sprintf("%s-stable-%s-%s-%s", t.Format, t.Minor, d, arch)
			c := reports.Cell{
				ID: id, Image: "registry.example.org/" + d, ImageDigest: "sha256:" + strings.Repeat("ab", 32), Platform: "linux/" + arch,
				Emulated: j == 1, Engine: "docker 28.0", Scenario: "install-setup,install-latest",
				Started: began().Add(time.Duration(60+len(r.Cells)*18) * time.Second), Duration: 70 + float64(40*j+9*i),
			}
			for k, s := range []string{"prepare", "install-setup", "install-latest"} {
				c.Steps = append(c.Steps, reports.Step{Scenario: s, Argv: []string{"apt-get", "install", "--yes", "kubeadm"}, Exit: k / 2, Duration: float64(8 + 14*k + 10*j)})
			}
			r.Cells = append(r.Cells, c)
			r.Plan.Cells = append(r.Plan.Cells, id)
			for _, check := range []string{"install-setup", "install-list", "install-solve", "install-latest", "install-versions"} {
				r.Results = append(r.Results, reports.Result{Check: check, Status: verify.Pass, Severity: verify.Error, Target: t.Name(), Subject: verify.Subject{Cell: id}})
			}
		}
	}
}

// broken returns the report of published with n findings in place of some of
// what passed, and the files that they say are missing taken away.
func broken(n int) *reports.Report {
	r := published()
	if n == 0 {
		return r
	}
	r.Results = slices.DeleteFunc(r.Results, func(x reports.Result) bool {
		return x.Check == "packages-published" && x.Target == "deb/stable/1.28"
	})
	remove(r, "deb/stable/1.28", "kubelet", "1.28.5-1.1", "s390x")
	r.Results = append([]reports.Result{{
		Check: "packages-published", Status: verify.Fail, Severity: verify.Error, Target: "deb/stable/1.28",
		Subject: verify.Subject{Package: "kubelet", Version: "1.28.5", Arch: "s390x"},
		Message: "kubelet 1.28.5 is missing for s390x", Want: "kubelet 1.28.5 for s390x", Got: "kubelet 1.28.5 for other architectures only",
		URL: targetOf(repo.Deb, "1.28").URL, Hint: "look at this build in the publishing project, build it again and publish",
	}}, r.Results...)
	arches := []string{"amd64", "arm64", "ppc64el", "s390x"}
	for i := 1; i < n; i++ {
		x := reports.Result{Severity: verify.Error, Target: r.Plan.Targets[i%6].Name(), Duration: 3}
		s := verify.Subject{Package: []string{"kubeadm", "kubectl", "kubelet"}[i%3], Version: fmt.Sprintf("%s.%d-1.1", r.Plan.Targets[i%6].Minor, i/4%16), Arch: arches[i%4]}
		switch {
		case i == 1:
			x.Check, x.Status, x.Message = "key-current", verify.Fail, "Release.key holds an expired copy of the pinned key"
			x.Target, s = "deb/stable/1.26", verify.Subject{File: "Release.key"}
			x.Want, x.Got, x.Hint = "a key in force", "expiry 2024-11-02", "extend the key if it was not extended yet, then publish this repository again"
			x.URL = targetOf(repo.Deb, "1.26").URL + "Release.key"
		case i == 2:
			x.Check, x.Status, x.Message = "install-latest", verify.Fail, "apt-get install failed"
			x.Target = "deb/stable/1.27"
			s.Cell, s.Distro = "deb-stable-1.27-ubuntu-24.04-arm64", "ubuntu-24.04"
			x.Got = "exit 100"
			x.Evidence = []string{"The following packages have unmet dependencies:\n kubeadm : Depends: cri-tools (>= 1.28.0) but it is not installable\nE: Unable to correct problems, you have held broken packages."}
			x.Hint = "publish the package that is missing"
		case i%11 == 3:
			x.Check, x.Status, x.Message = "install-setup", verify.Blocked, "no answer"
			x.Got = "Get \"https://mirror.example.org/x\": dial tcp 203.0.113.9:443: i/o timeout"
			s = verify.Subject{Cell: r.Plan.Cells[i%len(r.Plan.Cells)]}
			x.Target = r.Plan.Targets[i%len(r.Plan.Cells)/4].Name()
		case i%7 == 4:
			x.Check, x.Status, x.Message = "dependencies-as-specified", verify.Warn, "the package does not depend on what the profile says"
			x.Want, x.Got = "iptables >= 1.4.21", "no iptables"
		case i%13 == 5:
			x.Check, x.Status, x.Message = "apt-release-fields", verify.Known, "Release has no Suite"
			x.Evidence = []string{"known issue: the build service writes none (https://example.org/issue/1; until 2026-12-31)"}
		case i%5 == 0:
			x.Check, x.Status, x.Message = "package-checksums", verify.Fail, "the file is not the one that the index names"
			x.Want, x.Got = "sha256 "+strings.Repeat("a", 64), fmt.Sprintf("sha256 %064x", i)
			x.Hint = "publish the package anew"
			x.URL = targetOf(repo.Deb, "1.26").URL + fmt.Sprintf("x_%d.deb", i)
		default:
			x.Check, x.Status = "binary-version", verify.Fail
			x.Message = fmt.Sprintf("/usr/bin/%s says v1.2%d.%d, and its package is of another version", s.Package, i%5, i/3)
			x.Want, x.Got = "v"+s.Version, fmt.Sprintf("v1.2%d.%d", i%5, i/3)
			x.Evidence = []string{"go version -m: path k8s.io/kubernetes/cmd/" + s.Package, fmt.Sprintf("vcs.revision=%040x", i)}
			x.Hint = "build the package again from the tag that it is named for, and publish it"
		}
		x.Subject = s
		r.Results = append(r.Results, x)
	}
	r.Summary = reports.Summarise(r.Results)
	return r
}

// remove takes one package out of an index.
func remove(r *reports.Report, target, pkg, version, arch string) {
	for i := range r.Repositories {
		if x := &r.Repositories[i]; x.Target.Name() == target {
			x.Packages = slices.DeleteFunc(x.Packages, func(p repo.Package) bool {
				return p.Name == pkg && p.Version == version && p.Arch == arch
			})
		}
	}
}

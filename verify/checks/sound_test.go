package checks_test

import (
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

const (
	pinned  = "DE15B14486CD377B9E876E1A234654DA9A296436"
	foreign = "0123456789ABCDEF0123456789ABCDEF01234567"
)

var now = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// expectation is of two packages, two versions, two architectures.
func expectation(f repo.Format) *verify.Expectation {
	pin, err := pgp.ParsePin(pinned)
	if err != nil {
		panic(err) // a constant
	}
	keys := []string{"Release.key"}
	if f == repo.RPM {
		keys = []string{"repodata/repomd.xml.key"}
	}
	return &verify.Expectation{
		Target: repo.Target{Format: f, Channel: "stable", Minor: "1.26", URL: "http://repo.test/"},
		Arches: []repo.Arch{repo.AMD64, repo.S390X},
		Packages: []verify.PackageExpectation{
			{Name: "cri-tools", OwnVersions: true, MinVersion: "1.25.0"},
			{Name: "kubeadm", Versions: []string{"1.26.0", "1.26.1"}},
			{Name: "kubelet", Versions: []string{"1.26.0", "1.26.1"}, Binaries: []verify.BinaryExpectation{
				{Path: "/usr/bin/kubelet", Args: []string{"--version"}, Outputs: []string{"Kubernetes v{version}"}},
			}},
		},
		Pinned:     pin,
		KeyFiles:   keys,
		KeyWarning: 60 * 24 * time.Hour,
		ChannelRule: verify.VersionRule{
			Title: "final releases",
			Match: regexp.MustCompile(`^\d+\.\d+\.\d+$`),
			Own:   regexp.MustCompile(`^\d+\.\d+\.\d+$`),
		},
		Now: now,
	}
}

func content(text string) repo.Content {
	return repo.Content{Size: int64(len(text)), Digests: repo.Digests{SHA256: text, MD5: "md5 " + text}}
}

func claimOf(by string, c repo.Content) repo.Claim {
	return repo.Claim{By: by, Line: 7, Size: c.Size, Digests: c.Digests}
}

func good(over string) repo.Signature {
	return repo.Signature{Over: over, Version: 4, Hash: "SHA256", KeyAlgorithm: "RSA", KeyBits: 2048, Fingerprint: pinned,
		Created: now.Add(-time.Hour), Verdict: repo.Good, Signer: pinned}
}

// sound is a repository in which nothing is wrong.
func sound(f repo.Format) *verify.Facts {
	e := expectation(f)
	r := &repo.Repository{Target: e.Target}
	for _, path := range e.KeyFiles {
		r.Keys = append(r.Keys, repo.KeyFile{File: file(path), Keys: []repo.Key{{Fingerprint: pinned, Algorithm: "RSA", Bits: 2048, CanSign: true, Expires: now.AddDate(1, 0, 0)}}})
	}
	index := func(typ, path, by string) repo.Index {
		x := repo.Index{File: file(path), Type: typ, Parsed: true}
		x.Claims = []repo.Claim{claimOf(by, x.Content)}
		open := content("open " + typ)
		x.Open, x.OpenClaims = &open, []repo.Claim{claimOf(by, open)}
		return x
	}
	if f == repo.Deb {
		r.Apt = &repo.Apt{
			InRelease: file("InRelease"), Release: file("Release"), ReleaseGPG: file("Release.gpg"),
			Inline: soundRelease("InRelease"), Detached: soundRelease("Release"),
			InlineSignatures: []repo.Signature{good("InRelease")}, DetachedSignatures: []repo.Signature{good("Release")},
			Indexes: []repo.Index{index("Packages", "Packages.gz", "InRelease")},
		}
	} else {
		r.RPM = &repo.RPMMD{
			RepomdFile: file("repodata/repomd.xml"), SignatureFile: file("repodata/repomd.xml.asc"),
			Repomd: soundRepomd(), Signatures: []repo.Signature{good("repomd.xml")},
			Indexes: []repo.Index{index("primary", "repodata/primary.xml.gz", "repodata/repomd.xml"),
				index("filelists", "repodata/filelists.xml.gz", "repodata/repomd.xml")},
		}
	}
	for _, name := range []string{"cri-tools", "kubeadm", "kubelet"} {
		for _, version := range []string{"1.26.0", "1.26.1"} {
			for _, arch := range e.Arches {
				r.Packages = append(r.Packages, pkg(f, name, version+revision(f), arch.In(f)))
			}
		}
	}
	return &verify.Facts{Repository: r, Transport: &repo.Transport{Path: "InRelease", Plain: repo.Probe{Hops: []repo.Hop{{Status: 200}}}}}
}

func soundRelease(by string) *repo.Release {
	return &repo.Release{Origin: "x", Architectures: []string{"s390x", "amd64"}, Date: now.Add(-time.Hour),
		Fields:  repo.NewFields(repo.Field{Name: "Origin", Value: "x"}),
		Entries: []repo.ReleaseEntry{{Path: "Packages.gz", Claim: claimOf(by, content("Packages.gz"))}}}
}

func soundRepomd() *repo.Repomd {
	m := &repo.Repomd{Revision: strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)}
	for _, typ := range []string{"primary", "filelists"} {
		open := claimOf("repodata/repomd.xml", content("open "+typ))
		m.Data = append(m.Data, repo.RepomdData{Type: typ, Location: "repodata/" + typ + ".xml.gz",
			Claim: claimOf("repodata/repomd.xml", content("repodata/"+typ+".xml.gz")), Open: &open, Time: now.Add(-time.Hour)})
	}
	return m
}

// listed is what filelists says of the packages.
func listed(packages []repo.Package) []repo.FilelistEntry {
	var all []repo.FilelistEntry
	for _, p := range packages {
		all = append(all, repo.FilelistEntry{PkgID: p.Claim.Digests.SHA256, Name: p.Name, Version: p.Version, Arch: p.Arch})
	}
	return all
}

func revision(f repo.Format) string {
	if f == repo.Deb {
		return "-1.1"
	}
	return "-150500.1.1"
}

func file(path string) repo.File {
	return repo.File{Path: path, URL: "http://repo.test/" + path, Content: content(path)}
}

// program is an ELF file.
func program(path string, machine repo.Arch) repo.PayloadFile {
	return repo.PayloadFile{Path: path, Mode: 0o755, SHA256: "x", Program: &repo.Program{
		ELF: &repo.ELF{Bits: 64, Machine: "EM_X", Arch: machine, Type: "ET_EXEC", Static: true},
	}}
}

func pkg(f repo.Format, name, version, arch string) repo.Package {
	path := arch + "/" + name + "_" + version + "." + string(f)
	fields := repo.NewFields(repo.Field{Name: "Package", Value: name}, repo.Field{Name: "Version", Value: version})
	a := &repo.Artifact{File: file(path), Fields: fields}
	if machine, ok := repo.ParseArch(arch); ok {
		a.Files = []repo.PayloadFile{program("/usr/bin/"+name, machine), {Path: "/usr/share/doc/" + name, Mode: 0o644}}
	}
	if f == repo.RPM {
		a.Signatures = []repo.Signature{good("rpm header")}
		a.SelfDigests = []repo.SelfDigest{{Part: "payload", Algorithm: repo.SHA256, Want: "x", Got: "x"},
			{Part: "header", Algorithm: repo.SHA256, Want: "x", Got: "x"}}
	}
	return repo.Package{Name: name, Version: version, Arch: arch, Path: path, Fields: fields,
		Claim: claimOf("Packages", a.Content), Artifact: a}
}

// soundCell is a cell in which everything went well.
func soundCell() *images.CellFacts {
	out := images.Outcome{Ran: true, OK: true, Count: 1}
	f := &images.CellFacts{
		Cell:  images.NewCell(expectation(repo.Deb).Target, "debian-12", repo.AMD64),
		Steps: []images.Step{{Argv: []string{"apt-get", "update"}, Output: "Hit:1\nReading\n"}},
	}
	for _, o := range []*images.Outcome{&f.Setup.Outcome, &f.List.Outcome, &f.Solve.Outcome, &f.Latest.Outcome, &f.Audit.Outcome, &f.Versions.Outcome,
		&f.Origin.Outcome, &f.Remove.Outcome, &f.Pinned.Outcome, &f.Upgrade.Outcome, &f.Downgrade.Outcome, &f.Tampering.Outcome} {
		*o = out
	}
	f.Origin.Want, f.Origin.Origins = "http://repo.test", map[string]string{}
	f.Remove.Compared = true
	f.Tampering.Trials = []images.Trial{{Name: "flipped-package", What: "one bit is changed"}, {Name: "untouched", Control: true, Accepted: true}}
	for version, changes := range map[string][]*images.ChangeFacts{"1.26.0": {&f.Pinned, &f.Downgrade}, "1.26.1": {&f.Upgrade}} {
		for _, c := range changes {
			for _, name := range []string{"kubeadm", "kubelet"} {
				c.Want = append(c.Want, images.Pin{Package: name, Version: version + "-1.1"})
				c.Installed = append(c.Installed, images.Installed{Package: name, Version: version + "-1.1", Arch: "amd64", Status: "install ok installed"})
			}
			c.Runs = []images.Run{{Argv: []string{"/usr/bin/kubelet", "--version"}, Stdout: "Kubernetes v" + version + "\n"}}
		}
	}
	for _, v := range []string{"1.26.1-1.1", "1.26.0-1.1"} {
		f.Solve.Solutions = append(f.Solve.Solutions, images.Solution{
			Pins: []images.Pin{{Package: "kubeadm", Version: v}, {Package: "kubelet", Version: v}}, OK: true,
		})
	}
	f.List.Candidates = map[string]string{}
	for _, name := range []string{"cri-tools", "kubeadm", "kubelet"} {
		for _, v := range []string{"1.26.1-1.1", "1.26.0-1.1"} {
			f.List.Offers = append(f.List.Offers, images.Offer{Package: name, Version: v, Arch: "amd64"})
		}
		f.List.Candidates[name] = "1.26.1-1.1"
		f.Origin.Origins[name] = "http://repo.test"
		f.Latest.Installed = append(f.Latest.Installed, images.Installed{Package: name, Version: "1.26.1-1.1", Arch: "amd64", Status: "install ok installed"})
	}
	f.Versions.Runs = []images.Run{{Argv: []string{"/usr/bin/kubelet", "--version"}, Stdout: "Kubernetes v1.26.1\n"}}
	return f
}

// problems runs every check and returns the findings by check.
func onRepository(t *testing.T, e *verify.Expectation, r *verify.Facts) map[string]verify.Result {
	t.Helper()
	if r.RPM != nil && r.RPM.Filelists == nil {
		r.RPM.Filelists = listed(r.Packages)
	}
	out := make(map[string]verify.Result)
	for _, c := range checks.Catalogue() {
		if c.Repository != nil && c.Applies(e.Target.Format) {
			out[c.ID] = c.OnRepository(e, r)
		}
	}
	return out
}

func onCell(e *verify.Expectation, f *images.CellFacts) map[string]verify.Result {
	out := make(map[string]verify.Result)
	for _, c := range checks.Catalogue() {
		if c.Cell != nil {
			out[c.ID] = c.OnCell(&verify.CellExpectation{Cell: f.Cell, Expectation: e}, f)
		}
	}
	return out
}

// statuses returns the checks that were asked and do not pass, as "id=status".
func statuses(results map[string]verify.Result) []string {
	out := []string{}
	for id, r := range results {
		if r.Status != verify.Pass && r.Status != verify.NotApplicable {
			out = append(out, id+"="+string(r.Status))
		}
	}
	slices.Sort(out)
	return out
}

package checks_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestMetadataStrongHash(t *testing.T) {
	t.Parallel()
	weak := repo.Digests{MD5: "a", SHA1: "b"}
	release := func(change func(*repo.Release)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(r.Apt.Inline) }
	}
	repomd := func(change func([]repo.RepomdData)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(r.RPM.Repomd.Data) }
	}
	packages := func(d repo.Digests, n int) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) {
			for i := range r.Packages[:n] {
				r.Packages[i].Claim.Digests = d
			}
		}
	}
	runCases(t, "metadata-strong-hash", []oneCase{
		{"SHA-512 alone", repo.Deb, packages(repo.Digests{SHA512: "x"}, 3), verify.Pass, "", ""},
		{"SHA-256 beside MD5", repo.Deb, packages(repo.Digests{SHA256: "x", MD5: "y"}, 3), verify.Pass, "", ""},
		{"release of MD5 and SHA-1", repo.Deb, release(func(x *repo.Release) { x.Entries[0].Digests = weak }),
			verify.Fail, "InRelease gives no strong hash of 1 index", "InRelease line 7: Packages.gz has sha1, md5 only"},
		{"one form of Packages only", repo.Deb, release(func(x *repo.Release) {
			x.Entries = append(x.Entries, repo.ReleaseEntry{Path: "main/binary-arm64/Packages.xz", Claim: repo.Claim{By: "InRelease", Line: 9, Digests: repo.Digests{MD5: "x"}}})
		}), verify.Fail, "1 index", "main/binary-arm64/Packages.xz has md5 only"},
		{"a file that no package hangs on", repo.Deb, release(func(x *repo.Release) {
			x.Entries = append(x.Entries, repo.ReleaseEntry{Path: "main/Contents-arm64.gz", Claim: repo.Claim{Digests: weak}},
				repo.ReleaseEntry{Path: "main/binary-arm64/Release", Claim: repo.Claim{Digests: weak}})
		}), verify.Pass, "", ""},
		{"Sources", repo.Deb, release(func(x *repo.Release) {
			x.Entries = append(x.Entries, repo.ReleaseEntry{Path: "main/source/Sources.gz", Claim: repo.Claim{Digests: weak}})
		}), verify.Fail, "1 index", "Sources.gz"},
		{"no InRelease: Release counts", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Inline, r.Apt.InRelease.Problem = nil, absent
			r.Apt.Detached.Entries[0].Digests = weak
		}, verify.Fail, "Release gives no strong hash", "Packages.gz"},
		{"SHA-224 is not strong", repo.Deb, packages(repo.Digests{SHA224: "x"}, 1), verify.Fail, "Packages gives no strong hash of a package", "sha224 only"},
		{"stanzas of MD5", repo.Deb, packages(weak, 5), verify.Fail, "no strong hash of a package (5 files)", "kubeadm"},
		{"a source file of MD5", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Sources = []repo.SourcePackage{{Name: "x", By: "Sources.gz", Files: []repo.ReleaseEntry{{Path: "x.dsc", Claim: repo.Claim{Digests: weak}}}}}
		}, verify.Fail, "Sources.gz gives no strong hash of a source file", "sha1, md5 only"},
		{"packages of SHA-1", repo.RPM, packages(repo.Digests{SHA1: "x"}, 12), verify.Fail, "(12 files)", ""},
		{"checksums of SHA-1", repo.RPM, repomd(func(d []repo.RepomdData) {
			for i := range d {
				d[i].Claim.Digests, d[i].Open.Digests = repo.Digests{SHA1: "x"}, repo.Digests{SHA1: "x"}
			}
		}), verify.Fail, "has 4 checksums by which content can be forged", "checksum of primary is sha1 only"},
		{"an open-checksum of MD5", repo.RPM, repomd(func(d []repo.RepomdData) { d[1].Open.Digests = repo.Digests{MD5: "x"} }),
			verify.Fail, "has 1 checksum", "open-checksum of filelists is md5 only"},
		{"no open-checksum", repo.RPM, repomd(func(d []repo.RepomdData) { d[0].Open = nil }),
			verify.Fail, "gives 1 index no open-checksum", "primary, a compressed file, has none"},
		{"an open-size alone", repo.RPM, repomd(func(d []repo.RepomdData) { d[0].Open.Digests = repo.Digests{} }),
			verify.Fail, "no open-checksum", "primary"},
		{"a plain file needs none", repo.RPM, repomd(func(d []repo.RepomdData) { d[0].Open, d[0].Location = nil, "repodata/primary.xml" }), verify.Pass, "", ""},
		{"modules without open-checksum", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.RPM.Repomd.Data = append(r.RPM.Repomd.Data, repo.RepomdData{Type: "modules", Location: "repodata/modules.yaml.gz", Claim: repo.Claim{Digests: repo.Digests{SHA256: "x"}}})
		}, verify.Pass, "", ""},
	})
}

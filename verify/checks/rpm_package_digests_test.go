package checks_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestRPMPackageDigests(t *testing.T) {
	t.Parallel()
	right := func(part string, tag int, a repo.Algorithm) repo.SelfDigest {
		return repo.SelfDigest{Part: part, Tag: tag, Algorithm: a, Want: "x", Got: "x"}
	}
	wrong := func(d repo.SelfDigest) repo.SelfDigest {
		d.Got = "y"
		return d
	}
	sha1, sha256 := right("header", 269, repo.SHA1), right("header", 273, repo.SHA256)
	md5 := right("header and payload", 1004, repo.MD5)
	payload, open := right("payload", 5092, repo.SHA256), right("uncompressed payload", 5097, repo.SHA256)
	one := func(digests ...repo.SelfDigest) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { r.Packages[2].Artifact.SelfDigests = digests }
	}
	each := func(digests ...repo.SelfDigest) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) {
			for i := range r.Packages {
				r.Packages[i].Artifact.SelfDigests = digests
			}
		}
	}
	runCases(t, "rpm-package-digests", []oneCase{
		{"rpm 4.18", repo.RPM, one(sha1, sha256, md5, payload, open), verify.Pass, "", ""},
		{"rpm 6", repo.RPM, one(sha256, right("header", 279, repo.SHA3256), payload, right("payload", 5121, repo.SHA512), right("payload", 5123, repo.SHA3256)), verify.Pass, "", ""},
		{"packed anew after signing", repo.RPM, one(sha256, open), verify.Pass, "", ""},
		{"rpm 4.11", repo.RPM, each(sha1, md5), verify.Fail, "an rpm holds no strong digest of its header and its payload (12 files)",
			"of the header sha1 (tag 269) and md5 (tag 1004), of the payload md5 (tag 1004)"},
		{"no digest of the payload in FIPS mode", repo.RPM, one(sha1, sha256), verify.Fail, "no strong digest of its payload", "of the payload none"},
		{"no strong digest of the header", repo.RPM, one(sha1, md5, payload), verify.Fail, "no strong digest of its header", "sha1 (tag 269)"},
		{"no digest at all", repo.RPM, one(), verify.Fail, "its header and its payload", "of the header none, of the payload none"},
		{"wrong payload digest", repo.RPM, one(sha256, wrong(payload)), verify.Fail, "a digest of itself that is wrong", "sha256 of the payload, tag 5092"},
		{"wrong weak digest beside a right one", repo.RPM, one(sha256, payload, wrong(md5)), verify.Fail, "a digest of itself that is wrong", "md5 of the header and payload, tag 1004"},
		{"wrong in several places is one cause", repo.RPM, one(wrong(sha1), wrong(sha256), wrong(md5), payload), verify.Fail, "a digest of itself that is wrong", "tag 269"},
		{"another file than the index means", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			a := r.Packages[2].Artifact
			a.SelfDigests, a.Content = nil, content("other")
		}, verify.Pass, "", ""},
		{"unreachable", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			a := r.Packages[2].Artifact
			a.SelfDigests, a.Problem = nil, unreachable
		}, verify.Pass, "", ""},
		{"not an rpm", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			a := r.Packages[2].Artifact
			a.SelfDigests, a.Inside = nil, malformed
		}, verify.Pass, "", ""},
	})
}

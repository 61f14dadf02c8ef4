package checks_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestSignaturePolicy(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	// all changes each signature, with the present at a day.
	all := func(at string, change func(*repo.Signature)) func(*verify.Expectation, *verify.Facts) {
		return func(e *verify.Expectation, r *verify.Facts) {
			e.Now = day(at)
			if r.Apt != nil {
				change(&r.Apt.InlineSignatures[0])
				change(&r.Apt.DetachedSignatures[0])
				return
			}
			change(&r.RPM.Signatures[0])
			for i := range r.Packages {
				change(&r.Packages[i].Artifact.Signatures[0])
			}
		}
	}
	version := func(n int) func(*repo.Signature) { return func(s *repo.Signature) { s.Version = n } }
	hash := func(name string) func(*repo.Signature) { return func(s *repo.Signature) { s.Hash = name } }
	key := func(algorithm, curve string, bits int) func(*repo.Signature) {
		return func(s *repo.Signature) { s.KeyAlgorithm, s.KeyCurve, s.KeyBits = algorithm, curve, bits }
	}
	packages := func(change func(*repo.Package)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) {
			for i := range r.Packages {
				change(&r.Packages[i])
			}
		}
	}
	runCases(t, "signature-policy", []oneCase{
		{"version 3, a year before the day", repo.Deb, all("2025-01-31", version(3)), verify.Warn, "OpenPGP packets of version 3 are deprecated", ""},
		{"version 3, within a year of the day", repo.Deb, all("2025-02-01", version(3)), verify.Warn, "a client will refuse within a year", "sqv (Debian 13, Ubuntu 25.04) will refuse from 2026-02-01"},
		{"version 3, the day before", repo.Deb, all("2026-01-31", version(3)), verify.Warn, "2 files", "Release.gpg"},
		{"version 3, on the day", repo.Deb, all("2026-02-01", version(3)), verify.Fail, "OpenPGP packets of version 3, which clients refuse, are in 2 files", "refuses since 2026-02-01\nInRelease\nRelease.gpg"},
		{"version 3 in rpms", repo.RPM, all("2026-11-01", version(3)), verify.Fail, "OpenPGP packets of version 3, which clients refuse, are in 13 files", "repodata/repomd.xml.asc"},
		{"version 3 in rpms, before the day", repo.RPM, all("2025-11-01", version(3)), verify.Warn, "OpenPGP packets of version 3 are deprecated, and refused by Sequoia's own policy: they are in 13 files", "repodata/repomd.xml.asc"},
		{"version 6", repo.Deb, all("2026-11-01", version(6)), verify.Fail, "OpenPGP packets of version 6, which clients refuse", "apt up to 2.9.18 with gpgv 2.2 (Debian 12, Ubuntu 22.04) refuses"},
		{"SHA-1", repo.Deb, all("2026-11-01", hash("SHA1")), verify.Fail, "signatures by SHA1, which clients refuse, are in 2 files", "refuses since 2013-02-01"},
		{"SHA-1 in rpms", repo.RPM, all("2026-11-01", hash("SHA1")), verify.Fail, "signatures by SHA1, which clients refuse, are in 13 files", "Debian 13"},
		{"MD5", repo.Deb, all("2026-11-01", hash("MD5")), verify.Fail, "signatures by MD5", ""},
		{"MD5 in rpms", repo.RPM, all("2026-11-01", hash("MD5")), verify.Fail, "signatures by MD5, which clients refuse, are in 13 files", "GnuPG 2.2"},
		{"SHA-224 before", repo.Deb, all("2025-12-01", hash("SHA224")), verify.Warn, "signatures by SHA224", "will refuse from 2026-02-01"},
		{"SHA-224 after", repo.Deb, all("2026-11-01", hash("SHA224")), verify.Fail, "signatures by SHA224", ""},
		{"SHA-512", repo.RPM, all("2026-11-01", hash("SHA512")), verify.Pass, "", ""},
		{"RSA 2048 today", repo.Deb, all("2026-11-01", version(4)), verify.Pass, "", ""},
		{"RSA 2048 in 2029", repo.Deb, all("2029-02-01", version(4)), verify.Warn, "keys of class RSA2048", "will refuse from 2030-02-01"},
		{"RSA 2048 in 2030", repo.Deb, all("2030-02-01", version(4)), verify.Fail, "keys of class RSA2048, which clients refuse", ""},
		{"RSA 1024 is another check's", repo.Deb, all("2026-11-01", key("RSA", "", 1024)), verify.Pass, "", ""},
		{"a NIST curve", repo.Deb, all("2026-11-01", key("ECDSA", "nistp256", 0)), verify.Pass, "", ""},
		{"a NIST curve in rpms", repo.RPM, all("2026-11-01", key("ECDSA", "nistp256", 0)), verify.Fail, "keys of class nistp256, which clients refuse, are in 12 files", "Debian 12, SLE 15, Enterprise Linux 8"},
		{"Ed25519 in rpms", repo.RPM, all("2026-11-01", key("EdDSA", "ed25519", 0)), verify.Pass, "", ""},
		{"a SHA-1 self-signature is another check's", repo.RPM, all("2026-11-01", func(s *repo.Signature) { s.SelfSignatureHash, s.BindingHash = "SHA1", "SHA1" }), verify.Pass, "", ""},
		{"a SHA-224 self-signature", repo.Deb, all("2026-11-01", func(s *repo.Signature) { s.SelfSignatureHash = "SHA224" }), verify.Fail, "keys with a self-signature by SHA224", ""},
		{"an expired key is another check's", repo.Deb, all("2026-11-01", func(s *repo.Signature) {
			s.Now, s.AtSigning, s.Expires = repo.KeyExpired, repo.KeyExpired, day("2020-01-01")
		}), verify.Pass, "", ""},
		{"a weak signature by another key", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			other := good("InRelease")
			other.Signer, other.Hash = foreign, "SHA1"
			r.Apt.InlineSignatures = append([]repo.Signature{other}, r.Apt.InlineSignatures...)
		}, verify.Pass, "", ""},
		{"a weak one beside a strong one by the pinned key", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			weak := good("InRelease")
			weak.Hash, weak.Version = "SHA1", 3
			r.Apt.InlineSignatures = append([]repo.Signature{weak}, r.Apt.InlineSignatures...)
		}, verify.Pass, "", ""},
		{"rpm takes none of two that is weak", repo.RPM, packages(func(p *repo.Package) {
			weak := good("rpm header and payload")
			weak.Hash = "SHA1"
			p.Artifact.Signatures = append(p.Artifact.Signatures, weak)
		}), verify.Fail, "signatures by SHA1, which clients refuse, are in 12 files", ""},
		{"version 6 where old rpm does not look", repo.RPM, packages(func(p *repo.Package) {
			modern := good("rpm header")
			modern.Version, modern.Tag = 6, 278
			p.Artifact.Signatures = append(p.Artifact.Signatures, modern)
		}), verify.Pass, "", ""},
		{"version 6 where old rpm looks", repo.RPM, packages(func(p *repo.Package) {
			p.Artifact.Signatures[0].Version, p.Artifact.Signatures[0].Tag = 6, 268
		}), verify.Fail, "OpenPGP packets of version 6", "rpm up to 4.18"},
		{"one package", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) { r.Packages[5].Artifact.Signatures[0].Hash = "SHA1" },
			verify.Fail, "are in kubeadm 1.26.0-150500.1.1 s390x", ""},
		{"packages that were not read", repo.RPM, packages(func(p *repo.Package) { p.Artifact = nil }), verify.Pass, "", ""},
		{"no signature by the pinned key", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) { r.RPM.Signatures[0].Signer = foreign },
			verify.Skipped, "see rpm-repomd-signed", ""},
		{"no Release.gpg", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.ReleaseGPG.Problem, r.Apt.DetachedSignatures = absent, nil
		}, verify.Skipped, "see apt-release-signed", ""},
		{"Release.gpg unreachable", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.ReleaseGPG.Problem, r.Apt.DetachedSignatures = unreachable, nil
		}, verify.Blocked, "was not judged", ""},
	})
}

// TestSignaturePolicyTellsCausesApart: what is wrong in two ways is two
// findings, each with all its files.
func TestSignaturePolicyTellsCausesApart(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	e.Now = now.AddDate(1, 0, 0)
	for _, s := range []*repo.Signature{&r.Apt.InlineSignatures[0], &r.Apt.DetachedSignatures[0]} {
		s.Version, s.Hash = 3, "SHA1"
	}
	var got []string
	for _, f := range runCheck(t, "signature-policy", e, r).Findings {
		got = append(got, f.Message[:strings.Index(f.Message, ",")])
	}
	if want := []string{"OpenPGP packets of version 3", "signatures by SHA1"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("causes %q, want %q", got, want)
	}
}

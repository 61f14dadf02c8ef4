package checks_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestKeyStrength(t *testing.T) {
	t.Parallel()
	const subkey = "1111111111111111111111111111111111111111"
	served := func(change func(*repo.Key)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(&r.Keys[0].Keys[0]) }
	}
	kind := func(algorithm string, bits int, curve string) func(*verify.Expectation, *verify.Facts) {
		return served(func(k *repo.Key) { k.Algorithm, k.Bits, k.Curve = algorithm, bits, curve })
	}
	with := func(sub repo.Key) func(*verify.Expectation, *verify.Facts) {
		sub.Fingerprint = subkey
		return served(func(k *repo.Key) { k.Subkeys = append(k.Subkeys, sub) })
	}
	weakSelf := func(k *repo.Key) { k.WeakSelfSignature, k.SelfSignatureHash = true, "SHA1" }
	var cases []oneCase
	for _, f := range repo.Formats() {
		cases = append(cases, []oneCase{
			{"RSA 2048", f, kind("RSA", 2048, ""), verify.Pass, "", ""},
			{"RSA 2047", f, kind("RSA", 2047, ""), verify.Fail, "the key " + pinned + " is too weak: RSA of 2047 bits", "RSA of 2047 bits"},
			{"DSA", f, kind("DSA", 3072, ""), verify.Fail, "DSA, which apt refuses", "DSA of 3072 bits"},
			{"Ed25519 of GnuPG", f, kind("EdDSA", 0, "ed25519"), verify.Pass, "", ""},
			{"Ed25519 of RFC 9580", f, kind("Ed25519", 0, "ed25519"), verify.Pass, "", ""},
			{"NIST", f, kind("ECDSA", 0, "nistp256"), verify.Pass, "", ""},
			{"Brainpool", f, kind("ECDSA", 0, "brainpoolP256r1"), verify.Fail, "none that apt and rpm accept", "ECDSA over brainpoolP256r1"},
			{"post-quantum", f, kind("ML-DSA-65+Ed25519", 0, ""), verify.Pass, "", ""},
			{"unknown", f, kind("algorithm 99", 0, ""), verify.Fail, "algorithm 99", ""},
			{"needs a SHA-1 self-signature", f, served(weakSelf), verify.Fail, "rests on a self-signature by SHA1", "so it is in "},
			{"a SHA-1 self-signature that it does not need", f, served(func(k *repo.Key) { k.SelfSignatureHash = "SHA1" }), verify.Pass, "", ""},
			{"weak signing subkey", f, with(repo.Key{Algorithm: "RSA", Bits: 1024, CanSign: true}), verify.Fail, "the subkey " + subkey + " is too weak", "RSA of 1024 bits"},
			{"weak encryption subkey", f, with(repo.Key{Algorithm: "Elgamal", Bits: 1024}), verify.Pass, "", ""},
			{"weak expired subkey", f, with(repo.Key{Algorithm: "RSA", Bits: 1024, CanSign: true, Expires: now}), verify.Pass, "", ""},
			{"weak revoked subkey", f, with(repo.Key{Algorithm: "RSA", Bits: 1024, CanSign: true, Revoked: true}), verify.Pass, "", ""},
			{"SHA-1 binding of a subkey that signs nothing here", f, with(repo.Key{Algorithm: "RSA", Bits: 2048, CanSign: true, WeakSelfSignature: true}), verify.Pass, "", ""},
			{"another key in the file is weak", f, func(_ *verify.Expectation, r *verify.Facts) {
				r.Keys[0].Keys = append(r.Keys[0].Keys, repo.Key{Fingerprint: foreign, Algorithm: "DSA", Bits: 1024})
			}, verify.Pass, "", ""},
			{"weak as it is pinned", f, func(_ *verify.Expectation, r *verify.Facts) {
				k := r.Keys[0].Keys[0]
				weakSelf(&k)
				r.PinnedKeys = []repo.Key{k}
			}, verify.Fail, "rests on a self-signature", "the key as it is pinned"},
			{"weak in both copies is one finding", f, func(_ *verify.Expectation, r *verify.Facts) {
				r.Keys[0].Keys[0].Bits = 1024
				r.PinnedKeys = []repo.Key{r.Keys[0].Keys[0]}
			}, verify.Fail, "is too weak", "so it is in the key as it is pinned\nso it is in " + expectation(f).KeyFiles[0]},
			{"not served, and good as it is pinned", f, func(_ *verify.Expectation, r *verify.Facts) {
				r.PinnedKeys = []repo.Key{r.Keys[0].Keys[0]}
				r.Keys[0].Problem = absent
			}, verify.Pass, "", ""},
			{"not served, not pinned", f, func(_ *verify.Expectation, r *verify.Facts) { r.Keys[0].Problem = absent }, verify.Skipped, "see key-published", ""},
			{"unreachable", f, func(_ *verify.Expectation, r *verify.Facts) { r.Keys[0].Problem = unreachable }, verify.Blocked, "see key-published", ""},
			{"nowhere documented", f, func(_ *verify.Expectation, r *verify.Facts) { r.Keys = nil }, verify.Skipped, "no copy of the pinned key", ""},
		}...)
	}
	cases = append(cases, oneCase{"SHA-1 binding of the subkey that signs", repo.RPM, func(e *verify.Expectation, r *verify.Facts) {
		with(repo.Key{Algorithm: "RSA", Bits: 2048, CanSign: true, WeakSelfSignature: true, SelfSignatureHash: "SHA1"})(e, r)
		r.Packages[3].Artifact.Signatures[0].SignerKey = subkey
	}, verify.Fail, "the subkey " + subkey + " rests on a binding by SHA1", ""})
	for i := range cases {
		cases[i].name = string(cases[i].format) + "/" + cases[i].name
	}
	runCases(t, "key-strength", cases)
}

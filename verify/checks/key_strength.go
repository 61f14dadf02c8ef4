package checks

import (
	"fmt"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
)

// NIST SP 800-131A: RSA below 2048 bits is disallowed. The StandardPolicy of
// sequoia-openpgp, by which sqv and rpm-sequoia judge keys, refuses RSA below
// 2048 bits since 2014, self-signatures by SHA-1 since 2023 and by MD5 since
// 2004; apt's default-sequoia.config also all DSA, since 2024-02-01.
func keyStrength() verify.Check {
	return verify.Check{
		ID:       "key-strength",
		Title:    "the pinned key is RSA of 2048 bits or more, or of an accepted curve, and needs no SHA-1 or MD5 self-signature",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks of the pinned key, as each copy that the repository serves has it, and as it is pinned, that the primary key and every subkey that may sign is RSA of at least 2048 bits or of an elliptic curve that apt and rpm accept (Ed25519, Ed448, NIST P-256, P-384, P-521), and that it does not rest on a self-signature by MD5, SHA-1 or RIPEMD-160. Subkeys that have expired, are revoked or only encrypt do not matter; nor do certifications by other people, or a weak self-signature that a strong one makes needless.

Why: whoever can compute the key, or a self-signature that hands it a subkey, can sign packages for every user. Clients of today refuse such keys: apt with sqv, and rpm with rpm-sequoia, say that the key is not secure, however good the signature is. Keys of OBS projects live for years by being extended (k/r #1982, #2775, #2933), and every extension is a new self-signature, made with the hash that was usual on the signing host.

When it fails: for a weak self-signature, extend the key again with a current gpg (--cert-digest-algo SHA256) and publish every repository again; for a weak key, make a new one, sign with it, and announce it.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			c := keyCopies{signers: signers(r)}
			for _, key := range r.PinnedKeys {
				if holdsPin(key, e.Pinned) {
					c.judge(e, key, "the key as it is pinned", e.Target.URL)
				}
			}
			var unknown []verify.Finding
			for _, k := range r.Keys {
				if key, ok := pinnedKey(k, e.Pinned); ok {
					c.judge(e, key, k.Path, k.URL)
					continue
				}
				f := verify.Finding{Subject: verify.Subject{File: k.Path}, URL: k.URL}
				unknown = append(unknown, unjudged(k.Problem, f, k.Path+" does not give the pinned key", "key-published"))
			}
			switch {
			case c.judged > 0:
				return c.findings()
			case len(unknown) > 0:
				return unknown
			}
			return []verify.Finding{unjudged(nil, verify.Finding{}, "no copy of the pinned key is known", "key-published")}
		},
	}
}

// holdsPin reports whether the pin names the key or one of its subkeys.
func holdsPin(key repo.Key, pin pgp.Pin) bool {
	return slices.ContainsFunc(append([]repo.Key{key}, key.Subkeys...), func(k repo.Key) bool {
		return k.Fingerprint == pin.Fingerprint()
	})
}

// signers returns the keys that made the good signatures of the repository.
func signers(r *verify.Facts) map[string]bool {
	all := make(map[string]bool)
	add := func(signatures []repo.Signature) {
		for _, s := range signatures {
			if s.Verdict == repo.Good {
				all[s.SignerKey] = true
			}
		}
	}
	if r.Apt != nil {
		add(r.Apt.InlineSignatures)
		add(r.Apt.DetachedSignatures)
	}
	if r.RPM != nil {
		add(r.RPM.Signatures)
	}
	for _, p := range r.Packages {
		if p.Artifact != nil {
			add(p.Artifact.Signatures)
		}
	}
	return all
}

// keyCopies joins what is wrong with several copies of one key.
type keyCopies struct {
	signers map[string]bool
	judged  int
	order   []string // by message
	of      map[string]*verify.Finding
}

func (c *keyCopies) judge(e *verify.Expectation, key repo.Key, copied, url string) {
	c.judged++
	for _, f := range c.weaknesses(e, key) {
		known := c.of[f.Message]
		if known == nil {
			if c.of == nil {
				c.of = make(map[string]*verify.Finding)
			}
			known = &f
			known.URL = url
			if url != e.Target.URL {
				known.Subject.File = copied
			}
			c.of[f.Message] = known
			c.order = append(c.order, f.Message)
		}
		known.Evidence = append(known.Evidence, "so it is in "+copied)
	}
}

func (c *keyCopies) findings() []verify.Finding {
	var found []verify.Finding
	for _, message := range c.order {
		found = append(found, *c.of[message])
	}
	return found
}

// weaknesses returns what speaks against the keys that clients trust with the
// pinned one: the primary key, which vouches for the others, and those that may
// sign. What binds a subkey matters only where its signatures are needed.
func (c *keyCopies) weaknesses(e *verify.Expectation, primary repo.Key) []verify.Finding {
	var found []verify.Finding
	for i, k := range append([]repo.Key{primary}, primary.Subkeys...) {
		name, rests := "key", "self-signature"
		if i > 0 {
			name, rests = "subkey", "binding"
			if k.Revoked || !k.Expires.IsZero() && !k.Expires.After(e.Now) || !k.CanSign {
				continue
			}
		}
		if why := weakKey(k); why != "" {
			found = append(found, verify.Finding{
				Message: fmt.Sprintf("the %s %s is too weak: %s", name, k.Fingerprint, why),
				Want:    "RSA of 2048 bits or more, Ed25519, Ed448 or a NIST curve",
				Got:     kindOf(k),
				Hint:    "make a new key, sign with it, publish it and announce it",
			})
		}
		if k.WeakSelfSignature && (i == 0 || c.signers[k.Fingerprint] || k.Fingerprint == e.Pinned.Fingerprint()) {
			found = append(found, verify.Finding{
				Message: fmt.Sprintf("the %s %s rests on a %s by %s, which apt and rpm no longer count", name, k.Fingerprint, rests, k.SelfSignatureHash),
				Want:    "a " + rests + " by SHA-256 or better that says the same",
				Got:     k.SelfSignatureHash,
				Hint:    "extend the key with gpg --cert-digest-algo SHA256, then publish every repository that is signed with it again",
			})
		}
	}
	return found
}

// minRSA is the shortest RSA key that every policy accepts, in bits.
const minRSA = 2048

// weakKey returns why nobody should trust a key of this kind, "" if they may.
func weakKey(k repo.Key) string {
	switch k.Algorithm {
	case "RSA":
		if k.Bits < minRSA {
			return fmt.Sprintf("RSA of %d bits", k.Bits)
		}
		return ""
	case "Ed25519", "Ed448", "ML-DSA-65+Ed25519", "ML-DSA-87+Ed448", "SLH-DSA-SHAKE-128s", "SLH-DSA-SHAKE-128f", "SLH-DSA-SHAKE-256s":
		return ""
	case "EdDSA", "ECDSA":
		if slices.Contains([]string{"ed25519", "ed448", "nistp256", "nistp384", "nistp521"}, k.Curve) {
			return ""
		}
		return "the curve " + k.Curve + " is none that apt and rpm accept"
	case "DSA":
		return "DSA, which apt refuses since 2024-02-01"
	}
	return k.Algorithm + " is no algorithm that apt and rpm accept"
}

// kindOf names algorithm and size.
func kindOf(k repo.Key) string {
	if k.Curve != "" {
		return k.Algorithm + " over " + k.Curve
	}
	if k.Bits > 0 {
		return fmt.Sprintf("%s of %d bits", k.Algorithm, k.Bits)
	}
	return k.Algorithm
}

package pgp

import (
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Keyring is a set of public keys. It does not change once made, and may be
// used by several goroutines. A nil ring has no keys.
type Keyring struct {
	certs  []*cert
	faults []repo.Problem
	now    time.Time // see [Keyring.At]
}

// ReadKeyring reads public keys, armored (one or several blocks, with text
// between them) or binary.
//
// A key of which no self-signature verifies is left out, as its expiry, user
// IDs and use would be anybody's word; so is a subkey that the primary key did
// not bind. [Keyring.Faults] says what was left out. When no key remains, or
// the input is not a ring of public keys (a secret key, a GnuPG keybox) or goes
// past a bound, the error is a [repo.FormatError]. Certifications by others
// and packets of unknown types do not matter.
func ReadKeyring(data []byte) (*Keyring, error) {
	bin, faults, err := dearmor(data, blockKey, MaxKeyring)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	if err := each(bin, r.packet); err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	k := &Keyring{}
	for _, c := range r.done {
		k.add(c)
	}
	k.faults = append(faults, r.faults...)
	if len(k.certs) == 0 {
		e := &repo.FormatError{Text: "no usable public key"}
		if n := len(k.faults); n > 0 { // the last is that of a primary key
			e.Where, e.Text = k.faults[n-1].Where, e.Text+": "+k.faults[n-1].Text
		}
		return nil, e
	}
	return k, nil
}

// add adds c, or the subkeys that the first copy of the same key lacks.
func (k *Keyring) add(c *cert) {
	i := slices.IndexFunc(k.certs, func(have *cert) bool {
		return have.primary.key.fingerprint == c.primary.key.fingerprint
	})
	if i < 0 {
		k.certs = append(k.certs, c)
		return
	}
	merged := *k.certs[i]
	merged.subkeys = slices.Clone(merged.subkeys)
	for _, s := range c.subkeys {
		if !slices.ContainsFunc(merged.subkeys, func(have component) bool { return have.key.fingerprint == s.key.fingerprint }) {
			merged.subkeys = append(merged.subkeys, s)
		}
	}
	k.certs[i] = &merged
}

// Merge returns a ring with the keys of all rings, nil ones allowed. The first
// copy of a primary key wins for what may differ between copies: expiry,
// revocation, user IDs, use, and what [Keyring.Restrict] left. Subkeys that
// only a later copy has are added, since the same primary key bound them. The
// time of judgement is that of the first ring that has one.
func Merge(rings ...*Keyring) *Keyring {
	all := &Keyring{}
	for _, r := range rings {
		if r == nil {
			continue
		}
		for _, c := range r.certs {
			all.add(c)
		}
		all.faults = append(all.faults, r.faults...)
		if all.now.IsZero() {
			all.now = r.now
		}
	}
	return all
}

// At returns the same ring, which takes now for the present time. Without it
// the clock is asked, each time. The ring itself is not changed.
func (k *Keyring) At(now time.Time) *Keyring {
	if k == nil {
		return &Keyring{now: now}
	}
	dated := *k
	dated.now = now
	return &dated
}

// time returns the present time.
func (k *Keyring) time() time.Time {
	if k == nil || k.now.IsZero() {
		return time.Now()
	}
	return k.now
}

// Keys returns the primary keys with their subkeys, in order, as this copy of
// them says. The expiry and the use are those of the newest self-signature
// that verifies and has not ended; an expired or revoked key is listed like
// any.
func (k *Keyring) Keys() []repo.Key {
	if k == nil {
		return nil
	}
	now := k.time()
	var keys []repo.Key
	for _, c := range k.certs {
		keys = append(keys, c.fact(now))
	}
	return keys
}

// Faults returns which keys and subkeys were left out, and why, and what of
// the armor some clients refuse.
func (k *Keyring) Faults() []repo.Problem {
	if k == nil {
		return nil
	}
	return slices.Clone(k.faults)
}

// Find returns the primary key or subkey of exactly that fingerprint, in
// hexadecimal of any case, with or without spaces. A subkey comes alone.
func (k *Keyring) Find(fingerprint string) (repo.Key, bool) {
	s, ok := k.lookup(fingerprint)
	switch {
	case !ok:
		return repo.Key{}, false
	case s.sub != nil:
		return s.sub.fact(k.time(), true), true
	}
	return s.cert.fact(k.time()), true
}

// State returns whether the primary key or subkey of exactly that fingerprint
// may sign at the present time; it is empty for a key that is not in the ring.
func (k *Keyring) State(fingerprint string) repo.KeyState {
	s, ok := k.lookup(fingerprint)
	if !ok {
		return ""
	}
	return s.cert.state(s.sub, k.time())
}

// lookup returns the key of a fingerprint as [Keyring.Find] takes it.
func (k *Keyring) lookup(fingerprint string) (signer, bool) {
	if k == nil {
		return signer{}, false
	}
	want := normalize(fingerprint)
	for _, c := range k.certs {
		if c.primary.key.fingerprint == want {
			return signer{cert: c}, true
		}
		for i := range c.subkeys {
			if c.subkeys[i].key.fingerprint == want {
				return signer{cert: c, sub: &c.subkeys[i]}, true
			}
		}
	}
	return signer{}, false
}

// signer is a key that a signature names.
type signer struct {
	cert *cert
	sub  *component // nil for the primary key
}

// key returns the exact key.
func (s signer) key() *pubKey {
	if s.sub == nil {
		return s.cert.primary.key
	}
	return s.sub.key
}

// may reports whether the key has the right to sign data, at any time; what
// speaks against it where not.
func (s signer) may(now time.Time) (ok bool, why string) {
	fingerprint := s.key().fingerprint
	switch {
	case s.cert.only != nil && !s.cert.only[fingerprint]:
		return false, "key " + fingerprint + " is not the one that is pinned"
	case s.sub == nil && !s.cert.primary.canSign(s.cert.primary.latest(now), false):
		return false, "key " + fingerprint + " may certify, and not sign data"
	case s.sub != nil && !s.sub.canSign(s.sub.latest(now), true):
		return false, "subkey " + fingerprint + " of " + s.cert.primary.key.fingerprint + " is not bound to sign"
	}
	return true, ""
}

// signers returns the keys that p names as its issuer.
func (k *Keyring) signers(p *sigPacket) []signer {
	if k == nil {
		return nil
	}
	var found []signer
	add := func(s signer) {
		if len(found) < MaxCandidates && p.names(s.key()) {
			found = append(found, s)
		}
	}
	for _, c := range k.certs {
		add(signer{cert: c})
		for i := range c.subkeys {
			add(signer{cert: c, sub: &c.subkeys[i]})
		}
	}
	return found
}

package pgp

import (
	"slices"

	"sigs.k8s.io/pkgverify/repo"
)

// Keyring is a set of public keys. It does not change once made, and may be
// used by several goroutines. A nil ring has no keys.
type Keyring struct {
	certs  []*cert
	faults []repo.Problem
}

// ReadKeyring reads public keys, armored (one or several blocks, with text
// between them) or binary.
//
// A key of which no self-signature verifies is left out, as its expiry, user
// IDs and use would be anybody's word; so is a subkey that the primary key did
// not bind. [Keyring.Faults] says what was left out. When no key remains, or
// the input is not a key ring or goes past a bound, the error is a
// [repo.FormatError]. Certifications by others, user attributes and packets of
// unknown types do not matter.
func ReadKeyring(data []byte) (*Keyring, error) {
	bin, err := dearmor(data, blockKey, maxKeyring)
	if err != nil {
		return nil, err
	}
	packets, err := split(bin, maxPackets)
	if err != nil {
		return nil, err
	}
	groups, err := group(packets)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	k := &Keyring{}
	for _, parts := range groups {
		c, err := r.cert(parts)
		if err != nil {
			return nil, err
		}
		if c != nil {
			k.add(c)
		}
	}
	k.faults = r.faults
	if len(k.certs) == 0 {
		e := &repo.FormatError{Text: "no usable public key"}
		if len(k.faults) > 0 {
			e.Where, e.Text = k.faults[0].Where, e.Text+": "+k.faults[0].Text
		}
		return nil, e
	}
	return k, nil
}

// add adds c, or the subkeys that the first copy of the same key lacks.
func (k *Keyring) add(c *cert) {
	i := slices.IndexFunc(k.certs, func(have *cert) bool { return have.primary.fingerprint == c.primary.fingerprint })
	if i < 0 {
		k.certs = append(k.certs, c)
		return
	}
	merged := *k.certs[i]
	merged.subkeys = slices.Clone(merged.subkeys)
	for _, s := range c.subkeys {
		if !slices.ContainsFunc(merged.subkeys, func(have subkey) bool { return have.key.fingerprint == s.key.fingerprint }) {
			merged.subkeys = append(merged.subkeys, s)
		}
	}
	k.certs[i] = &merged
}

// Merge returns a ring with the keys of all rings, nil ones allowed. The first
// copy of a primary key wins for what may differ between copies: expiry,
// revocation, user IDs and use. Subkeys that only a later copy has are added,
// since the same primary key bound them.
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
	}
	return all
}

// Keys returns the primary keys with their subkeys, in order, as this copy of
// them says. The expiry and the use are those of the newest self-signature
// that verifies; the ring has no clock, so an expired key is listed like any.
func (k *Keyring) Keys() []repo.Key {
	if k == nil {
		return nil
	}
	var keys []repo.Key
	for _, c := range k.certs {
		keys = append(keys, c.key())
	}
	return keys
}

// Faults returns which keys and subkeys were left out, and why.
func (k *Keyring) Faults() []repo.Problem {
	if k == nil {
		return nil
	}
	return slices.Clone(k.faults)
}

// Find returns the primary key or subkey of exactly that fingerprint, in
// hexadecimal of any case, with or without spaces. A subkey comes alone.
func (k *Keyring) Find(fingerprint string) (repo.Key, bool) {
	want := normalize(fingerprint)
	if k == nil {
		return repo.Key{}, false
	}
	for _, c := range k.certs {
		if c.primary.fingerprint == want {
			return c.key(), true
		}
		for _, s := range c.subkeys {
			if s.key.fingerprint == want {
				return s.fact, true
			}
		}
	}
	return repo.Key{}, false
}

// key returns the facts of c, the caller's to change.
func (c *cert) key() repo.Key {
	f := c.fact
	f.UserIDs = slices.Clone(f.UserIDs)
	for _, s := range c.subkeys {
		f.Subkeys = append(f.Subkeys, s.fact)
	}
	return f
}

// signer is a key that a signature names.
type signer struct {
	key     *pubKey
	primary string // fingerprint of the primary key
	bound   bool   // it is the primary key, or may sign for it
}

// signers returns the keys that s names as its issuer.
func (k *Keyring) signers(s *sigPacket) []signer {
	if k == nil {
		return nil
	}
	var found []signer
	for _, c := range k.certs {
		if s.by(c.primary) {
			found = append(found, signer{c.primary, c.primary.fingerprint, true})
		}
		for _, sub := range c.subkeys {
			if s.by(sub.key) {
				found = append(found, signer{sub.key, c.primary.fingerprint, sub.signs})
			}
		}
	}
	return found
}

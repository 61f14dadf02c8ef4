package pgp

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// ErrPin is why [ParsePin] refuses a text.
var ErrPin = errors.New("not the fingerprint of an OpenPGP key")

// Pin is the key that a repository must be signed by, named by fingerprint as
// in apt's Signed-By: that of a primary key stands for the key and all its
// subkeys, that of a subkey for this subkey alone. With an exclamation mark at
// the end it is the very key in each case.
type Pin struct {
	fingerprint string
	exact       bool
}

// ParsePin reads a fingerprint of version 4 (40 hexadecimal digits) or 6 (64),
// in any case, with spaces, with 0x before it and ! after it. Its errors are
// ErrPin. Key IDs are refused: a key with a given 8-digit ID is made in
// seconds, and one that shares a 16-digit ID with another can be bought.
func ParsePin(text string) (Pin, error) {
	f, exact := strings.CutSuffix(normalize(text), "!")
	f = strings.TrimPrefix(f, "0X")
	if f == "" || strings.Trim(f, "0123456789ABCDEF") != "" {
		return Pin{}, fmt.Errorf("%w: %q is not hexadecimal; gpg --show-keys FILE prints fingerprints", ErrPin, text)
	}
	switch len(f) {
	case 40, 64:
		return Pin{f, exact}, nil
	case 8, 16:
		return Pin{}, fmt.Errorf("%w: %q is a key ID, which others can forge; give the whole fingerprint (40 or 64 digits), as gpg --show-keys FILE prints it", ErrPin, text)
	case 32:
		return Pin{}, fmt.Errorf("%w: %q has 32 digits, as a key of version 3 has, which no client takes any more", ErrPin, text)
	}
	return Pin{}, fmt.Errorf("%w: %q has %d digits, wanted 40 or 64", ErrPin, text, len(f))
}

// String returns the pin as [ParsePin] reads it.
func (p Pin) String() string {
	if p.exact {
		return p.fingerprint + "!"
	}
	return p.fingerprint
}

// Fingerprint returns the fingerprint in upper case, without the mark.
func (p Pin) Fingerprint() string { return p.fingerprint }

// Matches reports whether s is a good signature by the pinned key. The zero
// pin matches nothing.
func (p Pin) Matches(s repo.Signature) bool {
	if s.Verdict != repo.Good || p.fingerprint == "" {
		return false
	}
	return s.SignerKey == p.fingerprint || !p.exact && s.Signer == p.fingerprint
}

// Restrict returns a ring in which only the pinned keys can make a good
// signature; those of others get the verdict [repo.UnknownKey]. Certificates
// without a pinned key are left out, the others are described whole. The error
// names a pin that the ring does not have, and wraps ErrPin.
func (k *Keyring) Restrict(pins ...Pin) (*Keyring, error) {
	restricted := &Keyring{}
	if k != nil {
		restricted.faults, restricted.now = k.faults, k.now
		for _, c := range k.certs {
			if only := c.pinned(pins); len(only) > 0 {
				copied := *c
				copied.only = only
				restricted.certs = append(restricted.certs, &copied)
			}
		}
	}
	for _, p := range pins {
		if _, ok := restricted.Find(p.fingerprint); !ok {
			return nil, fmt.Errorf("%w in this ring: %s", ErrPin, p)
		}
	}
	return restricted, nil
}

// pinned returns the fingerprints of c's keys that the pins name.
func (c *cert) pinned(pins []Pin) map[string]bool {
	only := map[string]bool{}
	for _, p := range pins {
		primary := c.primary.key.fingerprint
		if p.fingerprint == primary {
			only[primary] = true
		}
		for _, s := range c.subkeys {
			if p.fingerprint == s.key.fingerprint || p.fingerprint == primary && !p.exact {
				only[s.key.fingerprint] = true
			}
		}
	}
	if c.only != nil { // restricted before
		for f := range only {
			if !c.only[f] {
				delete(only, f)
			}
		}
	}
	return only
}

// normalize returns a fingerprint as it is kept here.
func normalize(fingerprint string) string {
	return strings.ToUpper(strings.Join(strings.Fields(fingerprint), ""))
}

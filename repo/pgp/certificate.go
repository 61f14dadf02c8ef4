package pgp

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// cert is a primary key with what its own signatures say.
type cert struct {
	primary *pubKey
	fact    repo.Key // without subkeys
	subkeys []subkey
}

// subkey is a subkey that the primary key bound.
type subkey struct {
	key  *pubKey
	fact repo.Key
	// signs: bound to sign, with the subkey's own signature back.
	signs bool
}

// part is a key, user ID or subkey packet and the signatures after it.
type part struct {
	packet rawPacket
	sigs   []*sigPacket
}

// reader builds certificates and keeps count of what it costs.
type reader struct {
	checks  int // self-signatures verified so far
	faults  []repo.Problem
	primary *pubKey
}

// fault records why something was left out.
func (r *reader) fault(p rawPacket, format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, repo.Problem{Kind: repo.Malformed, Where: p.where(), Text: fmt.Sprintf(format, args...)})
	}
}

// group puts packets together: each result begins with a primary key. It
// leaves out what may stand in a key ring and does not matter.
func group(packets []rawPacket) ([][]part, error) {
	var all [][]part
	for _, p := range packets {
		switch p.tag {
		case tagPublicKey:
			all = append(all, []part{{packet: p}})
			continue
		case tagSecretKey, tagSecretSubkey:
			return nil, malformed(p.offset, "a secret key in a ring of public keys")
		case tagMarker, tagTrust, tagPadding:
			continue
		}
		if len(all) == 0 {
			return nil, malformed(p.offset, "wanted a public key packet, got type %d", p.tag)
		}
		g := &all[len(all)-1]
		if p.tag != tagSignature {
			// Also packets of unknown types: their signatures are then not
			// taken for those of the part before.
			*g = append(*g, part{packet: p})
			continue
		}
		// What cannot be read cannot be a self-signature that counts.
		if s, err := readSignature(p.body); err == nil {
			last := &(*g)[len(*g)-1]
			last.sigs = append(last.sigs, s)
		}
	}
	return all, nil
}

// cert builds one certificate. It returns nil, and records a fault, when the
// key has no self-signature that verifies: then nothing of it is proven to be
// the owner's word.
func (r *reader) cert(parts []part) (*cert, error) {
	key, err := readKey(parts[0].packet.body)
	if err != nil {
		r.fault(parts[0].packet, "key left out: %v", err)
		return nil, nil
	}
	r.primary = key
	c := &cert{primary: key, fact: key.fact()}
	var direct, certified, withdrawn []*sigPacket
	for i, p := range parts {
		var err error
		switch {
		case i == 0:
			direct, err = r.direct(c, p)
		case p.packet.tag == tagUserID && len(p.packet.body) <= maxUserID:
			certified, withdrawn, err = r.userID(c, p, certified, withdrawn)
		case p.packet.tag == tagPublicSubkey:
			err = r.subkey(c, p)
		}
		if err != nil {
			return nil, err
		}
	}
	self := inForce(direct, certified)
	if key.version == 6 && len(direct) > 0 {
		// There the direct-key signature alone speaks for the key (RFC 9580
		// section 10.1.1); those over user IDs are only about the user ID.
		self = inForce(direct)
	}
	if self == nil {
		self = inForce(withdrawn)
	}
	if self == nil {
		if key.why != nil {
			r.fault(parts[0].packet, "key %s left out: %v", key.fingerprint, key.why)
		} else {
			r.fault(parts[0].packet, "key %s left out: no self-signature of it verifies", key.fingerprint)
		}
		return nil, nil
	}
	apply(&c.fact, key, self)
	return c, nil
}

// direct takes the signatures over the primary key itself.
func (r *reader) direct(c *cert, p part) ([]*sigPacket, error) {
	var valid []*sigPacket
	for _, s := range p.sigs {
		if s.kind != sigDirectKey && s.kind != sigKeyRevocation {
			continue
		}
		ok, err := r.selfSigned(s, r.primary.feed)
		switch {
		case err != nil:
			return nil, err
		case ok && s.kind == sigKeyRevocation:
			c.fact.Revoked = true
		case ok:
			valid = append(valid, s)
		}
	}
	return valid, nil
}

// userID takes the owner's signatures over a user ID, of which the newest
// counts. One that the owner withdrew later is not listed.
func (r *reader) userID(c *cert, p part, certified, withdrawn []*sigPacket) ([]*sigPacket, []*sigPacket, error) {
	var newest *sigPacket
	var revoked time.Time
	for _, s := range p.sigs {
		if (s.kind < sigGenericCert || s.kind > sigPositiveCert) && s.kind != sigCertRevocation {
			continue
		}
		ok, err := r.selfSigned(s, func(w io.Writer) {
			r.primary.feed(w)
			if s.version != 3 {
				head := []byte{0xb4, 0, 0, 0, 0}
				binary.BigEndian.PutUint32(head[1:], uint32(len(p.packet.body)))
				write(w, head)
			}
			write(w, p.packet.body)
		})
		switch {
		case err != nil:
			return nil, nil, err
		case !ok:
		case s.kind == sigCertRevocation:
			if s.created.After(revoked) {
				revoked = s.created
			}
		case newest == nil || !s.created.Before(newest.created):
			newest = s
		}
	}
	switch {
	case newest == nil:
	case !revoked.Before(newest.created):
		withdrawn = append(withdrawn, newest)
	default:
		certified = append(certified, newest)
		c.fact.UserIDs = append(c.fact.UserIDs, strings.ToValidUTF8(string(p.packet.body), "\uFFFD"))
	}
	return certified, withdrawn, nil
}

// subkey takes a subkey that the primary key bound.
func (r *reader) subkey(c *cert, p part) error {
	key, err := readKey(p.packet.body)
	if err != nil {
		r.fault(p.packet, "subkey left out: %v", err)
		return nil
	}
	both := func(w io.Writer) { r.primary.feed(w); key.feed(w) }
	sub := subkey{key: key, fact: key.fact()}
	var binding *sigPacket
	for _, s := range p.sigs {
		if s.kind != sigSubkeyBinding && s.kind != sigSubkeyRevocation {
			continue
		}
		ok, err := r.selfSigned(s, both)
		switch {
		case err != nil:
			return err
		case !ok:
		case s.kind == sigSubkeyRevocation:
			sub.fact.Revoked = true
		case binding == nil || !s.created.Before(binding.created):
			binding = s
		}
	}
	if binding == nil {
		r.fault(p.packet, "subkey %s left out: no signature of %s that binds it verifies", key.fingerprint, r.primary.fingerprint)
		return nil
	}
	apply(&sub.fact, key, binding)
	if sub.fact.CanSign {
		// Without the subkey's own word anybody could adopt a foreign key and
		// claim its signatures (RFC 9580 section 10.1.5).
		if sub.signs, err = r.backSigned(key, binding, both); err != nil {
			return err
		}
		if sub.fact.CanSign = sub.signs; !sub.signs {
			r.fault(p.packet, "subkey %s may not sign: its own signature over %s (0x19) is missing or does not verify", key.fingerprint, r.primary.fingerprint)
		}
	}
	c.subkeys = append(c.subkeys, sub)
	return nil
}

// backSigned reports whether the binding holds a signature back by the subkey.
func (r *reader) backSigned(key *pubKey, binding *sigPacket, feed func(io.Writer)) (bool, error) {
	back, err := readSignature(binding.embedded)
	if err != nil || back.kind != sigPrimaryBinding {
		return false, nil //nolint:nilerr // a broken signature is none
	}
	return r.verified(key, back, feed)
}

// selfSigned reports whether s is a valid signature of the primary key.
// Others' certifications cost nothing here.
func (r *reader) selfSigned(s *sigPacket, feed func(io.Writer)) (bool, error) {
	if !s.by(r.primary) {
		return false, nil
	}
	return r.verified(r.primary, s, feed)
}

func (r *reader) verified(k *pubKey, s *sigPacket, feed func(io.Writer)) (bool, error) {
	if r.checks++; r.checks > maxSelfSignatures {
		return false, &repo.FormatError{Text: fmt.Sprintf("key ring with more than %d self-signatures", maxSelfSignatures)}
	}
	h, err := prepare(s)
	if err != nil {
		return false, nil //nolint:nilerr // what cannot be judged does not verify
	}
	feed(h.hash)
	return h.verify(k) == nil, nil
}

// inForce returns the newest self-signature. A direct-key signature that says
// nothing of expiry or use is passed over: GnuPG makes such ones only to name
// a revoker.
func inForce(lists ...[]*sigPacket) *sigPacket {
	var newest *sigPacket
	for _, s := range slices.Concat(lists...) {
		switch {
		case newest == nil, newest.silent() && !s.silent():
			newest = s
		case s.silent() && !newest.silent():
		case !s.created.Before(newest.created):
			newest = s
		}
	}
	return newest
}

// silent reports whether s is a direct-key signature that says nothing of
// expiry and use.
func (s *sigPacket) silent() bool {
	return s.kind == sigDirectKey && !s.hasLifetime && !s.hasFlags
}

// apply adds to a key what the self-signature in force says.
func apply(f *repo.Key, k *pubKey, s *sigPacket) {
	if s.keyLifetime > 0 {
		f.Expires = k.created.Add(s.keyLifetime)
	}
	f.SelfSignatureHash = hashName(s.hash)
	// Without flags a key may do what its algorithm can.
	f.CanSign = signs(k.algorithm) && (!s.hasFlags || s.flags&flagSign != 0)
}

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
	primary component
	userIDs []userID
	subkeys []component
	// only holds the fingerprints of the keys whose signatures count; nil: all.
	only map[string]bool
}

// userID is a user ID's text and the number by which statements know it.
type userID struct {
	number int
	text   string
}

// part is a key, user ID, user attribute or subkey packet and the signatures
// after it that name the primary key as their issuer.
type part struct {
	packet rawPacket
	sigs   []*sigPacket
}

// reader builds certificates from packets and keeps count of what it costs.
type reader struct {
	done   []*cert
	faults []repo.Problem
	parts  int // packets other than signatures so far
	work   int // spent on verification so far
	// The certificate that is being read; primary is nil before the first one
	// and after one that cannot be used.
	primary  *pubKey
	current  []part
	revokers []string // issuers of revocations by others
}

const errSecret = "a secret key in a ring of public keys; publish what gpg --export --armor writes, and take the secret key for compromised if this file was public"

// fault records why something was left out.
func (r *reader) fault(p rawPacket, format string, args ...any) {
	if len(r.faults) < MaxFaults {
		r.faults = append(r.faults, repo.Problem{Kind: repo.Malformed, Where: p.where(), Text: fmt.Sprintf(format, args...)})
	}
}

// packet takes the next packet of a ring. What may stand in a key ring and
// does not matter is left out.
func (r *reader) packet(p rawPacket) error {
	switch p.tag {
	case tagSignature:
		return r.signature(p)
	case tagSecretKey, tagSecretSubkey:
		return malformed(p.offset, errSecret)
	case tagMarker, tagTrust, tagPadding:
		return nil
	case tagPublicKey:
	default:
		if len(r.current) == 0 {
			return malformed(p.offset, "wanted a public key packet, got type %d", p.tag)
		}
	}
	if r.parts++; r.parts > MaxParts {
		return malformed(p.offset, "more than %d keys and user IDs", MaxParts)
	}
	if p.tag == tagPublicKey {
		if err := r.finish(); err != nil {
			return err
		}
		key, err := readKey(p.body)
		if err != nil {
			r.fault(p, "key left out: %v", err)
		}
		r.primary = key
	}
	// Also packets of unknown types: their signatures are then not taken for
	// those of the part before.
	r.current = append(r.current, part{packet: p})
	return nil
}

// signature takes a signature packet. Certifications by others are passed over
// and cost nothing more than being read.
func (r *reader) signature(p rawPacket) error {
	if len(r.current) == 0 {
		return malformed(p.offset, "wanted a public key packet, got type %d", p.tag)
	}
	if r.primary == nil {
		return nil
	}
	s, err := readSignature(p.body)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read cannot be a self-signature that counts
	}
	if !s.names(r.primary) {
		if s.kind == sigKeyRevocation && len(r.current) == 1 && len(r.revokers) < MaxRevokers {
			r.revokers = append(r.revokers, s.issuerID())
		}
		return nil
	}
	last := &r.current[len(r.current)-1]
	if len(last.sigs) == MaxSelfSignatures {
		return malformed(p.offset, "more than %d self-signatures over one key or user ID", MaxSelfSignatures)
	}
	last.sigs = append(last.sigs, s)
	return nil
}

// finish builds the certificate that was read. It is left out, with a fault,
// when the key has no self-signature that verifies: then nothing of it is
// proven to be the owner's word.
func (r *reader) finish() error {
	parts, key := r.current, r.primary
	r.current, r.primary = nil, nil
	revokers := r.revokers
	r.revokers = nil
	if len(parts) == 0 || key == nil {
		return nil
	}
	c := &cert{primary: component{key: key}}
	for i, p := range parts {
		var err error
		switch {
		case i == 0:
			err = r.direct(c, p, revokers)
		case p.packet.tag == tagUserID && len(p.packet.body) <= MaxUserID, p.packet.tag == tagUserAttribute:
			err = r.userID(c, p, i)
		case p.packet.tag == tagPublicSubkey:
			err = r.subkey(c, p)
		}
		if err != nil {
			return err
		}
	}
	unread := slices.IndexFunc(parts, part.unread)
	switch {
	case len(c.primary.statements) > 0:
		r.done = append(r.done, c)
	case key.why != nil:
		r.fault(parts[0].packet, "key %s left out: %v", key.fingerprint, key.why)
	case unread >= 0:
		r.fault(parts[0].packet, "key %s left out: a self-signature of it is by %s, which no client of today takes", key.fingerprint, hashName(parts[unread].sigs[0].hash))
	default:
		r.fault(parts[0].packet, "key %s left out: no self-signature of it verifies", key.fingerprint)
	}
	return nil
}

// direct takes the signatures over the primary key itself.
func (r *reader) direct(c *cert, p part, others []string) error {
	key := c.primary.key
	return r.verified(p, key, key.feed, func(s *sigPacket) error {
		switch s.kind {
		case sigKeyRevocation:
			c.primary.revocations = append(c.primary.revocations, revocation{s.created, s.reason, s.hasReason})
		case sigDirectKey:
			c.primary.statements = append(c.primary.statements, newStatement(s, overKey))
			for _, revoker := range s.revokers {
				if slices.Contains(others, keyID(revoker)) {
					r.fault(p.packet, "key %s may be revoked by %s, and a revocation that names it is there; it was not verified, for only the key's own word counts here: gpg --import tells", key.fingerprint, revoker)
				}
			}
		}
		return nil
	}, sigDirectKey, sigKeyRevocation)
}

// unread reports whether nothing here computes the hash of the first signature.
func (p part) unread() bool { return len(p.sigs) > 0 && hashOf(p.sigs[0].hash) == 0 }

// userID takes the owner's signatures over a user ID or user attribute.
func (r *reader) userID(c *cert, p part, number int) error {
	key := c.primary.key
	if p.packet.tag == tagUserID {
		c.userIDs = append(c.userIDs, userID{number, strings.ToValidUTF8(string(p.packet.body), "\uFFFD")})
	}
	return r.verified(p, key, func(w io.Writer) {
		key.feed(w)
		write(w, userIDHead(p.packet))
		write(w, p.packet.body)
	}, func(s *sigPacket) error {
		c.primary.statements = append(c.primary.statements, newStatement(s, number))
		return nil
	}, sigGenericCert, sigGenericCert+1, sigGenericCert+2, sigPositiveCert, sigCertRevocation)
}

// userIDHead is what is hashed before a user ID (RFC 9580 section 5.2.4).
func userIDHead(p rawPacket) []byte {
	head := []byte{0xb4, 0, 0, 0, 0}
	if p.tag == tagUserAttribute {
		head[0] = 0xd1
	}
	binary.BigEndian.PutUint32(head[1:], uint32(len(p.body)))
	return head
}

// subkey takes a subkey that the primary key bound.
func (r *reader) subkey(c *cert, p part) error {
	key, err := readKey(p.packet.body)
	if err != nil {
		r.fault(p.packet, "subkey left out: %v", err)
		return nil
	}
	sub := component{key: key}
	both := func(w io.Writer) { c.primary.key.feed(w); key.feed(w) }
	err = r.verified(p, c.primary.key, both, func(s *sigPacket) error {
		if s.kind == sigSubkeyRevocation {
			sub.revocations = append(sub.revocations, revocation{s.created, s.reason, s.hasReason})
			return nil
		}
		said := newStatement(s, overKey)
		if signs(key.algorithm) && (!s.hasFlags || s.flags&flagSign != 0) {
			var err error
			if said.backSigned, err = r.backSigned(key, s, both); err != nil {
				return err
			}
		}
		sub.statements = append(sub.statements, said)
		return nil
	}, sigSubkeyBinding, sigSubkeyRevocation)
	if err != nil {
		return err
	}
	if len(sub.statements) == 0 && len(sub.revocations) == 0 {
		r.fault(p.packet, "subkey %s left out: no signature of %s that binds it verifies", key.fingerprint, c.primary.key.fingerprint)
		return nil
	}
	if st := sub.latest(endOfTime()); st != nil && st.hasFlags && st.flags&flagSign != 0 && !st.backSigned {
		r.fault(p.packet, "subkey %s may not sign: its own signature over %s (0x19) is missing or does not verify", key.fingerprint, c.primary.key.fingerprint)
	}
	c.subkeys = append(c.subkeys, sub)
	return nil
}

// endOfTime is after all that a packet can state.
func endOfTime() time.Time { return time.Unix(1<<32, 0) }

// backSigned reports whether the binding holds a signature back by the subkey.
func (r *reader) backSigned(key *pubKey, binding *sigPacket, feed func(io.Writer)) (bool, error) {
	back, err := readSignature(binding.embedded)
	if err != nil || back.kind != sigPrimaryBinding {
		return false, nil //nolint:nilerr // a broken signature is none
	}
	return r.check(key, back, feed)
}

// verified calls f, in the order of the file, with the signatures of p that
// are of one of the kinds and that key made over what feed writes.
func (r *reader) verified(p part, key *pubKey, feed func(io.Writer), f func(*sigPacket) error, kinds ...byte) error {
	for _, s := range p.sigs {
		// A version 3 certification hashes the user ID without its length.
		if !slices.Contains(kinds, s.kind) {
			continue
		}
		over := feed
		if s.version < 4 && (p.packet.tag == tagUserID || p.packet.tag == tagUserAttribute) {
			over = func(w io.Writer) { key.feed(w); write(w, p.packet.body) }
		}
		ok, err := r.check(key, s, over)
		if err != nil {
			return err
		}
		if ok {
			if err := f(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reports whether k made s. It ends the reading of a ring that costs too
// much.
func (r *reader) check(k *pubKey, s *sigPacket, feed func(io.Writer)) (bool, error) {
	if k.public == nil {
		return false, nil
	}
	h, err := prepare(s)
	if err != nil {
		return false, nil //nolint:nilerr // what cannot be judged does not verify
	}
	feed(h.hash)
	err = h.verify(k)
	if r.work += k.cost(); r.work > MaxWork {
		return false, &repo.FormatError{Text: fmt.Sprintf("key ring whose self-signatures cost more than %d units of work to verify; publish the signing key alone, without its old self-signatures: gpg --export-options export-minimal --export", MaxWork)}
	}
	return err == nil, nil
}

// fact returns the facts of c at the time now, the caller's to change.
func (c *cert) fact(now time.Time) repo.Key {
	f := c.primary.fact(now, false)
	for _, id := range c.userIDs {
		if c.primary.holds(id.number, now) {
			f.UserIDs = append(f.UserIDs, id.text)
		}
	}
	for i := range c.subkeys {
		f.Subkeys = append(f.Subkeys, c.subkeys[i].fact(now, true))
	}
	return f
}

// state returns whether the primary key (sub is nil) or a subkey may sign at t.
func (c *cert) state(sub *component, t time.Time) repo.KeyState {
	primary, said := c.primary.state(t)
	if sub == nil {
		if primary == repo.KeyValid && !c.primary.canSign(said, false) {
			return repo.KeyCannotSign
		}
		return primary
	}
	// A revoked primary key takes its subkeys along, and so does an expired one.
	if primary != repo.KeyValid {
		return primary
	}
	state, said := sub.state(t)
	if state == repo.KeyValid && !sub.canSign(said, true) {
		return repo.KeyCannotSign
	}
	return state
}

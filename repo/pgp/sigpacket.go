package pgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Signature types (RFC 9580 section 5.2.1).
const (
	sigBinary           = 0x00
	sigText             = 0x01
	sigGenericCert      = 0x10
	sigPositiveCert     = 0x13
	sigSubkeyBinding    = 0x18
	sigPrimaryBinding   = 0x19
	sigDirectKey        = 0x1f
	sigKeyRevocation    = 0x20
	sigSubkeyRevocation = 0x28
	sigCertRevocation   = 0x30
)

// flagSign is the key flag "may sign data" (RFC 9580 section 5.2.3.29).
const flagSign = 0x02

// sigPacket is a signature packet as it reads, before anything is verified.
type sigPacket struct {
	version   int
	kind      byte // signature type
	algorithm byte // public key algorithm
	hash      byte
	created   time.Time
	lifetime  time.Duration // of the signature; 0: no end
	// keyID and fingerprint name the issuer, in upper-case hexadecimal; each
	// may be empty. The key ID may stand where anyone can write it.
	keyID, fingerprint string
	keyIDHashed        bool
	// critical says which subpacket that must be understood is not; "" for
	// none.
	critical string
	// Facts of a self-signature, hashed subpackets only.
	keyLifetime time.Duration // 0: no end
	hasLifetime bool          // the subpacket is there
	flags       byte
	hasFlags    bool
	reason      byte // of a revocation
	hasReason   bool
	revokers    []string // fingerprints of designated revokers
	embedded    []byte   // body of the embedded signature
	// What the arithmetic needs: the part that is hashed after the content, the
	// salt that goes before it, and the numbers.
	trailer, salt, values []byte
}

var errShort = errors.New("signature packet cut short")

// readSignature reads a signature packet's body. The packet that it returns
// beside an error holds what could be read.
func readSignature(body []byte) (*sigPacket, error) {
	s := &sigPacket{}
	if len(body) == 0 {
		return s, errShort
	}
	s.version = int(body[0])
	switch s.version {
	case 2, 3: // the same but for the number
		return s, s.readV3(body)
	case 4, 6:
		return s, s.readV4(body)
	case 5:
		return s, errors.New("signature packet of version 5 (LibrePGP), which sqv and rpm do not read")
	}
	return s, fmt.Errorf("signature packet of version %d", s.version)
}

// readV3 reads a version 3 packet (RFC 4880 section 5.2.2).
func (s *sigPacket) readV3(b []byte) error {
	if len(b) < 19 {
		return errShort
	}
	if b[1] != 5 {
		return fmt.Errorf("version %d signature with %d hashed octets, wanted 5", b[0], b[1])
	}
	s.trailer = b[2:7]
	s.kind = b[2]
	s.created = unixTime(b[3:7])
	s.keyID = fmt.Sprintf("%X", b[7:15])
	s.algorithm, s.hash = b[15], b[16]
	s.values = b[19:]
	return nil
}

// readV4 reads a version 4 or 6 packet (RFC 9580 section 5.2.3). They differ
// in the width of the counts and in the salt.
func (s *sigPacket) readV4(body []byte) error {
	if len(body) < 4 {
		return errShort
	}
	s.kind, s.algorithm, s.hash = body[1], body[2], body[3]
	b := body[4:]
	for _, hashed := range []bool{true, false} {
		width := 2
		if s.version == 6 {
			width = 4
		}
		if len(b) < width {
			return errShort
		}
		var n uint64
		for _, c := range b[:width] {
			n = n<<8 | uint64(c)
		}
		b = b[width:]
		if n > uint64(len(b)) {
			return errShort
		}
		if err := s.readSubpackets(b[:n], hashed); err != nil {
			return err
		}
		b = b[n:]
		if hashed {
			s.trailer = body[:len(body)-len(b)]
		}
	}
	if s.created.IsZero() {
		return errors.New("signature without a creation time that it covers")
	}
	if len(b) < 2 {
		return errShort
	}
	s.values = b[2:]
	if s.version == 6 {
		if len(s.values) == 0 || len(s.values) < 1+int(s.values[0]) {
			return errShort
		}
		size := int(s.values[0])
		s.salt, s.values = s.values[1:1+size], s.values[1+size:]
		if want := saltSize(s.hash); size != want {
			return fmt.Errorf("salt of %d octets for %s, wanted %d", size, hashName(s.hash), want)
		}
	}
	return nil
}

// fact returns what the packet says of itself.
func (s *sigPacket) fact(over string) repo.Signature {
	f := repo.Signature{Over: over, Version: s.version, KeyID: s.issuerID(), Fingerprint: s.fingerprint, Created: s.created, Expires: s.expires()}
	if s.hash != 0 {
		f.Hash = hashName(s.hash)
	}
	if s.algorithm != 0 {
		f.KeyAlgorithm = algorithmName(s.algorithm)
	}
	return f
}

// expires returns when the signature ends, zero for never.
func (s *sigPacket) expires() time.Time {
	if s.lifetime == 0 {
		return time.Time{}
	}
	return s.created.Add(s.lifetime)
}

// issuerID returns the issuer's key ID, from the fingerprint if need be.
func (s *sigPacket) issuerID() string {
	if s.keyID == "" {
		return keyID(s.fingerprint)
	}
	return s.keyID
}

// names reports whether the packet names k as its issuer, in either way. Names
// are hints: the mathematics decides. Like GnuPG this goes on with the key ID
// where the fingerprint leads nowhere.
func (s *sigPacket) names(k *pubKey) bool {
	return s.keyID == k.id || s.fingerprint == k.fingerprint
}

func unixTime(b []byte) time.Time { return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC() }

func seconds(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Second
}

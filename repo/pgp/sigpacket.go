package pgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
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
	// keyID and fingerprint name the issuer in upper-case hexadecimal; each
	// may be empty.
	keyID, fingerprint string
	// Facts of a self-signature, hashed subpackets only.
	keyLifetime time.Duration // 0: no end
	hasLifetime bool          // the subpacket is there
	flags       byte
	hasFlags    bool
	embedded    []byte // body of the embedded signature
	// values is what follows the left 16 bits in a version 3 packet.
	values []byte
	// trailer is the hashed part of a version 3 packet.
	trailer [5]byte
	body    []byte
}

var errShort = errors.New("signature packet cut short")

// readSignature reads a signature packet's body. The packet that it returns
// beside an error holds what could be read.
func readSignature(body []byte) (*sigPacket, error) {
	s := &sigPacket{body: body}
	if len(body) == 0 {
		return s, errShort
	}
	s.version = int(body[0])
	switch s.version {
	case 3:
		return s, s.readV3(body)
	case 4, 6:
		return s, s.readV4(body)
	}
	return s, fmt.Errorf("signature packet of version %d", s.version)
}

// readV3 reads a version 3 packet (RFC 4880 section 5.2.2).
func (s *sigPacket) readV3(b []byte) error {
	if len(b) < 19 {
		return errShort
	}
	if b[1] != 5 {
		return fmt.Errorf("version 3 signature with %d hashed octets, wanted 5", b[1])
	}
	copy(s.trailer[:], b[2:7])
	s.kind = b[2]
	s.created = unixTime(b[3:7])
	s.keyID = fmt.Sprintf("%X", b[7:15])
	s.algorithm, s.hash = b[15], b[16]
	s.values = b[19:]
	return nil
}

// readV4 reads a version 4 or 6 packet (RFC 9580 section 5.2.3). They differ
// in the width of the counts.
func (s *sigPacket) readV4(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	s.kind, s.algorithm, s.hash = b[1], b[2], b[3]
	b = b[4:]
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
	}
	if s.created.IsZero() {
		return errors.New("signature without a creation time")
	}
	return nil
}

// readSubpackets reads one of the two areas. Of the unhashed area, which
// anyone can write, only the issuer and the embedded signature are taken: the
// first is a hint and the second carries its own proof.
func (s *sigPacket) readSubpackets(area []byte, hashed bool) error {
	for n := 0; len(area) > 0; n++ {
		length, size, ok := subpacketLength(area)
		switch {
		case n == maxSubpackets:
			return fmt.Errorf("more than %d subpackets", maxSubpackets)
		case !ok, length == 0, uint64(length) > uint64(len(area)-size):
			return errors.New("signature subpacket cut short")
		}
		sub := area[size : size+int(length)]
		area = area[size+int(length):]
		if err := s.readSubpacket(sub[0]&0x7f, sub[1:], hashed); err != nil {
			return err
		}
	}
	return nil
}

// subpacketLength reads a subpacket's length, whose two-octet form reaches
// further than a packet's, as there are no partial ones.
func subpacketLength(b []byte) (n uint32, size int, ok bool) {
	if b[0] >= 224 && b[0] < 255 {
		if len(b) < 2 {
			return 0, 0, false
		}
		return uint32(b[0]-192)<<8 + uint32(b[1]) + 192, 2, true
	}
	return newLength(b)
}

// readSubpacket takes what matters here. When a subpacket is repeated the last
// one holds (RFC 9580 section 5.2.3.9); of issuers a hashed one goes first.
func (s *sigPacket) readSubpacket(kind byte, b []byte, hashed bool) error {
	wrong := fmt.Errorf("signature subpacket %d of %d bytes", kind, len(b))
	switch kind {
	case 16: // issuer key ID
		if len(b) != 8 {
			return wrong
		}
		if hashed || s.keyID == "" {
			s.keyID = fmt.Sprintf("%X", b)
		}
		return nil
	case 33: // issuer fingerprint, after its key version
		if len(b) != 21 && len(b) != 33 {
			return wrong
		}
		if hashed || s.fingerprint == "" {
			s.fingerprint = fmt.Sprintf("%X", b[1:])
		}
		return nil
	case 32: // embedded signature
		s.embedded = b
		return nil
	}
	if !hashed {
		return nil
	}
	switch kind {
	case 2, 3, 9:
		if len(b) != 4 {
			return wrong
		}
	}
	switch kind {
	case 2: // signature creation time
		s.created = unixTime(b)
	case 3: // signature expiration time
		s.lifetime = seconds(b)
	case 9: // key expiration time
		s.keyLifetime, s.hasLifetime = seconds(b), true
	case 27: // key flags
		s.hasFlags, s.flags = true, 0
		if len(b) > 0 {
			s.flags = b[0]
		}
	}
	return nil
}

// fact returns what the packet says of itself.
func (s *sigPacket) fact(over string) repo.Signature {
	f := repo.Signature{
		Over: over, Version: s.version, KeyID: s.issuerID(), Fingerprint: s.fingerprint, Created: s.created,
	}
	if s.hash != 0 {
		f.Hash = hashName(s.hash)
	}
	if s.algorithm != 0 {
		f.KeyAlgorithm = algorithmName(s.algorithm)
	}
	if s.lifetime > 0 {
		f.Expires = s.created.Add(s.lifetime)
	}
	return f
}

// issuerID returns the issuer's key ID, from the fingerprint if need be.
func (s *sigPacket) issuerID() string {
	if s.keyID != "" || s.fingerprint == "" {
		return s.keyID
	}
	return keyID(s.fingerprint)
}

// by reports whether the packet names k as its issuer. All that it names must
// agree: clients differ in which of two names they follow.
func (s *sigPacket) by(k *pubKey) bool {
	if s.keyID == "" && s.fingerprint == "" {
		return false
	}
	return (s.keyID == "" || s.keyID == k.id) && (s.fingerprint == "" || strings.EqualFold(s.fingerprint, k.fingerprint))
}

func unixTime(b []byte) time.Time { return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC() }

func seconds(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Second
}

package pgp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Signature subpacket types that are read (RFC 9580 section 5.2.3.7).
const (
	subCreated           = 2
	subExpires           = 3
	subKeyExpires        = 9
	subRevocationKey     = 12
	subIssuer            = 16
	subNotation          = 20
	subKeyFlags          = 27
	subRevocationReason  = 29
	subEmbedded          = 32
	subIssuerFingerprint = 33
)

// understood reports whether a critical subpacket of this type does not make
// the signature void. These are the types that both gpgv and sqv know.
func understood(kind byte) bool {
	switch kind {
	case subCreated, subExpires, 4, 5, 6, 7, subKeyExpires, 11, subRevocationKey, subIssuer, 21, 22, 24, 25, 26,
		subKeyFlags, subRevocationReason, 30, subEmbedded, subIssuerFingerprint:
		return true
	}
	return false
}

// readSubpackets reads one of the two areas.
func (s *sigPacket) readSubpackets(area []byte, hashed bool) error {
	for n := 0; len(area) > 0; n++ {
		length, size, ok := subpacketLength(area)
		switch {
		case n == MaxSubpackets:
			return fmt.Errorf("more than %d subpackets", MaxSubpackets)
		case !ok, length == 0, uint64(length) > uint64(len(area)-size):
			return errors.New("signature subpacket cut short")
		}
		sub := area[size : size+int(length)]
		area = area[size+int(length):]
		kind := sub[0] & 0x7f
		if sub[0]&0x80 != 0 && s.critical == "" {
			switch {
			case kind == subNotation:
				// Nobody has agreed on the meaning of any with these signers.
				s.critical = "notation " + notationName(sub[1:])
			case !understood(kind):
				s.critical = fmt.Sprintf("subpacket of type %d", kind)
			}
		}
		if err := s.readSubpacket(kind, sub[1:], hashed); err != nil {
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
// one holds (RFC 9580 section 5.2.3.9).
//
// Of the unhashed area, which anyone can write, only the issuer's key ID and
// the embedded signature are taken: the first is a hint and the second carries
// its own proof.
func (s *sigPacket) readSubpacket(kind byte, b []byte, hashed bool) error {
	wrong := func() error { return fmt.Errorf("signature subpacket %d of %d bytes", kind, len(b)) }
	switch kind {
	case subIssuer: // the first that the signature covers, else the first
		if len(b) != 8 {
			return wrong()
		}
		if s.keyID == "" || hashed && !s.keyIDHashed {
			s.keyID, s.keyIDHashed = fmt.Sprintf("%X", b), hashed
		}
		return nil
	case subIssuerFingerprint: // after its key version
		if len(b) != 21 && len(b) != 33 {
			return wrong()
		}
		if hashed && s.fingerprint == "" {
			s.fingerprint = fmt.Sprintf("%X", b[1:])
		}
		return nil
	case subEmbedded:
		if hashed || s.embedded == nil {
			s.embedded = b
		}
		return nil
	}
	if !hashed {
		return nil
	}
	switch kind {
	case subCreated, subExpires, subKeyExpires:
		if len(b) != 4 {
			return wrong()
		}
	}
	switch kind {
	case subCreated:
		s.created = unixTime(b)
	case subExpires:
		s.lifetime = seconds(b)
	case subKeyExpires:
		s.keyLifetime, s.hasLifetime = seconds(b), true
	case subKeyFlags:
		s.hasFlags, s.flags = true, 0
		if len(b) > 0 {
			s.flags = b[0]
		}
	case subRevocationReason:
		if len(b) == 0 {
			return wrong()
		}
		s.reason, s.hasReason = b[0], true
	case subRevocationKey: // class and algorithm first
		if len(b) == 22 && len(s.revokers) < MaxRevokers {
			s.revokers = append(s.revokers, fmt.Sprintf("%X", b[2:]))
		}
	}
	return nil
}

// notationName returns the name of a notation for people.
func notationName(b []byte) string {
	if len(b) < 8 {
		return "cut short"
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	return fmt.Sprintf("%.60q", b[8:min(len(b), 8+n)])
}

package fault

import (
	"bytes"
	"crypto"
	_ "crypto/md5" // registers the hash
	"crypto/rsa"
	_ "crypto/sha1" // registers the hash
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"sigs.k8s.io/pkgverify/publish"
)

// Numbers of RFC 4880: packet tag (4.3), signature types (5.2.1), signature
// subpackets (5.2.3.1), public-key algorithm (9.1).
const (
	tagSignature       = 2
	binaryDocument     = 0x00
	textDocument       = 0x01
	positiveCertified  = 0x13
	keyRevocation      = 0x20
	subpacketCreated   = 2
	subpacketKeyExpiry = 9
	subpacketIssuer    = 16
	subpacketKeyFlags  = 27
	subpacketReason    = 29
	algorithmRSA       = 1
	flagsCertifySign   = 0x03
	keyCompromised     = 2
)

// errNotRSA says that a key is of a kind that no packet is written for here.
var errNotRSA = errors.New("want an RSA key")

// manner is how a signature is made: what no publisher of today does any more.
type manner struct {
	version int // of the packet: 3 or 4
	hash    crypto.Hash
}

// modern is what the publisher itself does.
func modern() manner { return manner{version: 4, hash: crypto.SHA256} }

// armorHash and number are a hash's names in a "Hash:" header and in a packet
// (RFC 4880 section 9.4).
func (m manner) armorHash() string { return strings.ReplaceAll(m.hash.String(), "-", "") }

func (m manner) number() byte {
	return map[crypto.Hash]byte{crypto.MD5: 1, crypto.SHA1: 2, crypto.SHA256: 8}[m.hash]
}

// signer writes OpenPGP packets with an RSA key.
type signer struct {
	entity  *openpgp.Entity
	private *rsa.PrivateKey
}

func signerOf(key *publish.Key) (*signer, error) {
	text, err := key.Private()
	if err != nil {
		return nil, err
	}
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	private, ok := keys[0].PrivateKey.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key %s: %w", key.Fingerprint(), errNotRSA)
	}
	return &signer{entity: keys[0], private: private}, nil
}

// detached signs data in the given manner and returns the packet.
func (s *signer) detached(data []byte, m manner, at time.Time) ([]byte, error) {
	return s.signature(m, binaryDocument, data, at, nil)
}

// clear signs text in the clear, as InRelease (RFC 4880 section 7).
func (s *signer) clear(text []byte, m manner, at time.Time) ([]byte, error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	packet, err := s.signature(m, textDocument, []byte(strings.Join(lines, "\r\n")), at, nil)
	if err != nil {
		return nil, err
	}
	signature, err := armoredSignature(packet)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: %s\n\n", m.armorHash())
	out.WriteString(strings.Join(lines, "\n") + "\n")
	out.Write(signature)
	return out.Bytes(), nil
}

// certificate writes the public key with one self-signature for each user ID,
// in the manner given, and with more signatures over the key itself before them.
func (s *signer) certificate(m manner, overKey ...[]byte) ([]byte, error) {
	var out bytes.Buffer
	if err := s.entity.PrimaryKey.Serialize(&out); err != nil {
		return nil, err
	}
	for _, packet := range overKey {
		out.Write(packet)
	}
	var hashed []byte
	hashed = subpacket(hashed, subpacketKeyFlags, flagsCertifySign)
	for name, identity := range s.entity.Identities {
		if expiry := identity.SelfSignature.KeyLifetimeSecs; expiry != nil {
			hashed = subpacket(hashed, subpacketKeyExpiry, binary.BigEndian.AppendUint32(nil, *expiry)...)
		}
		if err := identity.UserId.Serialize(&out); err != nil {
			return nil, err
		}
		var message bytes.Buffer
		if err := s.entity.PrimaryKey.SerializeForHash(&message); err != nil {
			return nil, err
		}
		message.WriteByte(0xb4) // RFC 4880 section 5.2.4: a user ID
		message.Write(binary.BigEndian.AppendUint32(nil, uint32(len(name))))
		message.WriteString(name)
		packet, err := s.signature(m, positiveCertified, message.Bytes(), s.entity.PrimaryKey.CreationTime, hashed)
		if err != nil {
			return nil, err
		}
		out.Write(packet)
	}
	return armored(openpgp.PublicKeyType, out.Bytes())
}

// revocation returns a signature that revokes the key as compromised: one that
// no date of signing survives (RFC 4880 section 5.2.3.23).
func (s *signer) revocation(at time.Time) ([]byte, error) {
	var message bytes.Buffer
	if err := s.entity.PrimaryKey.SerializeForHash(&message); err != nil {
		return nil, err
	}
	return s.signature(modern(), keyRevocation, message.Bytes(), at, subpacket(nil, subpacketReason, keyCompromised))
}

// signature returns a signature packet over message (RFC 4880 section 5.2).
func (s *signer) signature(m manner, kind byte, message []byte, at time.Time, hashed []byte) ([]byte, error) {
	created := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))
	issuer := binary.BigEndian.AppendUint64(nil, s.entity.PrimaryKey.KeyId)
	h := m.hash.New()
	h.Write(message)
	var body []byte
	if m.version == 3 {
		h.Write(append([]byte{kind}, created...))
		body = append([]byte{3, 5, kind}, created...)
		body = append(body, issuer...)
		body = append(body, algorithmRSA, m.number())
	} else {
		hashed = append(subpacket(nil, subpacketCreated, created...), hashed...)
		body = []byte{4, kind, algorithmRSA, m.number()}
		body = binary.BigEndian.AppendUint16(body, uint16(len(hashed)))
		body = append(body, hashed...)
		h.Write(body)
		h.Write([]byte{4, 0xff})
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
		unhashed := subpacket(nil, subpacketIssuer, issuer...)
		body = binary.BigEndian.AppendUint16(body, uint16(len(unhashed)))
		body = append(body, unhashed...)
	}
	digest := h.Sum(nil)
	value, err := rsa.SignPKCS1v15(nil, s.private, m.hash, digest)
	if err != nil {
		return nil, fmt.Errorf("signing with %X: %w", s.entity.PrimaryKey.Fingerprint, err)
	}
	body = append(body, digest[:2]...)
	value = bytes.TrimLeft(value, "\x00")
	body = binary.BigEndian.AppendUint16(body, uint16(len(value)*8-bits.LeadingZeros8(value[0])))
	body = append(body, value...)
	// An old-format header with a length of two octets (4.2.1).
	packet := binary.BigEndian.AppendUint16([]byte{0x80 | tagSignature<<2 | 1}, uint16(len(body)))
	return append(packet, body...), nil
}

// subpacket appends a signature subpacket of less than 192 octets.
func subpacket(to []byte, kind byte, data ...byte) []byte {
	return append(append(to, byte(len(data)+1), kind), data...)
}

func armoredSignature(packet []byte) ([]byte, error) { return armored(openpgp.SignatureType, packet) }

func armored(kind string, data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := armor.Encode(&out, kind, nil)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	out.WriteByte('\n')
	return out.Bytes(), err
}

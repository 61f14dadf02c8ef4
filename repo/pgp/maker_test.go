package pgp_test

import (
	"bytes"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // old signatures are made to be judged
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/ed448"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// maker makes signature packets by hand: those that programs of today do not
// write, and those that they should not.
type maker struct {
	t    testing.TB
	priv *packet.PrivateKey
}

// spec is a signature to be made.
type spec struct {
	version  byte // 4 when 0
	kind     byte
	hash     byte // SHA256 when 0, SHA512 for large curves
	created  time.Time
	hashed   []byte // subpackets beside the creation time
	unhashed []byte // subpackets; the issuer's key ID when nil
	salt     []byte // of version 6
	// algorithm is what the packet says; the key's when 0.
	algorithm byte
}

// makerOf takes the primary key apart, or the subkey of that number (from 1).
func (g *gnupg) makerOf(name string, subkey int) maker {
	g.t.Helper()
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(g.gpg(nil, "--export-secret-keys", name+"@example.org")))
	if err != nil {
		g.t.Fatal(err)
	}
	if subkey > 0 {
		return maker{g.t, ring[0].Subkeys[subkey-1].PrivateKey}
	}
	return maker{g.t, ring[0].PrivateKey}
}

// sub returns a subpacket; critical ones have 0x80 in their type.
func sub(kind byte, body ...byte) []byte {
	n := len(body) + 1
	if n < 192 {
		return append([]byte{byte(n), kind}, body...)
	}
	return append(append(binary.BigEndian.AppendUint32([]byte{255}, uint32(n)), kind), body...)
}

func stampOf(t time.Time) []byte { return binary.BigEndian.AppendUint32(nil, uint32(t.Unix())) }

// old returns a packet with a four-octet length, in the old format if that has
// the type.
func old(tag byte, body []byte) []byte {
	if tag > 15 {
		return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body))), body...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0x80 | tag<<2 | 2}, uint32(len(body))), body...)
}

var hashIDs = map[byte]crypto.Hash{
	1: crypto.MD5, 2: crypto.SHA1, 8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512, 11: crypto.SHA224, 12: crypto.SHA3_256,
}

// sign returns a signature packet over the content.
func (m maker) sign(s spec, content []byte) []byte { return old(2, m.body(s, content)) }

// body returns the body of one.
func (m maker) body(s spec, content []byte) []byte {
	m.t.Helper()
	if s.version == 0 {
		s.version = 4
	}
	if s.hash == 0 {
		s.hash = 8
		if pub, ok := m.priv.PublicKey.PublicKey.(*ecdsa.PublicKey); ok && pub.GetCurve().GetCurveName() != "P-256" {
			s.hash = 10
		}
	}
	if s.algorithm == 0 {
		s.algorithm = byte(m.priv.PubKeyAlgo)
	}
	id := binary.BigEndian.AppendUint64(nil, m.priv.KeyId)
	if s.unhashed == nil {
		s.unhashed = sub(16, id...)
	}
	var body, trailer []byte
	count := func(b []byte) []byte { return binary.BigEndian.AppendUint16(nil, uint16(len(b))) }
	switch s.version {
	case 3:
		trailer = append([]byte{s.kind}, stampOf(s.created)...)
		body = append([]byte{3, 5}, trailer...)
		body = append(append(body, id...), s.algorithm, s.hash)
	case 6:
		count = func(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(b))) }
		fallthrough
	default:
		area := append(sub(2, stampOf(s.created)...), s.hashed...)
		body = append([]byte{s.version, s.kind, s.algorithm, s.hash}, count(area)...)
		body = append(body, area...)
		trailer = append(bytes.Clone(body), s.version, 0xff)
		trailer = binary.BigEndian.AppendUint32(trailer, uint32(len(body)))
		body = append(append(body, count(s.unhashed)...), s.unhashed...)
	}
	h := hashIDs[s.hash].New()
	h.Write(s.salt)
	h.Write(content)
	h.Write(trailer)
	digest := h.Sum(nil)
	body = append(body, digest[:2]...)
	if s.version == 6 {
		body = append(append(body, byte(len(s.salt))), s.salt...)
	}
	return append(body, m.numbers(digest, hashIDs[s.hash])...)
}

func mpiOf(n []byte) []byte {
	v := new(big.Int).SetBytes(n)
	return append(binary.BigEndian.AppendUint16(nil, uint16(v.BitLen())), v.Bytes()...)
}

func (m maker) numbers(digest []byte, hash crypto.Hash) []byte {
	m.t.Helper()
	var numbers []byte
	var err error
	switch priv := m.priv.PrivateKey.(type) {
	case *rsa.PrivateKey:
		var value []byte
		value, err = rsa.SignPKCS1v15(nil, priv, hash, digest)
		numbers = mpiOf(value)
	case *dsa.PrivateKey:
		var r, s *big.Int
		r, s, err = dsa.Sign(rand.Reader, priv, digest[:min(len(digest), priv.Q.BitLen()/8)])
		if err == nil {
			numbers = append(mpiOf(r.Bytes()), mpiOf(s.Bytes())...)
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, priv, digest)
		if err == nil {
			numbers = append(mpiOf(r.Bytes()), mpiOf(s.Bytes())...)
		}
	case *eddsa.PrivateKey:
		var r, s []byte
		r, s, err = eddsa.Sign(priv, digest)
		numbers = append(mpiOf(r), mpiOf(s)...)
	case *ed25519.PrivateKey:
		numbers, err = ed25519.Sign(priv, digest)
	case *ed448.PrivateKey:
		numbers, err = ed448.Sign(priv, digest)
	default:
		err = fmt.Errorf("no private key of type %T", priv)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return numbers
}

// keyHash returns what signatures over the public key hash.
func (m maker) keyHash() []byte {
	m.t.Helper()
	var b bytes.Buffer
	if err := m.priv.SerializeForHash(&b); err != nil {
		m.t.Fatal(err)
	}
	return b.Bytes()
}

// publicBody returns the body of the public key packet.
func (m maker) publicBody() []byte {
	head := 3
	if m.priv.Version == 6 {
		head = 5
	}
	return m.keyHash()[head:]
}

// revocation revokes the primary key of m, or sub, which m bound.
func (m maker) revocation(at time.Time, reason int, subkey *maker) []byte {
	s := spec{kind: 0x20, created: at}
	if reason >= 0 {
		s.hashed = sub(29, byte(reason))
	}
	content := m.keyHash()
	if subkey != nil {
		s.kind = 0x28
		content = append(content, subkey.keyHash()...)
	}
	return m.sign(s, content)
}

// insert puts a packet behind the first of a ring: there belong the signatures
// over the primary key.
func insert(t testing.TB, ring, packet []byte) []byte {
	t.Helper()
	n := firstPacket(t, ring)
	return concat(ring[:n], packet, ring[n:])
}

// firstPacket returns the length of the packet that b begins with.
func firstPacket(t testing.TB, b []byte) int {
	t.Helper()
	switch {
	case b[0]&0xc3 == 0x80:
		return 2 + int(b[1])
	case b[0]&0xc3 == 0x81:
		return 3 + int(binary.BigEndian.Uint16(b[1:]))
	case b[0]&0xc3 == 0x82:
		return 5 + int(binary.BigEndian.Uint32(b[1:]))
	case b[0]&0xc0 == 0xc0 && b[1] < 192:
		return 2 + int(b[1])
	}
	t.Fatalf("packet with header % x", b[:2])
	return 0
}

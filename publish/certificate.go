package publish

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Numbers of RFC 4880: packet tags (4.3), signature type and algorithms (5.2),
// signature subpackets (5.2.3.1).
const (
	tagSignature       = 2
	signatureVersion   = 4
	positiveCertified  = 0x13
	algorithmRSA       = 1
	hashSHA256         = 8
	subpacketCreated   = 2
	subpacketKeyExpiry = 9
	subpacketSymmetric = 11
	subpacketIssuer    = 16
	subpacketHashes    = 21
	subpacketZip       = 22
	subpacketPrimary   = 25
	subpacketKeyFlags  = 27
	subpacketFeatures  = 30
	flagsCertifySign   = 0x03
)

// certificate writes a public key with self-signatures of its own making.
//
// go-crypto marks the subpacket with the key's expiry as critical, and rpm's
// own OpenPGP reader (4.18 and before) refuses such a key. GnuPG and OBS leave
// it unmarked, and so does this. A key that is not RSA is written as it is.
func certificate(entity *openpgp.Entity, lifetime time.Duration) ([]byte, error) {
	var out bytes.Buffer
	private, ok := entity.PrivateKey.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		err := entity.Serialize(&out)
		return out.Bytes(), err
	}
	if err := entity.PrimaryKey.Serialize(&out); err != nil {
		return nil, err
	}
	var names []string
	for name := range entity.Identities {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := entity.Identities[name].UserId.Serialize(&out); err != nil {
			return nil, err
		}
		body, err := selfSignature(entity, private, name, lifetime)
		if err != nil {
			return nil, fmt.Errorf("certifying %s: %w", name, err)
		}
		// An old-format header with a length of two octets (4.2.1).
		out.WriteByte(0x80 | tagSignature<<2 | 1)
		out.Write(binary.BigEndian.AppendUint16(nil, uint16(len(body))))
		out.Write(body)
	}
	return out.Bytes(), nil
}

// selfSignature returns the body of a version 4 signature packet (5.2.3) that
// binds a user ID to the key.
func selfSignature(entity *openpgp.Entity, private *rsa.PrivateKey, name string, lifetime time.Duration) ([]byte, error) {
	created := uint32(entity.PrimaryKey.CreationTime.Unix())
	hashed := subpacket(nil, subpacketCreated, binary.BigEndian.AppendUint32(nil, created)...)
	hashed = subpacket(hashed, subpacketKeyFlags, flagsCertifySign)
	if lifetime > 0 {
		hashed = subpacket(hashed, subpacketKeyExpiry, binary.BigEndian.AppendUint32(nil, uint32(lifetime/time.Second))...)
	}
	hashed = subpacket(hashed, subpacketSymmetric, 9, 8, 7) // AES-256, AES-192, AES-128
	hashed = subpacket(hashed, subpacketHashes, hashSHA256, 9, 10)
	hashed = subpacket(hashed, subpacketZip, 0)
	hashed = subpacket(hashed, subpacketPrimary, 1)
	hashed = subpacket(hashed, subpacketFeatures, 1)
	unhashed := subpacket(nil, subpacketIssuer, binary.BigEndian.AppendUint64(nil, entity.PrimaryKey.KeyId)...)

	head := []byte{signatureVersion, positiveCertified, algorithmRSA, hashSHA256}
	head = binary.BigEndian.AppendUint16(head, uint16(len(hashed)))
	head = append(head, hashed...)

	// What is hashed (5.2.4): the key, the user ID, the head, a trailer.
	var message bytes.Buffer
	if err := entity.PrimaryKey.SerializeForHash(&message); err != nil {
		return nil, err
	}
	message.WriteByte(0xb4)
	message.Write(binary.BigEndian.AppendUint32(nil, uint32(len(name))))
	message.WriteString(name)
	message.Write(head)
	message.Write([]byte{signatureVersion, 0xff})
	message.Write(binary.BigEndian.AppendUint32(nil, uint32(len(head))))
	digest := sha256.Sum256(message.Bytes())
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	body := binary.BigEndian.AppendUint16(head, uint16(len(unhashed)))
	body = append(body, unhashed...)
	body = append(body, digest[:2]...)
	return append(body, integer(signature)...), nil
}

// subpacket appends a signature subpacket of less than 192 octets.
func subpacket(to []byte, kind byte, data ...byte) []byte {
	return append(append(to, byte(len(data)+1), kind), data...)
}

// integer writes a multiprecision integer (3.2): its length in bits, and its
// octets without leading zeros.
func integer(octets []byte) []byte {
	octets = bytes.TrimLeft(octets, "\x00")
	bits := len(octets) * 8
	for mask := byte(0x80); len(octets) > 0 && octets[0]&mask == 0; mask >>= 1 {
		bits--
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(bits)), octets...)
}

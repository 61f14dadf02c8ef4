package pgp

import (
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// errUnsupported marks what cannot be judged, as against what is wrong.
var errUnsupported = errors.New("unsupported")

// hashing is a signature packet with the hash that its content goes into.
type hashing struct {
	packet *sigPacket
	lib    *packet.Signature // nil for version 3
	hash   hash.Hash
}

// prepare makes s ready to be verified. All its errors are errUnsupported.
func prepare(s *sigPacket) (*hashing, error) {
	id := hashOf(s.hash)
	if id == 0 || !id.Available() {
		return nil, fmt.Errorf("%w: %s", errUnsupported, hashName(s.hash))
	}
	if s.version == 3 {
		if s.algorithm != algoRSA && s.algorithm != algoRSASign {
			return nil, fmt.Errorf("%w: version 3 signature by %s", errUnsupported, algorithmName(s.algorithm))
		}
		return &hashing{packet: s, hash: id.New()}, nil
	}
	h := &hashing{packet: s}
	err := guard(func() error {
		p, err := (&packet.OpaquePacket{Tag: tagSignature, Contents: s.body}).Parse()
		if err != nil {
			return err
		}
		lib, ok := p.(*packet.Signature)
		if !ok {
			return errors.New("not a signature packet")
		}
		h.lib = lib
		h.hash, err = lib.PrepareVerify() // begins with the salt of version 6
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsupported, err)
	}
	return h, nil
}

// verify reports whether k made the signature over what went into the hash. It
// does not change the hash, so it may be asked of several keys.
func (h *hashing) verify(k *pubKey) error {
	s := h.packet
	switch {
	case k.lib == nil:
		return fmt.Errorf("%w: key %s cannot be used: %w", errUnsupported, k.fingerprint, k.why)
	case (s.version == 6) != (k.version == 6):
		return fmt.Errorf("signature of version %d by a key of version %d", s.version, k.version)
	case s.algorithm != k.algorithm:
		return fmt.Errorf("%s signature by a key for %s", algorithmName(s.algorithm), algorithmName(k.algorithm))
	}
	cloner, ok := h.hash.(hash.Cloner)
	if !ok {
		return fmt.Errorf("%w: %s cannot be copied", errUnsupported, hashName(s.hash))
	}
	copied, err := cloner.Clone()
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsupported, err)
	}
	return guard(func() error {
		if s.version == 3 {
			return verifyV3(k, s, copied)
		}
		return k.lib.VerifySignature(copied, h.lib)
	})
}

// verifyV3 verifies a version 3 signature (RFC 4880 section 5.2.4): the hash
// goes over the content and then the type and the time.
func verifyV3(k *pubKey, s *sigPacket, h hash.Hash) error {
	pub, ok := k.lib.PublicKey.(*rsa.PublicKey)
	if !ok {
		return errors.New("RSA signature by a key that is not RSA")
	}
	value, err := mpi(s.values)
	if err != nil {
		return err
	}
	// PKCS #1 wants as many octets as the modulus has; an MPI drops zeros.
	size := pub.Size()
	if len(value) > size {
		return fmt.Errorf("RSA signature of %d octets by a key of %d", len(value), size)
	}
	padded := make([]byte, size)
	copy(padded[size-len(value):], value)
	write(h, s.trailer[:])
	return rsa.VerifyPKCS1v15(pub, hashOf(s.hash), h.Sum(nil), padded)
}

// mpi reads the number that b begins with (RFC 9580 section 3.2).
func mpi(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errShort
	}
	n := (int(binary.BigEndian.Uint16(b)) + 7) / 8
	if len(b)-2 < n {
		return nil, errShort
	}
	return b[2 : 2+n], nil
}

// guard calls the library. A panic there is a packet that cannot be judged:
// several were found by fuzzing over the years.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the OpenPGP library failed on it: %v", errUnsupported, r)
		}
	}()
	return f()
}

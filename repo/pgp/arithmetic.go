package pgp

import (
	"crypto/dsa" //nolint:staticcheck // old repositories have DSA signatures; a policy refuses them
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/big"

	"github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/ed448"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/mldsa_eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/slhdsa"
)

var (
	// errUnsupported marks what cannot be judged, as against what is wrong.
	errUnsupported = errors.New("unsupported")
	errWrong       = errors.New("the signature does not match the signed bytes")
)

// hashing is a signature packet with the hash that its content goes into.
type hashing struct {
	packet *sigPacket
	hash   hash.Hash
}

// prepare makes s ready to be verified. All its errors are errUnsupported.
func prepare(s *sigPacket) (*hashing, error) {
	id := hashOf(s.hash)
	if id == 0 || !id.Available() {
		return nil, fmt.Errorf("%w: %s", errUnsupported, hashName(s.hash))
	}
	if s.critical != "" {
		return nil, fmt.Errorf("%w: critical %s, which clients do not know; they refuse the signature", errUnsupported, s.critical)
	}
	h := &hashing{packet: s, hash: id.New()}
	write(h.hash, s.salt)
	return h, nil
}

// sum returns the digest of what went into the hash, as the signature states
// it (RFC 9580 section 5.2.4). The hash is not changed.
func (h *hashing) sum() ([]byte, error) {
	cloner, ok := h.hash.(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot be copied", errUnsupported, hashName(h.packet.hash))
	}
	copied, err := cloner.Clone()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsupported, err)
	}
	s := h.packet
	write(copied, s.trailer)
	if s.version >= 4 {
		end := []byte{byte(s.version), 0xff, 0, 0, 0, 0}
		binary.BigEndian.PutUint32(end[2:], uint32(len(s.trailer)))
		write(copied, end)
	}
	return copied.Sum(nil), nil
}

// verify reports whether k made the signature over what went into the hash. It
// does not change the hash, so it may be asked of several keys.
func (h *hashing) verify(k *pubKey) error {
	s := h.packet
	switch {
	case !sameAlgorithm(k.algorithm, s.algorithm):
		return fmt.Errorf("%s signature by a key for %s", algorithmName(s.algorithm), algorithmName(k.algorithm))
	case (s.version == 6) != (k.version == 6):
		return fmt.Errorf("signature of version %d by a key of version %d", s.version, k.version)
	case k.public == nil:
		return fmt.Errorf("%w: key %s cannot be used: %w", errUnsupported, k.fingerprint, k.why)
	}
	// The two octets of the digest in the packet are not looked at: neither gpgv
	// nor sqv minds a wrong one.
	digest, err := h.sum()
	if err != nil {
		return err
	}
	return guard(func() error { return k.verify(s, digest) })
}

// verify does the arithmetic of RFC 9580 section 5.2.3 over a digest.
func (k *pubKey) verify(s *sigPacket, digest []byte) error {
	var ok bool
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		return k.verifyRSA(pub, s, digest)
	case *dsa.PublicKey:
		q := (pub.Q.BitLen() + 7) / 8
		if len(digest) < q {
			return fmt.Errorf("%w: %s is shorter than the key's q of %d bits", errUnsupported, hashName(s.hash), pub.Q.BitLen())
		}
		a, b, err := two(s.values)
		if err != nil {
			return err
		}
		ok = dsa.Verify(pub, digest[:q], new(big.Int).SetBytes(a), new(big.Int).SetBytes(b))
	case *ecdsa.PublicKey:
		// The hash must be as long as the curve's numbers (RFC 9580 section
		// 5.2.3.2); no hash has 521 bits, so 512 will do.
		if len(digest)*8 < min(k.bits, 512) {
			return fmt.Errorf("%w: %s is too short for %s", errUnsupported, hashName(s.hash), k.curve.name)
		}
		a, b, err := two(s.values)
		if err != nil {
			return err
		}
		ok = ecdsa.Verify(pub, digest, new(big.Int).SetBytes(a), new(big.Int).SetBytes(b))
	case *eddsa.PublicKey:
		a, b, err := two(s.values)
		if err != nil {
			return err
		}
		ok = eddsa.Verify(pub, digest, a, b)
	case *ed25519.PublicKey:
		ok = len(s.values) == ed25519.SignatureSize && ed25519.Verify(pub, digest, s.values)
	case *ed448.PublicKey:
		ok = len(s.values) == ed448.SignatureSize && ed448.Verify(pub, digest, s.values)
	case *mldsa_eddsa.PublicKey:
		// The classical signature goes first (RFC 9980).
		size := ed25519.SignatureSize
		if k.algorithm == algoMLDSA87 {
			size = ed448.SignatureSize
		}
		ok = len(s.values) > size && mldsa_eddsa.Verify(pub, digest, s.values[size:], s.values[:size])
	case *slhdsa.PublicKey:
		ok = slhdsa.Verify(pub, digest, s.values)
	default:
		return fmt.Errorf("%w: signature by %s", errUnsupported, algorithmName(k.algorithm))
	}
	if !ok {
		return errWrong
	}
	return nil
}

// verifyRSA verifies by PKCS #1 version 1.5 (RFC 9580 section 13.1.3).
func (k *pubKey) verifyRSA(pub *rsa.PublicKey, s *sigPacket, digest []byte) error {
	value, _, err := mpi(s.values)
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
	if err := rsa.VerifyPKCS1v15(pub, hashOf(s.hash), digest, padded); err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	return nil
}

// two reads the two numbers of a signature.
func two(b []byte) (first, second []byte, err error) {
	first, rest, err := mpi(b)
	if err != nil {
		return nil, nil, err
	}
	second, _, err = mpi(rest)
	return first, second, err
}

// mpi reads the number that b begins with (RFC 9580 section 3.2).
func mpi(b []byte) (number, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errShort
	}
	n := (int(binary.BigEndian.Uint16(b)) + 7) / 8
	if len(b)-2 < n {
		return nil, nil, errShort
	}
	return b[2 : 2+n], b[2+n:], nil
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

package pgp

import (
	"bytes"
	"crypto/dsa" //nolint:staticcheck // old keyrings hold DSA keys; they are only described
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sigs.k8s.io/pkgverify/repo"
)

// pubKey is a public key packet, primary or subkey.
type pubKey struct {
	version     int
	algorithm   byte
	created     time.Time
	bits        int
	curve       curve
	fingerprint string // upper-case hexadecimal
	id          string // key ID
	body        []byte
	// public is the key for the arithmetic, as crypto/rsa or go-crypto has it;
	// nil when it cannot be used, and then why says why.
	public any
	why    error
}

// readKey reads a public key packet's body (RFC 9580 section 5.5.2). A key of
// an algorithm that nothing here can use is no error: it cannot verify, and is
// still a fact.
func readKey(body []byte) (*pubKey, error) {
	if len(body) < 6 {
		return nil, errors.New("key packet cut short")
	}
	k := &pubKey{version: int(body[0]), algorithm: body[5], created: unixTime(body[1:5]), body: bytes.Clone(body)}
	switch {
	case k.version == 2 || k.version == 3:
		return nil, fmt.Errorf("key packet of version %d, wanted 4 or 6: its fingerprint is an MD5, and no client of today takes it", k.version)
	case k.version == 5:
		return nil, errors.New("key packet of version 5 (LibrePGP), wanted 4 or 6: sqv and rpm do not read it")
	case k.version != 4 && k.version != 6:
		return nil, fmt.Errorf("key packet of version %d, wanted 4 or 6", k.version)
	case k.version == 4 && len(body) > 0xffff:
		return nil, fmt.Errorf("version 4 key packet of %d bytes, more than 65535", len(body))
	}
	if k.version == 4 {
		h := sha1.New()
		k.feed(h)
		k.fingerprint = fmt.Sprintf("%X", h.Sum(nil))
	} else {
		h := sha256.New()
		k.feed(h)
		k.fingerprint = fmt.Sprintf("%X", h.Sum(nil))
	}
	k.id = keyID(k.fingerprint)
	k.curve = curveOf(k.algorithm, k.material())
	k.bits = k.curve.bits
	k.why = guard(k.load)
	return k, nil
}

// material returns what is specific to the algorithm. In version 6 its length
// goes before it.
func (k *pubKey) material() []byte {
	if k.version == 6 {
		return k.body[min(10, len(k.body)):]
	}
	return k.body[6:]
}

// load gives the key to the arithmetic, unless it is outside the bounds.
func (k *pubKey) load() error {
	numbers := k.material()
	switch k.algorithm {
	case algoRSA, algoRSAEncrypt, algoRSASign:
		return k.loadRSA(numbers)
	case algoDSA, algoElgamal:
		p, _, err := mpi(numbers)
		if err != nil {
			return err
		}
		k.bits = new(big.Int).SetBytes(p).BitLen()
	}
	p, err := (&packet.OpaquePacket{Tag: tagPublicKey, Contents: k.body}).Parse()
	if err != nil {
		return err
	}
	lib, ok := p.(*packet.PublicKey)
	if !ok {
		return errors.New("not a public key")
	}
	if pub, ok := lib.PublicKey.(*dsa.PublicKey); ok {
		if q := pub.Q.BitLen(); k.bits > MaxDSABits || q > MaxDSASubgroupBits {
			return fmt.Errorf("DSA key of %d and %d bits, wanted %d and %d at most", k.bits, q, MaxDSABits, MaxDSASubgroupBits)
		}
		if pub.P.Sign() == 0 || pub.Q.Sign() == 0 {
			return errors.New("DSA key with a zero in it")
		}
	}
	// The library has its own spelling of the key. Where that is not what
	// stands here, other programs may know the key by another fingerprint.
	var again, here bytes.Buffer
	if err := lib.SerializeForHash(&again); err != nil {
		return err
	}
	k.feed(&here)
	if !bytes.Equal(again.Bytes(), here.Bytes()) {
		return errSpelling
	}
	k.public = lib.PublicKey
	return nil
}

var errSpelling = errors.New("key packet with numbers not in their shortest form, or with a rest")

// loadRSA reads an RSA key. The library refuses public exponents of more than
// 24 bits, and real keys have them.
func (k *pubKey) loadRSA(numbers []byte) error {
	n, rest, err := mpi(numbers)
	if err != nil {
		return err
	}
	e, tail, err := mpi(rest)
	if err != nil {
		return err
	}
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	exponent := new(big.Int).SetBytes(e)
	k.bits = pub.N.BitLen()
	switch {
	case k.bits != int(binary.BigEndian.Uint16(numbers)) || exponent.BitLen() != int(binary.BigEndian.Uint16(rest)) || len(tail) > 0:
		return errSpelling
	case k.bits < MinRSABits || k.bits > MaxRSABits:
		return fmt.Errorf("RSA key of %d bits, wanted %d to %d", k.bits, MinRSABits, MaxRSABits)
	case exponent.BitLen() > MaxExponentBits:
		return fmt.Errorf("RSA key with a public exponent of %d bits, wanted %d at most", exponent.BitLen(), MaxExponentBits)
	}
	pub.E = int(exponent.Int64())
	k.public = pub
	return nil
}

// feed writes the key as signatures over keys hash it (RFC 9580 section 5.2.4).
func (k *pubKey) feed(w io.Writer) {
	if k.version == 4 {
		head := []byte{0x99, 0, 0}
		binary.BigEndian.PutUint16(head[1:], uint16(len(k.body)))
		write(w, head, k.body)
		return
	}
	head := []byte{0x9b, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[1:], uint32(len(k.body)))
	write(w, head, k.body)
}

// fact returns what the key packet alone says.
func (k *pubKey) fact() repo.Key {
	return repo.Key{
		Fingerprint: k.fingerprint, KeyID: k.id, Algorithm: algorithmName(k.algorithm), Bits: k.bits,
		Curve: k.curve.name, Version: k.version, Created: k.created,
	}
}

// cost returns what one verification with the key costs, in units of about 50
// microseconds: RSA 2048 takes one.
func (k *pubKey) cost() int {
	switch k.algorithm {
	case algoRSA, algoRSASign:
		units := 1 + k.bits*k.bits/(2048*2048)
		if pub, ok := k.public.(*rsa.PublicKey); ok && pub.E > 1<<17 {
			units *= 3
		}
		return units
	case algoDSA:
		return 24 * (1 + k.bits*k.bits/(2048*2048))
	case algoMLDSA65, algoMLDSA87, algoSLHDSA128s, algoSLHDSA128f, algoSLHDSA256s:
		return 64
	}
	return 1 + k.curve.cost
}

// keyID returns the key ID of a fingerprint: of a version 6 one (64 digits)
// the first 16 digits, of a version 4 one the last.
func keyID(fingerprint string) string {
	switch {
	case len(fingerprint) < 16:
		return ""
	case len(fingerprint) == 64:
		return fingerprint[:16]
	}
	return fingerprint[len(fingerprint)-16:]
}

// write writes to a hash or a buffer, neither of which can fail.
func write(w io.Writer, parts ...[]byte) {
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}

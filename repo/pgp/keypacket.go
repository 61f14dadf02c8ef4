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
	"strings"
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
	fingerprint string // upper-case hexadecimal
	id          string // key ID
	body        []byte
	// lib is the key for the library, nil when it cannot be used; why says why.
	lib *packet.PublicKey
	why error
}

// readKey reads a public key packet's body (RFC 9580 section 5.5.2). A key of
// an algorithm that nothing here can use is no error: it cannot verify, and is
// still a fact.
func readKey(body []byte) (*pubKey, error) {
	if len(body) < 6 {
		return nil, errors.New("key packet cut short")
	}
	k := &pubKey{version: int(body[0]), algorithm: body[5], created: unixTime(body[1:5]), body: body}
	switch {
	case k.version != 4 && k.version != 6:
		// Version 3 keys are identified by MD5, version 5 never became a standard.
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
	k.why = guard(k.load)
	return k, nil
}

// load gives the key to the library, unless it is outside the bounds.
func (k *pubKey) load() error {
	p, err := (&packet.OpaquePacket{Tag: tagPublicKey, Contents: k.body}).Parse()
	if err != nil {
		return err
	}
	lib, ok := p.(*packet.PublicKey)
	if !ok {
		return errors.New("not a public key")
	}
	k.bits = keyBits(lib)
	switch pub := lib.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.bits < minRSABits || k.bits > maxRSABits {
			return fmt.Errorf("RSA key of %d bits, wanted %d to %d", k.bits, minRSABits, maxRSABits)
		}
	case *dsa.PublicKey:
		if q := pub.Q.BitLen(); k.bits > maxDSABits || q > maxDSASubgroupBits {
			return fmt.Errorf("DSA key of %d and %d bits, wanted %d and %d at most", k.bits, q, maxDSABits, maxDSASubgroupBits)
		}
		if pub.P.Sign() == 0 || pub.Q.Sign() == 0 {
			return errors.New("DSA key with a zero in it")
		}
	}
	// The library hashes its own spelling of the key. Where that is not what
	// stands here, the key has two fingerprints, and is refused.
	var again bytes.Buffer
	if err := lib.SerializeForHash(&again); err != nil {
		return err
	}
	var here bytes.Buffer
	k.feed(&here)
	if !bytes.Equal(again.Bytes(), here.Bytes()) {
		return errors.New("key packet with numbers not in their shortest form, or with a rest")
	}
	k.lib = lib
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
		Fingerprint: k.fingerprint, KeyID: k.id, Algorithm: algorithmName(k.algorithm), Bits: k.bits, Created: k.created,
	}
}

// keyBits returns the size of a key as GnuPG states it: the modulus, or the
// size of the curve. It is 0 where size says nothing.
func keyBits(lib *packet.PublicKey) int {
	switch pub := lib.PublicKey.(type) {
	case *rsa.PublicKey:
		return pub.N.BitLen()
	case *dsa.PublicKey:
		return pub.P.BitLen()
	}
	if lib.PubKeyAlgo == packet.PubKeyAlgoElGamal {
		n, err := lib.BitLength()
		if err != nil {
			return 0
		}
		return int(n)
	}
	curve, err := lib.Curve()
	if err != nil {
		return 0
	}
	switch curve {
	case packet.Curve25519:
		return 255
	case packet.Curve448:
		return 448
	case packet.CurveNistP256, packet.CurveSecP256k1, packet.CurveBrainpoolP256:
		return 256
	case packet.CurveNistP384, packet.CurveBrainpoolP384:
		return 384
	case packet.CurveNistP521:
		return 521
	case packet.CurveBrainpoolP512:
		return 512
	}
	return 0
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

// normalize returns a fingerprint as it is kept here.
func normalize(fingerprint string) string {
	return strings.ToUpper(strings.Join(strings.Fields(fingerprint), ""))
}

// write writes to a hash or a buffer, neither of which can fail.
func write(w io.Writer, parts ...[]byte) {
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}

package publish

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// DefaultKeyLifetime is how long OBS lets a project's key live.
const DefaultKeyLifetime = 800 * 24 * time.Hour

// keyBits is the size of the keys that OBS makes for its projects.
const keyBits = 2048

// maxKeySize bounds a key file that is read; a key of this kind has some 4 KiB.
const maxKeySize = 1 << 20

// ErrNoPrivateKey says that a key file holds no usable private key.
var ErrNoPrivateKey = errors.New("no unprotected private key")

// Key is an OpenPGP key that signs packages and indexes. It is safe for use by
// several goroutines.
type Key struct {
	private []byte // the serialized private key
	entity  *openpgp.Entity
}

// GenerateKey makes an RSA key that was made at created and expires lifetime
// later; 0 means that it does not expire.
func GenerateKey(name, email string, created time.Time, lifetime time.Duration) (*Key, error) {
	config := configAt(created)
	config.RSABits = keyBits
	config.KeyLifetimeSecs = uint32(lifetime / time.Second)
	entity, err := openpgp.NewEntity(name, "", email, config)
	if err != nil {
		return nil, fmt.Errorf("making a key for %s <%s>: %w", name, email, err)
	}
	// OBS signs with the primary key; there is nothing to encrypt.
	entity.Subkeys = nil
	return newKey(entity)
}

func newKey(entity *openpgp.Entity) (*Key, error) {
	var private bytes.Buffer
	if err := entity.SerializePrivateWithoutSigning(&private, nil); err != nil {
		return nil, fmt.Errorf("writing key %X: %w", entity.PrimaryKey.Fingerprint, err)
	}
	return &Key{private: private.Bytes(), entity: entity}, nil
}

// ReadKey reads an armored private key that is not protected by a passphrase.
func ReadKey(r io.Reader) (*Key, error) {
	keys, err := openpgp.ReadArmoredKeyRing(io.LimitReader(r, maxKeySize))
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	for _, entity := range keys {
		if entity.PrivateKey != nil && !entity.PrivateKey.Encrypted {
			entity.Subkeys = nil
			return newKey(entity)
		}
	}
	return nil, fmt.Errorf("reading a private key: %w: make one with \"publish keygen\"", ErrNoPrivateKey)
}

// Fingerprint returns the fingerprint in upper-case hexadecimal.
func (k *Key) Fingerprint() string { return fmt.Sprintf("%X", k.entity.PrimaryKey.Fingerprint) }

// Created returns when the key was made.
func (k *Key) Created() time.Time { return k.entity.PrimaryKey.CreationTime }

// Private returns the armored private key.
func (k *Key) Private() ([]byte, error) { return armored(openpgp.PrivateKeyType, k.private) }

// Public returns the armored public key.
func (k *Key) Public() ([]byte, error) { return publicKey(k.entity, k.lifetime()) }

// lifetime returns how long the key lives; 0 means for ever.
func (k *Key) lifetime() time.Duration {
	for _, identity := range k.entity.Identities {
		if seconds := identity.SelfSignature.KeyLifetimeSecs; seconds != nil {
			return time.Duration(*seconds) * time.Second
		}
	}
	return 0
}

// PublicExpiring returns a copy of the public key that expires at a time of
// the caller's choice, such as an old copy that was never replaced. The copy's
// own signatures are valid.
func (k *Key) PublicExpiring(at time.Time) ([]byte, error) {
	lifetime := at.Sub(k.Created())
	if lifetime < time.Second {
		return nil, fmt.Errorf("key %s was made at %s and cannot expire at %s",
			k.Fingerprint(), k.Created().Format(time.RFC3339), at.Format(time.RFC3339))
	}
	return publicKey(k.entity, lifetime)
}

// DetachedSignature signs data. The signature is armored, as in Release.gpg,
// or binary, as in an rpm.
func (k *Key) DetachedSignature(data []byte, at time.Time, armor bool) ([]byte, error) {
	return k.sign(openpgp.DetachSign, data, at, armor)
}

// ClearSignature signs text in the clear, as in InRelease (RFC 4880 section 7).
//
// It is put together here, because go-crypto's clearsign leaves out the
// armor's checksum, and GnuPG 2.2 cannot read an armor that has neither a
// checksum nor padding at its end, which one RSA signature in some hundreds has
// not.
func (k *Key) ClearSignature(text []byte, at time.Time) ([]byte, error) {
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimRight(line, " \t\r\n"))
	}
	signature, err := k.sign(openpgp.DetachSignText, []byte(strings.Join(lines, "\n")), at, true)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "-") {
			out.WriteString("- ")
		}
		out.WriteString(line + "\n")
	}
	out.Write(signature)
	return out.Bytes(), nil
}

// signer is one of go-crypto's functions that sign.
type signer func(w io.Writer, signer *openpgp.Entity, message io.Reader, config *packet.Config) error

// sign returns a signature as it is, or armored.
func (k *Key) sign(with signer, data []byte, at time.Time, armor bool) ([]byte, error) {
	var out bytes.Buffer
	if err := with(&out, k.entity, bytes.NewReader(data), configAt(at)); err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.Fingerprint(), err)
	}
	if !armor {
		return out.Bytes(), nil
	}
	return armored(openpgp.SignatureType, out.Bytes())
}

// configAt fixes the time and the hash, and leaves out the random notation
// that go-crypto adds to signatures, so that equal input gives equal output.
func configAt(at time.Time) *packet.Config {
	plain := false
	return &packet.Config{
		Algorithm:                             packet.PubKeyAlgoRSA,
		DefaultHash:                           crypto.SHA256,
		Time:                                  func() time.Time { return at },
		NonDeterministicSignaturesViaNotation: &plain,
		// GnuPG and OBS do not mark these subpackets as critical, and old
		// readers know them only so.
		InsecureGenerateNonCriticalKeyFlags:              true,
		InsecureGenerateNonCriticalSignatureCreationTime: true,
	}
}

func publicKey(entity *openpgp.Entity, lifetime time.Duration) ([]byte, error) {
	data, err := certificate(entity, lifetime)
	if err != nil {
		return nil, fmt.Errorf("writing public key %X: %w", entity.PrimaryKey.Fingerprint, err)
	}
	return armored(openpgp.PublicKeyType, data)
}

func armored(kind string, data []byte) ([]byte, error) {
	var out strings.Builder
	w, err := armor.Encode(&out, kind, nil)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("armoring a key: %w", err)
	}
	out.WriteByte('\n')
	return []byte(out.String()), nil
}

package repo

import "time"

// SignatureVerdict is what the mathematics and the keyring say of a signature.
// Whether a client accepts it today is another question: see Version and Hash.
type SignatureVerdict string

const (
	// Good: made by a key of the keyring over exactly these bytes.
	Good SignatureVerdict = "good"
	// Bad: a key of the keyring is named, and the bytes are not what it signed.
	Bad SignatureVerdict = "bad"
	// UnknownKey: the keyring does not have the key.
	UnknownKey SignatureVerdict = "unknown-key"
	// Unsupported: the packet is of a kind that cannot be judged here.
	Unsupported SignatureVerdict = "unsupported"
)

// Signature is one OpenPGP signature packet (RFC 4880 section 5.2, RFC 9580)
// and what it proves.
type Signature struct {
	// Over names the signed bytes: "InRelease", "Release", "repomd.xml",
	// "rpm header", "rpm header and payload".
	Over string `json:"over"`
	// Tag is the rpm header tag that held it; 0 elsewhere.
	Tag int `json:"tag,omitempty"`
	// Version is the packet version: 3, 4 or 6.
	Version      int    `json:"version"`
	Hash         string `json:"hash"`          // as OpenPGP names it: "SHA256"
	KeyAlgorithm string `json:"key_algorithm"` // "RSA", "EdDSA", ...
	// KeyID is the issuer's key ID, 16 hexadecimal digits in upper case; it
	// may be empty. Fingerprint is the issuer fingerprint if the packet has
	// one or the keyring has the key.
	KeyID       string    `json:"key_id,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Created     time.Time `json:"created"`
	// Expires is zero for a signature without an expiry.
	Expires time.Time        `json:"expires,omitzero"`
	Verdict SignatureVerdict `json:"verdict"`
	// Signer is the fingerprint of the primary key behind a good signature,
	// SignerKey that of the very key or subkey.
	Signer    string `json:"signer,omitempty"`
	SignerKey string `json:"signer_key,omitempty"`
	// KeyBits and KeyCurve are of that key; a key has one of the two.
	KeyBits  int    `json:"key_bits,omitempty"`
	KeyCurve string `json:"key_curve,omitempty"`
	// SelfSignatureHash is that of the self-signature in force of the signer's
	// primary key, BindingHash that of the subkey's binding, if it is a subkey.
	SelfSignatureHash string `json:"self_signature_hash,omitempty"`
	BindingHash       string `json:"binding_hash,omitempty"`
	// AtSigning and Now are the state of the key (and of its primary key) when
	// the signature was made, and when it was looked at. Both are empty when
	// the key is not known.
	AtSigning KeyState `json:"at_signing,omitempty"`
	Now       KeyState `json:"now,omitempty"`
	// Detail says why, where the verdict is not Good.
	Detail string `json:"detail,omitempty"`
}

// KeyState is whether a key may sign at some time.
type KeyState string

// The states of a key.
const (
	KeyValid       KeyState = "valid"
	KeyExpired     KeyState = "expired"
	KeyRevoked     KeyState = "revoked"
	KeyNotYetValid KeyState = "not-yet-valid"
	// KeyCannotSign: the key or subkey has not the right to sign data, or lacks
	// a valid binding.
	KeyCannotSign KeyState = "cannot-sign"
)

// Key is an OpenPGP key or subkey as one copy of it says.
type Key struct {
	// Fingerprint in upper-case hexadecimal.
	Fingerprint string    `json:"fingerprint"`
	KeyID       string    `json:"key_id"`
	UserIDs     []string  `json:"user_ids,omitempty"`
	Algorithm   string    `json:"algorithm"`
	Bits        int       `json:"bits,omitempty"`
	Curve       string    `json:"curve,omitempty"`
	Version     int       `json:"version"`
	Created     time.Time `json:"created"`
	// Expires is zero for a key that does not expire.
	Expires time.Time `json:"expires,omitzero"`
	Revoked bool      `json:"revoked,omitempty"`
	// RevokedAt is when, and RevocationReason why, by the name of RFC 9580
	// section 5.2.3.31 ("superseded", "compromised", "retired", "none").
	RevokedAt        time.Time `json:"revoked_at,omitzero"`
	RevocationReason string    `json:"revocation_reason,omitempty"`
	CanSign          bool      `json:"can_sign"`
	// SelfSignatureHash is the hash of the self-signature in force.
	SelfSignatureHash string `json:"self_signature_hash,omitempty"`
	// WeakSelfSignature says that the key rests on a self-signature (a subkey on
	// a binding) by MD5, SHA-1 or RIPEMD-160: to clients that refuse these it is
	// no key, or one of another expiry or use.
	WeakSelfSignature bool  `json:"weak_self_signature,omitempty"`
	Subkeys           []Key `json:"subkeys,omitempty"`
}

// KeyFile is a key as the repository serves it.
type KeyFile struct {
	File
	Keys []Key `json:"keys,omitempty"`
	// Faults are the keys and signatures of the file that were left out.
	Faults []Problem `json:"faults,omitempty"`
}

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
	// Signer is the fingerprint of the primary key behind a good signature.
	Signer string `json:"signer,omitempty"`
	// Detail says why, where the verdict is not Good.
	Detail string `json:"detail,omitempty"`
}

// Key is an OpenPGP key or subkey as one copy of it says.
type Key struct {
	// Fingerprint in upper-case hexadecimal.
	Fingerprint string    `json:"fingerprint"`
	KeyID       string    `json:"key_id"`
	UserIDs     []string  `json:"user_ids,omitempty"`
	Algorithm   string    `json:"algorithm"`
	Bits        int       `json:"bits,omitempty"`
	Created     time.Time `json:"created"`
	// Expires is zero for a key that does not expire.
	Expires time.Time `json:"expires,omitzero"`
	Revoked bool      `json:"revoked,omitempty"`
	CanSign bool      `json:"can_sign"`
	// SelfSignatureHash is the hash of the self-signature in force.
	SelfSignatureHash string `json:"self_signature_hash,omitempty"`
	Subkeys           []Key  `json:"subkeys,omitempty"`
}

// KeyFile is a key as the repository serves it.
type KeyFile struct {
	File
	Keys []Key `json:"keys,omitempty"`
}

package pgp

import (
	"crypto"
	// Hashes register themselves for crypto.Hash.New.
	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"strconv"
)

// hashName returns how OpenPGP calls a hash algorithm (RFC 9580 section 9.5).
func hashName(id byte) string {
	switch id {
	case 1:
		return "MD5"
	case 2:
		return "SHA1"
	case 3:
		return "RIPEMD160"
	case 8:
		return "SHA256"
	case 9:
		return "SHA384"
	case 10:
		return "SHA512"
	case 11:
		return "SHA224"
	case 12:
		return "SHA3-256"
	case 14:
		return "SHA3-512"
	}
	return "hash " + strconv.Itoa(int(id))
}

// hashOf returns the hash function, or 0 for one that is not judged here, such
// as RIPEMD160. MD5 and SHA-1 are: that they prove little is for a policy to
// say.
func hashOf(id byte) crypto.Hash {
	switch id {
	case 1:
		return crypto.MD5
	case 2:
		return crypto.SHA1
	case 8:
		return crypto.SHA256
	case 9:
		return crypto.SHA384
	case 10:
		return crypto.SHA512
	case 11:
		return crypto.SHA224
	case 12:
		return crypto.SHA3_256
	case 14:
		return crypto.SHA3_512
	}
	return 0
}

// Public key algorithms that matter here by number (RFC 9580 section 9.1).
const (
	algoRSA        = 1
	algoRSAEncrypt = 2
	algoRSASign    = 3
	algoElgamal    = 16
	algoDSA        = 17
	algoECDH       = 18
	algoECDSA      = 19
	algoEdDSA      = 22
	algoX25519     = 25
	algoX448       = 26
	algoEd25519    = 27
	algoEd448      = 28
	algoMLDSA65    = 30
	algoMLDSA87    = 31
	algoSLHDSA128s = 32
	algoSLHDSA128f = 33
	algoSLHDSA256s = 34
	algoMLKEM768   = 35
	algoMLKEM1024  = 36
)

// algorithmName returns how OpenPGP calls a public key algorithm (RFC 9580
// section 9.1, RFC 9980).
func algorithmName(id byte) string {
	switch id {
	case algoRSA, algoRSAEncrypt, algoRSASign:
		return "RSA"
	case algoElgamal:
		return "Elgamal"
	case algoDSA:
		return "DSA"
	case algoECDH:
		return "ECDH"
	case algoECDSA:
		return "ECDSA"
	case algoEdDSA:
		return "EdDSA"
	case algoX25519:
		return "X25519"
	case algoX448:
		return "X448"
	case algoEd25519:
		return "Ed25519"
	case algoEd448:
		return "Ed448"
	case algoMLDSA65:
		return "ML-DSA-65+Ed25519"
	case algoMLDSA87:
		return "ML-DSA-87+Ed448"
	case algoSLHDSA128s:
		return "SLH-DSA-SHAKE-128s"
	case algoSLHDSA128f:
		return "SLH-DSA-SHAKE-128f"
	case algoSLHDSA256s:
		return "SLH-DSA-SHAKE-256s"
	case algoMLKEM768:
		return "ML-KEM-768+X25519"
	case algoMLKEM1024:
		return "ML-KEM-1024+X448"
	}
	return "algorithm " + strconv.Itoa(int(id))
}

// saltSize is the length of the salt of a version 6 signature (RFC 9580
// section 9.5), -1 for a hash that such a one may not use.
func saltSize(hash byte) int {
	switch hash {
	case 8, 11, 12:
		return 16
	case 9:
		return 24
	case 10, 14:
		return 32
	}
	return -1
}

// sameAlgorithm reports whether a key of algorithm k makes signatures that say
// s. RSA has an old number of its own for keys that only sign.
func sameAlgorithm(k, s byte) bool {
	isRSA := func(id byte) bool { return id == algoRSA || id == algoRSASign }
	return k == s || isRSA(k) && isRSA(s)
}

// signs reports whether keys of this algorithm can sign at all.
func signs(id byte) bool {
	switch id {
	case algoRSA, algoRSASign, algoDSA, algoECDSA, algoEdDSA, algoEd25519, algoEd448,
		algoMLDSA65, algoMLDSA87, algoSLHDSA128s, algoSLHDSA128f, algoSLHDSA256s:
		return true
	}
	return false
}

// Package pgp reads OpenPGP key rings and signatures as facts (RFC 4880,
// RFC 9580).
//
// A verdict here is mathematics only: which key of the ring, if any, made this
// signature over these bytes. Whether the key is expired or revoked, and
// whether a client accepts the hash or the packet version today, are facts of
// their own, which a check weighs.
//
// The packets are read here, because version, hash and issuer must be known
// even where a library refuses to look. ProtonMail/go-crypto does the
// arithmetic of version 4 and 6 signatures; version 3, which it refuses and
// which build services wrote for years, is an RSA verification done here.
//
// Every byte is taken to be hostile. Sizes and counts are bounded by the
// constants in bounds.go, and what is wrong is a [repo.FormatError].
package pgp

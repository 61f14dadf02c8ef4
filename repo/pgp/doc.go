// Package pgp reads OpenPGP key rings and signatures as facts (RFC 4880,
// RFC 9580, RFC 9980).
//
// Three answers are kept apart. The verdict ([repo.Signature.Verdict]) is
// mathematics only: which key of the ring, if any, made this signature over
// these bytes. The state of that key when it signed and now is a fact of its
// own (AtSigning, Now). Whether a client accepts it, today and later, package
// policy says from these facts.
//
// The packets are read here, because version, hash and issuer must be known
// even where a library refuses to look, and because ProtonMail/go-crypto
// refuses what build services wrote for years (version 3 packets). The
// arithmetic is that of the standard library and of go-crypto.
//
// Where gpgv and sqv differ in what they read at all, the stricter counts: a
// signature is good here when both find it good, apart from policy. Key facts
// are chosen as GnuPG chooses them. Tests hold all of it against gpg, gpgv and
// sqv.
//
// Every byte is taken to be hostile. Sizes, counts and the work of
// verification are bounded by the constants in bounds.go, and what is wrong is
// a [repo.FormatError].
package pgp

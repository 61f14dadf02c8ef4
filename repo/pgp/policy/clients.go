package policy

import "time"

// Clients returns the clients that are judged, with their tables. The caller
// may change what it gets.
func Clients() []Client {
	return []Client{aptGPGV(), aptSQV(), gnupg(), rpmSequoia(), rpmFedora(), rpmInternal()}
}

// Find returns the client of that ID.
func Find(id string) (Client, bool) {
	for _, c := range Clients() {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

// february returns the beginning of a year's first of February: on that day every
// refusal of a Sequoia policy begins.
func february(year int) time.Time {
	return time.Date(year, time.February, 1, 0, 0, 0, 0, time.UTC)
}

// forever returns a table without ends.
func forever(names ...string) Until {
	u := Until{}
	for _, n := range names {
		u[n] = time.Time{}
	}
	return u
}

// with returns u with one more date.
func (u Until) with(name string, end time.Time) Until {
	u[name] = end
	return u
}

func sha2() Until { return forever("SHA224", "SHA256", "SHA384", "SHA512") }

// gnupgKeys are what GnuPG 2.2 computes. It does not know the native Ed25519
// and Ed448 of RFC 9580, only EdDSA over Ed25519.
func gnupgKeys() Until {
	return forever("RSA1024", "RSA2048", "RSA3072", "RSA4096", "DSA1024", "DSA2048", "DSA3072", "DSA4096",
		"nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "secp256k1", "ed25519")
}

// gnupgSelf: GnuPG counts MD5 as a weak digest everywhere, and SHA-1 only in
// the certifications of others.
func gnupgSelf() Until {
	return sha2().with("SHA1", time.Time{}).with("RIPEMD160", time.Time{})
}

// aptGPGV is apt with gpgv. gpgv itself takes SHA-1 and RIPEMD-160 in
// signatures; apt does not.
func aptGPGV() Client {
	return Client{
		ID: "apt-gpgv", Name: "apt up to 2.9.18 with gpgv 2.2 (Debian 12, Ubuntu 22.04)",
		Source:  "apt 2.6 methods/gpgv.cc, table Digests (MD5, SHA1 and RIPE-MD/160 are untrusted); GnuPG 2.2.40",
		Packets: forever("3", "4"), Keys: gnupgKeys(), Digests: sha2(), SelfSignatures: gnupgSelf(),
		Key: AsOfNow, Future: -1,
	}
}

// gnupg is GnuPG without apt.
func gnupg() Client {
	return Client{
		ID: "gnupg", Name: "GnuPG 2.2 (repomd.xml.asc in zypper, and in dnf where librepo uses gpgme)",
		Source:  "GnuPG 2.2.40",
		Packets: forever("3", "4"), Keys: gnupgKeys(), Digests: gnupgSelf(), SelfSignatures: gnupgSelf(),
		Key: AsOfNow, Future: -1,
	}
}

// sequoiaKeys are what Sequoia computes as Debian builds it, on Nettle, with
// the dates of its StandardPolicy. Nettle has neither Brainpool nor secp256k1.
func sequoiaKeys() Until {
	return forever("RSA2048", "RSA3072", "RSA4096", "nistp256", "nistp384", "nistp521", "ed25519", "Ed25519", "Ed448").
		with("RSA1024", february(2014)).with("DSA1024", february(2014)).
		with("DSA2048", february(2030)).with("DSA3072", february(2030)).with("DSA4096", february(2030))
}

// sequoiaDigests is StandardPolicy's table for what others can influence
// (CollisionResistance): documents.
func sequoiaDigests() Until {
	return sha2().with("SHA3-256", time.Time{}).with("SHA3-512", time.Time{}).
		with("MD5", february(1997)).with("SHA1", february(2013)).with("RIPEMD160", february(2013))
}

// sequoiaSelf is StandardPolicy's table for what only the owner of the key
// determines (SecondPreImageResistance): self-signatures and bindings.
func sequoiaSelf() Until {
	return sequoiaDigests().with("MD5", february(2004)).with("SHA1", february(2023))
}

// aptSQV is apt with sqv and apt's own dates. The configuration ends Brainpool
// in 2028, but Debian's sqv does not compute it. apt warns a year ahead.
func aptSQV() Client {
	keys := sequoiaKeys().with("RSA2048", february(2030)).
		with("DSA2048", february(2024)).with("DSA3072", february(2024)).with("DSA4096", february(2024))
	return Client{
		ID: "apt-sqv", Name: "apt 2.9.19 and later with sqv (Debian 13, Ubuntu 25.04)",
		Source:  "apt 3.0.3 debian/default-sequoia.config over the StandardPolicy of sequoia-openpgp 2.0.0; sqv 1.3.0",
		Packets: forever("4", "6").with("3", february(2026)), Keys: keys,
		Digests:        sequoiaDigests().with("SHA224", february(2026)),
		SelfSignatures: sequoiaSelf().with("SHA1", february(2026)).with("SHA224", february(2026)),
		Key:            AsOfSigning, Future: 30 * time.Minute,
	}
}

// rpmSequoia is rpm with rpm-sequoia where the system has no crypto-policies.
func rpmSequoia() Client {
	return Client{
		ID: "rpm-sequoia", Name: "rpm 4.19 and later with rpm-sequoia, no crypto-policies (Debian 13)",
		Source:  "rpm-sequoia 1.8 src/lib.rs: StandardPolicy, and version 3 signatures accepted",
		Packets: forever("3", "4", "6"), Keys: sequoiaKeys(), Digests: sequoiaDigests(), SelfSignatures: sequoiaSelf(),
		Key: AsOfSigningOrNow, Future: 5 * time.Minute,
	}
}

// rpmFedora is rpm-sequoia with Fedora's crypto-policies, which set every
// algorithm to always or never.
func rpmFedora() Client {
	hashes := sha2().with("SHA1", time.Time{}).with("SHA3-256", time.Time{}).with("SHA3-512", time.Time{})
	return Client{
		ID: "rpm-fedora", Name: "rpm and dnf of Fedora with rpm-sequoia and crypto-policies DEFAULT",
		Source:  "fedora-crypto-policies tests/outputs/DEFAULT-rpm-sequoia.txt (SHA-1 and DSA always, RSA1024 and Brainpool never: FESCo issue 2960)",
		Packets: forever("3", "4", "6"),
		Keys: forever("RSA2048", "RSA3072", "RSA4096", "DSA1024", "DSA2048", "DSA3072", "DSA4096",
			"nistp256", "nistp384", "nistp521", "ed25519", "Ed25519", "Ed448",
			"ML-DSA-65+Ed25519", "ML-DSA-87+Ed448", "SLH-DSA-SHAKE-128s", "SLH-DSA-SHAKE-128f", "SLH-DSA-SHAKE-256s"),
		Digests: hashes, SelfSignatures: hashes,
		Key: AsOfSigningOrNow, Future: 5 * time.Minute,
	}
}

// rpmInternal is rpm's own OpenPGP parser. It does not know elliptic curves but
// Ed25519, and has no policy: also MD5 will do.
func rpmInternal() Client {
	hashes := sha2().with("MD5", time.Time{}).with("SHA1", time.Time{})
	return Client{
		ID: "rpm-internal", Name: "rpm up to 4.18 with its own OpenPGP parser (Debian 12, SLE 15, Enterprise Linux 8)",
		Source:  "rpm 4.18 rpmio/rpmpgp_internal.c",
		Packets: forever("3", "4"),
		Keys: forever("RSA1024", "RSA2048", "RSA3072", "RSA4096", "DSA1024", "DSA2048", "DSA3072", "DSA4096",
			"ed25519"),
		Digests: hashes, SelfSignatures: hashes,
		Key: Never, Future: -1,
	}
}

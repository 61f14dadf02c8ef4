package pgp

// Bounds on what is read. They are far above what a package repository
// serves, and low enough that the worst input costs a second or two and some
// tens of megabytes. Going past one is a [repo.FormatError], unless it
// says otherwise.
const (
	// MaxKeyring is the size of a key ring in bytes, armor included. A
	// distribution's whole archive key ring is below 200 kB; keys that vandals
	// flooded with certifications came to 5 MB and were then of no use to
	// GnuPG either.
	MaxKeyring = 6 << 20
	// MaxSignatureFile is the size of a detached signature file in bytes. The
	// largest signatures known (SLH-DSA, RFC 9980) take 50 kB each.
	MaxSignatureFile = 1 << 20
	// MaxPacket is the size of one packet in bytes. Photographs in user
	// attributes are the only large ones in practice.
	MaxPacket = 1 << 20
	// MaxParts is how many keys, subkeys, user IDs, user attributes and unknown
	// packets a key ring may have. Signatures do not count: those of others are
	// passed over one by one.
	MaxParts = 16384
	// MaxSelfSignatures is how many signatures that name the key itself are
	// kept for one key, user ID or subkey. GnuPG keeps all, and real keys have
	// below a hundred.
	MaxSelfSignatures = 4096
	// MaxWork is what the verification of one ring's self-signatures may cost,
	// in the unit of [pubKey.cost]: about two seconds at most.
	MaxWork = 20000
	// MaxBlocks is how many armored blocks one input may have.
	MaxBlocks = 1024
	// MaxSignatures is how many signatures may stand over one content. Each may
	// cost one more hash of it. Debian's Release files have three or four.
	MaxSignatures = 16
	// MaxCandidates is how many keys of the ring are tried for one signature.
	// More than one shares a key ID only by intent. Going past it leaves the
	// later ones of the ring untried.
	MaxCandidates = 8
	// MaxFaults is how many faults of one ring are kept, those of its armor and
	// of its packets each. Going past it keeps the first.
	MaxFaults = 100
	// MaxRevokers is how many signatures by others that revoke a key are kept
	// to see whether one is by a designated revoker, and how many designated
	// revokers of a signature. Going past it passes over the later ones.
	MaxRevokers = 16
	// MaxUserID is the size of a user ID in bytes, as in GnuPG. One going past it
	// is passed over, with the signatures over it.
	MaxUserID = 2048
	// MaxSubpackets is how many subpackets one area of a signature may have. One
	// going past it is [repo.Unsupported], and no self-signature.
	MaxSubpackets = 256
	// MaxRSABits is the size of an RSA key in bits: GnuPG makes keys up to 4096
	// and reads up to 16384. A key going past it is left out, with a fault.
	MaxRSABits = 16384
	// MinRSABits is the least size of an RSA key in bits: below it Go's
	// crypto/rsa refuses to work. A key going past it is left out, with a fault.
	MinRSABits = 1024
	// MaxExponentBits is the size of an RSA public exponent in bits: as far as
	// crypto/rsa goes. The cost grows with it. A key going past it is left out,
	// with a fault.
	MaxExponentBits = 31
	// MaxDSABits is the size of a DSA key in bits: FIPS 186-4 ends at 3072. The
	// cost grows with it, to minutes at what the format can express. A key going
	// past it is left out, with a fault.
	MaxDSABits = 4096
	// MaxDSASubgroupBits is the size of a DSA key's subgroup in bits: FIPS 186-4
	// ends at 256, and the cost grows with it as well. A key going past it is
	// left out, with a fault.
	MaxDSASubgroupBits = 512
)

package pgp

// Bounds on what is read. They are far above what a package repository
// serves, and low enough that the worst input costs seconds, not memory.
const (
	// maxKeyring is the size of a key ring in bytes, armor included. A
	// distribution's whole archive key ring is below 200 kB.
	maxKeyring = 4 << 20
	// maxSignatureFile is the size of a detached signature file in bytes. The
	// largest signatures known (SLH-DSA, RFC 9980) take 50 kB each.
	maxSignatureFile = 1 << 20
	// maxPacket is the size of one packet in bytes. Photographs in user
	// attributes are the only large ones in practice.
	maxPacket = 1 << 20
	// maxPackets is how many packets a key ring may have. Keys that many people
	// certified have thousands.
	maxPackets = 16384
	// maxBlocks is how many armored blocks one input may have.
	maxBlocks = 1024
	// maxSignatures is how many signatures may stand over one content. Each may
	// cost one more hash of it. Debian's Release files have three or four.
	maxSignatures = 16
	// maxSelfSignatures is how many self-signatures of one ring are verified,
	// as each costs a public key operation.
	maxSelfSignatures = 4096
	// maxFaults is how many faults of one ring are kept.
	maxFaults = 100
	// maxUserID is the size of a user ID in bytes, as in GnuPG. Longer ones are
	// passed over.
	maxUserID = 2048
	// maxSubpackets is how many subpackets one signature may have.
	maxSubpackets = 256
	// maxRSABits and minRSABits: GnuPG makes keys up to 4096 bits and reads up
	// to 16384. Below 1024 bits Go's crypto/rsa refuses to work.
	maxRSABits = 16384
	minRSABits = 1024
	// maxDSABits and maxDSASubgroupBits: FIPS 186-4 ends at 3072 and 256. The
	// cost grows with both, to minutes at what the format can express.
	maxDSABits         = 4096
	maxDSASubgroupBits = 512
)

package rpm

// The bounds of this package. rpm's own are in lib/header.c (HEADER_TAGS_MAX,
// HEADER_DATA_MAX, HEADER_ARRAY_MAX, hdrblobVerifyLengths); where one here is
// lower, it says why. Going past one is a [repo.FormatError], or a fault where
// the rest can be read.
const (
	// MaxTags bounds the tags of the main header, as rpm does.
	MaxTags = 0xffff
	// MaxStore bounds the bytes of the main header's data. rpm allows 256 MiB, which is what
	// a whole run may use of memory. A package of a hundred thousand files
	// needs some 20 MiB.
	MaxStore = 64 << 20
	// MaxSignatureTags bounds the tags of the signature header, as rpm does.
	MaxSignatureTags = 32
	// MaxSignatureStore bounds the bytes of the signature header's data, as rpm
	// does: signatures of single
	// files (IMA, fs-verity) may be large.
	MaxSignatureStore = 64 << 20
	// MaxSignatureTag bounds the bytes of one tag of the signature header that
	// is merged into the main header, as rpm does (headerMergeLegacySigs).
	MaxSignatureTag = 16 << 20
	// MaxFiles bounds the files of a package, which become Go values of some
	// 250 bytes each. rpm allows a million; the largest packages of
	// distributions have a hundred thousand.
	MaxFiles = 1 << 18
	// MaxDependencies bounds the dependencies of one kind.
	MaxDependencies = 1 << 18
	// MaxPath bounds the bytes of a path: Linux's PATH_MAX.
	MaxPath = 4096
	// MaxPaths bounds the bytes of all paths of a package: folders are shared in the header,
	// and a long one with many files would grow far beyond it.
	MaxPaths = 64 << 20
	// MaxSignatures bounds the values of OPENPGP (tag 278); rpm 6 adds one for
	// each signer and says "unlimited".
	MaxSignatures = 16
	// MaxPayloadDigests bounds the values of PAYLOADDIGEST: an array, of which
	// rpm fills one.
	MaxPayloadDigests = 4
	// MaxPayload bounds the bytes of the unpacked payload. How much one byte may become is
	// bounded by [compress.MaxRatio].
	MaxPayload = 64 << 30
	// MaxLink bounds the bytes of a symbolic link's target in a payload, as
	// PATH_MAX does. Going past it is a fault of the file.
	MaxLink = 4096

	// maxArray bounds the values of one tag, as rpm's HEADER_ARRAY_MAX.
	maxArray = 0xfffff
)

package rpm

// Tags of the main header (rpm's include/rpm/rpmtag.h).
const (
	tagHeaderSignatures = 62
	tagHeaderImage      = 61
	tagHeaderImmutable  = 63
	tagI18NTable        = 100

	tagName          = 1000
	tagVersion       = 1001
	tagRelease       = 1002
	tagEpoch         = 1003
	tagSummary       = 1004
	tagDescription   = 1005
	tagBuildTime     = 1006
	tagBuildHost     = 1007
	tagSize          = 1009
	tagVendor        = 1011
	tagLicense       = 1014
	tagPackager      = 1015
	tagGroup         = 1016
	tagURL           = 1020
	tagArch          = 1022
	tagFileSizes     = 1028
	tagFileModes     = 1030
	tagFileLinkTos   = 1036
	tagFileFlags     = 1037
	tagFileUser      = 1039
	tagFileGroup     = 1040
	tagSourceRPM     = 1044
	tagArchiveSize   = 1046
	tagFileDevices   = 1095
	tagFileInodes    = 1096
	tagSourcePackage = 1106
	tagDirIndexes    = 1116
	tagBaseNames     = 1117
	tagDirNames      = 1118
	tagLongFileSizes = 5008
	tagLongSize      = 5009

	tagPayloadDigest     = 5092
	tagPayloadDigestAlgo = 5093
)

// Tags of the signature header (rpmtag.h, rpmSigTag_e).
const (
	sigDSA             = 267  // DSAHEADER
	sigRSA             = 268  // RSAHEADER
	sigSHA1            = 269  // SHA1HEADER
	sigLongSize        = 270  // LONGSIGSIZE
	sigLongArchiveSize = 271  // LONGARCHIVESIZE
	sigSHA256          = 273  // SHA256HEADER
	sigOpenPGP         = 278  // OPENPGP, rpm 6
	sigSize            = 1000 // SIGSIZE
	sigPGP             = 1002 // SIGPGP
	sigMD5             = 1004 // SIGMD5
	sigGPG             = 1005 // SIGGPG
	sigPayloadSize     = 1007 // PAYLOADSIZE
)

// Types of values (rpmTagType_e).
const (
	typeChar        = 1
	typeInt8        = 2
	typeInt16       = 3
	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
	typeI18NString  = 9
)

// mainType returns the type that rpm defines for a tag of the main header that
// is read here, and false for any other. String types stand for each other, as
// in rpm's hdrchkTagType.
func mainType(tag uint32) (uint32, bool) {
	switch tag {
	case tagName, tagVersion, tagRelease, tagSummary, tagDescription, tagBuildHost, tagVendor, tagLicense,
		tagPackager, tagGroup, tagURL, tagArch, tagSourceRPM:
		return typeString, true
	case tagFileLinkTos, tagFileUser, tagFileGroup, tagBaseNames, tagDirNames, tagPayloadDigest:
		return typeStringArray, true
	case tagEpoch, tagBuildTime, tagSize, tagFileSizes, tagFileFlags, tagArchiveSize, tagFileDevices,
		tagFileInodes, tagSourcePackage, tagDirIndexes, tagPayloadDigestAlgo:
		return typeInt32, true
	case tagFileModes:
		return typeInt16, true
	case tagLongFileSizes, tagLongSize, sigLongArchiveSize:
		return typeInt64, true
	}
	for _, d := range dependencyTags() {
		switch tag {
		case d.names, d.versions:
			return typeStringArray, true
		case d.flags:
			return typeInt32, true
		}
	}
	return 0, false
}

// signatureType is [mainType] for the signature header.
func signatureType(tag uint32) (uint32, bool) {
	switch tag {
	case sigDSA, sigRSA, sigPGP, sigGPG, sigMD5:
		return typeBinary, true
	case sigSHA1, sigSHA256:
		return typeString, true
	case sigOpenPGP:
		return typeStringArray, true
	case sigSize, sigPayloadSize:
		return typeInt32, true
	case sigLongSize, sigLongArchiveSize:
		return typeInt64, true
	}
	return 0, false
}

func isString(t uint32) bool {
	return t == typeString || t == typeStringArray || t == typeI18NString
}

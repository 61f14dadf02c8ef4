package rpm

// Tags of the main header (rpm's include/rpm/rpmtag.h).
const (
	tagHeaderImage      = 61
	tagHeaderSignatures = 62
	tagHeaderImmutable  = 63
	tagHeaderRegions    = 64
	tagI18NTable        = 100

	tagName             = 1000
	tagVersion          = 1001
	tagRelease          = 1002
	tagEpoch            = 1003
	tagSummary          = 1004
	tagDescription      = 1005
	tagBuildTime        = 1006
	tagBuildHost        = 1007
	tagSize             = 1009
	tagVendor           = 1011
	tagLicense          = 1014
	tagPackager         = 1015
	tagGroup            = 1016
	tagURL              = 1020
	tagArch             = 1022
	tagOldFileNames     = 1027
	tagFileSizes        = 1028
	tagFileModes        = 1030
	tagFileRdevs        = 1033
	tagFileMtimes       = 1034
	tagFileDigests      = 1035
	tagFileLinkTos      = 1036
	tagFileFlags        = 1037
	tagFileUser         = 1039
	tagFileGroup        = 1040
	tagSourceRPM        = 1044
	tagFileVerifyFlags  = 1045
	tagArchiveSize      = 1046
	tagFileDevices      = 1095
	tagFileInodes       = 1096
	tagFileLangs        = 1097
	tagSourcePackage    = 1106
	tagDirIndexes       = 1116
	tagBaseNames        = 1117
	tagDirNames         = 1118
	tagPayloadFormat    = 1124
	tagPayloadCompress  = 1125
	tagFileColors       = 1140
	tagLongFileSizes    = 5008
	tagLongSize         = 5009
	tagFileCaps         = 5010
	tagFileDigestAlgo   = 5011
	tagFileSignatures   = 5090
	tagFileSignatureLen = 5091

	tagPayloadDigest     = 5092 // SHA-256 of the payload
	tagPayloadDigestAlgo = 5093
	tagPayloadDigestAlt  = 5097 // of the unpacked payload
	tagPayloadSize       = 5112
	tagPayloadSizeAlt    = 5113
	tagRPMFormat         = 5114
	tagPayloadSHA512     = 5121
	tagPayloadSHA512Alt  = 5122
	tagPayloadSHA3       = 5123
	tagPayloadSHA3Alt    = 5124
)

// Tags of the signature header (rpmtag.h, rpmSigTag_e).
const (
	sigDSA             = 267 // DSAHEADER
	sigRSA             = 268 // RSAHEADER
	sigSHA1            = 269 // SHA1HEADER
	sigLongSize        = 270 // LONGSIGSIZE
	sigLongArchiveSize = 271 // LONGARCHIVESIZE
	sigSHA256          = 273 // SHA256HEADER
	sigFiles           = 274 // FILESIGNATURES, of IMA
	sigFilesLength     = 275
	sigVerity          = 276 // VERITYSIGNATURES, of fs-verity
	sigVerityAlgo      = 277
	sigOpenPGP         = 278  // OPENPGP, rpm 6
	sigSHA3            = 279  // SHA3_256, rpm 6
	sigReserved        = 999  // RESERVED, rpm 6
	sigSize            = 1000 // SIGSIZE
	sigPGP             = 1002 // SIGPGP
	sigMD5             = 1004 // SIGMD5
	sigGPG             = 1005 // SIGGPG
	sigPGP5            = 1006 // SIGPGP5, which no rpm of this century reads
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

// tagType returns the type of a tag as rpm 6.1 defines it (rpmtag.h; rpm leaves
// those marked internal, obsolete or unimplemented untyped), and false for any
// other tag. What rpm 4.18 defines has the same types. The three types of
// strings are one here: rpm lets them stand for each other (hdrchkTagType).
func tagType(tag uint32) (uint32, bool) {
	types := [...]struct{ first, last, kind uint32 }{
		{63, 63, typeBinary}, {100, 100, typeString}, {257, 257, typeInt32}, {259, 259, typeBinary},
		{261, 262, typeBinary}, {266, 266, typeString}, {267, 268, typeBinary}, {269, 269, typeString},
		{270, 271, typeInt64}, {273, 273, typeString}, {276, 276, typeString}, {277, 277, typeInt32},
		{278, 279, typeString}, {1000, 1002, typeString}, {1003, 1003, typeInt32}, {1004, 1005, typeString},
		{1006, 1006, typeInt32}, {1007, 1007, typeString}, {1008, 1009, typeInt32}, {1010, 1011, typeString},
		{1012, 1013, typeBinary}, {1014, 1016, typeString}, {1018, 1027, typeString}, {1028, 1028, typeInt32},
		{1029, 1029, typeChar}, {1030, 1030, typeInt16}, {1033, 1033, typeInt16}, {1034, 1034, typeInt32},
		{1035, 1036, typeString}, {1037, 1037, typeInt32}, {1039, 1040, typeString}, {1043, 1043, typeBinary},
		{1044, 1044, typeString}, {1045, 1046, typeInt32}, {1047, 1047, typeString}, {1048, 1048, typeInt32},
		{1049, 1050, typeString}, {1051, 1053, typeInt32}, {1054, 1055, typeString}, {1059, 1062, typeString},
		{1064, 1067, typeString}, {1068, 1069, typeInt32}, {1079, 1079, typeString}, {1080, 1080, typeInt32},
		{1081, 1082, typeString}, {1085, 1092, typeString}, {1094, 1094, typeString}, {1095, 1096, typeInt32},
		{1097, 1099, typeString}, {1106, 1106, typeInt32}, {1112, 1112, typeInt32}, {1113, 1113, typeString},
		{1114, 1114, typeInt32}, {1115, 1115, typeString}, {1116, 1116, typeInt32}, {1117, 1118, typeString},
		{1119, 1119, typeInt32}, {1120, 1126, typeString}, {1127, 1129, typeInt32}, {1132, 1133, typeString},
		{1134, 1134, typeInt32}, {1135, 1135, typeString}, {1140, 1141, typeInt32}, {1142, 1142, typeString},
		{1143, 1145, typeInt32}, {1146, 1146, typeBinary}, {1147, 1157, typeString}, {1158, 1158, typeInt32},
		{1159, 1160, typeString}, {1161, 1161, typeInt32}, {1195, 1195, typeInt32}, {1196, 1196, typeString},
		{5000, 5002, typeString}, {5005, 5007, typeString}, {5008, 5009, typeInt64}, {5010, 5010, typeString},
		{5011, 5011, typeInt32}, {5012, 5016, typeString}, {5017, 5027, typeInt32}, {5030, 5031, typeString},
		{5032, 5033, typeInt32}, {5034, 5036, typeString}, {5037, 5037, typeInt32}, {5040, 5044, typeString},
		{5045, 5045, typeInt32}, {5046, 5047, typeString}, {5048, 5048, typeInt32}, {5049, 5050, typeString},
		{5051, 5051, typeInt32}, {5052, 5053, typeString}, {5054, 5054, typeInt32}, {5055, 5056, typeString},
		{5057, 5057, typeInt32}, {5058, 5062, typeString}, {5066, 5067, typeString}, {5068, 5068, typeInt32},
		{5069, 5069, typeString}, {5070, 5070, typeInt32}, {5071, 5071, typeString}, {5072, 5072, typeInt32},
		{5076, 5077, typeString}, {5078, 5078, typeInt32}, {5079, 5079, typeString}, {5080, 5080, typeInt32},
		{5081, 5081, typeString}, {5082, 5082, typeInt32}, {5084, 5085, typeInt32}, {5086, 5090, typeString},
		{5091, 5091, typeInt32}, {5092, 5092, typeString}, {5093, 5093, typeInt32}, {5096, 5101, typeString},
		{5103, 5106, typeString}, {5107, 5108, typeInt32}, {5109, 5109, typeString}, {5112, 5113, typeInt64},
		{5114, 5115, typeInt32}, {5116, 5118, typeString}, {5119, 5119, typeInt32}, {5120, 5124, typeString},
	}
	low, high := 0, len(types)
	for low < high {
		switch mid := (low + high) / 2; {
		case tag < types[mid].first:
			high = mid
		case tag > types[mid].last:
			low = mid + 1
		default:
			return types[mid].kind, true
		}
	}
	return 0, false
}

// mergedTag is a tag of the signature header that rpm copies into the main
// header (lib/package.c, xlateTags), where it must not be already.
type mergedTag struct {
	sig, main uint32
	kind      uint32
	count     uint32 // how many values it has; 0 is any number
	// either says that the tag may be in one of the two headers.
	either bool
}

func mergedTags() []mergedTag {
	return []mergedTag{
		{sigSize, 257, typeInt32, 1, false},
		{sigPGP, 259, typeBinary, 0, false},
		{sigMD5, 261, typeBinary, 16, false},
		{sigGPG, 262, typeBinary, 0, false},
		{sigPayloadSize, tagArchiveSize, typeInt32, 1, true},
		{sigFiles, tagFileSignatures, typeStringArray, 0, true},
		{sigFilesLength, tagFileSignatureLen, typeInt32, 1, true},
		{sigVerity, sigVerity, typeStringArray, 0, false},
		{sigVerityAlgo, sigVerityAlgo, typeInt32, 1, false},
		{sigSHA1, sigSHA1, typeString, 1, false},
		{sigSHA256, sigSHA256, typeString, 1, false},
		{sigSHA3, sigSHA3, typeString, 1, false},
		{sigDSA, sigDSA, typeBinary, 0, false},
		{sigRSA, sigRSA, typeBinary, 0, false},
		{sigLongSize, sigLongSize, typeInt64, 1, false},
		{sigLongArchiveSize, sigLongArchiveSize, typeInt64, 1, false},
		{sigOpenPGP, sigOpenPGP, typeStringArray, 0, false},
	}
}

func isString(t uint32) bool {
	return t == typeString || t == typeStringArray || t == typeI18NString
}

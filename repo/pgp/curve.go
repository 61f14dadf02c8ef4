package pgp

// curve is an elliptic curve by the name that GnuPG gives it.
type curve struct {
	name string
	bits int
	cost int // of one verification, see [pubKey.cost]
}

// curveOf returns the curve of a key by its algorithm and what is specific to
// that, the zero curve for keys without one. RFC 9580 section 9.2 has the
// table of object identifiers.
func curveOf(algorithm byte, material []byte) curve {
	switch algorithm {
	case algoX25519:
		return curve{"cv25519", 255, 0}
	case algoEd25519:
		return curve{"ed25519", 255, 1}
	case algoX448:
		return curve{"cv448", 448, 0}
	case algoEd448:
		return curve{"ed448", 456, 10}
	case algoECDH, algoECDSA, algoEdDSA:
	default:
		return curve{}
	}
	if len(material) == 0 || len(material) < 1+int(material[0]) {
		return curve{}
	}
	switch string(material[1 : 1+int(material[0])]) {
	case "\x2a\x86\x48\xce\x3d\x03\x01\x07":
		return curve{"nistp256", 256, 1}
	case "\x2b\x81\x04\x00\x22":
		return curve{"nistp384", 384, 14}
	case "\x2b\x81\x04\x00\x23":
		return curve{"nistp521", 521, 34}
	case "\x2b\x81\x04\x00\x0a":
		return curve{"secp256k1", 256, 128}
	case "\x2b\x24\x03\x03\x02\x08\x01\x01\x07":
		return curve{"brainpoolP256r1", 256, 128}
	case "\x2b\x24\x03\x03\x02\x08\x01\x01\x0b":
		return curve{"brainpoolP384r1", 384, 256}
	case "\x2b\x24\x03\x03\x02\x08\x01\x01\x0d":
		return curve{"brainpoolP512r1", 512, 512}
	case "\x2b\x06\x01\x04\x01\xda\x47\x0f\x01":
		return curve{"ed25519", 255, 1}
	case "\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01":
		return curve{"cv25519", 255, 0}
	case "\x2b\x65\x71":
		return curve{"ed448", 456, 10}
	case "\x2b\x65\x6f":
		return curve{"cv448", 448, 0}
	}
	return curve{}
}

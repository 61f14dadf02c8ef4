package rpm

import (
	_ "crypto/md5"  // SIGMD5, and digests of files
	_ "crypto/sha1" // SHA1HEADER
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/hashes"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// The parts of a package that digests and signatures cover.
const (
	overHeader  = "rpm header"
	overPackage = "rpm header and payload"

	partHeader   = "header"
	partPayload  = "payload"
	partPackage  = "header and payload"
	partUnpacked = "uncompressed payload"
)

// verifier computes digests and verifies signatures while the file streams by.
type verifier struct {
	p          *Package
	sig, main  *Header
	ring       *pgp.Keyring
	hashes     *hashes.Set
	signatures []*signature
	digests    []*selfDigest
	// unpacked is what came out of the payload, -1 when it was not unpacked to
	// its end.
	unpacked int64
}

type signature struct {
	tag uint32
	*pgp.Verification
	overHeader bool
}

type selfDigest struct {
	repo.SelfDigest
	hash.Hash
	// other is the tag of the digest of the same payload, packed or unpacked,
	// by the same algorithm; 0 for none.
	other uint32
	// shared says that an earlier one of the same part has the same Hash, so
	// that a header with many digests costs no more than one of each kind.
	shared bool
}

// newVerifier begins one verification for each signature and digest that the
// package has.
func newVerifier(p *Package, sig, main *Header, ring *pgp.Keyring, set *hashes.Set) *verifier {
	if ring == nil {
		ring = pgp.Merge()
	}
	v := &verifier{p: p, sig: sig, main: main, ring: ring, hashes: set, unpacked: -1}
	v.addSignatures()
	v.addHeaderDigests()
	v.addPayloadDigests()
	return v
}

func (v *verifier) addSignatures() {
	for _, tag := range []uint32{sigDSA, sigRSA} {
		v.addSignature(tag, overHeader, v.sig.Bytes(tag))
	}
	packets := v.sig.Strings(sigOpenPGP)
	if len(packets) > MaxSignatures {
		v.p.fault(tagWhere(sigOpenPGP), "%d signatures, of which %d are read", len(packets), MaxSignatures)
		packets = packets[:MaxSignatures]
	}
	for _, text := range packets {
		packet, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			v.p.fault(tagWhere(sigOpenPGP), "signature is not base64: %v", err)
			continue
		}
		v.addSignature(sigOpenPGP, overHeader, packet)
	}
	for _, tag := range []uint32{sigPGP, sigGPG} {
		v.addSignature(tag, overPackage, v.sig.Bytes(tag))
	}
}

func (v *verifier) addSignature(tag uint32, over string, packet []byte) {
	if packet == nil {
		return
	}
	if len(packet) == 0 || packet[0]&0x80 == 0 { // armor is for people
		v.p.fault(tagWhere(tag), "signature is not an OpenPGP packet")
		return
	}
	verification, err := v.ring.Start(over, packet)
	if err != nil {
		v.p.fault(tagWhere(tag), "signature cannot be read: %v", err)
		return
	}
	if kind, ok := signatureType(packet); ok && kind != 0 {
		v.p.fault(tagWhere(tag), "signature is of type %#02x, and rpm takes only those of binary data", kind)
	}
	v.signatures = append(v.signatures, &signature{tag, verification, over == overHeader})
}

// signatureType returns the type of a signature packet (RFC 9580, sections 4.2
// and 5.2), false when it is too short to have one.
func signatureType(packet []byte) (byte, bool) {
	length := 2 // of the packet's header
	switch {
	case packet[0]&0x40 == 0: // old format
		length = [...]int{2, 3, 5, 1}[packet[0]&3]
	case len(packet) < 2:
		return 0, false
	case packet[1] == 255:
		length = 6
	case packet[1] >= 192 && packet[1] < 224:
		length = 3
	}
	kind := length + 1
	if len(packet) > length && packet[length] < 4 { // version 3 has a length in between
		kind++
	}
	if kind >= len(packet) {
		return 0, false
	}
	return packet[kind], true
}

// addHeaderDigests adds what the signature header holds.
func (v *verifier) addHeaderDigests() {
	for _, d := range []struct {
		tag       uint32
		algorithm repo.Algorithm
	}{{sigSHA1, repo.SHA1}, {sigSHA256, repo.SHA256}, {sigSHA3, repo.SHA3256}} {
		if v.sig.Has(d.tag) {
			v.addDigest(d.tag, d.algorithm, partHeader, v.sig.Text(d.tag))
		}
	}
	if v.sig.Has(sigMD5) {
		v.addDigest(sigMD5, repo.MD5, partPackage, hex.EncodeToString(v.sig.Bytes(sigMD5)))
	}
}

// payloadDigest is one algorithm's tags of the packed and unpacked payload.
type payloadDigest struct {
	algorithm        repo.Algorithm
	packed, unpacked uint32
}

func (v *verifier) payloadTags() []payloadDigest {
	return []payloadDigest{
		{repo.SHA256, tagPayloadDigest, tagPayloadDigestAlt},
		{repo.SHA512, tagPayloadSHA512, tagPayloadSHA512Alt},
		{repo.SHA3256, tagPayloadSHA3, tagPayloadSHA3Alt},
	}
}

// addPayloadDigests adds those of the packed payload. PAYLOADDIGEST is SHA-256
// whatever PAYLOADDIGESTALGO says (rpmvs.c).
func (v *verifier) addPayloadDigests() {
	const openPGPSHA256 = 8
	if v.main.Has(tagPayloadDigestAlgo) && v.main.Number(tagPayloadDigestAlgo) != openPGPSHA256 {
		v.p.fault(tagWhere(tagPayloadDigestAlgo), "payload digest of algorithm %d, and rpm takes it for SHA-256 (%d)",
			v.main.Number(tagPayloadDigestAlgo), openPGPSHA256)
	}
	for _, d := range v.payloadTags() {
		for _, want := range v.payloadDigest(d.packed) {
			v.addDigest(d.packed, d.algorithm, partPayload, want)
			v.digests[len(v.digests)-1].other = d.unpacked
		}
	}
}

func (v *verifier) payloadDigest(tag uint32) []string {
	all := v.main.Strings(tag)
	if len(all) > MaxPayloadDigests {
		v.p.fault(tagWhere(tag), "%d digests of the payload, of which %d are read", len(all), MaxPayloadDigests)
		all = all[:MaxPayloadDigests]
	}
	return all
}

func (v *verifier) addDigest(tag uint32, algorithm repo.Algorithm, part, want string) {
	if _, err := hex.DecodeString(want); err != nil || len(want) != algorithm.HexLen() {
		v.p.fault(tagWhere(tag), "%s digest of the %s is not %d hexadecimal digits", algorithm, part, algorithm.HexLen())
	}
	d := &selfDigest{SelfDigest: repo.SelfDigest{Part: part, Tag: int(tag), Algorithm: algorithm, Want: strings.ToLower(want)}}
	for _, earlier := range v.digests {
		if earlier.Part == part && earlier.Algorithm == algorithm {
			d.Hash, d.shared = earlier.Hash, true
		}
	}
	if d.Hash == nil {
		d.Hash = v.hashes.New(algorithm)
	}
	v.digests = append(v.digests, d)
}

// header takes the main header's bytes.
func (v *verifier) header(raw []byte) {
	for _, s := range v.signatures {
		_, _ = s.Write(raw) // never fails
	}
	for _, d := range v.digests {
		if d.Part != partPayload && !d.shared {
			_, _ = d.Write(raw) // never fails
		}
	}
}

// payload returns the writer for the bytes behind the main header.
func (v *verifier) payload() io.Writer {
	var all []io.Writer
	for _, s := range v.signatures {
		if !s.overHeader {
			all = append(all, s)
		}
	}
	for _, d := range v.digests {
		if (d.Part == partPayload || d.Part == partPackage) && !d.shared {
			all = append(all, d)
		}
	}
	return io.MultiWriter(all...)
}

// unpackedPayload begins the digests of the unpacked payload.
func (v *verifier) unpackedPayload() io.Writer {
	var all []io.Writer
	for _, d := range v.payloadTags() {
		for _, want := range v.payloadDigest(d.unpacked) {
			v.addDigest(d.unpacked, d.algorithm, partUnpacked, want)
			last := v.digests[len(v.digests)-1]
			last.other = d.packed
			if !last.shared {
				all = append(all, last)
			}
		}
	}
	return io.MultiWriter(all...)
}

// close lets go of the hash functions.
func (v *verifier) close() {
	for _, d := range v.digests {
		if !d.shared {
			hashes.Release(d.Hash)
		}
	}
}

// finish takes down the verdicts; end is where the file ended.
func (v *verifier) finish(end int64) {
	for _, s := range v.signatures {
		facts := s.Signatures()
		if len(facts) > 1 {
			v.p.fault(tagWhere(s.tag), "%d signatures where rpm reads one", len(facts))
		}
		for _, fact := range facts {
			fact.Tag = int(s.tag)
			v.p.Signatures = append(v.p.Signatures, fact)
		}
	}
	for _, d := range v.digests {
		d.Got = hex.EncodeToString(d.Sum(nil))
	}
	for _, d := range v.digests {
		switch stored := v.storedUnpacked(d); {
		case d.Part == partUnpacked && v.unpacked < 0: // not seen whole
		case stored != "":
			if d.Want == d.Got {
				v.p.SelfDigests = append(v.p.SelfDigests, d.SelfDigest)
			}
			if v.unpacked < 0 { // else it is there
				v.p.SelfDigests = append(v.p.SelfDigests, repo.SelfDigest{
					Part: partUnpacked, Tag: int(d.other), Algorithm: d.Algorithm, Want: stored, Got: d.Got,
				})
			}
		default:
			v.p.SelfDigests = append(v.p.SelfDigests, d.SelfDigest)
		}
	}
	v.sizes(end)
}

// storedUnpacked returns the digest of the unpacked payload, if that is also
// what d found the payload to be as it is stored. A package may be packed
// another way after it was signed, and so rpm holds either digest against the
// bytes as they are, and minds neither when the other is right (rpmvsVerify).
func (v *verifier) storedUnpacked(d *selfDigest) string {
	if d.Part == partPayload {
		for _, want := range v.payloadDigest(d.other) {
			if strings.EqualFold(want, d.Got) {
				return d.Got
			}
		}
	}
	return ""
}

// sizes holds the sizes that the headers tell against those that were seen. What
// rpm 4 has of the unpacked payload is not among them: builders other than
// rpmbuild have the sum of the files there.
func (v *verifier) sizes(end int64) {
	for _, s := range []struct {
		h    *Header
		tag  uint32
		what string
		got  int64
	}{
		{v.sig, sigSize, "header and payload", end - v.p.HeaderStart},
		{v.sig, sigLongSize, "header and payload", end - v.p.HeaderStart},
		{v.main, tagPayloadSize, partPayload, end - v.p.HeaderEnd},
		{v.main, tagPayloadSizeAlt, partUnpacked, v.unpacked},
	} {
		if s.got < 0 || !s.h.Has(s.tag) {
			continue
		}
		// The 32-bit tags are of packages that fit.
		if want := s.h.Number(s.tag); want != uint64(s.got) {
			v.p.fault(tagWhere(s.tag), "%s: wanted %d bytes, got %d", s.what, want, s.got)
		}
	}
}

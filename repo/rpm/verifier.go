package rpm

import (
	_ "crypto/md5"  // SIGMD5
	_ "crypto/sha1" // SHA1HEADER
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// The parts of a package that digests and signatures cover.
const (
	overHeader  = "rpm header"
	overPackage = "rpm header and payload"

	partHeader  = "header"
	partPayload = "payload"
	partPackage = "header and payload"
)

const (
	// maxOpenPGP bounds the signatures of tag 278; rpm 6 adds one a signer.
	maxOpenPGP = 16
	// maxPayloadDigests bounds PAYLOADDIGEST: an array, of which rpm fills one.
	maxPayloadDigests = 1
)

// verifier computes digests and verifies signatures while the file streams by.
type verifier struct {
	p          *Package
	tags       tagSet
	signatures []*signature
	digests    []*selfDigest
}

type signature struct {
	tag uint32
	*pgp.Verification
	overHeader bool
}

type selfDigest struct {
	repo.SelfDigest
	hash.Hash
	header, payload bool
}

// newVerifier begins one verification for each signature and digest that the
// package has.
func newVerifier(p *Package, tags tagSet, ring *pgp.Keyring) *verifier {
	if ring == nil {
		ring = pgp.Merge()
	}
	v := &verifier{p: p, tags: tags}
	for _, tag := range []uint32{sigDSA, sigRSA} {
		v.addSignature(ring, tag, overHeader, tags.signature(tag).Bytes())
	}
	packets := tags.signature(sigOpenPGP).StringSlice()
	if len(packets) > maxOpenPGP {
		p.fault(tagWhere(sigOpenPGP), "%d signatures, of which %d are read", len(packets), maxOpenPGP)
		packets = packets[:maxOpenPGP]
	}
	for _, text := range packets {
		packet, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			p.fault(tagWhere(sigOpenPGP), "signature is not base64: %v", err)
			continue
		}
		v.addSignature(ring, sigOpenPGP, overHeader, packet)
	}
	for _, tag := range []uint32{sigPGP, sigGPG} {
		v.addSignature(ring, tag, overPackage, tags.signature(tag).Bytes())
	}

	v.addDigest(sigSHA1, repo.SHA1, partHeader, tags.signature(sigSHA1).String())
	v.addDigest(sigSHA256, repo.SHA256, partHeader, tags.signature(sigSHA256).String())
	v.addDigest(sigMD5, repo.MD5, partPackage, hex.EncodeToString(tags.signature(sigMD5).Bytes()))
	v.payloadDigests()
	return v
}

// tagWhere is where a fault of a signature tag is.
func tagWhere(tag uint32) string { return fmt.Sprintf("tag %d", tag) }

func (v *verifier) addSignature(ring *pgp.Keyring, tag uint32, over string, packet []byte) {
	if len(packet) == 0 {
		return
	}
	verification, err := ring.Start(over, packet)
	if err != nil {
		v.p.fault(tagWhere(tag), "signature cannot be read: %v", err)
		return
	}
	v.signatures = append(v.signatures, &signature{tag, verification, over == overHeader})
}

func (v *verifier) addDigest(tag uint32, algorithm repo.Algorithm, part, want string) {
	if want == "" {
		return
	}
	if _, err := hex.DecodeString(want); err != nil || len(want) != algorithm.HexLen() {
		v.p.fault(tagWhere(tag), "%s digest of the %s is not %d hexadecimal digits", algorithm, part, algorithm.HexLen())
	}
	v.digests = append(v.digests, &selfDigest{
		SelfDigest: repo.SelfDigest{Part: part, Tag: int(tag), Algorithm: algorithm, Want: strings.ToLower(want)},
		Hash:       algorithm.Hash().New(),
		header:     part != partPayload, payload: part != partHeader,
	})
}

// payloadDigests reads PAYLOADDIGEST; its algorithm is a number of OpenPGP
// (RFC 9580, section 9.5), SHA-256 when it is not given.
func (v *verifier) payloadDigests() {
	algorithm := repo.SHA256
	if v.tags.has(tagPayloadDigestAlgo) {
		var ok bool
		number := v.tags.number(tagPayloadDigestAlgo)
		algorithm, ok = map[int64]repo.Algorithm{
			1: repo.MD5, 2: repo.SHA1, 8: repo.SHA256, 9: repo.SHA384, 10: repo.SHA512, 11: repo.SHA224,
		}[number]
		if !ok {
			v.p.fault(tagWhere(tagPayloadDigestAlgo), "payload digest of unknown algorithm %d", number)
			return
		}
	}
	digests := v.tags.strings(tagPayloadDigest)
	if len(digests) > maxPayloadDigests {
		v.p.fault(tagWhere(tagPayloadDigest), "%d payload digests, more than %d", len(digests), maxPayloadDigests)
		return
	}
	for _, want := range digests {
		v.addDigest(tagPayloadDigest, algorithm, partPayload, want)
	}
}

// header takes the main header's bytes.
func (v *verifier) header(raw []byte) {
	for _, s := range v.signatures {
		_, _ = s.Write(raw) // never fails
	}
	for _, d := range v.digests {
		if d.header {
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
		if d.payload {
			all = append(all, d)
		}
	}
	return io.MultiWriter(all...)
}

// finish takes down the verdicts; size is that of header and payload.
func (v *verifier) finish(size int64) {
	for _, s := range v.signatures {
		for _, fact := range s.Signatures() {
			fact.Tag = int(s.tag)
			v.p.Signatures = append(v.p.Signatures, fact)
		}
	}
	for _, d := range v.digests {
		d.Got = hex.EncodeToString(d.Sum(nil))
		v.p.SelfDigests = append(v.p.SelfDigests, d.SelfDigest)
	}
	for _, tag := range []uint32{sigSize, sigLongSize} {
		if t := v.tags.signature(tag); t != nil && t.Int64() != size {
			v.p.fault(tagWhere(tag), "header and payload: wanted %d bytes, got %d", t.Int64(), size)
		}
	}
}

package rpm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// accepted tells what rpmkeys -K decides from the facts (rpmvsVerify in rpm's
// lib/rpmvs.c, with the level "digest" of its default configuration): every
// digest is right, every signature is good, and both parts are covered: by a
// digest, and once there is a signature by that. Faults are what only we, or
// rpm itself, object to.
func accepted(p *rpm.Package, err error) bool {
	return err == nil && len(p.Faults) == 0 && provenBy(p)
}

func provenBy(p *rpm.Package) bool {
	const header, payload = 1, 2
	covers := map[string]int{"header": header, "payload": payload, "uncompressed payload": payload, "header and payload": header | payload}
	digests, signed, inSigned := 0, 0, 0
	for _, d := range p.SelfDigests {
		if d.Want != d.Got {
			return false
		}
		digests |= covers[d.Part]
		if d.Tag > 5000 { // it is inside of the header
			inSigned |= covers[d.Part]
		}
	}
	for _, s := range p.Signatures {
		switch {
		case s.Tag == 278: // of rpm 6
		case s.Verdict != repo.Good:
			return false
		case s.Over == "rpm header":
			signed |= header
		default:
			signed |= header | payload
		}
	}
	if signed&header != 0 {
		signed |= inSigned
	}
	return digests == header|payload && (signed == 0 || signed == header|payload)
}

// rpmkeysLines returns what rpmkeys -Kv says of each item, without what varies:
// "Header RSA/SHA256 1234abcd OK". What is not there is left out, and so is
// that the digest of the unpacked payload is not that of the packed one, which
// rpm says when the latter is wrong too.
func rpmkeysLines(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		item, status, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || !strings.HasPrefix(line, "    ") {
			continue
		}
		status, _, _ = strings.Cut(status, " ")
		if status == "NOTFOUND" || strings.HasSuffix(item, "ALT digest") && status == "BAD" {
			continue
		}
		item = strings.ReplaceAll(item, " digest", "")
		item = strings.ReplaceAll(item, " Signature, key ID", "")
		all = append(all, item+" "+status)
	}
	slices.Sort(all)
	return all
}

// factLines says the same from the facts, without what rpm 4.18 does not know.
func factLines(p *rpm.Package) []string {
	var all []string
	for _, d := range p.SelfDigests {
		if d.Tag == 279 || d.Tag > 5097 {
			continue
		}
		algorithm, status := strings.ToUpper(string(d.Algorithm)), "OK"
		if d.Want != d.Got {
			status = "BAD"
		}
		switch d.Part {
		case "header":
			algorithm = "Header " + algorithm
		case "payload":
			algorithm = "Payload " + algorithm
		case "uncompressed payload":
			algorithm = "Payload " + algorithm + " ALT"
		}
		all = append(all, algorithm+" "+status)
	}
	for _, s := range p.Signatures {
		if s.Tag == 278 {
			continue
		}
		status := map[repo.SignatureVerdict]string{repo.Good: "OK", repo.Bad: "BAD", repo.UnknownKey: "NOKEY"}[s.Verdict]
		line := fmt.Sprintf("V%d %s/%s %s %s", s.Version, s.KeyAlgorithm, s.Hash, strings.ToLower(s.KeyID[max(0, len(s.KeyID)-8):]), status)
		if s.Verdict == repo.Unsupported {
			line = map[int]string{267: "DSA", 268: "RSA", 1002: "RSA", 1005: "DSA"}[s.Tag] + " signature BAD"
		}
		if s.Over == "rpm header" {
			line = "Header " + line
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// faultTexts returns the faults for messages.
func faultTexts(p *rpm.Package) string {
	var b strings.Builder
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n\t%s", f.String())
	}
	return b.String()
}

func TestAcceptedModel(t *testing.T) {
	t.Parallel()
	good := func(over string) repo.Signature { return repo.Signature{Over: over, Verdict: repo.Good} }
	digest := func(part string, tag int) repo.SelfDigest { return repo.SelfDigest{Part: part, Tag: tag} }
	for _, x := range []struct {
		what string
		p    rpm.Package
		want bool
	}{
		{"nothing", rpm.Package{}, false},
		{"digest of the header only", rpm.Package{SelfDigests: []repo.SelfDigest{digest("header", 273)}}, false},
		{"both digests", rpm.Package{SelfDigests: []repo.SelfDigest{digest("header", 273), digest("payload", 5092)}}, true},
		{"signed header, digest of the payload outside", rpm.Package{SelfDigests: []repo.SelfDigest{digest("header and payload", 1004)}, Signatures: []repo.Signature{good("rpm header")}}, false},
		{"signed header, digest of the payload inside", rpm.Package{SelfDigests: []repo.SelfDigest{digest("header", 273), digest("payload", 5092)}, Signatures: []repo.Signature{good("rpm header")}}, true},
	} {
		if got := accepted(&x.p, nil); got != x.want {
			t.Errorf("%s: %v", x.what, got)
		}
	}
}

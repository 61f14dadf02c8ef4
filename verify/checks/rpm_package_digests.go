package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// rpm.org, "RPM V4 Package format": the signature header holds digests of the
// main header (SHA1HEADER 269, SHA256HEADER 273, SHA3_256 279) and SIGMD5 (1004)
// over header and payload; the main header holds those of the payload
// (PAYLOADDIGEST 5092, PAYLOADDIGESTALT 5097, in version 6 also 5121 to 5124).
// rpmkeys(8), --checksig, and every installation verify all that are there.
func rpmPackageDigests() verify.Check {
	return verify.Check{
		ID:       "rpm-package-digests",
		Title:    "header and payload digests of each rpm are there, strong, and right",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each rpm holds a digest by SHA-256 or better of its header and one of its payload, packed or unpacked, and that every digest that it holds, the weak ones too, is that of its bytes. Files that are not what the index says are package-checksums' affair.

Why: rpm verifies these digests before it installs anything. On a host in FIPS mode MD5 and SHA-1 do not exist: an rpm that has only those "does not verify: no digest" (k/k #95455). And a signature over the header proves the payload only through the digest that the header holds.

When it fails: for a digest that is missing or weak, build the package with rpm 4.14 or later, or with a tool that writes SHA256HEADER and PAYLOADDIGEST; for one that is wrong, find out what changed the package after it was built. Then sign it, and make and sign the index again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				a := p.Artifact
				if !a.OK() || a.Inside != nil || !p.Claim.Fits(a.Content) {
					return nil // package-checksums or package-matches-index reports it
				}
				return append(weakDigests(a.SelfDigests), wrongDigests(a.SelfDigests)...)
			})
		},
	}
}

// Parts of an rpm, as repo.SelfDigest names them.
const (
	partHeader   = "header"
	partPayload  = "payload"
	partUnpacked = "uncompressed payload"
	partBoth     = "header and payload"
)

// weakDigests returns a finding when a part has no strong digest. Tools that
// leave out one leave out the other, too, so both are one cause.
func weakDigests(digests []repo.SelfDigest) []verify.Finding {
	var parts, want, got []string
	for _, x := range []struct {
		name, tag string
		covers    []string
	}{
		{"header", "SHA256HEADER (tag 273)", []string{partHeader, partBoth}},
		{"payload", "PAYLOADDIGEST (tag 5092)", []string{partPayload, partUnpacked, partBoth}},
	} {
		var weak []string
		strong := false
		for _, d := range digests {
			if !slices.Contains(x.covers, d.Part) {
				continue
			}
			strong = strong || d.Algorithm.Strong()
			weak = append(weak, fmt.Sprintf("%s (tag %d)", d.Algorithm, d.Tag))
		}
		if strong {
			continue
		}
		if len(weak) == 0 {
			weak = []string{"none"}
		}
		parts, want, got = append(parts, "its "+x.name), append(want, x.tag), append(got, "of the "+x.name+" "+strings.Join(weak, " and "))
	}
	if len(parts) == 0 {
		return nil
	}
	return []verify.Finding{{
		Message: "an rpm holds no strong digest of " + strings.Join(parts, " and "),
		Want:    strings.Join(want, " and "),
		Got:     strings.Join(got, ", "),
		Hint:    "build it with rpm 4.14 or later, or with a tool that writes these tags; then sign it, and make the index again",
	}}
}

// wrongDigests returns a finding when a digest is not that of the bytes: a
// change of one part shows in several.
func wrongDigests(digests []repo.SelfDigest) []verify.Finding {
	var f *verify.Finding
	for _, d := range digests {
		if d.Want == d.Got {
			continue
		}
		if f == nil {
			f = &verify.Finding{
				Message: "an rpm holds a digest of itself that is wrong: rpm refuses to install it",
				Want:    fmt.Sprintf("%s of the %s %s (tag %d)", d.Algorithm, d.Part, quote(d.Want), d.Tag),
				Got:     d.Got,
				Hint:    "the package was changed after it was built: build it again, sign it, and make the index again",
			}
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of the %s, tag %d: %s in the package, %s of its bytes", d.Algorithm, d.Part, d.Tag, quote(d.Want), d.Got))
	}
	if f == nil {
		return nil
	}
	return []verify.Finding{*f}
}

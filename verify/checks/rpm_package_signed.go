package checks

import (
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: "assert that the packages [...] is signed with the
// current signing key". rpm's package format: a signature over the header
// proves the payload only through the payload digest that the header holds
// (rpm #1672).
func rpmPackageSigned() verify.Check {
	return verify.Check{
		ID:       "rpm-package-signed",
		Title:    "each rpm is signed by the pinned key, header and payload",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each rpm carries a signature that verifies under the pinned key and covers header and payload: one over both, or one over a header whose payload digest is right.

Why: the documented set-up has gpgcheck=1; dnf and zypper refuse an rpm that is not signed by the key (k/k #57855, #57873). Debs are not signed one by one: see apt-release-signed.

When it fails: sign the package with the current key and make the index again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				a := p.Artifact
				if !a.OK() || a.Inside != nil {
					return nil // package-checksums or package-matches-index reports it
				}
				fault := signatureFault(e, a.Signatures)
				if fault == nil {
					fault = uncovered(e, a)
				}
				if fault == nil {
					return nil
				}
				fault.Message = "an rpm " + fault.Message
				return []verify.Finding{*fault}
			})
		},
	}
}

// uncovered returns a finding when good signatures leave the payload open.
func uncovered(e *verify.Expectation, a *repo.Artifact) *verify.Finding {
	for _, s := range a.Signatures {
		if s.Verdict == repo.Bad {
			// A good one beside it does not help: rpm refuses on any bad one.
			return &verify.Finding{Message: "has a bad signature", Want: "good signatures only", Got: describeSignature(s), Hint: "sign the package again"}
		}
	}
	for _, s := range a.Signatures {
		if e.Pinned.Matches(s) && s.Over == "rpm header and payload" {
			return nil
		}
	}
	for _, d := range a.SelfDigests {
		if d.Part == "payload" && d.Algorithm.Strong() {
			if d.Want == d.Got {
				return nil
			}
			return &verify.Finding{Message: "has a payload that its signed header does not describe",
				Want: string(d.Algorithm) + " " + d.Want, Got: string(d.Algorithm) + " " + d.Got,
				Hint: "the payload was changed or swapped after signing: build and sign again"}
		}
	}
	return &verify.Finding{Message: "is signed over its header only, and the header holds no strong payload digest",
		Want: "header and payload covered by the signature", Got: "header only", Hint: "build with a current rpm and sign again"}
}

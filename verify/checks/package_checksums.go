package checks

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: "assert that all published packages have the expected
// checksums".
func packageChecksums() verify.Check {
	return verify.Check{
		ID:       "package-checksums",
		Title:    "each package file has the size and hashes that the index gives it",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each package file is served, and that its bytes have the size and every hash that the index gives.

Why: package managers refuse a file that differs. It happens when a package is built again under the same name, when a mirror or CDN keeps an old copy, or when an upload was cut short.

When it fails: the evidence says whether the package is a whole one (then index and file are of different builds: publish again, purge the CDN) or damaged (upload again).`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				a := p.Artifact
				f := verify.Finding{Hint: "upload the file that the index means, or make and sign the index again"}
				switch {
				case a.Problem.Is(repo.Absent):
					f.Hint = "upload the file, or wait for the mirror"
					return []verify.Finding{verify.Problemf(a.Problem, f, "a package that the index lists is not there")}
				case a.Problem.Is(repo.Unreachable):
					f.Hint = "run again"
					return []verify.Finding{verify.Problemf(a.Problem, f, "package files could not be fetched")}
				case a.Problem != nil:
					return []verify.Finding{verify.Problemf(a.Problem, f, "a package file cannot be read")}
				}
				if !differs(&f, p.Claim, a.Content) {
					return nil
				}
				f.Message = "a package file is not what the index says"
				f.Evidence = append(f.Evidence, nature(p))
				return []verify.Finding{f}
			})
		},
	}
}

// nature says what a file with the wrong bytes is.
func nature(p repo.Package) string {
	a := p.Artifact
	if a.Inside != nil {
		return "the file is damaged: " + a.Inside.String()
	}
	for _, s := range a.Signatures {
		if s.Verdict == repo.Bad {
			return "the file is damaged: " + describeSignature(s)
		}
	}
	name, _ := a.Fields.Get("Package")
	if name == "" {
		name, _ = a.Fields.Get("name")
	}
	version, _ := a.Fields.Get("Version")
	return strings.TrimSpace(fmt.Sprintf("the file can be read as a package: %s %s", name, version))
}

package checks

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// judgeIndex holds one index against what is claimed of it, packed and open.
func judgeIndex(x repo.Index) []verify.Finding {
	f := verify.Finding{
		Subject: verify.Subject{File: x.Path},
		URL:     x.URL,
		Hint:    "if the publication is still going on, run again later; else publish the repository again",
	}
	// A file whose bytes are as claimed and that still does not parse is
	// another check's.
	if x.Problem != nil && (!x.Problem.Is(repo.Malformed) || x.Size == 0) {
		return []verify.Finding{fileProblem(f, x.Problem)}
	}
	for _, claim := range x.Claims {
		if differs(&f, claim, x.Content) {
			f.Message = fmt.Sprintf("%s is not what %s says", x.Path, claim.By)
			return []verify.Finding{f}
		}
	}
	if x.Problem != nil && len(x.OpenClaims) > 0 && x.Open == nil {
		return []verify.Finding{fileProblem(f, x.Problem)}
	}
	if x.Open == nil {
		return nil
	}
	for _, claim := range x.OpenClaims {
		if differs(&f, claim, *x.Open) {
			f.Message = fmt.Sprintf("%s, decompressed, is not what %s says", x.Path, claim.By)
			return []verify.Finding{f}
		}
	}
	return nil
}

// differs fills in want, got and evidence of f where the content is not what
// is claimed.
func differs(f *verify.Finding, claim repo.Claim, got repo.Content) bool {
	if claim.Fits(got) {
		return false
	}
	algorithm, _ := claim.Digests.Disagreement(got.Digests)
	f.Want, f.Got = describe(claim.Size, algorithm, claim.Digests), describe(got.Size, algorithm, got.Digests)
	if claim.Line > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s line %d", claim.By, claim.Line))
	}
	return true
}

// describe writes a size and one digest, "" meaning none.
func describe(size int64, algorithm repo.Algorithm, digests repo.Digests) string {
	var parts []string
	if size >= 0 {
		parts = append(parts, fmt.Sprintf("%d bytes", size))
	}
	if algorithm != "" {
		parts = append(parts, string(algorithm)+" "+digests.Get(algorithm))
	}
	return strings.Join(parts, ", ")
}

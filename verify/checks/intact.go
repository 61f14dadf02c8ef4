package checks

import "sigs.k8s.io/pkgverify/repo"

// intact reports whether a package's file was read, inside too, and is the one
// that the index lists. What is inside another file says nothing of this
// package: package-checksums and package-matches-index report it.
func intact(p repo.Package) bool {
	a := p.Artifact
	return a.OK() && a.Inside == nil && p.Claim.Fits(a.Content)
}

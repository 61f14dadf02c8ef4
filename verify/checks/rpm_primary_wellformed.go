package checks

import (
	"sigs.k8s.io/pkgverify/verify"
)

// createrepo_c's primary.xml: each package has name, arch, version, checksum
// (the pkgid), size and location.
func rpmPrimaryWellformed() verify.Check {
	return verify.Check{
		ID:       "rpm-primary-wellformed",
		Title:    "the packages of primary parse, are complete, and do not contradict each other",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that every package of primary.xml parses and has the required elements, that no two different packages share name, epoch, version, release and architecture, and that every location stays inside the repository.

Why: dnf and zypper give up on XML they cannot read, and take one of two packages that contradict each other.

When it fails: the message names the line. Run createrepo_c again over the published tree and sign again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return wellformed(r.RPM.Indexes, r.Packages, "package element")
		},
	}
}

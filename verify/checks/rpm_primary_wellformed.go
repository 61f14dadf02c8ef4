package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
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
		Doc: `Asks that every package of primary.xml parses and has the required elements, that no two different packages share name, epoch, version, release and architecture, and that every location stays inside the repository, also by its xml:base, which dnf and zypper follow to another address.

Why: dnf and zypper give up on XML they cannot read, and take one of two packages that contradict each other. With an xml:base they fetch the package from where it says, which is not the file that was verified here.

When it fails: the message names the line. Run createrepo_c again over the published tree and sign again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return append(wellformed(r.RPM.Indexes, r.Packages, "package element"), elsewhere(r.Packages)...)
		},
	}
}

// elsewhere finds packages that clients fetch from another address than the
// repository's own: librepo and libsolv put location's xml:base before its href.
func elsewhere(packages []repo.Package) []verify.Finding {
	var c causes
	for _, p := range packages {
		base, ok := p.Fields.Get("location-base")
		if !ok || base == "" {
			continue
		}
		c.add(verify.Finding{
			Subject:  verify.SubjectOf(p),
			Message:  "the index sends clients to another address for a package",
			Want:     "a location below the repository, without xml:base",
			Got:      fmt.Sprintf("xml:base %q", base),
			Evidence: []string{place(p)},
			Hint:     "make the index without --baseurl; if nobody here wrote this address, treat the repository as tampered with",
		})
	}
	return c.findings()
}

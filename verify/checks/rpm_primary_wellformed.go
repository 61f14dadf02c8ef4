package checks

import (
	"fmt"
	"strings"

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
		Doc: `Asks that every package of primary.xml parses and has the required elements, that no two different packages share name, epoch, version, release and architecture, and that every location stays inside the repository, also by its xml:base, which dnf and zypper follow to another address. Warns when another index (updateinfo, modules, groups, changelogs) does not parse.

Why: dnf and zypper give up on XML they cannot read, and take one of two packages that contradict each other. With an xml:base they fetch the package from where it says, which is not the file that was verified here.

When it fails: the message names the line. Run createrepo_c again over the published tree and sign again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			found := append(wellformed(r.RPM.Indexes, r.Packages, "package element"), elsewhere(e.Target.URL, r.Packages)...)
			return append(found, others(r.RPM.Indexes)...)
		},
	}
}

// others judges what is inside the indexes beside primary and filelists: the
// packages install without them, but dnf warns of bad advisories and groups,
// and leaves out the packages of modules it cannot read.
func others(indexes []repo.Index) []verify.Finding {
	var found []verify.Finding
	for _, x := range indexes {
		if verify.IsPackageIndex(x) || x.Type == "filelists" || len(judgeIndex(x)) > 0 {
			continue
		}
		f := verify.Finding{Status: verify.Warn, Subject: verify.Subject{File: x.Path}, URL: x.URL,
			Want: "well-formed " + x.Type, Hint: "make this index again (createrepo_c, modifyrepo_c), and sign repomd.xml again"}
		switch {
		case x.Problem.Is(repo.Malformed):
			f.Message, f.Got = x.Path+" does not parse", x.Problem.String()
		case x.FaultCount > 0:
			f.Message, f.Got = fmt.Sprintf("%s has %d bad entries", x.Path, x.FaultCount), x.Faults[0].String()
			for _, p := range x.Faults[:min(len(x.Faults), maxListed)] {
				f.Evidence = append(f.Evidence, p.String())
			}
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// elsewhere finds packages that clients fetch from another address than the
// repository's own: librepo and libsolv put location's xml:base before its href.
// A base that is the repository's own address changes nothing.
func elsewhere(own string, packages []repo.Package) []verify.Finding {
	var c causes
	for _, p := range packages {
		base, ok := p.Fields.Get("location-base")
		if !ok || base == "" || strings.HasPrefix(strings.TrimSuffix(base, "/")+"/", own) {
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

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
		Doc: `Asks that every package of primary.xml parses and has the required elements, that no two different packages share name, epoch, version, release and architecture, and that every location stays inside the repository. Warns when another index (updateinfo, modules, groups, changelogs) does not parse.

Why: dnf and zypper give up on XML they cannot read, and take one of two packages that contradict each other.

When it fails: the message names the line. Run createrepo_c again over the published tree and sign again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return append(wellformed(r.RPM.Indexes, r.Packages, "package element"), others(r.RPM.Indexes)...)
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

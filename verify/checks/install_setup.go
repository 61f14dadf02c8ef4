package checks

import (
	"regexp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "Given an End User configured their system to
// disallow the use of unsigned, untrusted package repositories [...] Then their
// package manager does not complain about untrusted packages, sources or
// repositories".
func installSetup() verify.Check {
	return verify.Check{
		ID:       "install-setup",
		Title:    "the documented set-up is accepted, with verification on and no trust warning",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that a fresh system, set up as the documentation says with the repository's own key, accepts the repository: apt-get update, or dnf makecache with gpgcheck=1 and repo_gpgcheck=1, without a complaint about trust.

Why: it is the first thing that every user does. A wrong or expired key, an unsigned index and a broken index all end here.

When it fails: the output names the reason in the package manager's words; the metadata checks of the same target name the cause.`,
		Cell: func(_ *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Setup.Outcome, "the set-up was refused"); bad != nil {
				return bad
			}
			var found []verify.Finding
			for _, line := range f.Setup.Warnings {
				w := verify.Finding{Message: "the package manager complains at set-up", Got: line, Want: "no complaint",
					Hint: "see the metadata checks of this target for the cause"}
				if !trustComplaint.MatchString(line) {
					w.Status = verify.Warn
				}
				found = append(found, w)
			}
			return found
		},
	}
}

// trustComplaint matches what apt and dnf say about trust.
var trustComplaint = regexp.MustCompile(`(?i)sign|trust|key|verif|insecure|weak|polic|secur|gpg|digest|hash`)

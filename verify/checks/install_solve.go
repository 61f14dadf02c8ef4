package checks

import (
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "they can install any of the listed versions".
func installSolve() verify.Check {
	return verify.Check{
		ID:       "install-solve",
		Title:    "every published version can be installed, by the package manager's own solver",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks the package manager to simulate the installation of every version on offer: the packages of a release together in that version, each other package by itself.

Why: dependency-closure knows what the profile assumes of a distribution; the distribution itself knows better. conntrack could not be resolved on SUSE, for old builds too (k/r #3689, #3711, #4054), and EL10 has no iptables (k/r #4434).

When it fails: the evidence is the solver's own word. Correct the dependency, build the versions it names again, and publish.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Solve.Outcome, "the installation could not be simulated"); bad != nil {
				return bad
			}
			var c causes
			for _, s := range f.Solve.Solutions {
				if s.OK {
					continue
				}
				x := verify.Finding{
					Message: "the package manager finds no way to install a version", URL: e.Target.URL,
					Want: "a solution", Got: firstOf(s.Reason), Hint: "correct the dependency, build again, publish; see dependency-closure",
				}
				x.Evidence = tail(s.Reason)
				for i, p := range s.Pins {
					if i == 0 {
						x.Subject.Package, x.Subject.Version = p.Package, p.Version
					} else {
						x.Subject.Package += ", " + p.Package
					}
				}
				c.add(x)
			}
			return c.findings()
		},
	}
}

// firstOf returns the first line of a text.
func firstOf(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

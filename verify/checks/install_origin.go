package checks

import (
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: the packages under test are those of the repository, and
// not of the same name from a distribution.
func installOrigin() verify.Check {
	return verify.Check{
		ID:       "install-origin",
		Title:    "the installed packages came from the repository under test",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks the package manager from which source each installed package came, and that it is the repository under test.

Why: distributions have packages of these names (cri-tools, kubernetes-cni), which a higher version or priority prefers. What was then tried is not what was published.

When it fails: compare the versions on offer in cells/<cell>.log; the other source has a higher one, or a pin.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Origin.Outcome, "the origin of the packages could not be learnt"); bad != nil {
				return bad
			}
			var c causes
			for _, p := range f.Latest.Installed {
				got := f.Origin.Origins[p.Package]
				if strings.TrimSuffix(got, "/") == f.Origin.Want {
					continue
				}
				c.add(verify.Finding{
					Subject: verify.Subject{Package: p.Package, Version: p.Version}, URL: e.Target.URL,
					Message: "an installed package came from elsewhere", Want: f.Origin.Want, Got: orNone(got),
					Hint: "see which source offers the higher version: cells/" + f.Cell.ID + ".log",
				})
			}
			return c.findings()
		},
	}
}

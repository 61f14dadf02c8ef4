package checks

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "they do not see any packages of any other
// kubernetes minor releases".
func minorPolicy() verify.Check {
	return verify.Check{
		ID:       "minor-policy",
		Title:    "no package of another minor version",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that every package that carries the product's version is of this repository's minor.

Why: users choose the minor by choosing the repository. A package of the next minor is taken for an upgrade, and clusters must not skip the steps of a minor upgrade unasked.

When it fails: take the package out of this repository and publish again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, p := range r.Packages {
				expected := e.Package(p.Name)
				if expected == nil || expected.OwnVersions || minorOf(p.Upstream()) == e.Target.Minor {
					continue
				}
				found = append(found, verify.Finding{
					Subject: verify.SubjectOf(p),
					Message: fmt.Sprintf("%s is not of the minor %s", p.Upstream(), e.Target.Minor),
					Want:    "versions " + e.Target.Minor + ".*",
					Got:     p.Upstream(),
					URL:     e.Target.URL,
					Hint:    "take it out of this repository and publish again",
				})
			}
			return group(found)
		},
	}
}

// minorOf returns the first two parts of a version: "1.26" of "1.26.0-rc.1".
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

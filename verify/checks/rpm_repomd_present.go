package checks

import (
	"sigs.k8s.io/pkgverify/verify"
)

// createrepo_c(8): "repodata/repomd.xml" is the root of the metadata; dnf's and
// zypper's first request.
func rpmRepomdPresent() verify.Check {
	return verify.Check{
		ID:       "rpm-repomd-present",
		Title:    "repomd.xml is there and parses",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Doc: `Asks that repodata/repomd.xml can be fetched and parses.

Why: every client of an rpm-md repository begins with it.

When it fails: the repository was not published, was published in part, or the address is wrong. Publish the project again and wait for the mirrors.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			file := r.RPM.RepomdFile
			if file.OK() {
				return nil
			}
			f := verify.Finding{Subject: verify.Subject{File: file.Path}, URL: file.URL}
			return []verify.Finding{fileProblem(f, file.Problem)}
		},
	}
}

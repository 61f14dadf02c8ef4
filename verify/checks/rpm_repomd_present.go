package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
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
		Doc: `Asks that repodata/repomd.xml can be fetched and parses. If the repository was found by a metalink, it must be the file that the metalink describes; warns when it is one of the older states that the metalink allows.

Why: every client of an rpm-md repository begins with it.

When it fails: the repository was not published, was published in part, or the address is wrong. Publish the project again and wait for the mirrors.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			file := r.RPM.RepomdFile
			f := verify.Finding{Subject: verify.Subject{File: file.Path}, URL: file.URL}
			if file.Problem.Is(repo.Absent) {
				return []verify.Finding{noRepository(e, []repo.File{file})}
			}
			if !file.OK() {
				return []verify.Finding{fileProblem(f, file.Problem)}
			}
			return asListed(f, file, r.Mirrors)
		},
	}
}

// asListed holds repomd.xml against what a metalink says of it, as librepo does:
// any of the states that are listed will do.
func asListed(f verify.Finding, file repo.File, mirrors *repo.MirrorList) []verify.Finding {
	if mirrors == nil || len(mirrors.Root) == 0 {
		return nil
	}
	for i, state := range mirrors.Root {
		switch {
		case !state.Fits(file.Content):
		case i == 0:
			return nil
		default:
			f.Status = verify.Warn
			f.Message = "the mirror has an older state of the repository"
			f.Want, f.Got = states(mirrors.Root[0], file.Content)
			f.Hint = "wait until the mirror has caught up, or choose another"
			return []verify.Finding{f}
		}
	}
	f.Message = fmt.Sprintf("%s is not what the metalink says of it", file.Path)
	f.Want, f.Got = states(mirrors.Root[0], file.Content)
	f.Evidence = []string{mirrors.URL}
	f.Hint = "dnf passes over this mirror: compare it with the others, and report it to who runs it"
	return []verify.Finding{f}
}

// states describes a claim and a content by the claim's strongest digest.
func states(claim repo.Claim, got repo.Content) (string, string) {
	algorithm, _ := claim.Digests.Disagreement(got.Digests)
	return describe(claim.Size, algorithm, claim.Digests), describe(got.Size, algorithm, got.Digests)
}

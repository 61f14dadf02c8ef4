package checks

import (
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "RepositoryFormat": "The file 'InRelease' [...] is signed
// in-line while the 'Release' file should have an accompanying detached
// 'Release.gpg'." OBS (bs_publish) writes all three.
func aptReleasePresent() verify.Check {
	return verify.Check{
		ID:       "apt-release-present",
		Title:    "InRelease, Release and Release.gpg are there and parse",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Doc: `Asks that InRelease, Release and Release.gpg can be fetched and parse.

Why: apt reads InRelease, and falls back to Release with Release.gpg. Without a signed root no package of the repository can be trusted.

When it fails: the repository was not published, was published in part, or the address is wrong (the minor needs its "v": /v1.30/). Publish the project again and wait for the mirrors.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, x := range []struct {
				file    repo.File
				release *repo.Release
			}{
				{r.Apt.InRelease, r.Apt.Inline},
				{r.Apt.Release, r.Apt.Detached},
				{r.Apt.ReleaseGPG, nil},
			} {
				f := verify.Finding{Subject: verify.Subject{File: x.file.Path}, URL: x.file.URL}
				if p := x.file.Problem; p != nil {
					if !p.Is(repo.Unread) { // the file that stopped the crawl says it
						found = append(found, fileProblem(f, p))
					}
					continue
				}
				if x.release == nil {
					continue
				}
				for _, p := range x.release.Faults {
					f.Message = x.file.Path + " does not parse"
					f.Got = p.String()
					f.Hint = "make the Release file again and sign it"
					found = append(found, f)
				}
			}
			return found
		},
	}
}

// fileProblem returns the finding for a metadata file that could not be read.
func fileProblem(f verify.Finding, p *repo.Problem) verify.Finding {
	file := f.Subject.File
	switch p.Kind {
	case repo.Absent:
		f.Hint = "if the address is right, publish the repository again; a mirror may need time"
		return verify.Problemf(p, f, "%s is not there", file)
	case repo.Unreachable:
		f.Hint = "check the network and the server from here, then run again"
		return verify.Problemf(p, f, "%s could not be reached", file)
	case repo.Unread:
		return verify.Problemf(p, f, "%s was not read", file)
	}
	f.Hint = "the bytes served are wrong: compare them with what was published"
	return verify.Problemf(p, f, "%s does not parse", file)
}

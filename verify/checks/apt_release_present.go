package checks

import (
	"slices"

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
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			if files := []repo.File{r.Apt.InRelease, r.Apt.Release, r.Apt.ReleaseGPG}; allAbsent(files) {
				return []verify.Finding{noRepository(e, files)}
			}
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

// allAbsent reports whether none of the files is there.
func allAbsent(files []repo.File) bool {
	return !slices.ContainsFunc(files, func(f repo.File) bool { return !f.Problem.Is(repo.Absent) })
}

// noRepository returns the finding for an address at which nothing is.
func noRepository(e *verify.Expectation, roots []repo.File) verify.Finding {
	f := verify.Finding{URL: e.Target.URL, Want: roots[0].Path, Hint: ifThere(e)}
	for _, file := range roots[1:] {
		f.Evidence = append(f.Evidence, file.Problem.String())
	}
	return verify.Problemf(roots[0].Problem, f, "there is no repository at this address")
}

const publishAgain = "if the address is right, publish the repository again; a mirror may need time"

// ifThere is the next step for what is not there. Users have taken the address
// of a minor without its "v" for a missing repository (kubernetes/release
// #3584).
func ifThere(e *verify.Expectation) string {
	if e.Canonical == "" || e.Canonical == e.Target.URL {
		return publishAgain
	}
	return "if the address is right (the profile's is " + e.Canonical + "), publish the repository again; a mirror may need time"
}

// fileProblem returns the finding for a metadata file that could not be read.
func fileProblem(f verify.Finding, p *repo.Problem) verify.Finding {
	file := f.Subject.File
	switch p.Kind {
	case repo.Absent:
		f.Hint = publishAgain
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

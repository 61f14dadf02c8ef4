package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "DebianRepository/Format": of Origin, Label, Suite and Codename,
// "It is suggested that any repository published for other users to use fills
// meaningful information in these fields so that the user can tell apart
// different repositories." What OBS fills in is in bs_publish,
// createrepo_debian. apt takes a Release without Architectures for one of all
// (debReleaseIndex::IsArchitectureSupported).
func aptReleaseFields() verify.Check {
	return verify.Check{
		ID:       "apt-release-fields",
		Title:    "the Release file speaks of this repository and lists its architectures",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that the signed Release text names the Origin, Label, Suite and Codename that the profile knows for this target (what the profile does not name is not asked), that its Architectures list every expected one, and that it has a Date.

Why: the signature says who published, and only these fields say what. A Release of another repository of the same project, signed by the same key, is valid everywhere; apt pins and "apt update" go by Origin and Codename, and refuse a repository whose fields change. An architecture that is not listed is not fetched at all: the ppc64le debs were lost that way when their build failed and the job exited 0 (k/r #3632). Where there is no list apt takes the repository for one of all architectures, so that is a warning.

When it fails: if Origin or Label is that of another repository, find out how it got here before you publish again: a mirror that mixes repositories up can be an attack. If an architecture is missing, see packages-published for its packages; build and publish again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			file, root := r.Apt.InRelease, r.Apt.Root()
			if r.Apt.Inline == nil {
				file = r.Apt.Release
			}
			found := releaseIdentity(e.Release, root, file.Path)
			found = append(found, listedArchitectures(e.Arches, root, file.Path)...)
			// One that is there and does not parse is apt-release-present's.
			if date, ok := root.Fields.Get("Date"); root.Date.IsZero() && (!ok || strings.TrimSpace(date) == "") {
				found = append(found, verify.Finding{
					Message: file.Path + " has no Date",
					Want:    "the time at which it was made",
					Got:     "no such field",
					Hint:    "make the Release file again and sign it: without a date no client can tell an old state from the present one",
				})
			}
			for i := range found {
				found[i].Subject, found[i].URL = verify.Subject{File: file.Path}, file.URL
			}
			return found
		},
	}
}

// releaseIdentity compares the fields that say which repository this is. They are of
// one cause, so that they make one finding.
func releaseIdentity(want verify.ReleaseExpectation, got *repo.Release, path string) []verify.Finding {
	var names, wanted, there []string
	for _, x := range []struct{ name, want, got string }{
		{"Origin", want.Origin, got.Origin}, {"Label", want.Label, got.Label},
		{"Suite", want.Suite, got.Suite}, {"Codename", want.Codename, got.Codename},
	} {
		if x.want != "" && x.want != x.got {
			names = append(names, x.name)
			wanted = append(wanted, x.name+": "+x.want)
			there = append(there, x.name+": "+orNone(x.got))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []verify.Finding{{
		Message: fmt.Sprintf("%s is not that of this repository: %s", path, list(names)),
		Want:    strings.Join(wanted, "; "),
		Got:     strings.Join(there, "; "),
		Hint:    "find out which repository this Release was made for and how it got here, then publish this one again",
	}}
}

func listedArchitectures(want []repo.Arch, got *repo.Release, path string) []verify.Finding {
	var missing []string
	for _, a := range want {
		if name := a.In(repo.Deb); !slices.Contains(got.Architectures, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	f := verify.Finding{
		Message: fmt.Sprintf("%s does not list the architecture %s", path, list(missing)),
		Want:    "Architectures with " + list(missing),
		Got:     "Architectures: " + strings.Join(got.Architectures, " "),
		Hint:    "see packages-published; build for that architecture again and publish",
	}
	if len(got.Architectures) == 0 {
		f.Status = verify.Warn
		f.Message = path + " lists no architectures"
		f.Got = "no such field, which apt takes for all architectures"
		f.Hint = "name the architectures when the Release file is made"
	}
	return []verify.Finding{f}
}

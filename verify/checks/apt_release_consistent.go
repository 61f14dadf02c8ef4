package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "RepositoryFormat": "The file 'InRelease' [...] is signed
// in-line while the 'Release' file should have an accompanying detached
// 'Release.gpg'": the same text, signed in two ways. bs_publish of OBS makes
// both from one Release.
func aptReleaseConsistent() verify.Check {
	return verify.Check{
		ID:       "apt-release-consistent",
		Title:    "InRelease and Release say the same",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that the signed text of InRelease and Release have the same fields, and list the same files with the same sizes and hashes. The order of the files does not matter. Where only one of the two is there nothing is compared: see apt-release-present.

Why: apt of today reads InRelease and no more; older clients, mirroring tools and caches read Release. When one of the two stays behind, some users see another repository than others, both signed. Nothing of a repository is replaced at one moment, and a repository that was removed can leave its InRelease behind, so that the next one's Release stands beside it. A stale InRelease beside a new Release is reported here, and not by metadata-fresh.

When it fails: the evidence says which file is the older one. If the publication is not finished, wait and run again. Else publish again, so that both are written; on a mirror or CDN, purge the older one.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			f := verify.Finding{Subject: verify.Subject{File: r.Apt.InRelease.Path}, URL: r.Apt.InRelease.URL}
			for _, x := range []struct {
				file    repo.File
				release *repo.Release
			}{{r.Apt.InRelease, r.Apt.Inline}, {r.Apt.Release, r.Apt.Detached}} {
				if x.release == nil {
					return []verify.Finding{unjudged(x.file.Problem, f, "there is no "+x.file.Path+" to compare", "apt-release-present")}
				}
			}
			what, evidence := releaseDifferences(r.Apt.Inline, r.Apt.Detached)
			if len(what) == 0 {
				return nil
			}
			f.Message = fmt.Sprintf("%s and %s say different things: %s", r.Apt.InRelease.Path, r.Apt.Release.Path, strings.Join(what, ", "))
			f.Want, f.Got = "one text, signed in two ways", age(r.Apt)
			f.Evidence = append(evidence, unrest(r)...)
			for _, file := range []repo.File{r.Apt.InRelease, r.Apt.Release} {
				if said := lastModified(file); said != "" {
					f.Evidence = append(f.Evidence, said)
				}
			}
			f.Hint = "if the publication is still going on, run again later; else publish again, and purge the older file from mirrors and caches"
			return []verify.Finding{f}
		},
	}
}

// age says which of the two release files is the older one.
func age(a *repo.Apt) string {
	switch inline, detached := a.Inline.Date, a.Detached.Date; {
	case inline.IsZero() || detached.IsZero(), inline.Equal(detached):
		return "two texts of one date"
	case inline.Before(detached):
		return fmt.Sprintf("an %s of %s, older than the %s of %s", a.InRelease.Path, stamp(inline), a.Release.Path, stamp(detached))
	default:
		return fmt.Sprintf("a %s of %s, older than the %s of %s", a.Release.Path, stamp(detached), a.InRelease.Path, stamp(inline))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// releaseDifferences returns what differs, in a few words and in full.
func releaseDifferences(inline, detached *repo.Release) (what, evidence []string) {
	var all lines
	what = fieldDifferences(inline.Fields, detached.Fields, &all)
	if n := entryDifferences(inline.Entries, detached.Entries, &all); n > 0 {
		what = append(what, fmt.Sprintf("%d of the files listed", n))
	}
	return what, all.evidence()
}

// fieldDifferences compares all fields but the lists of files.
func fieldDifferences(inline, detached repo.Fields, evidence *lines) []string {
	var what []string
	differ := func(name, here, there string) {
		if slices.ContainsFunc(what, func(x string) bool { return strings.EqualFold(x, name) }) {
			return
		}
		if len(what) < maxListed {
			what = append(what, name)
		}
		evidence.add("%s: %s in InRelease, %s in Release", name, quote(here), quote(there))
	}
	for name, value := range inline.All() {
		if other, there := detached.Get(name); !listsFiles(name) && (!there || !sameText(value, other)) {
			differ(name, value, other)
		}
	}
	for name, value := range detached.All() {
		if _, there := inline.Get(name); !there && !listsFiles(name) {
			differ(name, "", value)
		}
	}
	return what
}

// listsFiles reports whether a field is a list of files with their hashes.
func listsFiles(field string) bool {
	_, ok := repo.ParseAlgorithm(field)
	return ok
}

// sameText compares without the white space at the ends of lines, which the
// signature of InRelease does not cover (RFC 9580 section 7.2).
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	trimmed := func(s string) []string {
		all := strings.Split(s, "\n")
		for i := range all {
			all[i] = strings.TrimRight(all[i], " \t\r")
		}
		return all
	}
	return slices.Equal(trimmed(a), trimmed(b))
}

// entryDifferences compares the lists of files, and returns how many differ.
// A hash that one gives and the other does not is a difference.
func entryDifferences(inline, detached []repo.ReleaseEntry, evidence *lines) int {
	of := make(map[string]repo.Claim, len(detached))
	for _, e := range detached {
		of[e.Path] = e.Claim
	}
	n := 0
	differ := func(path, here, there string) {
		n++
		evidence.add("%s: %s in InRelease, %s in Release", path, here, there)
	}
	for _, e := range inline {
		other, there := of[e.Path]
		delete(of, e.Path)
		switch {
		case !there:
			differ(e.Path, listed(e.Claim), "not listed")
		case e.Size != other.Size || e.Digests != other.Digests:
			differ(e.Path, listed(e.Claim), listed(other))
		}
	}
	for _, e := range detached {
		if _, left := of[e.Path]; left {
			differ(e.Path, "not listed", listed(e.Claim))
		}
	}
	return n
}

// listed describes an entry by its size, its strongest digest, and by which
// algorithms it has others.
func listed(c repo.Claim) string {
	text := fmt.Sprintf("%d bytes", c.Size)
	first := true
	for a, digest := range c.Digests.All() {
		if first {
			text += ", " + string(a) + " " + digest
		} else {
			text += " and " + string(a)
		}
		first = false
	}
	return text
}

package checks

import (
	"fmt"
	"strconv"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "RepositoryFormat", "Date, Valid-Until": "The Date field shall
// specify the time at which the Release file was created. Clients updating a
// local on-disk cache should ignore a Release file with an earlier date than
// the date in the already stored Release file. The Valid-Until field may
// specify at which time the Release file should be considered expired by the
// client." apt.conf(5), Acquire::Max-FutureTime: 10 seconds. createrepo_c(8),
// --revision: "User-specified revision for this repository", any text, by
// default the UNIX time; timestamp of a data element: when the file was made.
func metadataFresh() verify.Check {
	return verify.Check{
		ID:       "metadata-fresh",
		Title:    "the metadata is dated neither in the future nor before the newest package, and has not expired",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that the metadata bears a date that can be true. deb: Date is not more than 24 hours ahead (it warns from one hour on), and Valid-Until, if there is one, has not passed. rpm: neither the revision, where it is a UNIX time, nor a timestamp in repomd.xml is in the future, and the newest of them is not more than 24 hours older than the build of the newest package. The 24 hours are for builds that are dated by their changelog, at noon of the day.

Why: without Valid-Until, which OBS does not write, an old state of a repository that is played back by a stale mirror or by an attacker shows in its dates only. apt refuses a Release from the future ("not valid yet") and one past its Valid-Until ("expired"). Packages of an index are older than the index; where they are not, index and repomd.xml are of different publications, or a clock was wrong and users' caches will keep what is older.

What is not asked: the index of an apt repository has no date for any package. An InRelease older than the Release beside it is reported by apt-release-consistent, and a whole repository that went back to an earlier state by published-files-kept, against a baseline.

When it fails: set the clock of the publisher right and publish again; past Valid-Until, find out why the repository is no longer published, and do it; on a mirror, synchronise again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			if r.Apt != nil {
				return freshRelease(e, r)
			}
			return freshRepomd(e, r)
		},
	}
}

// earlyWarning is how far ahead of the present a date may be without a word;
// apt takes 10 seconds, which is less than what clocks differ.
const earlyWarning = time.Hour

const clockHint = "set the publisher's clock right and publish again"

func freshRelease(e *verify.Expectation, r *verify.Facts) []verify.Finding {
	root, file := r.Apt.Root(), r.Apt.InRelease
	if r.Apt.Inline == nil {
		file = r.Apt.Release
	}
	f := verify.Finding{Subject: verify.Subject{File: file.Path}, URL: file.URL, Evidence: unrest(r)}
	if said := lastModified(file); said != "" {
		f.Evidence = append(f.Evidence, said)
	}
	var found []verify.Finding
	if _, there := root.Fields.Get("Valid-Until"); there && root.ValidUntil.IsZero() {
		found = append(found, unjudged(nil, f, file.Path+" has a Valid-Until that cannot be read", "apt-release-present"))
	}
	if root.Date.IsZero() {
		found = append(found, unjudged(nil, f, file.Path+" has no Date that can be read", "apt-release-fields"))
	} else if early := inFuture(e, f, file.Path, root.Date); early != nil {
		early.Hint += "; until then apt refuses the repository, as a Release that is not valid yet"
		found = append(found, *early)
	}
	if !root.ValidUntil.IsZero() && !root.ValidUntil.After(e.Now) {
		g := f
		g.Message = file.Path + " has expired: apt refuses the repository"
		g.Want, g.Got = "a Valid-Until after "+stamp(e.Now), "Valid-Until "+stamp(root.ValidUntil)
		if !root.Date.IsZero() {
			g.Evidence = append([]string{"Date " + stamp(root.Date)}, g.Evidence...)
		}
		g.Hint = "publish again; if this is a mirror, synchronise it again"
		found = append(found, g)
	}
	return found
}

// inFuture returns a finding for metadata that is dated ahead, nil if it is not.
func inFuture(e *verify.Expectation, f verify.Finding, path string, date time.Time) *verify.Finding {
	ahead := date.Sub(e.Now)
	if ahead <= earlyWarning {
		return nil
	}
	if ahead <= clockSkew {
		f.Status = verify.Warn
	}
	f.Message = path + " is dated in the future"
	f.Want, f.Got = "a date up to now, "+stamp(e.Now), stamp(date)
	f.Hint = clockHint
	return &f
}

func freshRepomd(e *verify.Expectation, r *verify.Facts) []verify.Finding {
	file := r.RPM.RepomdFile
	f := verify.Finding{Subject: verify.Subject{File: file.Path}, URL: file.URL}
	var newest time.Time
	for _, d := range datesOf(r.RPM.Repomd) {
		f.Evidence = append(f.Evidence, d.what+" "+stamp(d.at))
		if d.at.After(newest) {
			newest = d.at
		}
	}
	f.Evidence = append(f.Evidence, unrest(r)...)
	if said := lastModified(file); said != "" {
		f.Evidence = append(f.Evidence, said)
	}
	if newest.IsZero() {
		f.Status = verify.Skipped
		f.Message = file.Path + " has no dates: its revision is a text, and its data have no timestamps"
		return []verify.Finding{f}
	}
	if early := inFuture(e, f, file.Path, newest); early != nil {
		return []verify.Finding{*early}
	}
	p, built := newestBuild(r.Packages)
	if built.Sub(newest) <= clockSkew {
		return nil
	}
	f.Message = fmt.Sprintf("%s is older than the newest package that it leads to", file.Path)
	f.Want = fmt.Sprintf("a date not before the build of %s, %s", p, stamp(built))
	f.Got = stamp(newest)
	f.Hint = "if the build is dated in the future, set the builder's clock right and build again; else repomd.xml is of an earlier publication than primary: publish again"
	return []verify.Finding{f}
}

// dated is one date of repomd.xml.
type dated struct {
	what string
	at   time.Time
}

// datesOf returns the dates that repomd.xml has of itself.
func datesOf(m *repo.Repomd) []dated {
	var all []dated
	if at, ok := revisionTime(m.Revision); ok {
		all = append(all, dated{"revision", at})
	}
	for _, d := range m.Data {
		if len(all) < maxListed && d.Time.After(epochOfRPM()) {
			all = append(all, dated{"timestamp of " + d.Type, d.Time})
		}
	}
	return all
}

// epochOfRPM is before the first rpm-md repository: what is dated earlier was
// never set (0, or the SOURCE_DATE_EPOCH of a build without a date).
func epochOfRPM() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// revisionTime returns the time that a revision is, if it is one. A revision may
// be any text: ten digits that read as year, month, day and a number
// (2026112301) are that, and not a second of the 2030s.
func revisionTime(revision string) (time.Time, bool) {
	const digits = 10 // of every UNIX time from 2001-09-09 to 2286-11-20
	seconds, err := strconv.ParseInt(revision, 10, 64)
	if err != nil || len(revision) != digits || seconds < 0 {
		return time.Time{}, false
	}
	if _, err := time.Parse("20060102", revision[:8]); err == nil && revision[:2] == "20" {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0).UTC(), true
}

// endOfTime is the last second that RFC 3339 can write.
const endOfTime = 253402300799

// newestBuild returns the package that was built last, and when; the zero time
// where no package says.
func newestBuild(packages []repo.Package) (newest repo.Package, built time.Time) {
	for _, p := range packages {
		seconds, err := strconv.ParseInt(p.Fields.Value("time-build"), 10, 64)
		if err != nil {
			continue
		}
		if at := time.Unix(min(seconds, endOfTime), 0).UTC(); at.After(built) {
			newest, built = p, at
		}
	}
	return newest, built
}

package checks_test

import (
	"strconv"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestMetadataFresh(t *testing.T) {
	t.Parallel()
	root := func(change func(*repo.Release)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(r.Apt.Inline) }
	}
	// repomd sets the revision, all timestamps and the build of one package.
	repomd := func(revision string, stamps, built time.Time) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) {
			r.RPM.Repomd.Revision = revision
			for i := range r.RPM.Repomd.Data {
				r.RPM.Repomd.Data[i].Time = stamps
			}
			if !built.IsZero() {
				r.Packages[4].Fields = fieldsOf("name", "kubeadm", "time-build", strconv.FormatInt(built.Unix(), 10))
			}
		}
	}
	unix := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	hour, week := time.Hour, 7*24*time.Hour
	runCases(t, "metadata-fresh", []oneCase{
		{"old and without Valid-Until", repo.Deb, root(func(x *repo.Release) { x.Date = now.AddDate(-2, 0, 0) }), verify.Pass, "", ""},
		{"a clock that is a little ahead", repo.Deb, root(func(x *repo.Release) { x.Date = now.Add(hour) }), verify.Pass, "", ""},
		{"hours ahead", repo.Deb, root(func(x *repo.Release) { x.Date = now.Add(12 * hour) }), verify.Warn, "InRelease is dated in the future", "2026-01-16T00:00:00Z"},
		{"days ahead", repo.Deb, root(func(x *repo.Release) { x.Date = now.Add(25 * hour) }), verify.Fail, "InRelease is dated in the future", "2026-01-16T13"},
		{"Valid-Until passed", repo.Deb, root(func(x *repo.Release) { x.ValidUntil = now }), verify.Fail, "InRelease has expired", "Valid-Until 2026-01-15T12"},
		{"Valid-Until to come", repo.Deb, root(func(x *repo.Release) { x.ValidUntil = now.Add(time.Second) }), verify.Pass, "", ""},
		{"no Date", repo.Deb, root(func(x *repo.Release) { x.Date = time.Time{} }), verify.Skipped, "see apt-release-fields", ""},
		{"a Valid-Until that is no date", repo.Deb, root(func(x *repo.Release) { x.Fields = fieldsOf("Valid-Until", "soon") }), verify.Skipped, "see apt-release-present", ""},
		{"what the server says is evidence", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Inline.Date = now.Add(week)
			r.Apt.InRelease.Hops = []repo.Hop{{Headers: []repo.Field{{Name: "Last-Modified", Value: "Thu, 15 Jan 2026 10:00:00 GMT"}}}}
		}, verify.Fail, "dated in the future", "was last modified at Thu, 15 Jan"},
		{"Release counts where there is no InRelease", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Inline, r.Apt.InRelease.Problem = nil, absent
			r.Apt.Detached.Date = now.Add(week)
		}, verify.Fail, "Release is dated in the future", ""},

		{"built before", repo.RPM, repomd(unix(now.Add(-week)), time.Time{}, now.Add(-week-hour)), verify.Pass, "", ""},
		{"built at noon of the day", repo.RPM, repomd(unix(now.Add(-week)), now.Add(-week), now.Add(-week+12*hour)), verify.Pass, "", ""},
		{"built after", repo.RPM, repomd(unix(now.Add(-week)), now.Add(-week), now.Add(-5*24*hour)), verify.Fail,
			"repodata/repomd.xml is older than the newest package", "2026-01-08T12:00:00Z"},
		{"a fixed revision and true timestamps", repo.RPM, repomd("1600000000", now.Add(-hour), now.Add(-2*hour)), verify.Pass, "", ""},
		{"a text for a revision", repo.RPM, repomd("release-9.4", now.Add(-hour), now.Add(-2*hour)), verify.Pass, "", ""},
		{"a date and a number for a revision", repo.RPM, repomd("2026011501", now.Add(-hour), now.Add(-2*hour)), verify.Pass, "", ""},
		{"no date at all", repo.RPM, repomd("9.4", time.Time{}, now), verify.Skipped, "has no dates", ""},
		{"timestamps of a reproducible build", repo.RPM, repomd("x", time.Unix(1, 0), now), verify.Skipped, "has no dates", ""},
		{"revision of the future", repo.RPM, repomd(unix(now.Add(week)), now, time.Time{}), verify.Fail, "repomd.xml is dated in the future", "revision 2026-01-22"},
		{"timestamp of the future", repo.RPM, repomd("x", now.Add(week), time.Time{}), verify.Fail, "repomd.xml is dated in the future", "timestamp of primary 2026-01-22"},
		{"timestamp of some hours ahead", repo.RPM, repomd("x", now.Add(3*hour), time.Time{}), verify.Warn, "repomd.xml is dated in the future", ""},
		{"a build beyond all time", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages[0].Fields = fieldsOf("time-build", "9223372036854775807")
		}, verify.Fail, "older than the newest package", ""},
		{"while it is published", repo.RPM, func(e *verify.Expectation, r *verify.Facts) {
			repomd(unix(now.Add(week)), now, time.Time{})(e, r)
			r.Restarts = []repo.Restart{{At: now, Why: "repodata/repomd.xml changed while the repository was read"}}
		}, verify.Fail, "dated in the future", "at 2026-01-15T12:00:00Z it was being published"},
	})
}

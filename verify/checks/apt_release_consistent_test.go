package checks_test

import (
	"fmt"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// fieldsOf makes fields of pairs of name and value.
func fieldsOf(pairs ...string) repo.Fields {
	var list []repo.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, repo.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return repo.NewFields(list...)
}

func TestAptReleaseConsistent(t *testing.T) {
	t.Parallel()
	on := func(change func(inline, detached *repo.Release)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(r.Apt.Inline, r.Apt.Detached) }
	}
	runCases(t, "apt-release-consistent", []oneCase{
		{"the same", repo.Deb, on(func(_, _ *repo.Release) {}), verify.Pass, "", ""},
		{"another order of files", repo.Deb, on(func(a, b *repo.Release) {
			more := repo.ReleaseEntry{Path: "Packages", Claim: claimOf("x", content("Packages"))}
			a.Entries, b.Entries = append(a.Entries, more), append([]repo.ReleaseEntry{more}, b.Entries...)
		}), verify.Pass, "", ""},
		{"white space at the end of a line, which is not signed", repo.Deb, on(func(a, b *repo.Release) {
			a.Fields, b.Fields = fieldsOf("Description", "x\n y"), fieldsOf("Description", "x \n y\t")
		}), verify.Pass, "", ""},
		{"names of fields in another case", repo.Deb, on(func(a, b *repo.Release) {
			a.Fields, b.Fields = fieldsOf("Origin", "x"), fieldsOf("ORIGIN", "x")
		}), verify.Pass, "", ""},
		{"another value", repo.Deb, on(func(_, b *repo.Release) { b.Fields = fieldsOf("Origin", "y") }),
			verify.Fail, "say different things: Origin", `"x" in InRelease, "y" in Release`},
		{"a field in Release only", repo.Deb, on(func(_, b *repo.Release) { b.Fields = fieldsOf("Origin", "x", "Suite", "s") }),
			verify.Fail, "different things: Suite", "nothing in InRelease"},
		{"a field in InRelease only", repo.Deb, on(func(a, _ *repo.Release) { a.Fields = fieldsOf("Origin", "x", "Suite", "s") }),
			verify.Fail, "different things: Suite", "nothing in Release"},
		{"stale InRelease", repo.Deb, on(func(a, b *repo.Release) {
			a.Date = a.Date.AddDate(0, 0, -3)
			a.Fields, b.Fields = fieldsOf("Origin", "x", "Date", "Mon"), fieldsOf("Origin", "x", "Date", "Thu")
			a.Entries[0].Digests.SHA256 = "old"
		}), verify.Fail, "Date, 1 of the files listed", "an InRelease of 2026-01-12T11:00:00Z, older than the Release of 2026-01-15"},
		{"stale Release", repo.Deb, on(func(a, b *repo.Release) {
			b.Date = b.Date.AddDate(0, 0, -3)
			a.Fields, b.Fields = fieldsOf("Date", "Thu"), fieldsOf("Date", "Mon")
		}), verify.Fail, "different things: Date", "a Release of 2026-01-12"},
		{"another hash of a file", repo.Deb, on(func(_, b *repo.Release) { b.Entries[0].Digests.MD5 = "x" }),
			verify.Fail, "1 of the files listed", "Packages.gz: 11 bytes"},
		{"another size of a file", repo.Deb, on(func(_, b *repo.Release) { b.Entries[0].Size++ }),
			verify.Fail, "1 of the files listed", "12 bytes"},
		{"a hash that one does not give", repo.Deb, on(func(_, b *repo.Release) { b.Entries[0].Digests.SHA256 = "" }),
			verify.Fail, "1 of the files listed", "md5 md5 Packages.gz in Release"},
		{"a file that one does not list", repo.Deb, on(func(_, b *repo.Release) { b.Entries = nil }),
			verify.Fail, "1 of the files listed", "not listed in Release"},
		{"a file that the other does not list", repo.Deb, on(func(a, _ *repo.Release) { a.Entries = nil }),
			verify.Fail, "1 of the files listed", "not listed in InRelease"},
		{"five hundred files are one finding", repo.Deb, on(func(a, _ *repo.Release) {
			for i := range 500 {
				a.Entries = append(a.Entries, repo.ReleaseEntry{Path: fmt.Sprint(i)})
			}
		}), verify.Fail, "500 of the files listed", "and 460 more"},
		{"while it is published", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Detached.Entries = nil
			r.Unsettled = "InRelease and Release list different files"
		}, verify.Fail, "1 of the files listed", "not at rest"},
		{"no Release", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) { r.Apt.Release.Problem, r.Apt.Detached = absent, nil },
			verify.Skipped, "see apt-release-present", ""},
		{"no InRelease", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) { r.Apt.InRelease.Problem, r.Apt.Inline = absent, nil },
			verify.Skipped, "see apt-release-present", ""},
		{"Release unreachable", repo.Deb, func(_ *verify.Expectation, r *verify.Facts) {
			r.Apt.Release.Problem, r.Apt.Detached = unreachable, nil
		}, verify.Blocked, "there is no Release to compare", ""},
	})
}

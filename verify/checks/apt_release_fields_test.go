package checks_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// findings returns what a check says, as "status: message".
func says(r verify.Result) []string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, string(f.Status)+": "+f.Message)
	}
	return out
}

func TestAptReleaseFields(t *testing.T) {
	t.Parallel()
	full := verify.ReleaseExpectation{Origin: "obs://x/deb", Label: "x", Suite: "stable", Codename: "deb"}
	as := func(change func(*repo.Release)) *repo.Release {
		r := soundRelease("InRelease")
		r.Origin, r.Label, r.Suite, r.Codename = full.Origin, full.Label, full.Suite, full.Codename
		r.Fields = repo.NewFields(repo.Field{Name: "Date", Value: "Wed Oct 23 04:37:05 2024"})
		change(r)
		return r
	}
	for _, tt := range []struct {
		name             string
		want             verify.ReleaseExpectation
		inline, detached *repo.Release
		says             []string
	}{
		{"all as expected", full, as(func(*repo.Release) {}), nil, []string{}},
		{"nothing expected", verify.ReleaseExpectation{}, as(func(r *repo.Release) { r.Origin, r.Label = "other", "" }), nil, []string{}},
		{"more architectures than expected, in any order", full, as(func(r *repo.Release) { r.Architectures = []string{"s390x", "all", "arm64", "amd64"} }), nil, []string{}},
		{"origin of another repository", full, as(func(r *repo.Release) { r.Origin = "obs://y/deb" }), nil,
			[]string{"fail: InRelease is not that of this repository: Origin"}},
		{"all of another repository: one cause", full, as(func(r *repo.Release) { r.Origin, r.Label, r.Suite, r.Codename = "a", "b", "c", "" }), nil,
			[]string{"fail: InRelease is not that of this repository: Origin, Label, Suite, Codename"}},
		{"case matters", full, as(func(r *repo.Release) { r.Codename = "Deb" }), nil,
			[]string{"fail: InRelease is not that of this repository: Codename"}},
		{"an architecture missing", full, as(func(r *repo.Release) { r.Architectures = []string{"amd64"} }), nil,
			[]string{"fail: InRelease does not list the architecture s390x"}},
		{"an architecture by its other name", full, as(func(r *repo.Release) { r.Architectures = []string{"x86_64", "s390x"} }), nil,
			[]string{"fail: InRelease does not list the architecture amd64"}},
		{"no list of architectures, which apt takes for all", full, as(func(r *repo.Release) { r.Architectures = nil }), nil,
			[]string{"warn: InRelease lists no architectures"}},
		{"no date", full, as(func(r *repo.Release) { r.Date, r.Fields = time.Time{}, repo.Fields{} }), nil,
			[]string{"fail: InRelease has no Date"}},
		{"an empty date", full, as(func(r *repo.Release) {
			r.Date, r.Fields = time.Time{}, repo.NewFields(repo.Field{Name: "Date", Value: " "})
		}), nil, []string{"fail: InRelease has no Date"}},
		{"a date that does not parse is apt-release-present's", full, as(func(r *repo.Release) {
			r.Date, r.Fields = time.Time{}, repo.NewFields(repo.Field{Name: "Date", Value: "yesterday"})
		}), nil, []string{}},
		{"several causes", full, as(func(r *repo.Release) { r.Label, r.Architectures = "y", []string{"arm64"} }), nil,
			[]string{"fail: InRelease is not that of this repository: Label", "fail: InRelease does not list the architecture amd64, s390x"}},
		{"only Release is there", full, nil, as(func(r *repo.Release) { r.Label = "y" }),
			[]string{"fail: Release is not that of this repository: Label"}},
		{"apt reads InRelease first", full, as(func(*repo.Release) {}), as(func(r *repo.Release) { r.Label = "y" }), []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(repo.Deb), sound(repo.Deb)
			e.Release, r.Apt.Inline, r.Apt.Detached = tt.want, tt.inline, tt.detached
			res := onRepository(t, e, r)["apt-release-fields"]
			if diff := cmp.Diff(tt.says, says(res)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range res.Findings {
				if f.Want == "" || f.Got == "" || f.Hint == "" || f.URL == "" || f.Subject.File == "" {
					t.Errorf("says too little: %+v", f)
				}
			}
		})
	}
}

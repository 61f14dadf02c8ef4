package checks_test

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

const mirror = "http://mirror.test/"

// origins are two that serve the same, the target's own first.
func origins(f repo.Format) []*repo.Repository {
	var out []*repo.Repository
	for _, url := range []string{"http://repo.test/", mirror} {
		r := sound(f).Repository
		r.Target.URL, r.Packages = url, nil
		dateOrigin(r, now.Add(-time.Hour))
		out = append(out, r)
	}
	return out
}

// dateOrigin gives a repository the metadata of a date.
func dateOrigin(r *repo.Repository, date time.Time) {
	if r.Apt != nil {
		r.Apt.Inline = &repo.Release{Date: date}
		return
	}
	r.RPM.Repomd = &repo.Repomd{Revision: "1700000000", Data: []repo.RepomdData{{Type: "primary", Time: date}}}
}

// newer makes r a later publication than it was.
func newer(r *repo.Repository, by time.Duration) {
	dateOrigin(r, now.Add(by))
	if r.Apt != nil {
		r.Apt.InRelease.Content, r.Apt.Release.Content = content("newer"), content("newer")
		return
	}
	r.RPM.RepomdFile.Content, r.RPM.SignatureFile.Content = content("newer"), content("newer")
}

func TestOriginsAgree(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(own, other *repo.Repository)
		want   verify.Status
		says   []string // in the message, or wanted, or got
	}{
		"the same": {func(_, _ *repo.Repository) {}, verify.Pass, nil},
		"the other is stale": {func(own, _ *repo.Repository) { newer(own, 0) }, verify.Warn,
			[]string{"the origin " + mirror + " is stale", "2026-01-15T11:00:00Z", "2026-01-15T12:00:00Z"}},
		"the target is stale": {func(_, other *repo.Repository) { newer(other, 0) }, verify.Warn,
			[]string{"the address http://repo.test/ is stale", mirror, "2026-01-15T11:00:00Z", "2026-01-15T12:00:00Z"}},
		"of the same date": {func(_, other *repo.Repository) { newer(other, -time.Hour) }, verify.Warn,
			[]string{"the origin " + mirror + " serves other metadata"}},
		"a signature of another date": {func(_, other *repo.Repository) {
			if other.Apt != nil {
				other.Apt.ReleaseGPG.Content = content("newer")
			} else {
				other.RPM.SignatureFile.Content = content("newer")
			}
		}, verify.Warn, []string{"serves other metadata"}},
		"a signature is missing": {func(_, other *repo.Repository) {
			if other.Apt != nil {
				other.Apt.ReleaseGPG.Problem = absent
			} else {
				other.RPM.SignatureFile.Problem = absent
			}
		}, verify.Warn, []string{"serves other metadata"}},
		"a signature cannot be reached": {func(_, other *repo.Repository) {
			if other.Apt != nil {
				other.Apt.ReleaseGPG.Problem = unreachable
			} else {
				other.RPM.SignatureFile.Problem = unreachable
			}
		}, verify.Blocked, []string{"could not be read whole", mirror, "no route"}},
		"the other is not there": {func(_, other *repo.Repository) { gone(other, absent) }, verify.Warn,
			[]string{"the origin " + mirror + " does not serve this repository", "403"}},
		"the other cannot be reached": {func(_, other *repo.Repository) { gone(other, unreachable) }, verify.Blocked,
			[]string{"the origin " + mirror + " could not be reached", "no route"}},
		"the target cannot be reached any more": {func(own, _ *repo.Repository) { gone(own, unreachable) }, verify.Blocked,
			[]string{"the origin http://repo.test/ could not be reached"}},
		"a list of another date": {func(_, other *repo.Repository) { first(other).Content = content("older") }, verify.Warn,
			[]string{"the origin " + mirror + " has the same signed root, but not the list"}},
		"a list is missing": {func(_, other *repo.Repository) { first(other).Problem = absent }, verify.Warn,
			[]string{"not the list", "403"}},
		"a list cannot be reached": {func(_, other *repo.Repository) { first(other).Problem = unreachable }, verify.Blocked,
			[]string{"a list of it could not be reached"}},
		"the target's own list is wrong": {func(own, _ *repo.Repository) { first(own).Problem = absent }, verify.Pass, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range repo.Formats() {
				e, r := expectation(f), sound(f)
				e.Origins, r.Origins = []string{mirror}, origins(f)
				tt.change(r.Origins[0], r.Origins[1])
				res := onRepository(t, e, r)["origins-agree"]
				if res.Status != tt.want {
					t.Fatalf("%s: got %s, want %s: %+v", f, res.Status, tt.want, res.Findings)
				}
				if tt.want == verify.Pass {
					continue
				}
				if len(res.Findings) != 1 {
					t.Fatalf("%s: %d findings, want one cause: %+v", f, len(res.Findings), res.Findings)
				}
				x := res.Findings[0]
				for _, s := range tt.says {
					if !strings.Contains(x.Message+x.Want+x.Got, s) {
						t.Errorf("%s: %q, wanted %q, got %q: none says %q", f, x.Message, x.Want, x.Got, s)
					}
				}
				if x.Hint == "" || x.URL == "" {
					t.Errorf("%s: %q does not say where, or what to do", f, x.Message)
				}
			}
		})
	}
}

// gone takes the signed root away.
func gone(r *repo.Repository, why *repo.Problem) {
	if r.Apt != nil {
		r.Apt.InRelease.Problem, r.Apt.Release.Problem, r.Apt.ReleaseGPG.Problem = why, why, why
		r.Apt.Inline, r.Apt.Detached = nil, nil
		return
	}
	r.RPM.RepomdFile.Problem, r.RPM.Repomd = why, nil
}

func first(r *repo.Repository) *repo.Index {
	if r.Apt != nil {
		return &r.Apt.Indexes[0]
	}
	return &r.RPM.Indexes[0]
}

func TestOriginsUnasked(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	if got := onRepository(t, e, r)["origins-agree"]; got.Status != verify.NotApplicable {
		t.Errorf("one address: got %+v", got)
	}
	e.Origins = []string{mirror}
	if got := onRepository(t, e, r)["origins-agree"]; got.Status != verify.Blocked {
		t.Errorf("origins that were not read: got %+v", got)
	}
}

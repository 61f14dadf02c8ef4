package html_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
	"sigs.k8s.io/pkgverify/verify"
)

// picture returns the table of a package as lines: yes ".", missing "x", bad
// "!", warned "w", known "k", unknown "?", none " ".
func picture(t *testing.T, r *reports.Report, pkg string) []string {
	t.Helper()
	signs := map[string]string{"yes": ".", "missing": "x", "bad": "!", "warned": "w", "known": "k", "unknown": "?", "none": " "}
	page := parse(t, render(t, r, html.Options{}))
	for _, table := range page.all(".matrix") {
		if table.first("caption").text() != pkg {
			continue
		}
		var heads []string
		for _, th := range table.all("thead th") {
			heads = append(heads, th.text())
		}
		lines := []string{strings.Join(heads, " ")}
		for _, tr := range table.all("tbody tr") {
			line := tr.first("th").text() + " |"
			for _, td := range tr.all("td") {
				class := strings.TrimPrefix(td.attr("class"), "sq ")
				if td.text() != class {
					t.Errorf("a square of class %q says %q", class, td.text())
				}
				line += signs[class]
			}
			lines = append(lines, line+"|")
		}
		return lines
	}
	return nil
}

// shelfReport returns a report of one apt repository of one product "a", with
// versions 1.0.0 to 1.0.2 expected for two architectures, and a tool "t" with
// versions of its own.
func shelfReport(have ...string) *reports.Report {
	t := repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.0", URL: "https://pkgs.example.org/"}
	r := &reports.Report{Schema: reports.Schema, Started: began(), Finished: began(), Plan: reports.Plan{
		Targets: []repo.Target{t}, Packages: []string{"a", "t"}, Architectures: []string{"amd64", "arm64"},
		Expected: []reports.Expected{
			{Target: t.Name(), Package: "a", Versions: []string{"1.0.0", "1.0.1", "1.0.2"}, Architectures: []string{"amd64", "arm64"}},
			{Target: t.Name(), Package: "t", Architectures: []string{"amd64", "arm64"}},
		},
	}}
	x := repo.Repository{Target: t}
	for _, s := range have {
		f := strings.Fields(s)
		x.Packages = append(x.Packages, repo.Package{Name: f[0], Version: f[1], Arch: f[2]})
	}
	r.Repositories = []repo.Repository{x}
	return r
}

func hole(s verify.Subject, message string) reports.Result {
	return reports.Result{Check: "packages-published", Status: verify.Fail, Target: "deb/stable/1.0", Subject: s, Message: message}
}

func all() []string {
	return []string{
		"a 1.0.0-1.1 amd64", "a 1.0.0-1.1 arm64", "a 1.0.1-1.1 amd64", "a 1.0.1-1.1 arm64", "a 1.0.2-2.1 amd64", "a 1.0.2-2.1 arm64",
		"t 0.9-1 amd64", "t 0.9-1 arm64", "t 0.10-1 amd64", "t 0.10-1 arm64",
	}
}

func without(drop ...string) []string {
	return slices.DeleteFunc(all(), func(s string) bool {
		return slices.ContainsFunc(drop, func(d string) bool { return strings.Contains(s, d) })
	})
}

func TestPictures(t *testing.T) {
	t.Parallel()
	of := func(check string, s verify.Status, subject verify.Subject) reports.Result {
		return reports.Result{Check: check, Status: s, Target: "deb/stable/1.0", Subject: subject, Message: "m"}
	}
	for name, tt := range map[string]struct {
		have    []string
		results []reports.Result
		a, t    []string
	}{
		"all there": {
			have: all(),
			a:    []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |...|", "deb arm64 |...|"},
			t:    []string{"0.9 0.10", "deb amd64 |..|", "deb arm64 |..|"},
		},
		"one is missing": {
			have:    without("a 1.0.1-1.1 arm64"),
			results: []reports.Result{hole(verify.Subject{Package: "a", Version: "1.0.1", Arch: "arm64"}, "a 1.0.1 is missing for arm64")},
			a:       []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |...|", "deb arm64 |.x.|"},
		},
		"one is missing, and the check was not asked": {
			have: without("a 1.0.1-1.1 arm64"),
			a:    []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |...|", "deb arm64 |.x.|"},
		},
		"a version": {
			have:    without("a 1.0.2"),
			results: []reports.Result{hole(verify.Subject{Version: "1.0.2"}, "the version 1.0.2 is missing: a")},
			a:       []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |..x|", "deb arm64 |..x|"},
			t:       []string{"0.9 0.10", "deb amd64 |..|", "deb arm64 |..|"},
		},
		"an architecture, of a package with versions of its own in the newest": {
			have:    without("arm64"),
			results: []reports.Result{hole(verify.Subject{Arch: "arm64"}, "the architecture arm64 is missing: a, t")},
			a:       []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |...|", "deb arm64 |xxx|"},
			t:       []string{"0.9 0.10", "deb amd64 |..|", "deb arm64 | x|"},
		},
		"a whole package of its own versions": {
			have:    without("t "),
			results: []reports.Result{hole(verify.Subject{Package: "t"}, "the package t is missing")},
			t:       []string{"any", "deb amd64 |x|", "deb arm64 |x|"},
		},
		"some architectures of one version": {
			have:    without("t 0.10-1 arm64"),
			results: []reports.Result{hole(verify.Subject{Package: "t", Version: "0.10"}, "t 0.10 is missing for arm64")},
			t:       []string{"0.9 0.10", "deb amd64 |..|", "deb arm64 |.x|"},
		},
		"nothing is there": {
			results: []reports.Result{hole(verify.Subject{}, "none of the expected packages is there")},
			a:       []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |xxx|", "deb arm64 |xxx|"},
			t:       []string{"any", "deb amd64 |x|", "deb arm64 |x|"},
		},
		"nobody could tell": {
			results: []reports.Result{of("packages-published", verify.Blocked, verify.Subject{})},
			a:       []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |???|", "deb arm64 |???|"},
		},
		"a known hole": {
			have: without("a 1.0.1-1.1 arm64"),
			results: []reports.Result{{Check: "packages-published", Status: verify.Known, Target: "deb/stable/1.0",
				Subject: verify.Subject{Package: "a", Version: "1.0.1", Arch: "arm64"}, Message: "a 1.0.1 is missing for arm64"}},
			a: []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |...|", "deb arm64 |.k.|"},
		},
		"what is wrong with what is there": {
			have: all(),
			results: []reports.Result{
				of("dependencies-as-specified", verify.Warn, verify.Subject{Package: "a", Version: "1.0.0-1.1", Arch: "arm64"}),
				of("package-checksums", verify.Fail, verify.Subject{Package: "a", Version: "1.0.1-1.1", Arch: "amd64"}),
				of("dependencies-as-specified", verify.Warn, verify.Subject{Package: "a", Version: "1.0.1-1.1", Arch: "amd64"}),
				of("package-files", verify.Fail, verify.Subject{Package: "a", Version: "9-1", Arch: "amd64"}),
			},
			a: []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |.!.|", "deb arm64 |w..|"},
		},
		"what was not asked for": {
			have: append(all(), "a 1.0.3~rc.1-1 riscv64"),
			a:    []string{"1.0.0 1.0.1 1.0.2 1.0.3-rc.1", "deb amd64 |... |", "deb arm64 |... |", "deb riscv64 |   .|"},
		},
		"for every architecture": {
			have: append(without("a 1.0.1"), "a 1.0.1-1.1 all"),
			a:    []string{"1.0.0 1.0.1 1.0.2", "deb amd64 |. .|", "deb arm64 |. .|", "deb all | . |"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := shelfReport(tt.have...)
			r.Results = tt.results
			for pkg, want := range map[string][]string{"a": tt.a, "t": tt.t} {
				if want == nil {
					continue
				}
				if diff := cmp.Diff(want, picture(t, r, pkg)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", pkg, diff)
				}
			}
		})
	}
}

// TestHoleLeadsToItsFinding: the one hole of the sample is linked.
func TestHoleLeadsToItsFinding(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(1), html.Options{}))
	holes := page.all("td.missing")
	if len(holes) != 1 || holes[0].attr("title") != "kubelet 1.28.5 s390x: missing" {
		t.Fatalf("%d holes, want that of kubelet 1.28.5 s390x", len(holes))
	}
	to := page.first(holes[0].first("a").attr("href"))
	if !strings.Contains(to.text(), "kubelet 1.28.5 s390x") {
		t.Errorf("it leads to %q", to.text())
	}
	if got := page.first("#packages .about").text(); !strings.HasPrefix(got, "1199 files there, 1 missing") {
		t.Errorf("counted: %q", got)
	}
}

// TestPictureOfStrangers: packages that were not asked for are counted, so that
// a large repository does not make a large page.
func TestPictureOfStrangers(t *testing.T) {
	t.Parallel()
	have := all()
	for i := range 2000 {
		have = append(have, "stranger"+strings.Repeat("x", i%50)+" 1.0."+strings.Repeat("1", i/50+1)+" amd64")
	}
	r := shelfReport(have...)
	for i := range 300 {
		r.Repositories[0].Packages = append(r.Repositories[0].Packages, repo.Package{Name: "a", Version: "0." + strings.Repeat("1", i+1) + "-1", Arch: "amd64"})
	}
	page := parse(t, render(t, r, html.Options{}))
	if n := len(page.all(".matrix")); n != 2 {
		t.Errorf("%d tables, want 2", n)
	}
	if n := len(page.first(".matrix").all("thead th")); n != 80 {
		t.Errorf("%d versions, want 80", n)
	}
	if got := page.first("#packages > .left").text(); got != "50 packages that were not asked for are not shown." {
		t.Errorf("left out: %q", got)
	}
}

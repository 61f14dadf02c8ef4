package suites_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/suites"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/profile"
)

func plan(t *testing.T) *verify.Plan {
	t.Helper()
	p, err := profile.Load("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	distros, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Plan(profile.Selection{
		Channels: []string{"stable", "dev"}, Minors: []string{"1.26"}, BaseURL: t.TempDir(), Versions: []string{"1.26.0"}, Now: time.Now(),
	}, checks.Catalogue(), distros)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSelected(t *testing.T) {
	t.Parallel()
	p := plan(t)
	all, err := suites.Selected(p, "")
	if err != nil || len(all) != len(p.Specs()) {
		t.Fatalf("no filter: %d of %d specs, %v", len(all), len(p.Specs()), err)
	}
	for filter, want := range map[string]func(verify.Spec) bool{
		"check:key-current":             func(s verify.Spec) bool { return s.Check.ID == "key-current" },
		"channel:dev && !suite:install": func(s verify.Spec) bool { return s.Target.Target.Channel == "dev" && s.Cell == nil },
		"arch:arm64":                    func(s verify.Spec) bool { return s.Cell != nil && s.Cell.Cell.Arch == "arm64" },
		"format:rpm && distro:rpm-dnf4": func(s verify.Spec) bool { return s.Cell != nil && s.Cell.Cell.Distro == "rpm-dnf4" },
	} {
		got, err := suites.Selected(p, filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		n := 0
		for _, s := range p.Specs() {
			if want(s) {
				n++
			}
		}
		if len(got) != n {
			t.Errorf("%s: %d specs, want %d", filter, len(got), n)
		}
		for _, s := range got {
			if !want(s) {
				t.Errorf("%s lets %s through", filter, s.Name())
			}
		}
	}
	if _, err := suites.Selected(p, "check:none"); !errors.Is(err, suites.ErrEmpty) {
		t.Errorf("nothing selected: got %v, want ErrEmpty", err)
	}
	if _, err := suites.Selected(p, "(("); err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("bad filter: got %q, want one plain line", err)
	}
}

// TestLaboratoryWithoutAnEngine: every cell is blocked, with the reason.
func TestLaboratoryWithoutAnEngine(t *testing.T) {
	t.Parallel()
	p := plan(t)
	lab := &suites.Laboratory{Engine: "none"}
	cells := lab.Start(t.Context(), work(p))
	for _, c := range p.Cells {
		facts, err := cells.Await(t.Context(), c.Cell.ID)
		if err != nil || facts.Blocked == nil || facts.Cell.ID != c.Cell.ID {
			t.Errorf("%s: %+v, %v; want it blocked", c.Cell.ID, facts.Blocked, err)
		}
	}
	if err := lab.Close(); err != nil {
		t.Error(err)
	}
}

// TestAwaitEndsWithTheContext: a spec that is interrupted does not hang.
func TestAwaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	lab := &suites.Laboratory{Engine: "none"}
	p := plan(t)
	cells := lab.Start(t.Context(), work(p))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	facts, err := cells.Await(ctx, p.Cells[0].Cell.ID)
	if err == nil && facts.Blocked == nil {
		t.Errorf("got %+v, want an error or a blocked cell", facts)
	}
	if err := lab.Close(); err != nil {
		t.Error(err)
	}
}

// work asks everything of every cell.
func work(p *verify.Plan) []suites.CellWork {
	var all []suites.CellWork
	for _, c := range p.Cells {
		all = append(all, suites.CellWork{CellExpectation: c, Checks: []string{"install-latest"}})
	}
	return all
}

// TestSpecNames: a name is a spec's own, is the same when other versions are
// expected, and none of its labels holds what Ginkgo's filter reserves.
func TestSpecNames(t *testing.T) {
	t.Parallel()
	p := plan(t)
	seen := map[string]bool{}
	for _, s := range p.Specs() {
		if seen[s.Name()] {
			t.Errorf("%q is the name of two specs", s.Name())
		}
		seen[s.Name()] = true
		if strings.Contains(s.Name(), "1.26.0") || strings.Contains(s.Name(), time.Now().Format("2006")) {
			t.Errorf("%q names a version or a date", s.Name())
		}
		for _, l := range s.Labels() {
			if strings.ContainsAny(l, "&|!,()/{}") {
				t.Errorf("%s: the label %q cannot be asked for", s.Name(), l)
			}
			if got, err := suites.Selected(p, l); err != nil || len(got) == 0 {
				t.Errorf("the label %q selects %d specs, %v", l, len(got), err)
			}
		}
	}
}

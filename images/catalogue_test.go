package images

import (
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	deb, ok := Find(all, "debian-12")
	if !ok || deb.Manager.Format() != repo.Deb || deb.StandIn || !deb.Supports(repo.ARM64) {
		t.Errorf("debian-12: got %+v", deb)
	}
	rpm, ok := Find(all, "rpm-dnf4")
	if !ok || rpm.Manager.Format() != repo.RPM || !rpm.StandIn || !strings.Contains(rpm.Notice, "stand-in") {
		t.Errorf("rpm-dnf4: got %+v", rpm)
	}
	if _, ok := Find(all, "no-such"); ok {
		t.Error("found what is not there")
	}
}

func TestParseCatalogueFaults(t *testing.T) {
	t.Parallel()
	const good = "distributions:\n- {name: a, title: A, manager: apt, reference: r, architectures: [amd64]}\n"
	if _, err := ParseCatalogue(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "EOF"},
		{"none listed", "distributions: []\n", "lists none"},
		{"unknown field", strings.Replace(good, "title", "tittle", 1), "tittle"},
		{"bad name", strings.Replace(good, "name: a", "name: a/b", 1), "name"},
		{"manager", strings.Replace(good, "apt", "pacman", 1), "want one of [apt dnf"},
		{"architecture", strings.Replace(good, "amd64", "vax", 1), "vax"},
		{"twice", good + strings.TrimPrefix(good, "distributions:\n"), "used twice"},
		{"no way to get it", strings.Replace(good, "reference: r, ", "", 1), "no way"},
		{"stand-in without notice", strings.Replace(good, "title: A", "title: A, stand_in: true", 1), "notice"},
		{"two faults at once", strings.NewReplacer("apt", "pacman", "amd64", "vax").Replace(good), "vax"},
		{"too long", strings.Repeat("#", MaxCatalogue+1), "longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseCatalogue(strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
		})
	}
}

func TestNewCell(t *testing.T) {
	t.Parallel()
	c := NewCell(repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.26", URL: "http://127.0.0.1:1/"}, "debian-12", repo.ARM64)
	if c.ID != "deb-stable-1.26-debian-12-arm64" {
		t.Errorf("got %s", c.ID)
	}
}

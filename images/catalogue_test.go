package images

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

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
		{"date", strings.Replace(good, "title: A", "title: A, end_of_life: 2026-02-30", 1), "want YYYY-MM-DD"},
		{"architecture twice", strings.Replace(good, "[amd64]", "[amd64, amd64]", 1), "listed twice"},
		{"control character", strings.Replace(good, "title: A", `title: "A\e[2J"`, 1), "control characters"},
		{"two documents", good + "---\n" + good, "more than one document"},
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

// TestCatalogueCovers holds what the install suite promises to know.
func TestCatalogueCovers(t *testing.T) {
	t.Parallel()
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
		if d.Reference == "" && !d.StandIn {
			t.Errorf("%s: a distribution that is no stand-in comes from a registry", d.Name)
		}
		if d.EndOfLife.IsZero() && !d.StandIn && d.Name != "opensuse-tumbleweed" {
			t.Errorf("%s: only what rolls has no end of life", d.Name)
		}
		if _, err := name.ParseReference(d.Reference, name.StrictValidation); d.Reference != "" && err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	want := []string{"debian-11", "debian-12", "debian-13", "ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "fedora-43", "fedora-44",
		"centos-stream-9", "centos-stream-10", "rocky-8", "rocky-9", "almalinux-9", "amazon-2023", "oracle-9",
		"opensuse-leap-15.6", "opensuse-tumbleweed", "sle-bci-15.7", "rpm-dnf4", "rpm-dnf5", "rpm-zypper"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadCatalogue(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "own.yaml")
	text := "distributions:\n" +
		"- {name: debian-12, title: Ours, manager: apt, reference: r.example.org/d:1, architectures: [amd64]}\n" +
		"- {name: mine, title: Mine, manager: dnf5, reference: r.example.org/m:1, architectures: [arm64], end_of_life: 2026-01-31}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	all, err := LoadCatalogue(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(own)+1 || all[len(all)-1].Name != "mine" || all[1].Title != "Ours" || all[1].Build != nil || all[0].Name != "debian-11" {
		t.Errorf("want debian-12 replaced whole, in its place, and mine at the end; got %+v", all)
	}
	if got := all[len(all)-1].EndOfLife.String(); got != "2026-01-31" {
		t.Errorf("end of life: got %q", got)
	}
	if _, err := LoadCatalogue(file + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("want a file that is not there to be an error, got %v", err)
	}
	if err := os.WriteFile(file, []byte("distributions: [{name: x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCatalogue(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("want the error to name the file, got %v", err)
	}
}

func TestNoticeAt(t *testing.T) {
	t.Parallel()
	day, err := ParseDate("2026-08-31")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const ended = "Debian 11 reached its end of life on 2026-08-31: it gets no more security updates that are free to all."
	for _, tc := range []struct {
		name string
		d    Distribution
		now  string
		want string
	}{
		{"the day before", Distribution{Title: "Debian 11", EndOfLife: day}, "2026-08-30T12:00:00Z", ""},
		{"the day itself, in the far west", Distribution{Title: "Debian 11", EndOfLife: day}, "2026-08-31T23:59:59-12:00", ""},
		{"the day after", Distribution{Title: "Debian 11", EndOfLife: day}, "2026-09-01T00:00:00-12:00", ended},
		{"beside a notice", Distribution{Title: "Debian 11", EndOfLife: day, Notice: "A stand-in."}, "2027-01-01T00:00:00Z", "A stand-in. " + ended},
		{"no end", Distribution{Title: "Rolling", Notice: "A stand-in."}, "2099-01-01T00:00:00Z", "A stand-in."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.d.NoticeAt(at(tc.now)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
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

// FuzzParseCatalogue: what is read is without fault, and reads as the same again.
func FuzzParseCatalogue(f *testing.F) {
	f.Add(catalogueYAML)
	for _, text := range []string{
		"", "distributions: []", "distributions: [{}]", "distributions: {name: x}", "---\n---\n", "distributions: &a [*a]",
		"distributions:\n- {name: a, title: A, manager: apt, reference: r, architectures: [amd64], end_of_life: 2026-08-31}\n",
		"distributions:\n- {name: a, title: A, manager: apt, architectures: [amd64], build: {recipe: r, suite: s}, end_of_life: 9999-99-99}\n",
		"distributions:\n- {name: ../a, title: \"\\x1b\", manager: no, stand_in: true, architectures: [vax, vax]}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := ParseCatalogue(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, d := range all {
			if faults := d.faults(); len(faults) > 0 {
				t.Errorf("%+v was read in spite of %q", d, faults)
			}
			if again, err := ParseDate(d.EndOfLife.String()); !d.EndOfLife.IsZero() && (err != nil || again != d.EndOfLife) {
				t.Errorf("date %s: got %v, %v", d.EndOfLife, again, err)
			}
		}
	})
}

package build

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

func TestPlanCoversCatalogue(t *testing.T) {
	t.Parallel()
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, d := range all {
		if d.Build == nil {
			continue
		}
		for _, arch := range d.Architectures {
			p, err := newPlan(d, arch)
			if err != nil {
				t.Errorf("%s %s: %v", d.Name, arch, err)
				continue
			}
			key, err := p.key()
			if err != nil {
				t.Fatal(err)
			}
			again, _ := p.key()
			if key != again || len(key) != 16 {
				t.Errorf("%s %s: keys %q and %q: want the same twice", d.Name, arch, key, again)
			}
			name := d.Name + " " + string(arch)
			if other, taken := keys[key]; taken {
				t.Errorf("%s and %s share the key %s", name, other, key)
			}
			keys[key] = name
		}
	}
	if _, err := newPlan(all[0], repo.Loong64); err == nil {
		t.Error("an architecture that the image does not exist for: want an error")
	}
	if _, err := newPlan(images.Distribution{Name: "x", Architectures: []repo.Arch{repo.AMD64}}, repo.AMD64); err == nil {
		t.Error("a distribution without a build: want an error")
	}
}

func TestArgv(t *testing.T) {
	t.Parallel()
	p := plan{suite: "bookworm", arch: repo.PPC64LE, recipe: recipe{variant: "apt", include: []string{"a", "b"}, hook: "rpm-client.sh dnf", aptOptions: []string{"A::B \"c\""}}}
	foreign := strings.Join(p.argv("/h", "", true, "mirror"), "\n")
	for _, want := range []string{"--architectures=ppc64el", "--include=a,b", "--extract-hook=/h/native-in.sh",
		`--customize-hook=/h/rpm-client.sh dnf "$1" ppc64le bookworm`, "--aptopt=A::B \"c\"\n", "\nbookworm\n-\nmirror"} {
		if !strings.Contains(foreign, want) {
			t.Errorf("want %q in:\n%s", want, foreign)
		}
	}
	if native := strings.Join(p.argv("/h", "", false, ""), "\n"); strings.Contains(native, "native-") {
		t.Errorf("a native build needs no helpers:\n%s", native)
	}
	p.native, p.recipe.native = true, []string{"large"}
	if native := strings.Join(p.argv("/h", "", false, ""), "\n"); !strings.Contains(native, "--include=a,b,large\n") {
		t.Errorf("want what is included in native images in:\n%s", native)
	}
}

func TestMirrorOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, sources, want string }{
		{"deb822", "Types: deb\n# here\nURIs: http://a.example.org/debian\nSuites: bookworm bookworm-updates\n\nURIs: http://b.example.org/\nSuites: bookworm-security\n", "http://a.example.org/debian"},
		{"deb822, the second", "URIs: http://b.example.org/\nSuites: trixie\n\nSuites: bookworm\nURIs: http://a.example.org/\n", "http://a.example.org/"},
		{"one line", "# deb http://no.example.org x\ndeb [signed-by=/k.gpg arch=amd64] http://a.example.org/debian bookworm main\n", "http://a.example.org/debian"},
		{"another suite", "deb http://a.example.org/debian bookworm-updates main\n", ""},
		{"no suite", "deb http://a.example.org/debian\nURIs:\nSuites:\n", ""},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := mirrorOf(tc.sources, "bookworm"); got != tc.want || ok != (tc.want != "") {
				t.Errorf("got %q, %t; want %q", got, ok, tc.want)
			}
		})
	}
	b := &Builder{Sources: "deb http://a.example.org x main"}
	if got := b.sources("bookworm"); len(got) != 1 || got[0] != b.Sources {
		t.Errorf("the user's sources alone are used; got %q", got)
	}
}

// TestMirrorLacksTheSuite makes an image of a suite that no mirror has.
func TestMirrorLacksTheSuite(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Fatal("install mmdebstrap (make deps)")
	}
	if os.Geteuid() != 0 {
		t.Skip("building needs root")
	}
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	b := &Builder{Dir: t.TempDir(), Temp: t.TempDir(), Sources: "deb [trusted=yes] " + server.URL + "/debian bookworm main"}
	d := images.Distribution{Name: "x", Architectures: repo.Arches(), Build: &images.Build{Recipe: "debian", Suite: "bookworm"}}
	arch, _ := repo.ParseArch(runtime.GOARCH)
	_, err := b.Image(t.Context(), d, arch)
	if !errors.Is(err, errMirror) || !strings.Contains(err.Error(), "--sources 'deb http://archive.debian.org/debian bookworm main'") {
		t.Errorf("want an error that names the archive, got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(b.Dir, ".making-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBuildLog(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := &buildLog{prefix: "x", w: &out}
	for _, s := range []string{"one\ntw", "o\n", strings.Repeat("z", 3*lastBytes)} {
		if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if out.String() != "x: one\nx: two\n" || len(l.last()) > lastBytes {
		t.Errorf("got %q, and %d bytes of the end", out.String(), len(l.last()))
	}
}

package fault

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/publish"
)

var update = flag.Bool("update", false, "write the golden files anew; run all tests with it")

// Paths in the tree of newWorld.
const (
	worldDeb    = "core:/stable:/v1.26/deb"
	worldRPM    = "core:/stable:/v1.26:/build/rpm"
	worldDevDeb = "core:/dev:/v1.26/deb"
)

// world is a published tree; each fault breaks a copy of it.
type world struct {
	publisher *publish.Publisher
	files     map[string]string // by path, with their contents
}

// newWorld publishes 1.26.0 to 1.26.2, a release candidate and a nightly, for
// amd64 and s390x, with small files in the place of programs.
func newWorld(t *testing.T) *world {
	t.Helper()
	now := time.Date(2024, 10, 3, 4, 37, 5, 0, time.UTC)
	layout, err := publish.ParseLayout("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := publish.DefaultManifest()
	if err != nil {
		t.Fatal(err)
	}
	key, err := publish.GenerateKey("Test", "test@example.org", now.Add(-720*time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	all := publish.Architectures()
	p := &publish.Publisher{
		Root: t.TempDir(), Layout: layout, Manifest: manifest, Key: key, Now: func() time.Time { return now },
		Architectures: []publish.Arch{all[0], all[4]}, Cache: publish.Cache(t.TempDir()),
	}
	for channel, versions := range map[publish.Channel][]publish.Version{
		publish.Stable: {"1.26.0", "1.26.1", "1.26.2"}, publish.Dev: {"1.26.0-rc.1"}, publish.Nightly: {"1.26.0-alpha.3.45+0123456789abcd"},
	} {
		var releases []publish.Release
		for _, version := range versions {
			releases = append(releases, publish.Release{Version: version, Date: now.Add(-24 * time.Hour), Binaries: writePrograms(t, p, version)})
		}
		if err := p.Publish(t.Context(), channel, Minor, releases...); err != nil {
			t.Fatal(err)
		}
	}
	return &world{publisher: p, files: contentsOf(t, p.Root)}
}

// writePrograms writes files that name program, architecture and version;
// crictl and the plugins are the same in every release.
func writePrograms(t *testing.T, p *publish.Publisher, version publish.Version) string {
	t.Helper()
	dir := t.TempDir()
	for _, arch := range p.Architectures {
		for _, name := range []string{"kubelet", "kubeadm", "kubectl", "crictl", "cni/bridge"} {
			text := "program " + name + " for " + arch.Go
			if strings.HasPrefix(name, "kube") {
				text += " v" + string(version)
			}
			data := []byte(text)
			random := rand.New(rand.NewPCG(1, uint64(len(text))))
			for range 4 << 10 {
				data = append(data, byte(random.Uint32()))
			}
			file := filepath.Join(dir, arch.Go, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// contentsOf reads all files below root.
func contentsOf(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".lock") {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// broken applies a fault to a copy of the world, and returns the copy's root
// and the files that the fault names.
func (w *world) broken(t *testing.T, f Fault) (string, []string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := publish.LinkTree(w.publisher.Root, root); err != nil {
		t.Fatal(err)
	}
	publisher := *w.publisher
	publisher.Root = root
	touched, err := f.Apply(context.Background(), &Tree{
		Publisher: &publisher,
		Release: func(context.Context, publish.Version) (publish.Release, error) {
			return publish.Release{}, fmt.Errorf("%s builds a release; what is published has all it needs", f.Name)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return root, touched
}

func isPackage(name string) bool {
	return strings.HasSuffix(name, ".deb") || strings.HasSuffix(name, ".rpm")
}

func contentAndPolicyFaults() []Fault { return slices.Concat(contentFaults(), policyFaults()) }

// TestContentFaultsChangeWhatTheyName holds each fault to the files that it
// names, and those to the golden list.
func TestContentFaultsChangeWhatTheyName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want, got := goldenFiles(t), map[string]string{}
	known := contentOpinions()
	for _, f := range contentAndPolicyFaults() {
		t.Run(f.Name, func(t *testing.T) {
			root, touched := w.broken(t, f)
			after := contentsOf(t, root)
			var changed, packages []string
			for _, name := range union(w.files, after) {
				if w.files[name] == after[name] {
					continue
				}
				if !slices.Contains(touched, name) {
					t.Errorf("%s changed and is not named", name)
				}
				if isPackage(name) {
					changed = append(changed, name)
				}
			}
			for _, name := range touched {
				if isPackage(name) {
					packages = append(packages, name)
				}
			}
			if diff := cmp.Diff(changed, packages); diff != "" {
				t.Errorf("packages that changed (-) and that it names (+):\n%s", diff)
			}
			var lines strings.Builder
			for _, name := range packages {
				sign := "~"
				if after[name] == "" {
					sign = "-"
				} else if w.files[name] == "" {
					sign = "+"
				}
				lines.WriteString("  " + sign + " " + name + "\n")
			}
			got[f.Name] = lines.String()
			if diff := cmp.Diff(want[f.Name], got[f.Name]); diff != "" && !*update {
				t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", goldenName, diff)
			}
			accepted(t, f, root, packages, after)
			if strings.HasPrefix(f.Title, "at once: ") {
				return // its parts are proved one by one
			}
			opinions := known[f.Name]
			if len(opinions) == 0 {
				t.Error("no tool is asked whether it is broken as its title says")
			}
			for _, o := range opinions {
				o.hold(t, root)
			}
		})
	}
	if diff := cmp.Diff(w.files, contentsOf(t, w.publisher.Root)); diff != "" {
		t.Errorf("a fault wrote through a hard link into the tree that it was copied from:\n%s", diff)
	}
	if *update {
		var text strings.Builder
		for _, f := range contentAndPolicyFaults() {
			text.WriteString(f.Name + "\n" + got[f.Name])
		}
		if err := os.WriteFile(goldenName, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// goldenName is the list of the package files that each fault takes out (-),
// adds (+) or changes (~).
const goldenName = "testdata/touched.golden"

// goldenFiles returns the lines of that list by fault.
func goldenFiles(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(goldenName)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, " ") {
			name = strings.TrimSpace(line)
			out[name] = ""
			continue
		}
		out[name] += line
	}
	return out
}

// union returns the names in either, sorted.
func union(a, b map[string]string) []string {
	var out []string
	for _, files := range []map[string]string{a, b} {
		for name := range files {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// accepted holds the packages that a fault made against dpkg-deb and rpm: they
// are whole and well signed, whatever else is wrong with them.
func accepted(t *testing.T, f Fault, root string, packages []string, after map[string]string) {
	t.Helper()
	for _, name := range packages {
		if after[name] == "" {
			continue // taken out
		}
		tool := []string{"dpkg-deb", "--info", name}
		if strings.HasSuffix(name, ".rpm") {
			tool = []string{"rpmkeys", "--dbpath", keyring(t, root), "-K", name}
		}
		out, ok := tried(t, root, tool...)
		if want := f.Name != "unreadable-control"; ok != want {
			t.Errorf("%q: accepted %v, want %v\n%s", tool, ok, want, out)
		}
		if tool[0] == "rpmkeys" && !strings.Contains(out, "digests signatures OK") {
			t.Errorf("%q: %s", tool, out)
		}
	}
}

// keyring makes an rpm database that holds the repository's key.
func keyring(t *testing.T, root string) string {
	t.Helper()
	db := t.TempDir()
	if out, ok := tried(t, root, "rpmkeys", "--dbpath", db, "--import", worldRPM+"/repodata/repomd.xml.key"); !ok {
		t.Fatalf("rpmkeys --import: %s", out)
	}
	return db
}

// tried runs a real tool and returns what it printed and whether it was
// content; a missing tool fails the test.
func tried(t *testing.T, dir string, command ...string) (string, bool) {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatalf("install %s (make deps): %v", command[0], err)
	}
	c := exec.CommandContext(t.Context(), path, command[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// TestContentFaultsAreRepeatable: the same tree is always broken in the same
// bytes.
func TestContentFaultsAreRepeatable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{
		"older-program", "escape-deb", "escape-rpm", "wrong-md5sums", "unmet-dependency-rpm", "final-in-dev", "older-minor",
		"epoch-rpm", "changed-deb", "built-again", "more-metadata", "set-uid-and-unmet-and-one-missing",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			first, _ := w.broken(t, f)
			second, _ := w.broken(t, f)
			if diff := cmp.Diff(contentsOf(t, first), contentsOf(t, second)); diff != "" {
				t.Errorf("first and second time (-first +second):\n%.2000s", diff)
			}
		})
	}
}

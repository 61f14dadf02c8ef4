package fault_test

import (
	"context"
	"errors"
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
	"sigs.k8s.io/pkgverify/publish/fault"
)

const (
	debPath = "core:/stable:/v1.26/deb"
	rpmPath = "core:/stable:/v1.26:/build/rpm"
	debFile = debPath + "/amd64/kubelet_1.26.1-1.1_amd64.deb"
	rpmFile = rpmPath + "/x86_64/kubelet-1.26.1-150500.1.1.x86_64.rpm"
)

func now() time.Time { return time.Date(2024, 10, 3, 4, 37, 5, 0, time.UTC) }

// run runs a real program and returns what it printed and whether it was
// content; a missing program fails the test.
func run(t *testing.T, dir, name string, arguments ...string) (string, bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps): %v", name, err)
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	return string(out), err == nil
}

// newTree publishes 1.26.0 and 1.26.1 for amd64 and s390x.
func newTree(t *testing.T) *fault.Tree {
	t.Helper()
	layout, err := publish.ParseLayout("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := publish.DefaultManifest()
	if err != nil {
		t.Fatal(err)
	}
	key, err := publish.GenerateKey("Test", "test@example.org", now().Add(-720*time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	all := publish.Architectures()
	p := &publish.Publisher{
		Root: t.TempDir(), Layout: layout, Manifest: manifest, Key: key, Now: now,
		Architectures: []publish.Arch{all[0], all[4]}, Cache: publish.Cache(t.TempDir()),
	}
	tree := &fault.Tree{Publisher: p, Release: func(_ context.Context, version publish.Version) (publish.Release, error) {
		return release(t, p, version), nil
	}}
	if err := p.Publish(context.Background(), publish.Stable, fault.Minor, release(t, p, "1.26.0"), release(t, p, "1.26.1")); err != nil {
		t.Fatal(err)
	}
	return tree
}

func release(t *testing.T, p *publish.Publisher, version publish.Version) publish.Release {
	t.Helper()
	dir := t.TempDir()
	// Random bytes do not compress: the middle of a package is in its payload.
	data := make([]byte, 64<<10)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, arch := range p.Architectures {
		for _, name := range []string{"kubelet", "kubeadm", "kubectl", "crictl", "cni/bridge"} {
			file := filepath.Join(dir, arch.Go, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return publish.Release{Version: version, Date: now(), Binaries: dir}
}

// TestFaults breaks a copy of one tree in each way, and asks the tools that own
// the formats whether it is broken as the title says.
func TestFaults(t *testing.T) {
	t.Parallel()
	base := newTree(t)
	if !aptAccepts(t, base.Publisher.Root, "update") {
		t.Fatal("apt refuses the whole tree")
	}
	if out, ok := dnf(t, base.Publisher.Root); !ok {
		t.Fatalf("dnf refuses the whole tree:\n%s", out)
	}
	whole := snapshot(t, base.Publisher.Root)
	known := proofs()
	elsewhere := fault.ContentAndPolicyFaults()
	for _, f := range fault.Catalogue() {
		if slices.Contains(elsewhere, f.Name) {
			continue // content_test.go does the same with them, on a tree with more channels
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			tree := copied(t, base)
			touched, err := f.Apply(context.Background(), tree)
			if err != nil {
				t.Fatal(err)
			}
			claimed := map[string]bool{}
			for _, name := range touched {
				claimed[name] = true
			}
			after := snapshot(t, tree.Publisher.Root)
			changed := 0
			for name, data := range after {
				if whole[name] != data {
					changed++
					if !claimed[name] {
						t.Errorf("%s changed and was not named", name)
					}
				}
			}
			for name := range whole {
				if _, there := after[name]; !there {
					changed++
					if !claimed[name] {
						t.Errorf("%s was removed and was not named", name)
					}
				}
			}
			if changed == 0 {
				t.Error("nothing changed")
			}
			if strings.HasPrefix(f.Title, "at once: ") {
				return // its parts are proved one by one
			}
			proof, ok := known[f.Name]
			if !ok {
				t.Fatal("no proof")
			}
			proof(t, tree.Publisher.Root)
		})
	}
	if diff := cmp.Diff(whole, snapshot(t, base.Publisher.Root)); diff != "" {
		t.Errorf("the tree that was copied changed (-want +got):\n%.2000s", diff)
	}
}

// TestCatalogue: names are unique, every fault says what it must cause, and
// nothing is wanted and only allowed at once.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range fault.Catalogue() {
		if f.Title == "" || seen[f.Name] {
			t.Errorf("%q: no title, or a name that is taken", f.Name)
		}
		seen[f.Name] = true
		if strings.HasPrefix(f.Title, "at once: ") {
			continue
		}
		for _, id := range f.May {
			if slices.Contains(f.Want, id) && !strings.HasPrefix(id, "install-") {
				t.Errorf("%s: %s both must and may fail", f.Name, id)
			}
		}
	}
	if _, err := fault.Find("no-such-fault"); !errors.Is(err, fault.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

// TestNothingToBreak: a tree without what a fault breaks is an error, not a
// fault without effect.
func TestNothingToBreak(t *testing.T) {
	t.Parallel()
	base := newTree(t)
	for _, f := range fault.Catalogue() {
		tree := copied(t, base)
		for _, dir := range []string{debPath, rpmPath} {
			if err := os.RemoveAll(filepath.Join(tree.Publisher.Root, dir)); err != nil {
				t.Fatal(err)
			}
		}
		if f.Name == "rc-in-stable" || f.Name == "other-minor" || f.Name == "rc-and-expired-key-and-wrong-origin" || f.Name == "weak-key" {
			continue // they would publish into the empty place
		}
		if _, err := f.Apply(context.Background(), tree); !errors.Is(err, fault.ErrNoTarget) {
			t.Errorf("%s: got %v, want ErrNoTarget", f.Name, err)
		}
	}
}

// copied returns a copy of a tree, with a publisher of its own.
func copied(t *testing.T, base *fault.Tree) *fault.Tree {
	t.Helper()
	publisher := *base.Publisher
	publisher.Root = t.TempDir()
	if err := publish.LinkTree(base.Publisher.Root, publisher.Root); err != nil {
		t.Fatal(err)
	}
	return &fault.Tree{Publisher: &publisher, Release: func(_ context.Context, version publish.Version) (publish.Release, error) {
		return release(t, &publisher, version), nil
	}}
}

func TestFlipTouchesOneByte(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"flip-deb": debFile, "flip-rpm": rpmFile} {
		tree := newTree(t)
		before := snapshot(t, tree.Publisher.Root)
		f, err := fault.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		touched, err := f.Apply(context.Background(), tree)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{file}, touched); diff != "" {
			t.Errorf("%s touched (-want +got):\n%s", name, diff)
		}
		after, different := snapshot(t, tree.Publisher.Root), 0
		for i := range len(before[file]) { // bytes: a range over a string goes by runes
			if before[file][i] != after[file][i] {
				different++
			}
		}
		if different != 1 || len(before[file]) != len(after[file]) {
			t.Errorf("%s: %d bytes differ, want 1", name, different)
		}
	}
}

func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".publish-") { // locks are not published
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func holds(t *testing.T, root, name, text string, want bool) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, debPath, name))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Contains(string(data), text); got != want {
		t.Errorf("%s holds %q: %v, want %v", name, text, got, want)
	}
	if !aptAccepts(t, root, "update") {
		t.Error("apt refuses the tree, which is properly indexed and signed")
	}
}

func rpmkeys(t *testing.T, root string) (string, bool) {
	t.Helper()
	db := t.TempDir()
	if out, ok := run(t, root, "rpmkeys", "--dbpath", db, "--import", rpmPath+"/repodata/repomd.xml.key"); !ok {
		t.Fatalf("rpmkeys --import: %s", out)
	}
	return run(t, root, "rpmkeys", "--dbpath", db, "-Kv", rpmFile)
}

// aptAccepts updates from the deb repository and then runs one more command.
func aptAccepts(t *testing.T, root string, command ...string) bool {
	t.Helper()
	deb, dir := filepath.Join(root, debPath), t.TempDir()
	for _, name := range []string{"state/lists/partial", "cache/archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"state/status": "",
		"etc/sources.list": "deb [signed-by=" + deb + "/Release.key] copy:" +
			strings.ReplaceAll(deb, ":", "%3A") + " /\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	options := []string{
		"-o", "Dir::State=" + dir + "/state", "-o", "Dir::State::status=" + dir + "/state/status", "-o", "Dir::Cache=" + dir + "/cache",
		"-o", "Dir::Etc=" + dir + "/etc", "-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=amd64",
		"-o", "APT::Update::Error-Mode=any",
	}
	for _, arguments := range [][]string{{"update"}, command} {
		if out, ok := run(t, dir, "apt-get", append(options, arguments...)...); !ok {
			t.Logf("apt-get %q: %s", arguments, out)
			return false
		}
	}
	return true
}

package fault_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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

func TestFaults(t *testing.T) {
	t.Parallel()
	proofs := map[string]func(t *testing.T, root string){
		"flip-deb": func(t *testing.T, root string) {
			if aptAccepts(t, root, "download", "kubelet") {
				t.Error("apt downloads the changed .deb")
			}
		},
		"flip-rpm": func(t *testing.T, root string) {
			if out, ok := rpmkeys(t, root); ok || !strings.Contains(out, "NOT OK") && !strings.Contains(out, "BAD") {
				t.Errorf("rpmkeys accepts the changed .rpm:\n%s", out)
			}
		},
		"unsigned-rpm": func(t *testing.T, root string) {
			out, _ := rpmkeys(t, root)
			if strings.Contains(out, "Signature") || !strings.Contains(out, "Payload SHA256 digest: OK") {
				t.Errorf("want good digests and no signature:\n%s", out)
			}
		},
		"foreign-key": func(t *testing.T, root string) {
			if aptAccepts(t, root, "update") {
				t.Error("apt accepts the foreign signature")
			}
		},
		"expired-key": func(t *testing.T, root string) {
			if aptAccepts(t, root, "update") {
				t.Error("apt accepts the expired key")
			}
		},
		"index-mismatch": func(t *testing.T, root string) {
			if aptAccepts(t, root, "update") {
				t.Error("apt accepts the index")
			}
		},
		"missing-arch": func(t *testing.T, root string) { holds(t, root, "Packages", "Architecture: s390x\n", false) },
		"rc-in-stable": func(t *testing.T, root string) { holds(t, root, "Packages", "Version: 1.26.3~rc.0-1.1\n", true) },
		"other-minor":  func(t *testing.T, root string) { holds(t, root, "Packages", "Version: 1.27.0-1.1\n", true) },
	}
	if !aptAccepts(t, newTree(t).Publisher.Root, "update") {
		t.Fatal("apt refuses the whole tree")
	}
	for _, f := range fault.Catalogue() {
		t.Run(f.Name, func(t *testing.T) {
			tree := newTree(t)
			before := snapshot(t, tree.Publisher.Root)
			touched, err := f.Apply(context.Background(), tree)
			if err != nil {
				t.Fatal(err)
			}
			claimed := map[string]bool{}
			for _, name := range touched {
				claimed[name] = true
			}
			after := snapshot(t, tree.Publisher.Root)
			for name, data := range after {
				if before[name] != data && !claimed[name] {
					t.Errorf("%s changed and was not named", name)
				}
			}
			proof, ok := proofs[f.Name]
			if !ok {
				t.Fatal("no proof")
			}
			proof(t, tree.Publisher.Root)
		})
	}
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
		for i := range before[file] {
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
		if err != nil || entry.IsDir() {
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

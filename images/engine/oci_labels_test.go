package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestLeftovers: what a process that was killed left half made or half removed
// goes, and what lives stays.
func TestLeftovers(t *testing.T) {
	o, err := NewOCI(t.TempDir())
	if err != nil {
		t.Fatalf("this test needs an OCI runtime (images/setup.sh) and root: %v", err)
	}
	other := &OCI{dir: o.dir, self: deadOwner(t)}
	elsewhere := &OCI{dir: o.dir, self: o.self} // its cache is on a shared disk
	elsewhere.self.Host, elsewhere.self.Boot = o.self.Host+"-other", "another"

	kept, gone := []string{}, []string{}
	folder := func(maker *OCI, parent string) string {
		dir, err := maker.making(parent)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "root", "etc"), 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, parent := range []string{o.imagesDir(), o.containersDir()} {
		gone = append(gone, folder(other, parent))
		kept = append(kept, folder(o, parent), folder(elsewhere, parent))
	}
	container := func(l *labels) string {
		dir := filepath.Join(o.containersDir(), newID())
		if err := os.MkdirAll(filepath.Join(dir, "root"), 0o700); err != nil {
			t.Fatal(err)
		}
		if l != nil {
			if err := l.write(dir); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	kept = append(kept, container(&labels{Run: "r", Owner: o.self.String()}), container(&labels{Run: "r", Owner: elsewhere.self.String()}))
	dead := container(&labels{Run: "r", Owner: other.self.String()})
	// A killed process leaves the root mounted.
	precious := t.TempDir()
	if err := os.WriteFile(filepath.Join(precious, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(precious, filepath.Join(dead, "root"), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	rest := container(nil) // half removed: the labels went last
	gone = append(gone, dead, rest)

	if n, err := o.Reap(t.Context()); n != 2 || err != nil {
		t.Errorf("want two containers reaped, got %d, %v", n, err)
	}
	for _, dir := range gone {
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
	for _, dir := range append(kept, filepath.Join(precious, "file")) {
		if _, err := os.Lstat(dir); err != nil {
			t.Errorf("a living process's folder: %v", err)
		}
	}
	// Labels that cannot be read are nobody's; that is said, not passed over.
	broken := container(nil)
	if err := os.WriteFile(filepath.Join(broken, labelsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Reap(t.Context()); err == nil {
		t.Error("labels that cannot be read: want an error")
	}
}

// deadOwner returns a process of this machine that has ended.
func deadOwner(t *testing.T) Owner {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	self.PID, self.Start = cmd.Process.Pid, self.Start+1
	return self
}

func TestMakerOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Owner{
		unfinished + "a-host%2Fboot-id%2F12%2F34-5678": {"a-host", "boot-id", 12, 34},
		unfinished + "5678":                            {},
		unfinished + "a%2Fb%2F0%2F1-1":                 {},
		unfinished + "%zz-1":                           {},
		"pkgverify-0123":                               {},
	} {
		got, ok := makerOf(name)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want.PID > 0) {
			t.Errorf("%s: %v (-want +got):\n%s", name, ok, diff)
		}
	}
}

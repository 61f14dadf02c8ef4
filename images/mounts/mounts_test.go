package mounts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /a rw - tmpfs tmpfs rw
31 30 0:27 / /a/b\040c\134d rw - tmpfs tmpfs rw
32 22 0:28 / /ab rw - tmpfs tmpfs rw
33 30 0:29 / /a/x rw - tmpfs tmpfs rw
33 30
`
	if diff := cmp.Diff([]string{"/a", `/a/b c\d`, "/a/x"}, parse(text, "/a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`/a`: "/a", `/a\040b`: "/a b", `/a\134`: `/a\`, `/a\0`: `/a\0`, `/\999`: `/\999`, ``: "",
	} {
		if got := unescape(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestRemoveAll mounts folders into one that is removed: what is in them stays.
func TestRemoveAll(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("mounting needs root: run the tests as root")
	}
	kept := t.TempDir()
	if err := os.WriteFile(filepath.Join(kept, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "a root")
	for _, at := range []string{dir, filepath.Join(dir, "dev"), filepath.Join(dir, "dev"), filepath.Join(dir, "in side")} {
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(kept, at, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("mount: %v (in a container it needs CAP_SYS_ADMIN)", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) }) // after a failure
	}
	// In use, as a killed program leaves it.
	busy, err := os.Open(filepath.Join(dir, "in side", "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	// Through a link above it, as a cache folder may have.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(parent, link); err != nil {
		t.Fatal(err)
	}
	if err := RemoveAll(filepath.Join(link, "a root")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(kept, "file")); err != nil {
		t.Errorf("what was mounted was removed: %v", err)
	}
	for range 2 { // nothing is there
		if err := RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
	if err := RemoveAll(filepath.Join(dir, "deeper", "down")); err != nil {
		t.Error(err)
	}
}

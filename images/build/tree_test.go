package build

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sigs.k8s.io/pkgverify/images/filelock"
	"sigs.k8s.io/pkgverify/images/mounts"
)

func TestRemoveTree(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a")
	if err := os.MkdirAll(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// childVar tells the test program, run anew, that it is to be the builder that
// gets killed: its value is the folder of the machine's own files.
const childVar = "PKGVERIFY_TEST_KILLED_BUILD"

// TestMain is the test program, or the builder that gets killed.
func TestMain(m *testing.M) {
	if own := os.Getenv(childVar); own != "" {
		if err := leaveRoot(own, os.Args[1]); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error())
			os.Exit(1)
		}
		_, _ = io.WriteString(os.Stdout, "mounted\n")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// leaveRoot mounts as mmdebstrap does: the machine's own files with what is
// mounted in them, so that both are peers, and something of the root's own.
func leaveRoot(own, root string) error {
	dev, run := filepath.Join(root, "dev"), filepath.Join(root, "r u n")
	return errors.Join(os.Mkdir(dev, 0o755), os.Mkdir(run, 0o755),
		unix.Mount(own, dev, "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("tmpfs", run, "tmpfs", 0, ""))
}

// TestKilledBuild kills a process that has mounts in the root of an image, and
// lets the next build find it: mounts and root are gone, and what was mounted
// there is as it was.
func TestKilledBuild(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("building, and so this test, needs root")
	}
	machine := t.TempDir()
	sub := filepath.Join(machine, "pts")
	for _, step := range []func() error{
		func() error { return unix.Mount("tmpfs", machine, "tmpfs", 0, "") },
		func() error { return unix.Mount("", machine, "", unix.MS_SHARED, "") },
		func() error { return os.Mkdir(sub, 0o755) },
		func() error { return unix.Mount("tmpfs", sub, "tmpfs", 0, "") },
		func() error { return os.WriteFile(filepath.Join(sub, "mine"), nil, 0o600) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := mounts.Unmount(machine); err != nil {
			t.Error(err)
		}
	})
	temp := t.TempDir()
	root := filepath.Join(temp, "pkgverify-root-x-amd64-1")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mounts.Unmount(root) }) // when the test failed
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lockFile := filepath.Join(temp, "x.lock")
	lock, err := filelock.Lock(t.Context(), lockFile)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, root)
	child.Env = append(os.Environ(), childVar+"="+machine)
	child.ExtraFiles = []*os.File{lock}
	var words strings.Builder
	child.Stderr = &words
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("mounted\n"))); err != nil {
		t.Fatalf("%v: %s", err, words.String())
	}
	// The process that began the build is gone; what it started still cleans up.
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Try(lockFile); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("the child has the lock as well; got %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	free, err := filelock.Try(lockFile)
	if err != nil {
		t.Fatalf("nobody has the lock any more: %v", err)
	}
	defer func() { _ = free.Close() }()
	if left, err := mounts.Below(root); err != nil || len(left) != 3 {
		t.Fatalf("want three mounts to be left, got %q, %v", left, err)
	}
	if err := removeTree(root); err == nil || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("a root with mounts must not be removed, got %v", err)
	}
	var log strings.Builder
	removeLeftovers(&buildLog{w: &log}, filepath.Join(temp, "pkgverify-root-x-amd64-*"))
	if left, err := mounts.Below(root); err != nil || len(left) != 0 {
		t.Errorf("still mounted: %q, %v\n%s", left, err, log.String())
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root is still there: %v\n%s", err, log.String())
	}
	if _, err := os.Stat(filepath.Join(sub, "mine")); err != nil {
		t.Errorf("the machine's own files have gone with it: %v", err)
	}
}

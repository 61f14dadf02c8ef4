package fetch_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// TestFolderWithoutPermission reads what may not be read. The tests may run as
// root, whom nothing is forbidden, so this one thread looks at files as nobody.
func TestFolderWithoutPermission(t *testing.T) {
	t.Parallel()
	root := tree(t)
	if err := os.Chmod(filepath.Join(root, "core:", "in"), 0); err != nil {
		t.Fatal(err)
	}
	src, err := fetch.New(root, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The folder itself is opened with the rights of the one who made it.
	if _, err := src.Open(t.Context(), "none"); !errors.Is(err, fetch.ErrAbsent) {
		t.Fatal(err)
	}
	answer := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				answer <- err
				return
			}
		}
		_, err := src.Open(t.Context(), "core:/in")
		answer <- err
	}()
	err = <-answer
	if !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrAbsent) || !strings.Contains(err.Error(), "may not be read") {
		t.Errorf("got %v", err)
	}
}

// Package mounts removes folders in which something may be mounted. Removing
// files goes through a mount: a root in which the machine's own /dev is mounted
// would take that with it.
package mounts

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRounds bounds how often what is mounted below a folder is unmounted: each
// round takes away what is on top everywhere.
const maxRounds = 16

// RemoveAll removes a folder with all that is in it. What is mounted there, and
// on it, is unmounted first (MNT_DETACH: also where it is in use); if that fails
// nothing is removed. It does nothing when there is no such folder.
func RemoveAll(dir string) error {
	if err := Unmount(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// Unmount unmounts all that is mounted on a folder and below it.
func Unmount(dir string) error {
	dir, err := resolved(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	for range maxRounds {
		points, err := points(dir)
		if err != nil {
			return fmt.Errorf("unmount what is in %s: %w", dir, err)
		}
		if len(points) == 0 {
			return nil
		}
		// A mount that is a peer of another, as of the machine's own /dev, would
		// take down what is mounted in that, too (mount_namespaces(7)).
		for _, at := range points {
			err := unix.Mount("", at, "", unix.MS_PRIVATE, "")
			// EINVAL: another is mounted on top of it; its turn comes later.
			if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("make the mount %s private: %w", at, err)
			}
		}
		for i := len(points) - 1; i >= 0; i-- { // what was mounted last is on top
			err := unix.Unmount(points[i], unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
			// EINVAL: it went with one that was above it.
			if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("unmount %s: %w", points[i], err)
			}
		}
	}
	return fmt.Errorf("unmount what is in %s: after %d rounds there still is something", dir, maxRounds)
}

// resolved returns dir as the kernel lists it. A link at its end is not
// followed: RemoveAll removes the link.
func resolved(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	return filepath.Join(parent, filepath.Base(dir)), err
}

// points returns where something is mounted, on dir and below it, in the order
// in which it was mounted.
func points(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return parse(string(text), dir), nil
}

// parse reads proc_pid_mountinfo(5): the fifth field is where it is mounted, with
// blanks and the like in octal.
func parse(text, dir string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if at := unescape.Replace(f[4]); at == dir || strings.HasPrefix(at, dir+"/") {
			found = append(found, at)
		}
	}
	return found
}

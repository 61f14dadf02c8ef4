// Package mounts removes folders in which something may be mounted. Removing
// files goes through a mount: a root in which the machine's own /dev is mounted
// would take that with it.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// RemoveAll removes a folder with all that is in it. What is mounted there, and
// on it, is unmounted first; if that fails nothing is removed. It does nothing
// when there is no such folder.
func RemoveAll(dir string) error {
	if err := Unmount(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// Unmount takes down what is mounted in a folder and on it, the last first, also
// where it is in use (MNT_DETACH). Each mount is made private beforehand:
// otherwise taking down /dev/pts in a root could take down the machine's own, of
// which it is a peer (mount_namespaces(7)).
func Unmount(dir string) error {
	mounted, err := Below(dir)
	if err != nil {
		return fmt.Errorf("unmount what is in %s: %w", dir, err)
	}
	var problems []error
	for _, at := range mounted {
		if err := unix.Mount("", at, "", unix.MS_PRIVATE, ""); err != nil {
			problems = append(problems, fmt.Errorf("make the mount %s private: %w", at, err))
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...) // nothing is taken down unless all is private
	}
	for _, at := range slices.Backward(mounted) {
		if err := unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			problems = append(problems, fmt.Errorf("umount %s: %w", at, err))
		}
	}
	return errors.Join(problems...)
}

// Below returns what is mounted in a folder or on it, in the order in which it
// was mounted; nothing for a folder that is not there.
func Below(dir string) ([]string, error) {
	dir, err := resolved(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parse(string(text), dir), nil
}

// resolved returns dir as the kernel lists it. A link at its end is not
// followed: removing it removes the link.
func resolved(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	return filepath.Join(parent, filepath.Base(dir)), err
}

// parse reads proc_pid_mountinfo(5): the fifth field is where it is mounted.
func parse(text, dir string) []string {
	var found []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		if at := unescape(f[4]); at == dir || strings.HasPrefix(at, dir+"/") {
			found = append(found, at)
		}
	}
	return found
}

// unescape reads a path of mountinfo, in which blanks, line ends and backslashes
// are written as three octal digits.
func unescape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+3 < len(path) {
			if n, err := strconv.ParseUint(path[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

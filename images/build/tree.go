package build

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// removeTree removes a folder in which a root may have been made. It refuses
// when something is still mounted there: mmdebstrap mounts the machine's own
// /dev and /proc into a root, and they must not be emptied.
func removeTree(dir string) error {
	mounted, err := mountsIn(dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	if len(mounted) > 0 {
		return fmt.Errorf("%s is not removed: %s is mounted in it (umount it first)", dir, mounted[0])
	}
	return os.RemoveAll(dir)
}

// mountsIn returns what is mounted in a folder or on it, in the order in which
// it was mounted.
func mountsIn(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	var found []string
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		// proc_pid_mountinfo(5): the fifth field is where it is mounted.
		if fields := strings.Fields(scan.Text()); len(fields) > 4 {
			if at := unescape(fields[4]); within(at, dir) {
				found = append(found, at)
			}
		}
	}
	return found, scan.Err()
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

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// unmount takes down what is mounted in a folder, the last first. Each mount is
// made private beforehand: otherwise taking down /dev/pts in a root could take
// down the machine's own, of which it is a peer (mount_namespaces(7)).
func unmount(dir string) error {
	mounted, err := mountsIn(dir)
	if err != nil {
		return err
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

// removeLeftovers removes what killed builds of an image left, with what is
// mounted there. The caller has the image's lock, so none of it is in use.
func removeLeftovers(log *buildLog, dirs ...string) {
	for _, pattern := range dirs {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // the pattern is our own and has no brackets
		}
		for _, dir := range found {
			log.say("removing %s, which a build that was killed has left", dir)
			err := unmount(dir)
			if err == nil {
				err = removeTree(dir)
			}
			if err != nil {
				log.say("it cannot be removed: %v", err)
			}
		}
	}
}

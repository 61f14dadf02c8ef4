package build

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// removeTree removes a folder in which a root may have been made. It refuses
// when something is still mounted there: mmdebstrap mounts the machine's own
// /dev and /proc into a root, and they must not be emptied.
func removeTree(dir string) error {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		// proc_pid_mountinfo(5): the fifth field is where it is mounted.
		if fields := strings.Fields(scan.Text()); len(fields) > 4 && within(fields[4], dir) {
			return fmt.Errorf("%s is not removed: %s is mounted in it (umount it first)", dir, fields[4])
		}
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return os.RemoveAll(dir)
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// removeLeftovers removes what killed builds of an image left. The caller has
// the image's lock, so none of it is in use.
func removeLeftovers(log *buildLog, dirs ...string) {
	for _, pattern := range dirs {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // the pattern is our own and has no brackets
		}
		for _, dir := range found {
			if err := removeTree(dir); err != nil {
				log.say("left over from a build that was killed: %v", err)
			}
		}
	}
}

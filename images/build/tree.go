package build

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/pkgverify/images/mounts"
)

// removeTree removes a folder in which a root may have been made. It refuses
// when something is still mounted there: mmdebstrap mounts the machine's own
// /dev and /proc into a root, and whoever is at work there must not be hindered.
func removeTree(dir string) error {
	mounted, err := mounts.Below(dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	if len(mounted) > 0 {
		return fmt.Errorf("%s is not removed: %s is mounted in it (umount it first)", dir, mounted[0])
	}
	return os.RemoveAll(dir)
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
			if err := mounts.RemoveAll(dir); err != nil {
				log.say("it cannot be removed: %v", err)
			}
		}
	}
}

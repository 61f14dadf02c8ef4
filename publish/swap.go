package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// workPrefix begins the names of folders that are being built. They lie beside
// the repository, since a rename cannot cross file systems.
const workPrefix = ".publish-"

// ErrNoExchange says that the file system cannot exchange two folders in one
// step.
var ErrNoExchange = errors.New("the file system cannot exchange two folders (renameat2 RENAME_EXCHANGE)")

// swap puts work in the place of target in one step: a reader sees the old
// folder or the new one, and at no time none. What was there is removed.
func swap(work, target string) error {
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(work, target)
	}
	err := unix.Renameat2(unix.AT_FDCWD, work, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("publishing %s: %w: use a local file system such as ext4, xfs, btrfs or tmpfs", target, ErrNoExchange)
	case err != nil:
		return fmt.Errorf("exchanging %s and %s: %w", work, target, err)
	}
	return os.RemoveAll(work) // now the old tree
}

// Replace puts the folder work in the place of target in one step, and removes
// what was there. Both must be on one file system.
func Replace(work, target string) error { return swap(work, target) }

// lock takes the lock of the repository in a folder whose work folders begin
// with prefix, so that two publishers do not work on it at once, and returns
// what gives it back. Work folders that a killed publisher left are removed.
func lock(folder, prefix string) (release func() error, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(folder, prefix+".lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another publisher is at work (it holds %s): %w", name, err), f.Close())
	}
	entries, err := os.ReadDir(folder)
	for _, entry := range entries {
		if err == nil && strings.HasPrefix(entry.Name(), prefix+"-") {
			err = os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// LinkTree makes to a copy of the folder from, whose files are hard links: they
// must be replaced and never written to. Locks and what else lies beside a
// repository while it is published are left out: a lock counts by its file, not
// by its name.
func LinkTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Name(), workPrefix) && rel != "." {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Link(name, filepath.Join(to, rel))
	})
}

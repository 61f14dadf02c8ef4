package publish

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Cache is a folder of built things under names that say what they were built
// from, so that nothing in it is ever out of date.
type Cache string

// DefaultCache returns the user's cache folder for pkgverify.
func DefaultCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w: name one with --cache", err)
	}
	return Cache(filepath.Join(dir, "pkgverify")), nil
}

func (c Cache) path(name string) string { return filepath.Join(string(c), name) }

// store puts a file into the cache under a temporary name and renames it, so
// that a reader never sees half of it.
func (c Cache) store(name string, data []byte) error {
	return writeFile(c.path(name), data, 0o644)
}

// Folder returns the cached folder of that name; when it is not there yet,
// fill is given an empty one to write into.
func (c Cache) Folder(name string, fill func(dir string) error) (string, error) {
	dir := c.path(name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := fill(work); err != nil {
		return "", err
	}
	if err := os.Rename(work, dir); err != nil {
		if _, found := os.Stat(dir); found == nil {
			return dir, nil // another process was first
		}
		return "", err
	}
	return dir, nil
}

// writeFile writes a file beside its place and renames it. Other names of the
// file that was there keep their contents.
func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

func hashFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

package build

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/filelock"
)

// madeHere is the name of an image's folder: its ID and its key.
var madeHere = regexp.MustCompile(`^(.+)-[0-9a-f]{16}$`)

// Prune removes the images of the distributions that were made by another
// recipe than the present one, and returns their folders. It leaves alone what
// somebody uses or makes, and distributions that are not among them.
func (b *Builder) Prune(all []images.Distribution) (removed []string, err error) {
	current := make(map[string]string) // the folder of each ID
	for _, d := range all {
		if d.Build == nil {
			continue
		}
		for _, arch := range d.Architectures {
			p, err := b.place(d, arch)
			if err != nil {
				return nil, err
			}
			current[p.id] = p.dir
		}
	}
	entries, err := os.ReadDir(b.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("images made here: %w", err)
	}
	var problems []error
	for _, e := range entries {
		m, dir := madeHere.FindStringSubmatch(e.Name()), filepath.Join(b.Dir, e.Name())
		if m == nil || !e.IsDir() || current[m[1]] == "" || current[m[1]] == dir {
			continue
		}
		switch err := filelock.Remove(dir, heldBy); {
		case errors.Is(err, filelock.ErrHeld):
		case err != nil:
			problems = append(problems, fmt.Errorf("image %s: %w", dir, err))
		default:
			removed = append(removed, dir)
		}
	}
	return removed, errors.Join(problems...)
}

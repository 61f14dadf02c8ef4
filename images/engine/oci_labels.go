package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// labels are what is kept of a container beside it.
type labels struct {
	Run, Owner, Name string
	// Runtime is the path of the runtime that was last asked to make it, which
	// alone can remove it; empty when none was.
	Runtime string `json:",omitempty"`
}

const (
	labelsFile = "labels.json"
	// unfinished begins the name of a folder that is being made; its owner
	// follows, and something random.
	unfinished = ".making-"
)

// making makes a folder for what is not whole yet.
func (o *OCI) making(parent string) (string, error) {
	return os.MkdirTemp(parent, unfinished+url.PathEscape(o.self.String())+"-")
}

// write puts the labels into a container's folder, whole or not at all.
func (l labels) write(dir string) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	work := filepath.Join(dir, labelsFile+".new")
	if err := os.WriteFile(work, text, 0o600); err != nil {
		return err
	}
	return os.Rename(work, filepath.Join(dir, labelsFile))
}

// readLabels reads what write wrote. It fails with [fs.ErrNotExist] where there
// are none.
func readLabels(dir string) (labels, error) {
	text, err := os.ReadFile(filepath.Join(dir, labelsFile))
	if err != nil {
		return labels{}, err
	}
	var l labels
	if err := json.Unmarshal(text, &l); err != nil {
		return labels{}, fmt.Errorf("%s: %w", labelsFile, err)
	}
	return l, nil
}

// makerOf returns whose unfinished folder that is.
func makerOf(name string) (Owner, bool) {
	text, ok := strings.CutPrefix(name, unfinished)
	i := strings.LastIndexByte(text, '-')
	if !ok || i < 0 {
		return Owner{}, false
	}
	text, err := url.PathUnescape(text[:i])
	if err != nil {
		return Owner{}, false
	}
	return ParseOwner(text)
}

// Reap implements [Reaper]. It removes also what dead processes have left half
// made, or half removed.
func (o *OCI) Reap(ctx context.Context) (int, error) {
	n, err := o.remove(ctx, func(l labels) bool {
		owner, ok := ParseOwner(l.Owner)
		return ok && owner.Dead(o.self)
	})
	return n, errors.Join(err, o.sweep(o.imagesDir()), o.sweep(o.containersDir()))
}

// RemoveRun implements [Reaper].
func (o *OCI) RemoveRun(ctx context.Context, run string) (int, error) {
	return o.remove(ctx, func(l labels) bool { return l.Run == run })
}

// sweep removes the unfinished folders of dead processes. Nothing is mounted in
// them.
func (o *OCI) sweep(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("oci: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if owner, ok := makerOf(e.Name()); ok && owner.Dead(o.self) {
			errs = append(errs, os.RemoveAll(filepath.Join(parent, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func (o *OCI) remove(ctx context.Context, which func(labels) bool) (int, error) {
	entries, err := os.ReadDir(o.containersDir())
	if err != nil {
		return 0, fmt.Errorf("oci: %w", err)
	}
	removed := 0
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		dir := filepath.Join(o.containersDir(), e.Name())
		l, err := readLabels(dir)
		switch {
		case err == nil && !which(l):
			continue // another's
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			// A folder has its labels to the last: the rest of a removal.
		default:
			errs = append(errs, fmt.Errorf("oci: container %s: %w (nobody can tell whose it is: remove its folder by hand)", dir, err))
			continue
		}
		c := &ociContainer{o: o, id: e.Name(), name: l.Name, dir: dir, labels: l}
		if err := c.Remove(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

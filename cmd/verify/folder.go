package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is the artifacts folder of a run under way.
type folder struct {
	path string
	// held is the folder itself, open and locked.
	held *os.File
}

// probeSize is how much is written to try the folder, in bytes: room for the
// smallest report.
const probeSize = 256 << 10

// openFolder makes the artifacts folder if need be, locks it, and tries that
// it takes files: a run of half an hour should not end with nowhere to put its
// report. Two runs at once in one folder would mix their files; the second is
// refused. The lock ends with the process, however it ends.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(filepath.Join(path, "cells"), 0o755); err != nil {
		return nil, fmt.Errorf("--artifacts: %w: name another folder", err)
	}
	held, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--artifacts: %w", err)
	}
	f := &folder{path: path, held: held}
	// File systems without locks (some network ones) say so; there the files
	// are still whole each, the last writer's.
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		f.close()
		return nil, fmt.Errorf("--artifacts %s: another run is using this folder: wait for it, or name another folder", path)
	}
	if err := f.try(); err != nil {
		f.close()
		return nil, fmt.Errorf("--artifacts %s: no report could be written here: %w: make room, or name another folder", path, err)
	}
	return f, nil
}

// try writes a file and removes it.
func (f *folder) try() error {
	file, err := os.CreateTemp(f.path, ".probe.*.tmp")
	if err != nil {
		return err
	}
	_, writeErr := file.Write(make([]byte, probeSize))
	// Some file systems notice only here that they are full.
	return errors.Join(writeErr, file.Sync(), file.Close(), os.Remove(file.Name()))
}

// close lets other runs have the folder.
func (f *folder) close() { _ = f.held.Close() } // opened for reading

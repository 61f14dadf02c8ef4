package main

import (
	"io/fs"
	"path/filepath"
	"time"
)

// newest returns the date of the newest file in a folder: the release's date,
// so that publishing the same binaries again makes the same packages.
func newest(dir string) (time.Time, error) {
	var date time.Time
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(date) {
			date = info.ModTime().Truncate(time.Second)
		}
		return err
	})
	return date, err
}

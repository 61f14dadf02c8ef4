//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cache

import (
	"errors"
	"io/fs"
	"os"
)

// lock says that there are no locks: the bytes of files are not kept here, facts
// are.
func lock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

// owned says nothing, for folders have no user here.
func owned(fs.FileInfo) error { return nil }

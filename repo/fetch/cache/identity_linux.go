package cache

import (
	"io/fs"
	"syscall"
)

// identityOf returns what tells a file that was written to from one that was
// not.
func identityOf(info fs.FileInfo) (identity, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{Size: s.Size, Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano(), Inode: s.Ino, Device: uint64(s.Dev)}, true //nolint:unconvert // 32 bits on some architectures
}

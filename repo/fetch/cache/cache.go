// Package cache keeps files of repositories, and what was learnt of them, by
// the digest of their content, so that a second run reads only what changed
// and an interrupted one goes on where it was.
//
// Nothing counts before its digest was verified. A file that is being fetched
// is kept under the digest that an index claims for it; it becomes an entry
// when the reader, which hashes everything anyway, has found that digest. Its
// bytes are stored once.
//
// Facts are small blobs that are derived from one content by one version of
// one reader. With them neither the network nor the file is needed again.
//
// Several processes may use one cache: entries come into being by renaming, a
// fetch that goes on is guarded by a lock that ends with its process. A cache
// that cannot be written, or that someone else damaged, costs time and never a
// result: the failure is told once, and the run goes on without.
//
// In the folder, which belongs to its user alone:
//
//	v1/body/ab/sha256-ab…    a verified file
//	v1/mark/ab/sha256-ab…    when it was verified, in JSON, and what was found
//	v1/facts/ab/sha256-ab….… facts of one kind
//	v1/part/sha256-ab…       a fetch that has not ended
//	v1/tmp/…                 what is being written
package cache

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Bounds of a cache.
const (
	// MaxFacts bounds the facts of one kind about one file, in bytes. The file
	// list of a package with 100,000 files is about 20 MB of JSON. Going past it
	// means that they are not kept.
	MaxFacts = 64 << 20
	// maxMark bounds one mark, in bytes. Going past it makes the mark void, and
	// the file is hashed again.
	maxMark = 64 << 10
	// touchEvery is how often the use of an entry is written down at most.
	touchEvery = time.Hour
	// staleAfter is when a temporary file belongs to no living process.
	staleAfter = 24 * time.Hour
)

// Options say what is kept.
type Options struct {
	// Bodies also keeps the bytes of packages. Those of metadata are always
	// kept.
	Bodies bool
	// Warn is told, once, why the cache can no longer be written. It may be nil.
	Warn func(error)
}

// Cache is one folder. Its methods may be used by several goroutines, and on a
// nil cache, which keeps nothing.
type Cache struct {
	root   *os.Root
	opts   Options
	broken atomic.Bool
	warned sync.Once
}

// Open opens the cache in a folder, and makes it if it is not there. A part of
// it that others may write to is refused: what they put there would be taken
// for verified.
func Open(dir string, opts Options) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	outer, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	defer func() { _ = outer.Close() }() // only read from
	if err := outer.Mkdir(version, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cache: %w", err)
	}
	info, err := outer.Lstat(version)
	if err == nil {
		err = private(info)
	}
	if err != nil {
		return nil, fmt.Errorf("cache folder %s: %w; remove it, or use another folder", filepath.Join(dir, version), err)
	}
	root, err := outer.OpenRoot(version)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	for _, d := range []string{bodies, marks, facts, parts, temps} {
		if err := root.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			_ = root.Close() // the first error is told
			return nil, fmt.Errorf("cache: %w", err)
		}
	}
	return &Cache{root: root, opts: opts}, nil
}

// Close lets go of the folder.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	return c.root.Close()
}

// The places in the folder.
const (
	version = "v1"
	bodies  = "body"
	marks   = "mark"
	facts   = "facts"
	parts   = "part"
	temps   = "tmp"
)

func private(info fs.FileInfo) error {
	switch {
	case !info.IsDir():
		return errors.New("it is not a folder")
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %v)", info.Mode().Perm())
	}
	return owned(info)
}

// key names one content by a digest that cannot be made to fit another.
type key struct {
	algorithm repo.Algorithm
	digest    string
}

// keyOf returns the key of a content, by its strongest digest: what is observed
// has the digests that were claimed, so that both have one key. It reports false
// when none is as strong as SHA-256, or when the digest, which is a repository's
// own word, is not one.
func keyOf(d repo.Digests) (key, bool) {
	for _, a := range [...]repo.Algorithm{repo.SHA512, repo.SHA384, repo.SHA256} {
		digest := d.Get(a)
		if digest == "" {
			continue
		}
		raw, err := hex.DecodeString(digest)
		if err != nil || len(digest) != a.HexLen() || hex.EncodeToString(raw) != digest {
			return key{}, false
		}
		return key{a, digest}, true
	}
	return key{}, false
}

func (k key) name() string { return string(k.algorithm) + "-" + k.digest }

// in returns the path of k's file in one of the places.
func (k key) in(place string) string { return path.Join(place, k.digest[:2], k.name()) }

// fail notes that the cache cannot be written.
func (c *Cache) fail(err error) {
	c.broken.Store(true)
	if c.opts.Warn != nil {
		c.warned.Do(func() { c.opts.Warn(fmt.Errorf("cache: %w; going on without it", err)) })
	}
}

// open opens a regular file for reading. Whatever else has its name is as if
// it were not there.
func (c *Cache) open(name string) (*os.File, fs.FileInfo, bool) {
	f, err := c.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close() // only read
		return nil, nil, false
	}
	return f, info, true
}

// write puts a small file in its place, whole or not at all.
func (c *Cache) write(name string, data ...[]byte) error {
	if err := c.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	f, temp, err := c.create()
	if err != nil {
		return err
	}
	for _, d := range data {
		if _, err = f.Write(d); err != nil {
			break
		}
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = c.root.Rename(temp, name)
	}
	if err != nil {
		_ = c.root.Remove(temp) // the first error is told
	}
	return err
}

// touch notes that a file was used, for [Cache.Prune].
func (c *Cache) touch(name string, info fs.FileInfo) {
	if now := time.Now(); now.Sub(info.ModTime()) >= touchEvery {
		_ = c.root.Chtimes(name, now, now) // at worst it goes a little earlier
	}
}

// equalFile reports whether name is still the file that is open.
func (c *Cache) equalFile(name string, f *os.File) bool {
	there, err := c.root.Lstat(name)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open)
}

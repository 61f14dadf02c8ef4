package cache

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// mark says when an entry was read whole and found to be what its name says.
type mark struct {
	Identity identity     `json:"identity"`
	Content  repo.Content `json:"content"`
}

// identity is what of a file changes when someone writes to it. Only root can
// set the change time.
type identity struct {
	Size   int64  `json:"size"`
	Mtime  int64  `json:"mtime"` // nanoseconds since 1970
	Ctime  int64  `json:"ctime"` // the same
	Inode  uint64 `json:"inode"`
	Device uint64 `json:"device"`
}

// Verified returns the content that was found when the entry for these digests
// was last read whole, if nobody has written to it since: it need not be hashed
// again. A size of -1 is any.
func (c *Cache) Verified(d repo.Digests, size int64) (repo.Content, bool) {
	k, ok := keyOf(d)
	if c == nil || !ok {
		return repo.Content{}, false
	}
	info, err := c.root.Lstat(k.in(bodies))
	if err != nil || !info.Mode().IsRegular() || size >= 0 && info.Size() != size {
		return repo.Content{}, false
	}
	content, ok := c.marked(k, info)
	if !ok {
		return repo.Content{}, false
	}
	if _, differ := d.Disagreement(content.Digests); differ {
		return repo.Content{}, false
	}
	return content, true
}

// marked returns what the mark for a file says, if it holds.
func (c *Cache) marked(k key, info fs.FileInfo) (repo.Content, bool) {
	f, markInfo, ok := c.open(k.in(marks))
	if !ok {
		return repo.Content{}, false
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err != nil {
		return repo.Content{}, false
	}
	var m mark
	now, ok := identityOf(info)
	if json.Unmarshal(data, &m) != nil || !ok || m.Identity != now || m.Content.Size != now.Size ||
		m.Content.Digests.Get(k.algorithm) != k.digest {
		return repo.Content{}, false
	}
	c.touch(k.in(marks), markInfo)
	return m.Content, true
}

// setMark notes that the file was found to be content.
func (c *Cache) setMark(k key, info fs.FileInfo, content repo.Content) {
	now, ok := identityOf(info)
	if !ok || c.broken.Load() {
		return
	}
	data, err := json.Marshal(mark{now, content})
	if err == nil {
		err = c.write(k.in(marks), data)
	}
	if err != nil {
		c.fail(err)
	}
}

// Get returns the file with these digests and this size (-1: any). A file that
// someone wrote to since it was verified is hashed while it is read, and ends
// with an error that matches [fetch.ErrChanged], and not with io.EOF, when it
// is damaged; it is dropped then.
func (c *Cache) Get(d repo.Digests, size int64) (io.ReadCloser, bool) {
	if c == nil {
		return nil, false
	}
	k, ok := keyOf(d)
	if !ok {
		return nil, false
	}
	f, _, ok := c.body(k, size)
	return f, ok
}

// body opens an entry, and returns its size. One of another size than is
// claimed is no use to anybody, yet it may be the claim that is wrong.
func (c *Cache) body(k key, size int64) (io.ReadCloser, int64, bool) {
	f, info, ok := c.open(k.in(bodies))
	if !ok {
		return nil, 0, false
	}
	if size >= 0 && info.Size() != size {
		_ = f.Close() // only read
		return nil, 0, false
	}
	if _, ok := c.marked(k, info); ok {
		return &entry{file: f}, info.Size(), true
	}
	return &verifying{entry: entry{file: f}, c: c, k: k, hash: k.algorithm.Hash().New(), info: info}, info.Size(), true
}

// entry is a file whose errors are a fetch's.
type entry struct{ file *os.File }

func (e *entry) Read(p []byte) (int, error) {
	n, err := e.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damaged(e.file.Name(), err)
	}
	return n, err
}

func (e *entry) Close() error { return e.file.Close() }

// damaged is the error of an entry that does not hold what it should.
func damaged(name string, err error) error {
	return &fetch.Error{URL: name, Kind: fetch.ErrChanged, Err: fmt.Errorf("the copy in the cache is damaged: %w", err)}
}

// verifying is an entry that is hashed while it is read.
type verifying struct {
	entry
	c    *Cache
	k    key
	hash hash.Hash
	info fs.FileInfo
	done error
}

func (v *verifying) Read(p []byte) (int, error) {
	if v.done != nil {
		return 0, v.done
	}
	n, err := v.entry.Read(p)
	v.hash.Write(p[:n])
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		v.c.drop(v.k)
	case hex.EncodeToString(v.hash.Sum(nil)) != v.k.digest:
		err = damaged(v.file.Name(), errors.New("its digest is another"))
		v.c.drop(v.k)
	default:
		content := repo.Content{Size: v.info.Size()}
		content.Digests.Set(v.k.algorithm, v.k.digest)
		v.c.remark(v.k, v.file, v.info, content)
	}
	v.done = err
	return n, err
}

// remark marks an entry that was read whole, if it is still what it was when
// the reading began.
func (c *Cache) remark(k key, f *os.File, before fs.FileInfo, content repo.Content) {
	after, err := f.Stat()
	if err != nil || !c.equalFile(k.in(bodies), f) {
		return
	}
	was, ok := identityOf(before)
	if is, _ := identityOf(after); ok && is == was {
		c.setMark(k, after, content)
	}
}

// Drop removes the entry for these digests, and what was begun of it. Facts
// stay: they are of the content, not of the copy.
func (c *Cache) Drop(d repo.Digests) {
	if k, ok := keyOf(d); ok && c != nil {
		c.drop(k)
	}
}

func (c *Cache) drop(k key) {
	for _, name := range []string{k.in(marks), k.in(bodies), k.part()} {
		if err := c.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.fail(err)
		}
	}
}

package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// Kind says what a file is to the cache.
type Kind int

const (
	// Metadata are indexes: their bytes are always kept.
	Metadata Kind = iota
	// Package files are kept with Options.Bodies.
	Package
)

// Download is a file that is read from the cache, from its source, or from
// both: first what an interrupted run left, then the rest.
type Download struct {
	// Response is as a [fetch.Source] gives it. There are no hops when all of
	// it comes out of the cache. Read its Body to the end and hash it; closing
	// it closes the download.
	*fetch.Response
	// Cached is how many bytes of Body come out of the cache.
	Cached int64

	body *body
}

// Fetch opens the file at path, of which an index claims a size and digests.
// Without a digest that is strong enough it is src's and is not kept. An error
// is src's.
//
// What comes is not verified: Commit says whether it is what was claimed.
func (c *Cache) Fetch(ctx context.Context, src fetch.Source, path string, claim repo.Claim, kind Kind) (*Download, error) {
	k, ok := keyOf(claim.Digests)
	if c == nil || !ok || kind == Package && !c.opts.Bodies {
		return plain(ctx, src, path)
	}
	if f, size, ok := c.body(k, claim.Size); ok {
		d := &Download{Cached: size, body: &body{cache: c, key: k, size: claim.Size, source: f, cached: size}}
		d.Response = &fetch.Response{Body: d.body, Size: size, URL: fetch.Address(src, path)}
		return d, nil
	}
	part := c.takePart(k)
	if part == nil {
		return plain(ctx, src, path)
	}
	return c.begin(ctx, src, path, claim, part)
}

func plain(ctx context.Context, src fetch.Source, path string) (*Download, error) {
	resp, err := src.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Download{Response: resp}, nil
}

// begin opens what the part lacks. The part is the download's from here on.
func (c *Cache) begin(ctx context.Context, src fetch.Source, path string, claim repo.Claim, part *part) (*Download, error) {
	b := &body{cache: c, key: part.key, size: claim.Size, part: part}
	d := &Download{body: b}
	ranger, canResume := src.(fetch.Ranger)
	var resp *fetch.Response
	var err error
	switch have := part.size; {
	case have > 0 && have == claim.Size:
		resp = &fetch.Response{Body: io.NopCloser(eof{}), URL: fetch.Address(src, path)}
	case have > 0 && canResume && (claim.Size < 0 || have < claim.Size):
		// No validator: the digest of the whole says whether the rest fits.
		resp, err = ranger.OpenFrom(ctx, path, fetch.Point{Offset: have, Size: claim.Size})
		if !errors.Is(err, fetch.ErrChanged) {
			break
		}
		fallthrough
	default:
		if err := part.truncate(); err != nil {
			c.fail(err)
			b.forget()
		}
		resp, err = src.Open(ctx, path)
	}
	if err != nil {
		b.keep()
		return nil, err
	}
	b.source = resp.Body
	if b.part != nil && part.size > 0 {
		d.Cached, b.cached = part.size, part.size
		b.head = io.NewSectionReader(part.file, 0, part.size)
		if resp.Size >= 0 {
			resp.Size += part.size
		}
	}
	d.Response = resp
	resp.Body = b
	return d, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Commit says what was read: its size and digests, over Body from its first
// byte to its last. Bytes that have the digest that was claimed become an
// entry. Others are forgotten; if some of them came out of the cache, that copy may
// be to blame, and the error, which matches [fetch.ErrChanged], says that the
// file must be fetched again, whole. It is the only error.
func (d *Download) Commit(content repo.Content) error {
	if d.body == nil {
		return nil
	}
	return d.body.commit(content)
}

// Close ends a download. What was fetched and not committed is kept for the
// next one.
func (d *Download) Close() error { return d.Body.Close() }

// body reads the head from the cache and the rest from the source, and keeps
// the rest.
type body struct {
	cache  *Cache
	key    key
	size   int64         // claimed, -1 if not
	head   io.Reader     // nil when read
	source io.ReadCloser // of the rest
	cached int64
	part   *part // nil when nothing is to be kept
	n      int64
	ended  bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.head != nil {
		n, err := b.head.Read(p)
		b.n += int64(n)
		if err == nil || n > 0 {
			return n, nil
		}
		b.head = nil
		if !errors.Is(err, io.EOF) || b.n != b.cached {
			b.cache.drop(b.key)
			return 0, damaged(b.key.name(), err)
		}
	}
	n, err := b.source.Read(p)
	b.n += int64(n)
	b.ended = errors.Is(err, io.EOF)
	if b.part != nil && n > 0 {
		if b.size >= 0 && b.n > b.size {
			b.forget() // it will never be what was claimed
		} else if err := b.part.write(p[:n]); err != nil {
			b.cache.fail(err)
			b.forget()
		}
	}
	return n, err
}

// forget gives the part up, and the room that it takes.
func (b *body) forget() {
	if b.part != nil {
		b.part.remove()
		b.part = nil
	}
}

func (b *body) commit(content repo.Content) error {
	genuine := b.ended && content.Size == b.n && content.Digests.Get(b.key.algorithm) == b.key.digest
	switch {
	case !genuine && b.cached > 0:
		b.forget()
		b.cache.drop(b.key)
		return damaged(b.key.name(), errors.New("with it, the file has not the digest that its index claims"))
	case !genuine:
		b.forget()
	case b.part != nil:
		b.part.commit(content)
		b.part = nil
	}
	return nil
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.keep()
	return b.source.Close()
}

// keep leaves the part for the next fetch.
func (b *body) keep() {
	if b.part != nil {
		b.part.close()
		b.part = nil
	}
}

// part is a fetch that has not ended, locked for this process.
type part struct {
	cache *Cache
	key   key
	file  *os.File
	size  int64
}

func (k key) part() string { return path.Join(parts, k.name()) }

// takePart opens what was begun, or begins it. It returns nil when another
// fetch is at it, or when nothing can be written.
func (c *Cache) takePart(k key) *part {
	if c.broken.Load() {
		return nil
	}
	if info, err := c.root.Lstat(k.part()); err == nil && !info.Mode().IsRegular() {
		return nil // nobody but us should write here
	}
	f, err := c.root.OpenFile(k.part(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		c.fail(err)
		return nil
	}
	p := &part{cache: c, key: k, file: f}
	locked, err := lock(f)
	if err != nil {
		c.fail(err)
	}
	// The one that had the lock may have committed or removed the file.
	if err != nil || !locked || !c.equalFile(k.part(), f) {
		_ = f.Close() // not ours
		return nil
	}
	info, err := f.Stat()
	if err == nil {
		p.size = info.Size()
		_, err = f.Seek(p.size, io.SeekStart)
	}
	if err != nil {
		p.close()
		c.fail(err)
		return nil
	}
	return p
}

// truncate begins again from zero.
func (p *part) truncate() error {
	if p.size == 0 {
		return nil
	}
	p.size = 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

func (p *part) write(data []byte) error {
	_, err := p.file.Write(data)
	return err
}

// close keeps what there is, if there is something.
func (p *part) close() {
	if info, err := p.file.Stat(); err == nil && info.Size() == 0 {
		p.remove()
		return
	}
	_ = p.file.Close() // what was not written is fetched again
}

// remove forgets the part.
func (p *part) remove() {
	if p.cache.equalFile(p.key.part(), p.file) {
		_ = p.cache.root.Remove(p.key.part()) // at worst it is tried again, and is found wrong
	}
	_ = p.file.Close() // it is gone
}

// commit makes the part an entry. It is synced first: after a power cut the
// name must not stand for a file that was never written.
func (p *part) commit(content repo.Content) {
	c := p.cache
	defer func() { _ = p.file.Close() }() // synced
	err := p.file.Sync()
	if info, err2 := p.file.Stat(); err == nil && (err2 != nil || info.Size() != content.Size) {
		err = fmt.Errorf("%s is not what was written to it: %w", p.key.part(), cmp.Or(err2, fs.ErrInvalid))
	}
	if err == nil {
		err = c.root.MkdirAll(path.Dir(p.key.in(bodies)), 0o700)
	}
	if err == nil {
		err = c.root.Rename(p.key.part(), p.key.in(bodies))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return // pruned meanwhile
	}
	var info fs.FileInfo
	if err == nil {
		info, err = p.file.Stat() // a rename changes the change time
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.setMark(p.key, info, content)
}

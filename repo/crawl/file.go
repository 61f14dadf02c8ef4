package crawl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// request is a file to be read.
type request struct {
	path string
	// claims are what indexes say of it, none for a root.
	claims []repo.Claim
	kind   cache.Kind
	bound  int64
}

// fetch reads a file through use, with retries, and records what was seen of
// it. use gets the metered body and must be ready to run again; what it leaves
// is drained, so that the digests cover the whole file. The error of use is
// kept only if the file itself could be read.
func (c *crawler) fetch(ctx context.Context, req request, use func(io.Reader) error) repo.File {
	var file repo.File
	var useErr error
	start := time.Now()
	err := c.opts.Policy.Do(ctx, func() error {
		file = repo.File{Path: req.path, Claims: req.claims}
		useErr = nil
		claim, src := repo.Claim{Size: -1}, c.src
		if len(req.claims) > 0 {
			claim, src = req.claims[0], c.resumed
		}
		resp, err := c.opts.Cache.Fetch(ctx, src, req.path, claim, req.kind)
		if e := (*fetch.Error)(nil); errors.As(err, &e) {
			file.URL, file.Hops = e.URL, e.Hops
		}
		if err != nil {
			return err
		}
		defer func() { _ = resp.Close() }() // read to its end or given up
		file.URL, file.Cached = resp.URL, resp.Cached > 0
		limit := limitOf(claim, req.bound)
		if resp.Size > limit {
			file.Hops = resp.Hops
			return fmt.Errorf("%w: %d bytes are announced, at most %d are read", fetch.ErrTooLarge, resp.Size, limit)
		}
		meter := fetch.NewMeter(resp.Body, limit, c.hashes.For(claim.Size), algorithmsOf(req.claims)...)
		defer meter.Close()
		// The buffer reads ahead of use; that is all right, for everything is
		// read and hashed to its end.
		body := c.buffers.get(meter)
		defer c.buffers.put(body)
		useErr = use(body)
		_, err = body.WriteTo(io.Discard)
		file.Content = meter.Content()
		file.Hops = resp.Hops // those of resumptions, too
		if err != nil {
			return err
		}
		return resp.Commit(file.Content)
	})
	file.Duration = time.Since(start)
	switch {
	case err != nil:
		file.Problem = problemOf(err)
	case useErr != nil:
		file.Problem = problemOf(useErr)
	}
	return file
}

// buffers lends read buffers, so that 100,000 small files do not each make one.
type buffers struct{ pool sync.Pool }

func (b *buffers) get(r io.Reader) *bufio.Reader {
	if br, ok := b.pool.Get().(*bufio.Reader); ok {
		br.Reset(r)
		return br
	}
	return bufio.NewReaderSize(r, bufferSize)
}

func (b *buffers) put(br *bufio.Reader) {
	br.Reset(nil)
	b.pool.Put(br)
}

// limitOf bounds a file of which an index says the size.
func limitOf(claim repo.Claim, bound int64) int64 {
	if claim.Size < 0 || claim.Size > bound-SizeSlack {
		return bound
	}
	return claim.Size + SizeSlack
}

// problemOf gives an error its kind.
func problemOf(err error) *repo.Problem {
	kind := repo.Unreachable
	format, isFormat := asFormat(err)
	switch {
	case errors.Is(err, fetch.ErrAbsent):
		kind = repo.Absent
	case errors.Is(err, fetch.ErrTooLarge):
		kind = repo.Malformed
	case errors.Is(err, fetch.ErrUnreachable):
	case isFormat:
		return format.Problem()
	}
	return &repo.Problem{Kind: kind, Text: err.Error()}
}

// malformed returns the problem of bytes that were had and do not parse.
func malformed(err error) *repo.Problem {
	if format, ok := asFormat(err); ok {
		return format.Problem()
	}
	return &repo.Problem{Kind: repo.Malformed, Text: err.Error()}
}

func asFormat(err error) (*repo.FormatError, bool) {
	var format *repo.FormatError
	ok := errors.As(err, &format)
	return format, ok
}

// small reads a whole small file: a root, a signature or a key.
func (c *crawler) small(ctx context.Context, path string) (repo.File, []byte) {
	var data []byte
	file := c.fetch(ctx, request{path: path, kind: cache.Metadata, bound: MaxRootSize}, func(r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	if !file.OK() {
		return file, nil
	}
	return file, data
}

// unread marks what the crawl did not come to.
func unread(path, why string) repo.File {
	return repo.File{Path: path, Problem: &repo.Problem{Kind: repo.Unread, Text: why}}
}

// keys reads the repository's own copies of the signing key, and makes the
// ring that signatures are held against. The pinned copy comes first: the
// repository's word on a key that is pinned changes nothing but its own facts.
func (c *crawler) keys(ctx context.Context) {
	rings := []*pgp.Keyring{c.opts.Keyring}
	for _, path := range c.opts.KeyFiles {
		file, data := c.small(ctx, path)
		key := repo.KeyFile{File: file}
		if file.OK() {
			ring, err := pgp.ReadKeyring(data)
			if err != nil {
				key.Problem = malformed(err)
			} else {
				key.Keys, key.Faults = ring.Keys(), ring.Faults()
				rings = append(rings, ring)
			}
		}
		c.out.Keys = append(c.out.Keys, key)
	}
	c.out.PinnedKeys = c.opts.Keyring.At(c.opts.Now).Keys()
	c.ring = pgp.Merge(rings...).At(c.opts.Now)
	c.ringID = ringID(c.ring.Keys())
}

// noKeys marks every key as unread.
func (c *crawler) noKeys(why string) {
	for _, path := range c.opts.KeyFiles {
		c.out.Keys = append(c.out.Keys, repo.KeyFile{File: unread(path, why)})
	}
}

// signatures gives the verdicts on the signatures that holder has over the
// signed bytes. What is wrong with the signatures themselves is a fact of
// holder.
func (c *crawler) signatures(holder *repo.File, over string, sig, signed []byte) []repo.Signature {
	v, err := c.ring.Start(over, sig)
	if err == nil {
		_, err = v.Write(signed)
	}
	if err != nil {
		holder.Problem = malformed(err)
		return nil
	}
	holder.Refusals = v.Faults()
	return v.Signatures()
}

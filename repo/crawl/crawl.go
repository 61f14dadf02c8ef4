// Package crawl reads a repository from a [fetch.Source] into
// [repo.Repository]: its signed roots, keys, indexes, and the package files
// that are asked for.
//
// Every file is fetched once and streamed once: size and digests are computed
// on the way, and the parser reads from the same stream. A crawl never fails:
// what could not be had is a [repo.Problem] of the file, and one broken
// package does not stop the others from being read.
package crawl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// Bounds on what is read from a repository.
const (
	// MaxRootSize bounds signed roots, signatures and keys. Debian's own
	// InRelease is about 200 KB, its unstable Release 1.5 MB.
	MaxRootSize = 16 << 20
	// MaxIndexSize bounds one index, as served and after decompression.
	// Debian's main Packages are about 50 MB, Fedora's filelists 1.2 GB open.
	MaxIndexSize = 2 << 30
	// MaxPackageSize bounds one package file.
	MaxPackageSize = 4 << 30
	// MaxPackages bounds the entries of one index; Debian has 70,000.
	MaxPackages = 1_000_000
	// MaxIndexes bounds the index files that one root may list.
	MaxIndexes = 4096
	// bufferSize is what is read and hashed at a time.
	bufferSize = 256 << 10
)

// Options say what to read and how.
type Options struct {
	// Keyring holds the pinned keys. Signatures are also tried against the
	// repository's own copies of the key.
	Keyring *pgp.Keyring
	// Want selects the packages whose files are read; nil reads none.
	Want func(repo.Package) bool
	// KeyFiles are paths of the signing key below the root.
	KeyFiles []string
	// Parallel bounds the files read at once; 4 when zero.
	Parallel int
	// Policy retries; the zero value tries once.
	Policy fetch.Policy
	// Progress is told of each file; it may be nil, and is called from
	// several goroutines.
	Progress func(Progress)
}

// Progress is how far a crawl has come.
type Progress struct {
	Target repo.Target
	// Done of Total package files, and the bytes of the one just read.
	Done, Total int
	Bytes       int64
	Path        string
}

type crawler struct {
	src  fetch.Source
	opts Options
	ring *pgp.Keyring
	out  repo.Repository
}

// Crawl reads the target. It ends early when ctx does; what was not read is
// then marked as unreachable.
func Crawl(ctx context.Context, src fetch.Source, target repo.Target, opts Options) repo.Repository {
	if opts.Parallel < 1 {
		opts.Parallel = 4
	}
	c := &crawler{src: src, opts: opts, out: repo.Repository{Target: target, Started: time.Now()}}
	switch target.Format {
	case repo.Deb:
		c.apt(ctx)
	case repo.RPM:
		c.rpmmd(ctx)
	}
	c.packages(ctx)
	c.out.Finished = time.Now()
	return c.out
}

// fetch reads the file at path through use, with retries, and records what was
// seen of it. use gets the metered body and must be ready to run again; what it
// leaves is drained, so that the digests cover the whole file. The error of use
// is kept only if the file itself could be read.
func (c *crawler) fetch(ctx context.Context, path string, limit int64, algorithms []repo.Algorithm, use func(io.Reader) error) repo.File {
	var file repo.File
	var useErr error
	start := time.Now()
	err := c.opts.Policy.Do(ctx, func() error {
		file = repo.File{Path: path}
		useErr = nil
		resp, err := c.src.Open(ctx, path)
		if e := (*fetch.Error)(nil); errors.As(err, &e) {
			file.URL, file.Hops = e.URL, e.Hops
		}
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read to its end or given up
		file.URL, file.Hops = resp.URL, resp.Hops
		meter := fetch.NewMeter(resp.Body, limit, algorithms...)
		// The buffer reads ahead of use; that is all right, for everything is
		// read and hashed to its end.
		body := bufio.NewReaderSize(meter, bufferSize)
		useErr = use(body)
		_, err = body.WriteTo(io.Discard)
		file.Content = meter.Content()
		return err
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

// small reads a whole small file: a root, a signature or a key.
func (c *crawler) small(ctx context.Context, path string) (repo.File, []byte) {
	var data []byte
	file := c.fetch(ctx, path, MaxRootSize, []repo.Algorithm{repo.SHA256}, func(r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	if !file.OK() {
		return file, nil
	}
	return file, data
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
				key.Keys = ring.Keys()
				rings = append(rings, ring)
			}
		}
		c.out.Keys = append(c.out.Keys, key)
	}
	c.ring = pgp.Merge(rings...)
}

// malformed returns the problem of bytes that were had and do not parse.
func malformed(err error) *repo.Problem {
	if format, ok := asFormat(err); ok {
		return format.Problem()
	}
	return &repo.Problem{Kind: repo.Malformed, Text: err.Error()}
}

// signatures gives the verdicts on a signature file over the signed bytes.
func (c *crawler) signatures(over string, sig, signed []byte) ([]repo.Signature, *repo.Problem) {
	v, err := c.ring.Start(over, sig)
	if err != nil {
		return nil, malformed(err)
	}
	if _, err := v.Write(signed); err != nil {
		return nil, malformed(err)
	}
	return v.Signatures(), nil
}

// unread marks what the crawl did not come to.
func unread(path, why string) repo.File {
	return repo.File{Path: path, Problem: &repo.Problem{Kind: repo.Unread, Text: why}}
}

// counter counts finished files for the progress reports.
type counter struct {
	mu   sync.Mutex
	done int
}

func (n *counter) next() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done++
	return n.done
}

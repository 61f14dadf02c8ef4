// Package crawl reads a repository from a [fetch.Source] into
// [repo.Repository]: its signed roots, keys, indexes, and the package files
// that are asked for.
//
// Every file is streamed once: size and digests are computed on the way, and
// the parser reads from the same stream. A crawl never fails: what could not
// be had is a [repo.Problem] of the file, and one broken package does not stop
// the others from being read.
//
// Nothing of a repository is replaced atomically (OBS, and any mirror), so a
// crawl may see new indexes beside an old Release. The signed root is therefore
// read again at the end; when it changed, or when an index is not what it says,
// the crawl waits and begins again, and the facts say so.
package crawl

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/deb"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/repo/hashes"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// Bounds on what is read from a repository. Going past one is a problem of the
// file, of the kind [repo.Malformed].
const (
	// MaxRootSize bounds signed roots, signatures and keys, in bytes each. Debian's own
	// InRelease is about 200 KB, its unstable Release 1.5 MB.
	MaxRootSize = 16 << 20
	// MaxIndexSize bounds the bytes of one index, as served and after decompression.
	// Debian's main Packages are about 50 MB, Fedora's filelists 1.2 GB open.
	MaxIndexSize = 2 << 30
	// MaxPackageSize bounds the bytes of one package file.
	MaxPackageSize = 4 << 30
	// SizeSlack is how many bytes longer than its index says a file may be and
	// still be read, so that the report can say what it is instead. It keeps a
	// thousand small entries from being answered with 4 GiB each.
	SizeSlack = 64 << 20
	// MaxPackages bounds the entries of one index; Debian has 70,000.
	MaxPackages = 1_000_000
	// MaxIndexes bounds the index files that are read of one root. Going past it
	// is a fault of the root, and the rest is not read.
	MaxIndexes = 4096
	// bufferSize is what is read and hashed at a time.
	bufferSize = 128 << 10
)

// Depth is how much of a package file is read.
type Depth int

// The depths, each with what the ones before it have.
const (
	// Nothing: the file is not fetched.
	Nothing Depth = iota
	// Control: every byte is fetched and hashed, signatures and digests are
	// verified, and the control file or rpm header is read.
	Control
	// Payload: the package is decompressed, and every file inside is hashed
	// and, if it is a program, looked at.
	Payload
)

// Options say what to read and how.
type Options struct {
	// Keyring holds the pinned keys. Signatures are also tried against the
	// repository's own copies of the key.
	Keyring *pgp.Keyring
	// Depth says how much to read of each package's file; nil reads none.
	Depth func(repo.Package) Depth
	// Arches, by their Debian names, narrows what is read of a repository laid
	// out below dists/, which lists every architecture in one Release. Packages
	// for all architectures are read always. Empty reads every one.
	Arches []string
	// Sources reads the lists of source packages of such a repository.
	Sources bool
	// Now is the time at which keys are in force or not; the clock's when zero.
	Now time.Time
	// Mirrors is the list by which the repository was found, if it was.
	Mirrors *repo.MirrorList
	// KeyFiles are paths of the signing key below the root.
	KeyFiles []string
	// Parallel bounds the files read at once; 8 when zero, which is how many
	// streams share the work of one MD5 (package hashes).
	Parallel int
	// Policy retries; the zero value tries once.
	Policy fetch.Policy
	// Settle looks again while the repository is being published; the zero
	// value takes the first look for the last.
	Settle Settle
	// Cache keeps what was verified; nil keeps nothing.
	Cache *cache.Cache
	// Progress is told of each file; it may be nil, and is called from
	// several goroutines.
	Progress func(Progress)
}

// Settle says how to look again at a repository that contradicts itself, or
// that changed while it was read.
type Settle struct {
	// Looks is how often to begin again.
	Looks int
	// Wait is how long to wait before.
	Wait time.Duration
}

// Progress is how far a crawl has come.
type Progress struct {
	Target repo.Target
	// Done of Total package files, and the bytes of the one just read.
	Done, Total int
	Bytes       int64
	Path        string
	// Again, if not empty, says why the crawl begins again; nothing else is
	// set then.
	Again string
}

// Crawl reads the target. It ends early when ctx does; what was not read is
// then marked as unreachable.
func Crawl(ctx context.Context, src fetch.Source, target repo.Target, opts Options) repo.Repository {
	if opts.Parallel < 1 {
		opts.Parallel = 8
	}
	started := time.Now()
	if opts.Now.IsZero() {
		opts.Now = started
	}
	var restarts []repo.Restart
	var earlier []repo.Package
	tools := &shared{hashes: hashes.NewSet()}
	defer tools.hashes.Close()
	for {
		c := &crawler{shared: tools, src: src, resumed: fetch.Resume(src, opts.Policy), opts: opts, dir: target.Metadata(), kept: keep(earlier)}
		c.out.Target = target
		last := len(restarts) >= opts.Settle.Looks
		why := c.look(ctx, last)
		if why != "" && !last {
			restarts = append(restarts, repo.Restart{At: time.Now(), Why: why})
			if opts.Progress != nil {
				opts.Progress(Progress{Target: target, Again: why})
			}
		}
		if why == "" || last || !sleep(ctx, opts.Settle.Wait) {
			c.out.Started, c.out.Finished, c.out.Restarts, c.out.Unsettled = started, time.Now(), restarts, why
			return c.out
		}
		earlier = c.out.Packages
	}
}

// sleep waits, and reports false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// shared is what the readers of many files share, to save memory and work.
type shared struct {
	hashes  *hashes.Set
	streams compress.Pool
	debs    deb.Reader
	buffers buffers
}

// crawler is one look at a repository.
type crawler struct {
	src fetch.Source
	// resumed goes on where a body was cut; it is for files whose digest is
	// known beforehand, and so proves that both parts belong together.
	resumed fetch.Source
	opts    Options
	// dir is the folder of the signed root, below the target's own.
	dir  string
	ring *pgp.Keyring
	// ringID names ring in the cache.
	ringID string
	out    repo.Repository
	// root is the path and the bytes of the file that says what the rest is.
	root     string
	rootData []byte
	*shared
	// kept are the package files that an earlier look has read.
	kept map[keptKey]*repo.Artifact
}

// look reads everything once. It returns why the repository should be looked
// at again, "" when it is at rest. Packages of lists that do not hold are read
// only when there is no other look.
func (c *crawler) look(ctx context.Context, last bool) string {
	switch c.out.Target.Format {
	case repo.Deb:
		c.apt(ctx)
	case repo.RPM:
		c.rpmmd(ctx)
	}
	why := c.contradiction()
	if why == "" || last {
		c.packages(ctx)
	}
	if changed := c.changed(ctx); changed != "" {
		return changed
	}
	return why
}

// changed reads the signed root again, and says so when it is another.
func (c *crawler) changed(ctx context.Context) string {
	if c.root == "" || c.opts.Settle.Looks == 0 {
		return ""
	}
	file, data := c.small(ctx, c.root)
	if !file.OK() || bytes.Equal(data, c.rootData) {
		return "" // a root that cannot be had again proves nothing
	}
	return c.root + " changed while the repository was read"
}

// contradiction says which index is not what the signed root says of it, or
// that two roots differ.
func (c *crawler) contradiction() string {
	var indexes []repo.Index
	switch {
	case c.out.Apt != nil:
		indexes = c.out.Apt.Indexes
		if i, d := c.out.Apt.Inline, c.out.Apt.Detached; i != nil && d != nil && !sameEntries(i, d) {
			return "InRelease and Release list different files"
		}
	case c.out.RPM != nil:
		indexes = c.out.RPM.Indexes
	}
	for _, x := range indexes {
		switch {
		case x.Problem.Is(repo.Absent) && !c.otherForm(x):
			return x.Path + " is listed and not there"
		case x.OK() && !asClaimed(x), x.Problem.Is(repo.Malformed) && !bytesFit(x):
			return x.Path + " is not what " + c.root + " says of it"
		}
	}
	return ""
}

// otherForm reports whether the list that x holds was read in another
// compression: not every form that is listed needs to be served.
func (c *crawler) otherForm(x repo.Index) bool {
	if c.out.Apt == nil {
		return false
	}
	for _, y := range c.out.Apt.Indexes {
		if y.Type == x.Type && y.Path != x.Path && asClaimed(y) {
			return true
		}
	}
	return false
}

// sameEntries reports whether both list the same files with the same digests.
func sameEntries(a, b *repo.Release) bool {
	if len(a.Entries) != len(b.Entries) {
		return false
	}
	of := make(map[string]repo.Claim, len(a.Entries))
	for _, e := range a.Entries {
		of[e.Path] = e.Claim
	}
	for _, e := range b.Entries {
		claim, ok := of[e.Path]
		if _, differ := claim.Digests.Disagreement(e.Digests); !ok || differ || claim.Size != e.Size {
			return false
		}
	}
	return true
}

// wanted reports whether an index of a dists layout is to be read.
func (c *crawler) wanted(p apt.IndexPath) bool {
	switch p.Kind {
	case apt.PackagesIndex:
		if strings.HasSuffix(p.Component, "/debian-installer") {
			return false // what the installer fetches for itself
		}
		return len(c.opts.Arches) == 0 || p.Arch == "all" || slices.Contains(c.opts.Arches, p.Arch)
	case apt.SourcesIndex:
		return c.opts.Sources
	}
	return false
}

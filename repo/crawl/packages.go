package crawl

import (
	"context"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/repo/hashes"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// packages reads the package files that are wanted, on a bounded pool.
func (c *crawler) packages(ctx context.Context) {
	if c.opts.Depth == nil {
		return
	}
	var wanted []int
	for i, p := range c.out.Packages {
		if c.opts.Depth(p) > Nothing {
			wanted = append(wanted, i)
		}
	}
	var group errgroup.Group
	group.SetLimit(c.opts.Parallel)
	var finished counter
	for _, i := range wanted {
		group.Go(func() error {
			p := &c.out.Packages[i]
			p.Artifact = c.kept[keyOf(*p)]
			if p.Artifact == nil {
				p.Artifact = c.artifact(ctx, *p)
			}
			if c.opts.Progress != nil {
				c.opts.Progress(Progress{Target: c.out.Target, Done: finished.next(), Total: len(wanted),
					Bytes: p.Artifact.Size, Path: p.Path})
			}
			return nil // a broken package does not stop the others
		})
	}
	_ = group.Wait() // no function returns an error
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

// artifact reads one package file: its bytes and what is inside, in one pass.
// What an earlier run verified of the same content is taken from the cache.
func (c *crawler) artifact(ctx context.Context, p repo.Package) *repo.Artifact {
	clean, err := repopath.Clean(p.Path)
	if err != nil {
		return &repo.Artifact{File: repo.File{Path: p.Path, Problem: malformed(err)}}
	}
	depth := c.opts.Depth(p)
	kind := c.factsKind(depth)
	if a := c.recall(p, clean, kind); a != nil {
		return a
	}
	var in inside
	file := c.fetch(ctx, request{clean, []repo.Claim{p.Claim}, cache.Package, MaxPackageSize}, func(r io.Reader) error {
		in = inside{}
		err := c.read(&in, r, depth, c.hashes.For(p.Claim.Size))
		if format, ok := asFormat(err); ok {
			in.Problem = format.Problem()
			return nil
		}
		return err
	})
	if file.OK() && p.Claim.Fits(file.Content) {
		c.remember(file.Content, kind, in)
	}
	a := &repo.Artifact{File: file}
	in.into(a)
	slim(a, p)
	return a
}

// slim shares what the artifact has in common with the index, and drops what
// the index says already: there may be 100,000 of them.
func slim(a *repo.Artifact, p repo.Package) {
	a.Claims = nil // it is the package's own
	if p.Claim.Fits(a.Content) {
		for algorithm := range a.Digests.All() {
			if same := p.Claim.Digests.Get(algorithm); same != "" {
				a.Digests.Set(algorithm, same)
			}
		}
	}
	if a.OK() && len(a.Hops) < 2 {
		a.Hops = nil
	}
	if a.Fields.Len() > 0 && within(a.Fields, p.Fields) {
		a.Fields = p.Fields
	}
}

// within reports whether every field of the package is the index's too.
func within(file, index repo.Fields) bool {
	for name, value := range file.All() {
		if v, ok := index.Get(name); !ok || v != value {
			return false
		}
	}
	return true
}

// inside is what a package file holds.
type inside struct {
	Problem     *repo.Problem      `json:",omitempty"`
	Fields      string             `json:",omitempty"`
	Scripts     []string           `json:",omitempty"`
	Files       []repo.PayloadFile `json:",omitempty"`
	Faults      []repo.Problem     `json:",omitempty"`
	Signatures  []repo.Signature   `json:",omitempty"`
	SelfDigests []repo.SelfDigest  `json:",omitempty"`
}

func (in inside) into(a *repo.Artifact) {
	a.Inside, a.Fields, a.Scripts, a.Files = in.Problem, repo.EncodedFields(in.Fields), in.Scripts, in.Files
	a.Faults, a.Signatures, a.SelfDigests = in.Faults, in.Signatures, in.SelfDigests
}

// read reads the package format.
func (c *crawler) read(in *inside, r io.Reader, depth Depth, set *hashes.Set) error {
	switch c.out.Target.Format {
	case repo.Deb:
		p, err := c.debs.Read(r, deb.Options{Payload: depth >= Payload})
		if err != nil {
			return err
		}
		in.Fields, in.Scripts, in.Files, in.Faults = p.Fields.Encoded(), p.Scripts, p.Files, p.Faults
	case repo.RPM:
		p, err := rpm.Options{Payload: depth >= Payload, Streams: &c.streams, Hashes: set}.Read(r, c.ring)
		if err != nil {
			return err
		}
		in.Fields, in.Scripts, in.Files, in.Faults = p.Fields.Encoded(), p.Scripts, p.Files, p.Faults
		in.Signatures, in.SelfDigests = p.Signatures, p.SelfDigests
	}
	return nil
}

// keptKey is what makes a package file the same in two looks.
type keptKey struct {
	path    string
	size    int64
	digests repo.Digests
}

func keyOf(p repo.Package) keptKey { return keptKey{p.Path, p.Claim.Size, p.Claim.Digests} }

// keep returns the package files of an earlier look that are as they should
// be. The others are read again.
func keep(earlier []repo.Package) map[keptKey]*repo.Artifact {
	kept := make(map[keptKey]*repo.Artifact)
	for _, p := range earlier {
		if a := p.Artifact; a != nil && a.OK() && p.Claim.Fits(a.Content) {
			kept[keyOf(p)] = a
		}
	}
	return kept
}

package crawl

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// packages reads the package files that are wanted, on a bounded pool.
func (c *crawler) packages(ctx context.Context) {
	if c.opts.Want == nil {
		return
	}
	var wanted []int
	for i, p := range c.out.Packages {
		if c.opts.Want(p) {
			wanted = append(wanted, i)
		}
	}
	var group errgroup.Group
	group.SetLimit(c.opts.Parallel)
	var finished counter
	for _, i := range wanted {
		group.Go(func() error {
			p := &c.out.Packages[i]
			p.Artifact = c.artifact(ctx, *p)
			if c.opts.Progress != nil {
				c.opts.Progress(Progress{Target: c.out.Target, Done: finished.next(), Total: len(wanted),
					Bytes: p.Artifact.Size, Path: p.Path})
			}
			return nil // a broken package does not stop the others
		})
	}
	_ = group.Wait() // no function returns an error
}

// artifact reads one package file: its bytes and what is inside, in one pass.
func (c *crawler) artifact(ctx context.Context, p repo.Package) *repo.Artifact {
	a := &repo.Artifact{}
	clean, err := repopath.Clean(p.Path)
	if err != nil {
		a.File = repo.File{Path: p.Path, Problem: malformed(err)}
		return a
	}
	claims := []repo.Claim{p.Claim}
	var inside *repo.Problem
	a.File = c.fetch(ctx, clean, MaxPackageSize, algorithmsOf(claims), func(r io.Reader) error {
		a.Fields, a.Files, a.Signatures, a.SelfDigests, inside = nil, nil, nil, nil, nil
		err := c.inside(a, r)
		if format, ok := asFormat(err); ok {
			inside = format.Problem()
			return nil
		}
		return err
	})
	a.Claims = claims
	a.Inside = inside
	return a
}

// inside reads the package format.
func (c *crawler) inside(a *repo.Artifact, r io.Reader) error {
	switch c.out.Target.Format {
	case repo.Deb:
		p, err := deb.Read(r)
		if err != nil {
			return err
		}
		a.Fields, a.Files = p.Fields, p.Files
	case repo.RPM:
		p, err := rpm.Read(r, c.ring)
		if err != nil {
			return err
		}
		a.Fields, a.Files = p.Fields, p.Files
		a.Signatures, a.SelfDigests = p.Signatures, p.SelfDigests
		a.Faults = p.Faults
	}
	return nil
}

func asFormat(err error) (*repo.FormatError, bool) {
	var format *repo.FormatError
	ok := errors.As(err, &format)
	return format, ok
}

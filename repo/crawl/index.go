package crawl

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// parser reads the entries of an open index. Faults of single entries go to
// fault; the error is for a file that cannot be read on.
type parser func(r io.Reader, fault func(repo.Problem)) error

// index reads one index file: its bytes, what is inside its compression, and,
// with a parser, its entries.
func (c *crawler) index(ctx context.Context, typ, path string, claims, open []repo.Claim, parse parser) repo.Index {
	x := repo.Index{Type: typ, OpenClaims: open}
	clean, err := repopath.Clean(path)
	if err != nil {
		x.File = repo.File{Path: path, Claims: claims, Problem: malformed(err)}
		return x
	}
	kind := compress.ByName(clean)
	x.File = c.fetch(ctx, clean, MaxIndexSize, algorithmsOf(claims), func(r io.Reader) error {
		x.Faults, x.FaultCount, x.Open, x.Parsed = nil, 0, nil, false
		body := r
		var meter *fetch.Meter
		if kind != compress.None {
			z, err := compress.NewReader(r, kind, MaxIndexSize)
			if err != nil {
				return err
			}
			defer func() { _ = z.Close() }() // nothing is written
			meter = fetch.NewMeter(z, MaxIndexSize, algorithmsOf(open)...)
			body = meter
		}
		if parse != nil {
			if err := parse(body, x.AddFault); err != nil {
				return err
			}
			x.Parsed = true
		}
		if meter != nil {
			if _, err := io.Copy(io.Discard, meter); err != nil {
				return err
			}
			inside := meter.Content()
			x.Open = &inside
		}
		return nil
	})
	x.Claims = claims
	if !x.OK() {
		x.Parsed = false
	}
	return x
}

// algorithmsOf returns every algorithm that a claim names, and SHA-256, which
// reports always give.
func algorithmsOf(claims []repo.Claim) []repo.Algorithm {
	set := map[repo.Algorithm]bool{repo.SHA256: true}
	for _, claim := range claims {
		for a := range claim.Digests {
			set[a] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// asClaimed reports whether x is what every claim says.
func asClaimed(x repo.Index) bool {
	if !x.OK() {
		return false
	}
	for _, claim := range x.Claims {
		if !claim.Fits(x.Content) {
			return false
		}
	}
	return true
}

// stem returns a path without the suffix of a compression.
func stem(path string) string {
	if compress.ByName(path) == compress.None {
		return path
	}
	return path[:strings.LastIndexByte(path, '.')]
}

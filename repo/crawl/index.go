package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// parser reads the entries of an open index and returns how many there were.
// Faults of single entries go to fault; the error is for a file that cannot be
// read on.
type parser func(r io.Reader, fault func(repo.Problem)) (int, error)

// index reads one index file: its bytes, what is inside its compression, and,
// with a parser, its entries.
func (c *crawler) index(ctx context.Context, path string, kind compress.Kind, claims, open []repo.Claim, parse parser) repo.Index {
	x := repo.Index{OpenClaims: open}
	clean, err := repopath.Clean(path)
	if err != nil {
		x.File = repo.File{Path: path, Claims: claims, Problem: malformed(err)}
		return x
	}
	x.File = c.fetch(ctx, request{clean, claims, cache.Metadata, MaxIndexSize}, func(r io.Reader) error {
		x.Faults, x.FaultCount, x.Entries, x.Open, x.Parsed = nil, 0, 0, nil, false
		body := r
		var meter *fetch.Meter
		if kind != compress.None {
			z, err := c.streams.NewReader(r, kind, MaxIndexSize)
			if err != nil {
				return err
			}
			defer func() { _ = z.Close() }() // nothing is written
			meter = fetch.NewMeter(z, MaxIndexSize, nil, algorithmsOf(open)...)
			defer meter.Close()
			body = meter
		}
		if parse != nil {
			n, err := parse(body, x.AddFault)
			if err != nil {
				return err
			}
			x.Entries, x.Parsed = n, true
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
	if !x.OK() {
		x.Parsed = false
	}
	return x
}

// collect takes the entries of an index. A bad entry is a fault and does not
// end the reading, nor is an oddity of a good one; an error of the stream does.
func collect[T any](into *[]T, fault func(repo.Problem), entries iter.Seq2[T, error]) (int, error) {
	for entry, err := range entries {
		switch format, ok := asFormat(err); {
		case ok:
			p := *format.Problem()
			p.Tolerated = errors.As(err, new(*apt.Oddity))
			fault(p)
		case err != nil:
			return 0, err
		case len(*into) == MaxPackages:
			return 0, &repo.FormatError{Text: fmt.Sprintf("more than %d packages", MaxPackages)}
		default:
			*into = append(*into, entry)
		}
	}
	*into = slices.Clip(*into)
	return len(*into), nil
}

// algorithmsOf returns every algorithm that a claim names, and SHA-256, which
// reports always give.
func algorithmsOf(claims []repo.Claim) []repo.Algorithm {
	all := []repo.Algorithm{repo.SHA256}
	for _, claim := range claims {
		for a := range claim.Digests.All() {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// bytesFit reports whether the bytes that were read are what every claim says.
func bytesFit(x repo.Index) bool {
	for _, claim := range x.Claims {
		if !claim.Fits(x.Content) {
			return false
		}
	}
	return true
}

// asClaimed reports whether x is what every claim says, inside and out.
func asClaimed(x repo.Index) bool {
	if !x.OK() || !bytesFit(x) {
		return false
	}
	for _, claim := range x.OpenClaims {
		if x.Open == nil || !claim.Fits(*x.Open) {
			return false
		}
	}
	return true
}

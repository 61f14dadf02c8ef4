package crawl

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
)

// apt reads InRelease, Release, Release.gpg and the indexes that they list.
func (c *crawler) apt(ctx context.Context) {
	facts := &repo.Apt{}
	c.out.Apt = facts

	var inline, detached, gpg []byte
	facts.InRelease, inline = c.small(ctx, "InRelease")
	if facts.InRelease.Problem.Is(repo.Unreachable) {
		// The rest would fail the same way, one time-out after another.
		why := "InRelease could not be reached"
		facts.Release, facts.ReleaseGPG = unread("Release", why), unread("Release.gpg", why)
		for _, path := range c.opts.KeyFiles {
			c.out.Keys = append(c.out.Keys, repo.KeyFile{File: unread(path, why)})
		}
		return
	}
	facts.Release, detached = c.small(ctx, "Release")
	facts.ReleaseGPG, gpg = c.small(ctx, "Release.gpg")
	c.keys(ctx)

	if facts.InRelease.OK() {
		c.inRelease(inline)
	}
	if facts.Release.OK() {
		release, err := apt.ParseRelease(bytes.NewReader(detached), "Release")
		if err != nil {
			facts.Release.Problem = malformed(err)
		}
		facts.Detached = release
	}
	if facts.Release.OK() && facts.ReleaseGPG.OK() {
		var problem *repo.Problem
		facts.DetachedSignatures, problem = c.signatures("Release", gpg, detached)
		if problem != nil {
			facts.ReleaseGPG.Problem = problem
		}
	}
	if root := facts.Root(); root != nil {
		c.aptIndexes(ctx, root)
	}
}

// inRelease reads the signed text of InRelease and its signatures.
func (c *crawler) inRelease(data []byte) {
	facts := c.out.Apt
	signed, err := apt.SplitInRelease(data)
	if err != nil {
		facts.InRelease.Problem = malformed(err)
		return
	}
	var problem *repo.Problem
	facts.InlineSignatures, problem = c.signatures("InRelease", signed.Signatures, signed.Text)
	if problem == nil {
		var release *repo.Release
		if release, err = apt.ParseRelease(bytes.NewReader(signed.Plain), "InRelease"); err == nil {
			facts.Inline = release
			return
		}
		problem = malformed(err)
	}
	facts.InRelease.Problem = problem
}

// aptIndexes reads every index that the release lists. The entries are taken
// from one file of each kind: the first, in the order in which apt prefers
// them, that is what the release says; failing that, the first that parses.
func (c *crawler) aptIndexes(ctx context.Context, root *repo.Release) {
	facts := c.out.Apt
	byPath := make(map[string]repo.Claim, len(root.Entries))
	for _, e := range root.Entries {
		byPath[e.Path] = e.Claim
	}
	entries := slices.Clone(root.Entries)
	slices.SortStableFunc(entries, func(a, b repo.ReleaseEntry) int {
		return cmp.Or(cmp.Compare(stem(a.Path), stem(b.Path)), preference(a.Path)-preference(b.Path))
	})
	if len(entries) > MaxIndexes {
		root.Faults = append(root.Faults, repo.Problem{Kind: repo.Malformed,
			Text: fmt.Sprintf("lists %d files; at most %d are read", len(entries), MaxIndexes)})
		entries = entries[:MaxIndexes]
	}
	verified := make(map[string]bool) // by stem
	found := make(map[string][]repo.Package)
	for _, e := range entries {
		typ := stem(e.Path)
		var open []repo.Claim
		if typ != e.Path {
			if claim, ok := byPath[typ]; ok {
				open = []repo.Claim{claim}
			}
		}
		var parse parser
		var packages []repo.Package
		if path.Base(typ) == "Packages" && !verified[typ] {
			parse = func(r io.Reader, fault func(repo.Problem)) error {
				packages = nil
				return collect(&packages, fault, apt.Packages(r, e.Path))
			}
		}
		x := c.index(ctx, typ, e.Path, []repo.Claim{e.Claim}, open, parse)
		switch {
		case !x.Parsed:
		case asClaimed(x):
			verified[typ] = true
			found[typ] = packages
			unparse(facts.Indexes, typ)
		case found[typ] == nil:
			found[typ] = packages
		default:
			x.Parsed = false // an earlier one, no better, was taken
		}
		facts.Indexes = append(facts.Indexes, x)
	}
	for _, x := range facts.Indexes {
		if x.Parsed {
			c.out.Packages = append(c.out.Packages, found[x.Type]...)
		}
	}
}

// unparse takes back that an earlier index of the type was used.
func unparse(indexes []repo.Index, typ string) {
	for i := range indexes {
		if indexes[i].Type == typ {
			indexes[i].Parsed = false
		}
	}
}

// preference is the order of apt's Acquire::CompressionTypes: the best
// compression first, the plain file last.
func preference(path string) int {
	order := []compress.Kind{compress.Zstd, compress.XZ, compress.Bzip2, compress.Gzip}
	if i := slices.Index(order, compress.ByName(path)); i >= 0 {
		return i
	}
	return len(order)
}

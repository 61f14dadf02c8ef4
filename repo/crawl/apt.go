package crawl

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
)

// apt reads InRelease, Release, Release.gpg and the indexes that they list.
func (c *crawler) apt(ctx context.Context) {
	facts := &repo.Apt{}
	c.out.Apt = facts

	var inline, detached, gpg []byte
	facts.InRelease, inline = c.small(ctx, c.dir+"InRelease")
	if facts.InRelease.Problem.Is(repo.Unreachable) {
		// The rest would fail the same way, one time-out after another.
		why := "InRelease could not be reached"
		facts.Release, facts.ReleaseGPG = unread(c.dir+"Release", why), unread(c.dir+"Release.gpg", why)
		c.noKeys(why)
		return
	}
	facts.Release, detached = c.small(ctx, c.dir+"Release")
	facts.ReleaseGPG, gpg = c.small(ctx, c.dir+"Release.gpg")
	c.keys(ctx)

	if facts.InRelease.OK() {
		c.inRelease(inline)
	}
	if facts.Release.OK() {
		release, err := apt.ParseRelease(bytes.NewReader(detached), facts.Release.Path)
		if err != nil {
			facts.Release.Problem = malformed(err)
		}
		facts.Detached = release
	}
	if facts.Release.OK() && facts.ReleaseGPG.OK() {
		facts.DetachedSignatures = c.signatures(&facts.ReleaseGPG, "Release", gpg, detached)
	}
	switch {
	case facts.Inline != nil:
		c.root, c.rootData = facts.InRelease.Path, inline
	case facts.Detached != nil:
		c.root, c.rootData = facts.Release.Path, detached
	default:
		return
	}
	c.aptIndexes(ctx, facts.Root())
}

// inRelease reads the signed text of InRelease and its signatures.
func (c *crawler) inRelease(data []byte) {
	facts := c.out.Apt
	signed, err := apt.SplitInRelease(data)
	if err != nil {
		facts.InRelease.Problem = malformed(err)
		return
	}
	facts.InlineSignatures = c.signatures(&facts.InRelease, "InRelease", signed.Signatures, signed.Text)
	if !facts.InRelease.OK() {
		return
	}
	release, err := apt.ParseRelease(bytes.NewReader(signed.Plain), facts.InRelease.Path)
	if err != nil {
		facts.InRelease.Problem = malformed(err)
		return
	}
	facts.Inline = release
}

// aptList is one list in all the compressions that the release names.
type aptList struct {
	apt.IndexPath
	forms   []repo.ReleaseEntry // in the order in which apt prefers them
	indexes []repo.Index
	entries aptEntries
}

// aptEntries are what a list holds.
type aptEntries struct {
	packages []repo.Package
	sources  []repo.SourcePackage
}

// aptIndexes reads every index that the release lists: all of a flat
// repository, and below dists/ those that were asked for. The lists are read
// side by side, the forms of one list one after another.
func (c *crawler) aptIndexes(ctx context.Context, root *repo.Release) {
	lists := c.aptLists(root)
	byPath := make(map[string]repo.Claim, len(root.Entries))
	for _, e := range root.Entries {
		byPath[e.Path] = e.Claim
	}
	var group errgroup.Group
	group.SetLimit(c.opts.Parallel)
	for i := range lists {
		group.Go(func() error {
			c.aptList(ctx, root, &lists[i], byPath)
			return nil // what is wrong is a fact of the index
		})
	}
	_ = group.Wait() // no function returns an error
	for _, l := range lists {
		c.out.Apt.Indexes = append(c.out.Apt.Indexes, l.indexes...)
		c.out.Packages = append(c.out.Packages, l.entries.packages...)
		c.out.Sources = append(c.out.Sources, l.entries.sources...)
	}
}

// aptLists groups the entries of a release by list, sorted by path.
func (c *crawler) aptLists(root *repo.Release) []aptList {
	at := make(map[string]int)
	var lists []aptList
	n := 0
	for _, e := range root.Entries {
		p := apt.ParseIndexPath(e.Path)
		if c.dir != "" && !c.wanted(p) {
			continue
		}
		if n++; n > MaxIndexes {
			root.Faults = append(root.Faults, repo.Problem{Kind: repo.Malformed,
				Text: fmt.Sprintf("lists more than %d files: the rest is not read", MaxIndexes)})
			break
		}
		i, ok := at[p.Stem]
		if !ok {
			i = len(lists)
			at[p.Stem] = i
			lists = append(lists, aptList{IndexPath: p})
		}
		lists[i].forms = append(lists[i].forms, e)
	}
	slices.SortFunc(lists, func(a, b aptList) int { return cmp.Compare(a.Stem, b.Stem) })
	for _, l := range lists {
		slices.SortStableFunc(l.forms, func(a, b repo.ReleaseEntry) int { return preference(a.Path) - preference(b.Path) })
	}
	return lists
}

// aptList reads one list. The entries are taken from one form: the first, in
// the order in which apt prefers them, that is what the release says; failing
// that, the first that parses.
func (c *crawler) aptList(ctx context.Context, root *repo.Release, l *aptList, byPath map[string]repo.Claim) {
	verified, found := false, false
	for _, e := range l.forms {
		var open []repo.Claim
		if claim, ok := byPath[l.Stem]; ok && l.Stem != e.Path {
			open = []repo.Claim{claim}
		}
		var parse parser
		var entries aptEntries
		switch {
		case verified:
		case l.Kind == apt.PackagesIndex:
			parse = func(r io.Reader, fault func(repo.Problem)) (int, error) {
				entries = aptEntries{packages: make([]repo.Package, 0, expected(open))}
				return collect(&entries.packages, fault, apt.Packages(r, c.dir+e.Path))
			}
		case l.Kind == apt.SourcesIndex:
			parse = func(r io.Reader, fault func(repo.Problem)) (int, error) {
				entries = aptEntries{}
				return collect(&entries.sources, fault, apt.Sources(r, c.dir+e.Path))
			}
		}
		x := c.aptIndex(ctx, root, e, open, parse)
		x.Type = c.dir + l.Stem
		switch {
		case !x.Parsed:
		case asClaimed(x):
			verified, found = true, true
			l.entries = entries
			for i := range l.indexes {
				l.indexes[i].Parsed = false // an earlier one, which was worse
			}
		case !found:
			found = true
			l.entries = entries
		default:
			x.Parsed = false // an earlier one, no better, was taken
		}
		l.indexes = append(l.indexes, x)
	}
}

// expected guesses the packages of a list, so that they need not be copied from
// one slice into a larger one: Debian's stanzas have 800 bytes. What the release
// claims is believed up to maxExpected only.
func expected(open []repo.Claim) int {
	const stanza, maxExpected = 800, 100_000
	if len(open) == 0 || open[0].Size < 0 {
		return 0
	}
	return int(min(open[0].Size/stanza, maxExpected))
}

// aptIndex reads one form of a list: by its hash, if the release offers that
// (so that index and release fit while both are being replaced), else by name.
func (c *crawler) aptIndex(ctx context.Context, root *repo.Release, e repo.ReleaseEntry, open []repo.Claim, parse parser) repo.Index {
	claims := []repo.Claim{e.Claim}
	if root.AcquireByHash {
		if path, ok := apt.ByHashPath(e); ok {
			x := c.index(ctx, c.dir+path, compress.ByName(e.Path), claims, open, parse)
			if !x.Problem.Is(repo.Absent) {
				x.Path = c.dir + e.Path
				return x
			}
		}
	}
	return c.index(ctx, c.dir+e.Path, compress.ByName(e.Path), claims, open, parse)
}

// preference is the order of apt's Acquire::CompressionTypes: the best
// compression first, the plain file last.
func preference(path string) int {
	order := []compress.Kind{compress.Zstd, compress.XZ, compress.Bzip2, compress.LZMA, compress.Gzip}
	if i := slices.Index(order, compress.ByName(path)); i >= 0 {
		return i
	}
	return len(order)
}

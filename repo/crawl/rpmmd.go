package crawl

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

const repomdPath = "repodata/repomd.xml"

// The types of data elements whose entries name packages a second time.
const (
	typeFilelists = "filelists"
	typeOther     = "other"
)

// rpmmd reads repomd.xml, its signature and the indexes that it lists.
func (c *crawler) rpmmd(ctx context.Context) {
	facts := &repo.RPMMD{}
	c.out.RPM = facts

	var repomd, asc []byte
	facts.RepomdFile, repomd = c.small(ctx, repomdPath)
	if c.out.Mirrors = c.opts.Mirrors; c.out.Mirrors != nil {
		facts.RepomdFile.Claims = c.out.Mirrors.Root
	}
	if facts.RepomdFile.Problem.Is(repo.Unreachable) {
		why := repomdPath + " could not be reached"
		facts.SignatureFile = unread(repomdPath+".asc", why)
		c.noKeys(why)
		return
	}
	facts.SignatureFile, asc = c.small(ctx, repomdPath+".asc")
	c.keys(ctx)
	if !facts.RepomdFile.OK() {
		return
	}
	parsed, err := rpmmd.ParseRepomd(bytes.NewReader(repomd), repomdPath)
	if err != nil {
		facts.RepomdFile.Problem = malformed(err)
	}
	facts.Repomd = parsed
	if facts.SignatureFile.OK() {
		facts.Signatures = c.signatures(&facts.SignatureFile, "repomd.xml", asc, repomd)
	}
	if parsed != nil {
		c.root, c.rootData = repomdPath, repomd
		c.rpmIndexes(ctx, parsed)
	}
}

// rpmIndexes reads every file that repomd.xml lists, side by side.
func (c *crawler) rpmIndexes(ctx context.Context, root *repo.Repomd) {
	facts := c.out.RPM
	data := root.Data
	if len(data) > MaxIndexes {
		data = data[:MaxIndexes]
	}
	type result struct {
		repo.Index
		packages []repo.Package
		lists    []repo.FilelistEntry
	}
	results := make([]result, len(data))
	seen := make(map[string]bool)
	var group errgroup.Group
	group.SetLimit(c.opts.Parallel)
	for i, d := range data {
		// Of two data elements of one type, clients take the first.
		first := !seen[d.Type]
		seen[d.Type] = true
		group.Go(func() error {
			x := &results[i]
			var parse parser
			switch {
			case !first:
			case d.Type == "primary":
				parse = func(r io.Reader, fault func(repo.Problem)) (int, error) {
					x.packages = nil
					return collect(&x.packages, fault, rpmmd.Primary(r, d.Location))
				}
			case d.Type == typeFilelists, d.Type == typeOther:
				read := rpmmd.Filelists
				if d.Type == typeOther {
					read = rpmmd.Other
				}
				parse = func(r io.Reader, fault func(repo.Problem)) (int, error) {
					x.lists = nil
					return collect(&x.lists, fault, read(r))
				}
			case rpmmd.Readable(d.Type):
				parse = func(r io.Reader, fault func(repo.Problem)) (int, error) {
					return rpmmd.Verify(d.Type, r, d.Location, fault)
				}
			}
			var open []repo.Claim
			if d.Open != nil {
				open = []repo.Claim{*d.Open}
			}
			x.Index = c.index(ctx, d.Location, compress.ByName(d.Location), []repo.Claim{d.Claim}, open, parse)
			x.Type = d.Type
			return nil // what is wrong is a fact of the index
		})
	}
	_ = group.Wait() // no function returns an error
	for _, x := range results {
		facts.Indexes = append(facts.Indexes, x.Index)
		switch {
		case !x.Parsed:
		case x.Type == typeFilelists:
			facts.Filelists = x.lists
		case x.Type == typeOther:
			facts.Others = x.lists
		default:
			c.out.Packages = append(c.out.Packages, x.packages...)
		}
	}
	share(facts.Filelists, c.out.Packages)
	share(facts.Others, c.out.Packages)
}

// share lets entries have the strings of the packages that they are of, so that
// 100,000 packages do not have their names three times. Indexes have them in
// one order, so the package at the same place is looked at and no other.
func share(entries []repo.FilelistEntry, packages []repo.Package) {
	take := func(mine *string, theirs string) {
		if *mine == theirs {
			*mine = theirs
		}
	}
	for i := range entries[:min(len(entries), len(packages))] {
		x, p := &entries[i], &packages[i]
		take(&x.Name, p.Name)
		take(&x.Version, p.Version)
		take(&x.Arch, p.Arch)
		for _, id := range p.Claim.Digests.All() {
			take(&x.PkgID, id)
		}
	}
}

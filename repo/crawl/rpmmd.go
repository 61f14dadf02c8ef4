package crawl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

const repomdPath = "repodata/repomd.xml"

// rpmmd reads repomd.xml, its signature and the indexes that it lists.
func (c *crawler) rpmmd(ctx context.Context) {
	facts := &repo.RPMMD{}
	c.out.RPM = facts

	var repomd, asc []byte
	facts.RepomdFile, repomd = c.small(ctx, repomdPath)
	if facts.RepomdFile.Problem.Is(repo.Unreachable) {
		why := repomdPath + " could not be reached"
		facts.SignatureFile = unread(repomdPath+".asc", why)
		for _, path := range c.opts.KeyFiles {
			c.out.Keys = append(c.out.Keys, repo.KeyFile{File: unread(path, why)})
		}
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
		var problem *repo.Problem
		facts.Signatures, problem = c.signatures("repomd.xml", asc, repomd)
		if problem != nil {
			facts.SignatureFile.Problem = problem
		}
	}
	if parsed != nil {
		c.rpmIndexes(ctx, parsed)
	}
}

func (c *crawler) rpmIndexes(ctx context.Context, root *repo.Repomd) {
	facts := c.out.RPM
	data := root.Data
	if len(data) > MaxIndexes {
		data = data[:MaxIndexes]
	}
	seen := make(map[string]bool)
	for _, d := range data {
		var parse parser
		var packages []repo.Package
		var lists []repo.FilelistEntry
		// Of two data elements of one type, clients take the first.
		if !seen[d.Type] {
			switch d.Type {
			case "primary":
				parse = func(r io.Reader, fault func(repo.Problem)) error {
					packages = nil
					return collect(&packages, fault, rpmmd.Primary(r, d.Location))
				}
			case "filelists":
				parse = func(r io.Reader, fault func(repo.Problem)) error {
					lists = nil
					return collect(&lists, fault, rpmmd.Filelists(r))
				}
			}
		}
		seen[d.Type] = true
		var open []repo.Claim
		if d.Open != nil {
			open = []repo.Claim{*d.Open}
		}
		x := c.index(ctx, d.Type, d.Location, []repo.Claim{d.Claim}, open, parse)
		if x.Parsed {
			c.out.Packages = append(c.out.Packages, packages...)
			facts.Filelists = append(facts.Filelists, lists...)
		}
		facts.Indexes = append(facts.Indexes, x)
	}
}

// collect takes the entries of an index. A bad entry is a fault and does not
// end the reading; an error of the stream does.
func collect[T any](into *[]T, fault func(repo.Problem), entries iter.Seq2[T, error]) error {
	for entry, err := range entries {
		switch format, ok := asFormat(err); {
		case ok:
			fault(*format.Problem())
		case err != nil:
			return err
		case len(*into) == MaxPackages:
			return &repo.FormatError{Text: fmt.Sprintf("more than %d packages", MaxPackages)}
		default:
			*into = append(*into, entry)
		}
	}
	return nil
}

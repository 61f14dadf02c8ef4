package suites

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/probe"
	"sigs.k8s.io/pkgverify/verify"
)

// besides begins to gather what checks of a target look at beside its crawl.
func (g *gatherer) besides(ctx context.Context, e *verify.Expectation, wanted []verify.Beside, slots *semaphore.Weighted) {
	c := g.targets[e]
	if slices.Contains(wanted, verify.BesideOrigins) {
		c.origins = begin(func() []*repo.Repository {
			if slots.Acquire(ctx, 1) != nil {
				return nil
			}
			defer slots.Release(1)
			return g.readOrigins(ctx, e)
		})
	}
	if slices.Contains(wanted, verify.BesideOfficial) && e.Official != "" {
		c.official = begin(func() map[verify.OfficialFile]verify.Official {
			select {
			case <-c.done:
				return g.readOfficial(ctx, e, &c.repository)
			case <-ctx.Done():
				return nil
			}
		})
	}
	if slices.Contains(wanted, verify.BesideTransport) {
		c.transport = begin(func() *repo.Transport { return g.probe(ctx, e) })
	}
}

// readOrigins reads the metadata at every address of a target, its own first,
// side by side: what is published in between is seen at all or at none, but for
// the moment that it takes.
func (g *gatherer) readOrigins(ctx context.Context, e *verify.Expectation) []*repo.Repository {
	out := make([]*repo.Repository, 1+len(e.Origins))
	var group sync.WaitGroup
	for i, address := range append([]string{e.Target.URL}, e.Origins...) {
		group.Go(func() {
			t := e.Target
			t.URL = address
			var r repo.Repository
			if src, err := fetch.New(address, g.opts.Fetch); err != nil {
				r = unreached(t, &repo.Problem{Kind: repo.Unreachable, Text: err.Error()})
			} else {
				r = crawl.Crawl(ctx, src, t, crawl.Options{
					Keyring: g.keyring, Now: e.Now, Parallel: g.opts.Parallel, Policy: g.opts.Policy, Settle: g.opts.Settle,
					Arches: debianNames(e.Arches),
				})
			}
			r.Packages, r.Sources = nil, nil // the digests of the lists say as much
			out[i] = &r
		})
	}
	group.Wait()
	return out
}

// debianNames returns the names by which a crawl knows architectures.
func debianNames(arches []repo.Arch) []string {
	var out []string
	for _, a := range arches {
		out = append(out, a.In(repo.Deb))
	}
	return out
}

// probe asks the servers of a target, nil when its address is none.
func (g *gatherer) probe(ctx context.Context, e *verify.Expectation) *repo.Transport {
	t, err := probe.Probe(ctx, e.Target.URL, rootPaths(e.Target), probe.Options{Fetch: g.opts.Fetch, Policy: g.opts.Policy})
	if err != nil {
		return nil
	}
	return &t
}

// rootPaths returns where the signed root of a target may be, the usual place
// first.
func rootPaths(t repo.Target) []string {
	if t.Format == repo.RPM {
		return []string{"repodata/repomd.xml"}
	}
	return []string{t.Metadata() + "InRelease", t.Metadata() + "Release"}
}

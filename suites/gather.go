package suites

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
)

// targetsAtOnce bounds the repositories that are crawled at the same time;
// inside one, Options.Parallel files are read at once.
const targetsAtOnce = 2

// maxMarker bounds a version marker, which is one short line.
const maxMarker = 4096

// gatherer crawls targets in the background; a spec awaits its facts.
type gatherer struct {
	opts    Options
	keyring *pgp.Keyring
	targets map[*verify.Expectation]*crawled
}

// crawled is the future of one target.
type crawled struct {
	done chan struct{}
	// mirrors is the list by which the repository was found, nil without one.
	mirrors *repo.MirrorList
	// The fields below may be read once done is closed.
	repository repo.Repository
	took       time.Duration
	// What is beside the crawl is nil unless a check asks for it.
	origins   *future[[]*repo.Repository]
	transport *future[*repo.Transport]
	official  *future[map[verify.OfficialFile]verify.Official]
}

// future is a fact under way: it may be read once done is closed.
type future[T any] struct {
	done chan struct{}
	fact T
}

// begin gathers a fact in the background.
func begin[T any](gather func() T) *future[T] {
	f := &future[T]{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.fact = gather()
	}()
	return f
}

// await returns the fact, or the zero value when there is none or ctx ends
// before.
func (f *future[T]) await(ctx context.Context) T {
	var none T
	if f == nil {
		return none
	}
	select {
	case <-f.done:
		return f.fact
	case <-ctx.Done():
		return none
	}
}

// gather starts to crawl the targets of the specs.
func gather(ctx context.Context, opts Options, specs []verify.Spec) (*gatherer, error) {
	g := &gatherer{opts: opts, targets: make(map[*verify.Expectation]*crawled)}
	if opts.Key != nil {
		ring, err := pgp.ReadKeyring(opts.Key)
		if err != nil {
			return nil, fmt.Errorf("pinned signing key: %w", err)
		}
		g.keyring = ring
	}
	slots := semaphore.NewWeighted(targetsAtOnce)
	var order, marked []*verify.Expectation
	depths := make(map[*verify.Expectation]crawl.Depth)
	beside := make(map[*verify.Expectation][]verify.Beside)
	add := func(t *verify.Expectation) {
		if g.targets[t] == nil {
			g.targets[t] = &crawled{done: make(chan struct{})}
			order = append(order, t)
		}
	}
	for _, s := range specs {
		if !slices.Contains(marked, s.Target) {
			marked = append(marked, s.Target)
		}
		if s.Cell != nil {
			continue
		}
		add(s.Target)
		depths[s.Target] = max(depths[s.Target], depthOf(s.Check))
		if s.Check.Moot == nil || s.Check.Moot(s.Target) == "" {
			beside[s.Target] = append(beside[s.Target], s.Check.Beside...)
		}
		if slices.Contains(s.Check.Beside, verify.BesideSiblings) {
			for _, sibling := range opts.Plan.Siblings(s.Target) {
				add(sibling)
				depths[sibling] = max(depths[sibling], depthOf(s.Check))
			}
		}
	}
	// Markers and mirrors first: cells read the expectation, too.
	var marking sync.WaitGroup
	for _, t := range marked {
		marking.Go(func() { g.mark(ctx, t) })
		marking.Go(func() { g.find(ctx, t) })
	}
	marking.Wait()
	for _, t := range order {
		g.besides(ctx, t, beside[t], slots)
		go func() {
			c := g.targets[t]
			defer close(c.done)
			if err := slots.Acquire(ctx, 1); err != nil {
				c.repository = unreached(t.Target, &repo.Problem{Kind: repo.Unreachable, Text: err.Error()})
				return
			}
			defer slots.Release(1)
			start := time.Now()
			c.repository = g.crawl(ctx, t, depths[t])
			c.took = time.Since(start)
		}()
	}
	return g, nil
}

// mark learns the versions that must be there from the target's marker.
func (g *gatherer) mark(ctx context.Context, e *verify.Expectation) {
	if e.Marker == nil {
		return
	}
	e.Unknown = nil // what was not known a while ago
	text, err := g.readMarker(ctx, e.Marker.URL)
	if err == nil {
		err = e.SetLatest(text)
	}
	if err != nil {
		e.Unknown = &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}
	}
}

// find chooses the mirror of a target that is found by a list of them.
func (g *gatherer) find(ctx context.Context, e *verify.Expectation) {
	if e.Target.MirrorList == "" {
		return
	}
	list, root := crawl.FindMirror(ctx, e.Target.MirrorList, g.opts.Fetch, g.opts.Policy)
	if c := g.targets[e]; c != nil {
		c.mirrors = &list
	}
	if root != "" {
		e.Target.URL = root
	}
}

func (g *gatherer) readMarker(ctx context.Context, address string) (string, error) {
	i := strings.LastIndexByte(address, '/')
	if i < 0 {
		return "", fmt.Errorf("%w: the profile names none for this channel", verify.ErrMarker)
	}
	text, err := readSmall(ctx, g.opts.Fetch, g.opts.Policy, address[:i+1], address[i+1:], maxMarker)
	return string(text), err
}

// readSmall reads one small file beside the crawl: a marker, or the key that a
// guest is set up with. What goes past the limit is left away.
func readSmall(ctx context.Context, opts fetch.Options, policy fetch.Policy, root, path string, limit int64) ([]byte, error) {
	src, err := fetch.New(root, opts)
	if err != nil {
		return nil, err
	}
	var data []byte
	err = policy.Do(ctx, func() error {
		resp, err := src.Open(ctx, path)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read or given up
		data, err = io.ReadAll(io.LimitReader(resp.Body, limit))
		return err
	})
	return data, err
}

func (g *gatherer) crawl(ctx context.Context, e *verify.Expectation, depth crawl.Depth) repo.Repository {
	mirrors := g.targets[e].mirrors
	if mirrors != nil && !mirrors.OK() {
		r := unreached(e.Target, mirrors.Problem)
		r.Mirrors = mirrors
		return r
	}
	src, err := fetch.New(e.Target.URL, g.opts.Fetch)
	if err != nil {
		return unreached(e.Target, &repo.Problem{Kind: repo.Unreachable, Text: err.Error()})
	}
	opts := crawl.Options{
		Keyring:  g.keyring,
		Mirrors:  mirrors,
		KeyFiles: e.KeyFiles,
		Arches:   debianNames(e.Arches),
		Now:      e.Now,
		Parallel: g.opts.Parallel,
		Policy:   g.opts.Policy,
		Settle:   g.opts.Settle,
		Cache:    g.opts.Cache,
	}
	if depth > crawl.Nothing {
		opts.Depth = func(p repo.Package) crawl.Depth {
			if !e.Wants(p) {
				return crawl.Nothing
			}
			return depth
		}
	}
	if g.opts.Progress != nil {
		opts.Progress = g.opts.Progress.Crawled
	}
	return crawl.Crawl(ctx, src, e.Target, opts)
}

// depthOf returns how much of the package files a check needs.
func depthOf(c *verify.Check) crawl.Depth {
	switch {
	case c.Payload:
		return crawl.Payload
	case c.Suite == verify.Packages:
		return crawl.Control
	}
	return crawl.Nothing
}

// unreached is a repository of which nothing was learnt.
func unreached(t repo.Target, p *repo.Problem) repo.Repository {
	r := repo.Repository{Target: t}
	switch t.Format {
	case repo.Deb:
		r.Apt = &repo.Apt{InRelease: repo.File{Path: "InRelease", URL: t.URL, Problem: p}}
	case repo.RPM:
		r.RPM = &repo.RPMMD{RepomdFile: repo.File{Path: "repodata/repomd.xml", URL: t.URL, Problem: p}}
	}
	return r
}

// await returns the facts of a target, and those beside them that are wanted.
func (g *gatherer) await(ctx context.Context, e *verify.Expectation, beside []verify.Beside) (*verify.Facts, error) {
	facts := &verify.Facts{}
	if slices.Contains(beside, verify.BesideOrigins) {
		facts.Origins = g.targets[e].origins.await(ctx)
	}
	if slices.Contains(beside, verify.BesideTransport) {
		facts.Transport = g.targets[e].transport.await(ctx)
	}
	if slices.Contains(beside, verify.BesideOfficial) {
		facts.Official = g.targets[e].official.await(ctx)
	}
	siblings := slices.Contains(beside, verify.BesideSiblings)
	for i, t := range append([]*verify.Expectation{e}, g.opts.Plan.Siblings(e)...) {
		if i > 0 && !siblings {
			break
		}
		c := g.targets[t]
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil, errors.New("interrupted")
		}
		if i == 0 {
			facts.Repository = &c.repository
		} else {
			facts.Siblings = append(facts.Siblings, &c.repository)
		}
	}
	return facts, nil
}

// repositories returns the finished crawls in the order of the plan.
func (g *gatherer) repositories() []repo.Repository {
	out := []repo.Repository{}
	for _, t := range g.opts.Plan.Targets {
		if c := g.targets[t]; c != nil {
			<-c.done // the context ends what still runs
			r := c.repository
			r.Transport = c.transport.await(context.Background()) // the same
			out = append(out, r)
		}
	}
	return out
}

package suites

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// The manners of a wait: a publication takes minutes to hours, and many may
// wait for the same.
const (
	// firstPause is before the second look, maxPause the longest; in between it
	// grows by half each time. A fifth of each is jitter.
	firstPause = 30 * time.Second
	maxPause   = 2 * time.Minute
	// maxMissing bounds what is told of one target.
	maxMissing = 3
)

// Wait says how to wait for a publication.
type Wait struct {
	// For is how long at most; 0 does not wait.
	For time.Duration
	// Now and Pause are the clock; nil is the machine's. Pause waits, and
	// reports false when ctx ended before.
	Now   func() time.Time
	Pause func(ctx context.Context, d time.Duration) bool
}

func (w *Wait) fill() {
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Pause == nil {
		w.Pause = func(ctx context.Context, d time.Duration) bool {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				return true
			case <-ctx.Done():
				return false
			}
		}
	}
}

// wait polls the targets of the specs until the newest expected version of
// every expected package is in each, or the time is up. What is "now" for the
// checks begins when it ends.
func (o *Options) wait(ctx context.Context, specs []verify.Spec) {
	o.Wait.fill()
	var targets []*awaited
	for _, s := range specs {
		if !slices.ContainsFunc(targets, func(a *awaited) bool { return a.Expectation == s.Target }) {
			targets = append(targets, &awaited{Expectation: s.Target, opts: o})
		}
	}
	end := o.Wait.Now().Add(o.Wait.For)
	for pause := firstPause; ; pause = min(pause+pause/2, maxPause) {
		missing := false
		for _, a := range targets {
			missing = !a.look(ctx) || missing
		}
		left := end.Sub(o.Wait.Now())
		if !missing || left <= 0 || !o.Wait.Pause(ctx, min(jittered(pause), left)) {
			break
		}
	}
	for _, t := range o.Plan.Targets {
		t.Now = o.Wait.Now()
	}
}

// jittered returns d, a tenth more or less: those who wait for the same do not
// all come at once.
func jittered(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// awaited is a target that is waited for.
type awaited struct {
	*verify.Expectation
	opts *Options

	src  fetch.Source
	path string // of the root that was read last
	seen fetch.Version
	sum  [sha256.Size]byte

	done bool
	told string
}

// look reports whether everything is there. A target that was complete is not
// asked again.
func (a *awaited) look(ctx context.Context) bool {
	if a.done {
		return true
	}
	missing := a.missing(ctx)
	a.done = missing == ""
	if a.opts.Progress != nil && ctx.Err() == nil && missing != unchanged && (missing != a.told || a.done) {
		a.opts.Progress.Waiting(a.Target.Name(), missing)
		a.told = missing
	}
	return a.done
}

// unchanged stands for what was missing at the last look.
const unchanged = "unchanged"

// missing says what is missing, "" for nothing.
func (a *awaited) missing(ctx context.Context) string {
	if a.Marker != nil && a.learn(ctx) != nil {
		return "the versions that must be there are not known yet: " + a.Unknown.String()
	}
	switch changed, err := a.changed(ctx); {
	case errors.Is(err, fetch.ErrAbsent):
		return "the repository is not there"
	case err != nil:
		return err.Error()
	case !changed:
		return unchanged
	}
	r := crawl.Crawl(ctx, a.src, a.Target, crawl.Options{
		Now: a.opts.Wait.Now(), Parallel: a.opts.Parallel, Policy: a.opts.Policy, Cache: a.opts.Cache, Arches: debianNames(a.Arches),
	})
	why, state := lacks(a.Expectation, &r), listsOf(&r)
	if why == "" && state == listsDiffer {
		why = "a list is not yet, or no longer, what " + a.path + " says of it"
	}
	if state != listsFit {
		a.path, a.seen = "", fetch.Version{} // the same root will do for the next look
	}
	return why
}

// learn reads the marker until it names the versions.
func (a *awaited) learn(ctx context.Context) error {
	(&gatherer{opts: *a.opts}).mark(ctx, a.Expectation)
	if a.Unknown != nil {
		return errors.New(a.Unknown.String())
	}
	return nil
}

// changed asks for the signed root, if it is another than at the last look, and
// reports whether its bytes are.
func (a *awaited) changed(ctx context.Context) (bool, error) {
	if a.src == nil {
		src, err := fetch.New(a.Target.URL, a.opts.Fetch)
		if err != nil {
			return false, err
		}
		a.src = src
	}
	var err error
	for _, path := range rootPaths(a.Target) {
		var sum [sha256.Size]byte
		var version fetch.Version
		known := a.seen
		if path != a.path {
			known = fetch.Version{}
		}
		err = a.opts.Policy.Do(ctx, func() error {
			sum, version, err = digest(ctx, a.src, path, known)
			return err
		})
		switch {
		case errors.Is(err, fetch.ErrUnchanged):
			return false, nil
		case errors.Is(err, fetch.ErrAbsent):
			continue
		case err != nil:
			return false, err
		}
		same := path == a.path && sum == a.sum
		a.path, a.seen, a.sum = path, version, sum
		return !same, nil
	}
	return false, err
}

// digest reads one small file, if it is another than the one that is known.
func digest(ctx context.Context, src fetch.Source, path string, known fetch.Version) (sum [sha256.Size]byte, version fetch.Version, err error) {
	var resp *fetch.Response
	if again, ok := src.(fetch.Revisitor); ok && known != (fetch.Version{}) {
		resp, err = again.OpenSince(ctx, path, known)
	} else {
		resp, err = src.Open(ctx, path)
	}
	if err != nil {
		return sum, version, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	meter := fetch.NewMeter(resp.Body, crawl.MaxRootSize, nil)
	defer meter.Close()
	h := sha256.New()
	if _, err := io.Copy(h, meter); err != nil {
		return sum, version, err
	}
	copy(sum[:], h.Sum(nil))
	return sum, resp.Version, nil
}

// lacks says what of the newest expected versions a repository lacks, as
// packages-published says it; "" for nothing.
func lacks(e *verify.Expectation, r *repo.Repository) string {
	newest := *e
	newest.Packages = slices.Clone(e.Packages)
	for i := range newest.Packages {
		p := &newest.Packages[i]
		if n := len(p.Versions); n > 0 {
			p.Versions = []string{slices.MaxFunc(p.Versions, upstreamOrder)}
		}
	}
	for _, c := range checks.Catalogue() {
		if c.ID != "packages-published" {
			continue
		}
		res := c.OnRepository(&newest, &verify.Facts{Repository: r})
		var all []string
		for _, f := range res.Findings {
			all = append(all, f.Message)
		}
		switch {
		case res.Status == verify.Pass:
			return ""
		case len(all) == 0:
			return res.Message
		case len(all) > maxMissing:
			all = append(all[:maxMissing], fmt.Sprintf("and %d more", len(all)-maxMissing))
		}
		return strings.Join(all, "; ")
	}
	return "" // there is nothing to wait for without that check
}

// upstreamOrder orders upstream versions, a pre-release before its release. A
// version that dpkg refuses is ordered by its text.
func upstreamOrder(a, b string) int {
	order := func(v string) string { return strings.ReplaceAll(v, "-", "~") }
	n, err := debver.Compare(order(a), order(b))
	if err != nil {
		return strings.Compare(a, b)
	}
	return n
}

// listState is how far the lists of a repository fit its signed root.
type listState int

const (
	// listsFit: each list was read and is what the root says.
	listsFit listState = iota
	// listsLate: a list could not be read in any form.
	listsLate
	// listsDiffer: a list is not what the root says.
	listsDiffer
)

// listsOf compares the lists of packages with the root: while a repository is
// being published, they are of different dates.
func listsOf(r *repo.Repository) listState {
	var indexes []repo.Index
	switch {
	case r.Apt != nil:
		indexes = r.Apt.Indexes
	case r.RPM != nil:
		indexes = r.RPM.Indexes
	}
	fit := make(map[string]bool) // by type, in any form
	for _, x := range indexes {
		if !verify.IsPackageIndex(x) {
			continue
		}
		fits := !slices.ContainsFunc(x.Claims, func(c repo.Claim) bool { return !c.Fits(x.Content) })
		if x.Problem == nil && !fits {
			return listsDiffer
		}
		fit[x.Type] = fit[x.Type] || x.Problem == nil
	}
	for _, ok := range fit {
		if !ok {
			return listsLate
		}
	}
	return listsFit
}

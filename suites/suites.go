package suites

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/known"
)

// ErrEmpty is returned when the filters select nothing: a run that asks
// nothing must not look like one in which all is well.
var ErrEmpty = errors.New("the filters select no spec")

// Progress is told how far the work has come; its methods are called from
// several goroutines.
type Progress interface {
	Crawled(crawl.Progress)
	Spec(done, total int, name string)
	// Waiting is told what a target still lacks, "" for nothing, each time that
	// it changes.
	Waiting(target string, missing string)
}

// Cells gives the facts of container cells.
type Cells interface {
	// Await returns the facts of the cell once they are there. Its error says
	// that they never will be: ctx has ended, or the context that the cells were
	// started with.
	Await(ctx context.Context, id string) (images.CellFacts, error)
}

// Options are what a run needs.
type Options struct {
	Plan *verify.Plan
	// Key is the pinned signing key, armored or binary; nil if only its
	// fingerprint is known.
	Key []byte
	// LabelFilter is in Ginkgo's filter language, on top of the plan.
	LabelFilter string
	Fetch       fetch.Options
	Policy      fetch.Policy
	// Settle looks again at a repository that is being published.
	Settle crawl.Settle
	// Cache keeps what was verified for the next run; nil keeps nothing.
	Cache *cache.Cache
	// Parallel bounds the package files of one target read at once.
	Parallel int
	// Timeout bounds the whole run; 0 is one day.
	Timeout time.Duration
	// StartCells begins the container work of the selected cells.
	StartCells func(context.Context, []CellWork) Cells
	Progress   Progress
	// Known are the known issues, nil for none.
	Known *known.List
	// Wait waits for the publication first; its time does not count for Timeout.
	Wait Wait
}

// CellWork is a cell and what is asked of it.
type CellWork struct {
	*verify.CellExpectation
	// Checks are the IDs of the selected checks.
	Checks []string
}

// Outcome is what a run learnt.
type Outcome struct {
	Results      []reports.Result
	Repositories []repo.Repository
	Cells        []images.CellFacts
	// Interrupted tells that the run was ended from outside, by its context or
	// by a signal, and not by its Timeout.
	Interrupted bool
}

// maxRun is the time bound of a run that names none.
const maxRun = 24 * time.Hour

// Selected returns the specs of the plan that a label filter lets through.
func Selected(plan *verify.Plan, labelFilter string) ([]verify.Spec, error) {
	filter, err := types.ParseLabelFilter(labelFilter)
	if err != nil {
		return nil, fmt.Errorf("--label-filter %q: %w", labelFilter, plain(err))
	}
	var out []verify.Spec
	for _, s := range plan.Specs() {
		if filter(s.Labels()) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, ErrEmpty
	}
	return out, nil
}

// plain returns an error of Ginkgo without its colours, on one line.
func plain(err error) error {
	var g types.GinkgoError
	if !errors.As(err, &g) {
		return err
	}
	lines := strings.Split(strings.TrimSpace(g.Message), "\n")
	return errors.New(lines[len(lines)-1]) // the first repeats the filter
}

// Run runs the plan in this process, once a process: Ginkgo allows no more.
// Its error means that the run could not begin; what goes wrong later is in
// the outcome.
func Run(ctx context.Context, opts Options) (*Outcome, error) {
	specs, err := Selected(opts.Plan, opts.LabelFilter)
	if err != nil {
		return nil, err
	}
	if opts.Timeout <= 0 {
		opts.Timeout = maxRun
	}
	if opts.Wait.For > 0 {
		opts.wait(ctx, specs)
	}
	outside := ctx
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()

	r := &run{opts: opts, specs: specs, results: make(map[string][]reports.Result)}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	describe(r, opts.Plan)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.LabelFilter = opts.LabelFilter
	suite.FailOnEmpty, suite.FailOnPending = true, true
	suite.RandomizeAllSpecs = false
	suite.Timeout = opts.Timeout + time.Minute // ours comes first, and says so
	reporter.NoColor, reporter.Succinct = true, true
	quietly(func() {
		gomega.RegisterFailHandler(ginkgo.Fail)
		ginkgo.RunSpecs(verdictElsewhere{}, "pkgverify", suite, reporter)
	})
	// Ginkgo hears signals itself, and may well have ended before the context
	// that they end too.
	short := r.short || len(r.results) < len(specs)
	interrupted := outside.Err() != nil || short && ctx.Err() == nil
	cancel() // what is still being fetched is of no use now
	return r.outcome(interrupted), nil
}

// verdictElsewhere takes Ginkgo's verdict, which the results give better.
type verdictElsewhere struct{}

// Fail implements ginkgo.GinkgoTestingT.
func (verdictElsewhere) Fail() {}

// quietly runs f without Ginkgo's own reporter: standard output belongs to
// the results. What Ginkgo says as it refuses to run goes to standard error.
func quietly(f func()) {
	out := formatter.ColorableStdOut
	formatter.ColorableStdOut = io.Discard
	defer func() { formatter.ColorableStdOut = out }()
	f()
}

// describe makes the specs of the plan.
func describe(r *run, plan *verify.Plan) {
	byTarget := make(map[*verify.Expectation][]verify.Spec)
	for _, s := range plan.Specs() {
		byTarget[s.Target] = append(byTarget[s.Target], s)
	}
	// One ordered container above all: Ginkgo shuffles those at the top.
	ginkgo.Describe(plan.Profile, ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
		for _, t := range plan.Targets {
			ginkgo.Context(t.Target.Name(), func() {
				for _, s := range byTarget[t] {
					title := strings.TrimPrefix(s.Name(), t.Target.Name()+" ")
					ginkgo.It(title, ginkgo.Label(s.Labels()...), func(ctx ginkgo.SpecContext) {
						report(r.ask(ctx, s))
					})
				}
			})
		}
	})
}

// report passes a result on to Ginkgo.
func report(res verify.Result) {
	ginkgo.AddReportEntry("result", res, ginkgo.ReportEntryVisibilityNever)
	switch res.Status {
	case verify.Skipped, verify.NotApplicable:
		ginkgo.Skip(headline(res))
	case verify.Blocked:
		ginkgo.Fail("blocked, could not tell: " + headline(res))
	default:
		gomega.Expect(res.Status).NotTo(gomega.Equal(verify.Fail), headline(res))
	}
}

// headline is the first finding of the deciding status.
func headline(res verify.Result) string {
	for _, f := range res.Findings {
		if f.Status == res.Status {
			return f.Message
		}
	}
	return res.Message
}

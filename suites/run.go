package suites

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// run is one run of a plan. Ginkgo calls ask for one spec at a time.
type run struct {
	opts  Options
	specs []verify.Spec

	gatherer *gatherer
	cells    Cells
	facts    []images.CellFacts
	results  map[string][]reports.Result // by spec name
	short    bool                        // a spec was ended before its facts came
}

// start begins the work that the selected specs need, and no other.
func (r *run) start(ctx context.Context) error {
	g, err := gather(ctx, r.opts, r.specs)
	if err != nil {
		return err
	}
	r.gatherer = g
	var cells []CellWork
	for _, s := range r.specs {
		if s.Cell == nil {
			continue
		}
		i := slices.IndexFunc(cells, func(w CellWork) bool { return w.CellExpectation == s.Cell })
		if i < 0 {
			i = len(cells)
			cells = append(cells, CellWork{CellExpectation: s.Cell})
		}
		cells[i].Checks = append(cells[i].Checks, s.Check.ID)
	}
	if len(cells) > 0 {
		r.cells = r.opts.StartCells(ctx, cells)
	}
	return nil
}

// ask runs one check, having waited for its facts.
func (r *run) ask(ctx context.Context, s verify.Spec) verify.Result {
	start := time.Now()
	res := r.judge(ctx, s)
	r.short = r.short || ctx.Err() != nil
	r.opts.Known.Mark(&res)
	r.results[s.Name()] = reports.ResultsOf(res, time.Since(start))
	if r.opts.Progress != nil {
		r.opts.Progress.Spec(len(r.results), len(r.specs), s.Name())
	}
	return res
}

func (r *run) judge(ctx context.Context, s verify.Spec) verify.Result {
	if s.Cell != nil {
		facts, err := r.cells.Await(ctx, s.Cell.Cell.ID)
		if err != nil {
			return blocked(s, err.Error())
		}
		if !slices.ContainsFunc(r.facts, func(f images.CellFacts) bool { return f.Cell.ID == facts.Cell.ID }) {
			r.facts = append(r.facts, facts)
		}
		return s.Check.OnCell(s.Cell, &facts)
	}
	facts, err := r.gatherer.await(ctx, s.Target, s.Check.Beside)
	if err != nil {
		return blocked(s, err.Error())
	}
	return s.Check.OnRepository(s.Target, facts)
}

// blocked is the result of a spec whose facts never came.
func blocked(s verify.Spec, why string) verify.Result {
	res := verify.Result{
		Check: s.Check.ID, Severity: s.Check.Severity, Target: s.Target.Target.Name(),
		Status: verify.Blocked, Message: why,
	}
	if s.Cell != nil {
		res.Cell = s.Cell.Cell.ID
	}
	return res
}

// outcome collects the results in the order of the plan. Specs that Ginkgo did
// not come to are not lost: they are blocked.
func (r *run) outcome(interrupted bool) *Outcome {
	out := &Outcome{Interrupted: interrupted, Cells: r.facts, Repositories: []repo.Repository{}}
	for _, s := range r.specs {
		results, ok := r.results[s.Name()]
		if !ok {
			results = reports.ResultsOf(blocked(s, "not asked: the run was interrupted"), 0)
		}
		out.Results = append(out.Results, results...)
	}
	if res, ok := r.opts.Known.Result(); ok {
		out.Results = append(out.Results, reports.ResultsOf(res, 0)...)
	}
	out.Repositories = r.gatherer.repositories()
	return out
}

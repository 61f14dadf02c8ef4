package main

import (
	"io"
	"sync"
	"time"

	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/reports"
)

// newProgress returns progress on a stream: bars on a terminal that says how wide
// it is, and lines elsewhere.
func newProgress(w io.Writer) *reports.Progress {
	return reports.NewProgress(w, isTerminal(w) && terminalWidth(w) > 0, time.Now)
}

// phases turns what the work tells into phases of progress.
type phases struct {
	to *reports.Progress

	mu      sync.Mutex
	checks  *reports.Phase
	targets map[string]*crawling
	waits   map[string]*reports.Phase
}

// crawling is the phase of one target.
type crawling struct {
	phase *reports.Phase
	count reports.Count
}

func newPhases(to *reports.Progress) *phases {
	return &phases{to: to, targets: make(map[string]*crawling), waits: make(map[string]*reports.Phase)}
}

// Crawled implements suites.Progress.
func (p *phases) Crawled(c crawl.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := c.Target.Name()
	if c.Again != "" {
		p.to.Start("crawl " + name).Done("looking again soon: " + c.Again)
		delete(p.targets, name)
		return
	}
	t := p.targets[name]
	if t == nil {
		t = &crawling{phase: p.to.Start("crawl " + name)}
		p.targets[name] = t
	}
	// Files finish in any order; the highest count is the true one.
	t.count.Done = max(t.count.Done, c.Done)
	t.count.Total, t.count.Unit = c.Total, "packages"
	t.count.Bytes += c.Bytes
	t.phase.Update(t.count)
	if t.count.Done == t.count.Total {
		t.phase.Done("")
	}
}

// Spec implements suites.Progress.
func (p *phases) Spec(done, total int, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checks == nil {
		p.checks = p.to.Start("verify")
	}
	p.checks.Update(reports.Count{Done: done, Total: total, Unit: "checks"})
	if done == total {
		p.checks.Done("")
	}
}

// Waiting implements suites.Progress.
func (p *phases) Waiting(target, missing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.waits[target]
	if ph == nil {
		ph = p.to.Start("wait for " + target)
		p.waits[target] = ph
	}
	if missing == "" {
		ph.Done("everything is there")
		return
	}
	ph.Note("still missing: " + missing)
}

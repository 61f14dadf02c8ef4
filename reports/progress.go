package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// How often progress is written, and how much of it.
const (
	// terminalInterval is between two redraws of a terminal.
	terminalInterval = 100 * time.Millisecond
	// lineInterval is between two lines elsewhere: a log that is read later.
	lineInterval = 5 * time.Second
)

// Count is how far a phase is.
type Count struct {
	// Done of Total, in Unit ("packages"). Total 0 means not known yet.
	Done, Total int
	Unit        string
	// Bytes read so far; 0 is not shown.
	Bytes int64
}

// String returns c as "12/40 packages, 31 MB".
func (c Count) String() string {
	var parts []string
	switch {
	case c.Total > 0:
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d/%d %s", c.Done, c.Total, c.Unit)))
	case c.Done > 0:
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d %s", c.Done, c.Unit)))
	}
	if c.Bytes > 0 {
		parts = append(parts, size(c.Bytes))
	}
	return strings.Join(parts, ", ")
}

// size writes bytes in decimal units, as download tools do.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%d MB", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%d kB", n/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// Progress tells on a stream what a run is doing: on a terminal by bars, with a
// line for each phase that has ended above them; elsewhere by lines. Its methods,
// and those of its phases, may be called by several goroutines. After the first
// failed write nothing more is written: progress never stops a run.
type Progress struct {
	mu     sync.Mutex
	w      io.Writer
	bars   *mpb.Progress // nil where w is no terminal
	active []*Phase      // those that have a bar
	now    func() time.Time
	last   time.Time
	broken bool
}

// NewProgress returns progress on w, which is a terminal or not. now is the
// clock, such as time.Now.
func NewProgress(w io.Writer, terminal bool, now func() time.Time) *Progress {
	p := &Progress{w: w, now: now, last: now()}
	if terminal {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(terminalInterval), mpb.WithAutoRefresh())
	}
	return p
}

// Start announces a phase, such as "crawl deb/stable/1.26". It ends with
// [Phase.Done].
func (p *Progress) Start(name string) *Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := &Phase{p: p, name: visible(name), started: p.now()}
	if p.bars != nil {
		ph.bar = p.bars.New(0, barStyle(),
			mpb.BarFillerMiddleware(ph.unlessUnknown), mpb.BarWidth(barWidth), mpb.BarFillerTrim(),
			mpb.PrependDecorators(decor.Name(ph.name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return ph.state() })))
		p.active = append(p.active, ph)
		return ph
	}
	p.tell(ph)
	return ph
}

// barWidth is the width of a bar, in columns.
const barWidth = 20

func barStyle() mpb.BarFillerBuilder {
	return mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("] ")
}

// unlessUnknown draws the bar only when it is known how far it goes.
func (ph *Phase) unlessUnknown(bar mpb.BarFiller) mpb.BarFiller {
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		if s.Total <= 0 {
			return nil
		}
		return bar.Fill(w, s)
	})
}

// Close clears what a terminal shows of phases that have not ended.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return
	}
	for _, ph := range p.active {
		ph.bar.Abort(true)
	}
	p.active = nil
	p.bars.Wait()
}

// Phase is one thing under way.
type Phase struct {
	p       *Progress
	name    string
	started time.Time
	bar     *mpb.Bar // nil where there is no terminal

	mu    sync.Mutex
	count Count
	done  bool
}

// Update says how far the phase is. It is cheap: most calls write nothing.
// After Done it does nothing.
func (ph *Phase) Update(c Count) {
	ph.mu.Lock()
	done := ph.done
	if !done {
		ph.count = c
	}
	ph.mu.Unlock()
	switch {
	case done:
	case ph.bar != nil:
		// A bar that is full would end by itself.
		ph.bar.SetTotal(int64(c.Total), false)
		ph.bar.SetCurrent(int64(c.Done))
	default:
		ph.p.mu.Lock()
		defer ph.p.mu.Unlock()
		ph.p.tell(ph)
	}
}

// Note writes a line about the phase at once, and lets it go on.
func (ph *Phase) Note(note string) {
	ph.mu.Lock()
	done := ph.done
	ph.mu.Unlock()
	if done {
		return
	}
	ph.p.mu.Lock()
	defer ph.p.mu.Unlock()
	ph.p.last = ph.p.now()
	ph.line(note)
}

// line writes a line about the phase. The caller holds the lock of the progress.
func (ph *Phase) line(text string) {
	took := ph.p.now().Sub(ph.started).Round(100 * time.Millisecond)
	ph.p.write(fmt.Sprintf("%s: %s (%s)\n", ph.name, visible(text), took))
}

// Done ends the phase with a last line: the note, or how far it came when the
// note is empty, and the time that it took. A second call does nothing.
func (ph *Phase) Done(note string) {
	ph.mu.Lock()
	done := ph.done
	ph.done = true
	ph.mu.Unlock()
	if done {
		return
	}
	p := ph.p
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = slices.DeleteFunc(p.active, func(other *Phase) bool { return other == ph })
	if note == "" {
		note = orWord(ph.count.String(), "done")
	}
	ph.line(note)
	if ph.bar != nil {
		ph.bar.Abort(true)
	}
}

// state returns how far the phase is.
func (ph *Phase) state() string {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	return orWord(ph.count.String(), "...")
}

// tell writes the state as a line, if it is time to. The caller holds the lock of
// the progress.
func (p *Progress) tell(ph *Phase) {
	now := p.now()
	if now.Sub(p.last) < lineInterval {
		return
	}
	p.last = now
	p.write(ph.name + ": " + ph.state() + "\n")
}

// write writes, above the bars where there are some, unless a write has failed.
func (p *Progress) write(s string) {
	if p.broken {
		return
	}
	w := p.w
	if p.bars != nil {
		w = p.bars
	}
	if _, err := io.WriteString(w, s); err != nil {
		p.broken = true
	}
}

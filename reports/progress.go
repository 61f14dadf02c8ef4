package reports

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often progress is written, and how much of it.
const (
	// terminalInterval is between two redraws of a terminal.
	terminalInterval = 100 * time.Millisecond
	// lineInterval is between two lines elsewhere: a log that is read later.
	lineInterval = 5 * time.Second
	// maxLiveLines bounds the phases that a terminal shows at once.
	maxLiveLines = 8
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

// Progress tells on a stream what a run is doing. Its methods, and those of
// its phases, may be called by several goroutines. After the first failed
// write nothing more is written: progress never stops a run.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	now      func() time.Time
	width    int
	active   []*Phase
	drawn    int // lines on the terminal that the next redraw replaces
	last     time.Time
	broken   bool
}

// NewProgress returns progress on w, which is a terminal or not. now is the
// clock, such as time.Now.
func NewProgress(w io.Writer, terminal bool, now func() time.Time) *Progress {
	return &Progress{w: w, terminal: terminal, now: now, width: defaultWidth, last: now()}
}

// SetWidth sets the columns of the terminal; longer lines are cut, because a
// line that wraps cannot be redrawn. The default is 80.
func (p *Progress) SetWidth(columns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = max(columns, minWidth)
}

// Start announces a phase, such as "crawl deb/stable/1.26". It ends with
// [Phase.Done].
func (p *Progress) Start(name string) *Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := &Phase{p: p, name: visible(name), started: p.now()}
	p.active = append(p.active, ph)
	p.tell(ph)
	return ph
}

// Close clears what a terminal shows of phases that have not ended.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = nil
	if p.drawn > 0 {
		p.write(p.rewind())
	}
}

// Phase is one thing under way.
type Phase struct {
	p       *Progress
	name    string
	started time.Time
	count   Count
	done    bool
}

// Update says how far the phase is. It is cheap: most calls write nothing.
// After Done it does nothing.
func (ph *Phase) Update(c Count) {
	ph.p.mu.Lock()
	defer ph.p.mu.Unlock()
	if ph.done {
		return
	}
	ph.count = c
	ph.p.tell(ph)
}

// Note writes a line about the phase at once, and lets it go on.
func (ph *Phase) Note(note string) {
	p := ph.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if ph.done {
		return
	}
	now := p.now()
	p.last = now
	line := fmt.Sprintf("%s: %s (%s)\n", ph.name, visible(note), now.Sub(ph.started).Round(100*time.Millisecond))
	if p.terminal {
		line = p.rewind() + line + p.live()
	}
	p.write(line)
}

// Done ends the phase with a last line: the note, or how far it came when the
// note is empty, and the time that it took. A second call does nothing.
func (ph *Phase) Done(note string) {
	p := ph.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if ph.done {
		return
	}
	ph.done = true
	for i, other := range p.active {
		if other == ph {
			p.active = append(p.active[:i:i], p.active[i+1:]...)
			break
		}
	}
	what := visible(note)
	if what == "" {
		what = orWord(ph.count.String(), "done")
	}
	now := p.now()
	line := fmt.Sprintf("%s: %s (%s)\n", ph.name, what, now.Sub(ph.started).Round(100*time.Millisecond))
	if !p.terminal {
		p.write(line)
		return
	}
	p.last = now
	p.write(p.rewind() + line + p.live())
}

// String returns the phase's line.
func (ph *Phase) String() string {
	return ph.name + ": " + orWord(ph.count.String(), "...")
}

// tell writes the state if it is time to. The caller holds the lock.
func (p *Progress) tell(ph *Phase) {
	now := p.now()
	interval := lineInterval
	if p.terminal {
		interval = terminalInterval
	}
	if now.Sub(p.last) < interval {
		return
	}
	p.last = now
	if p.terminal {
		p.write(p.rewind() + p.live())
		return
	}
	p.write(ph.String() + "\n")
}

// rewind returns what takes the terminal back to before the live lines.
func (p *Progress) rewind() string {
	if p.drawn == 0 {
		return ""
	}
	// Cursor up (CUU), then erase to the end of the screen (ED).
	s := fmt.Sprintf("\x1b[%dA\r\x1b[J", p.drawn)
	p.drawn = 0
	return s
}

// live returns a line for each phase under way.
func (p *Progress) live() string {
	var b strings.Builder
	for i, ph := range p.active {
		if i == maxLiveLines {
			fmt.Fprintf(&b, "and %d more\n", len(p.active)-i)
			p.drawn++
			break
		}
		b.WriteString(fit(ph.String(), p.width-1) + "\n")
		p.drawn++
	}
	return b.String()
}

// fit cuts s to n columns.
func fit(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-3]) + "..."
}

// write writes unless a write has failed.
func (p *Progress) write(s string) {
	if p.broken {
		return
	}
	if _, err := io.WriteString(p.w, s); err != nil {
		p.broken = true
	}
}

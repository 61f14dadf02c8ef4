package reports

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that moves only when told.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func TestProgressLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := NewProgress(&b, false, c.now)
	ph := p.Start("crawl deb/stable/1.26")
	other := p.Start("crawl rpm/\x1b[2J")
	for i := range 12 {
		c.advance(time.Second)
		ph.Update(Count{Done: i + 1, Total: 40, Unit: "packages", Bytes: int64(i+1) * 2_600_000})
	}
	ph.Done("")
	ph.Done("again")
	ph.Update(Count{Done: 99})
	other.Done("blocked: no route\x1b[2J")
	p.Close()
	want := "crawl deb/stable/1.26: 5/40 packages, 13 MB\n" +
		"crawl deb/stable/1.26: 10/40 packages, 26 MB\n" +
		"crawl deb/stable/1.26: 12/40 packages, 31 MB (12s)\n" +
		`crawl rpm/\x1b[2J: blocked: no route\x1b[2J (12s)` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestProgressTerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := NewProgress(&b, true, c.now)
	p.SetWidth(30)
	one, two := p.Start("one"), p.Start("a phase with a long name")
	c.advance(terminalInterval)
	one.Update(Count{Done: 1, Total: 2})
	one.Update(Count{Done: 2, Total: 2}) // too soon to be drawn
	one.Done("")
	c.advance(terminalInterval)
	two.Update(Count{Done: 3, Unit: "files"})
	p.Close()
	const up1, up2 = "\x1b[1A\r\x1b[J", "\x1b[2A\r\x1b[J"
	want := "one: 1/2\na phase with a long name: ...\n" +
		up2 + "one: 2/2 (100ms)\na phase with a long name: ...\n" +
		up1 + "a phase with a long name: ...\n" + up1
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("terminal (-want +got):\n%s", diff)
	}
}

func TestProgressGoroutines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := NewProgress(&b, false, time.Now)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ph := p.Start("phase")
			for i := range 100 {
				ph.Update(Count{Done: i})
			}
			ph.Done("ok")
		})
	}
	wg.Wait()
	if n := bytes.Count(b.Bytes(), []byte("phase: ok")); n != 8 {
		t.Errorf("%d last lines, want 8", n)
	}
}

func TestProgressBrokenStream(t *testing.T) {
	t.Parallel()
	p := NewProgress(brokenWriter{}, true, time.Now)
	p.Start("phase").Done("ok")
	if !p.broken {
		t.Error("goes on writing after an error")
	}
}

package reports

import (
	"bytes"
	"io"
	"strings"
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

// TestProgressTerminal: lines of what has ended stay, bars of what is under way
// are drawn while it is, and nothing of a name drives the terminal.
func TestProgressTerminal(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	drawn := make(chan string)
	go func() {
		// What a terminal gets, up to the moment when a bar has been drawn.
		var all bytes.Buffer
		told := false
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			all.Write(buf[:n])
			if !told && bytes.Contains(all.Bytes(), []byte("[=====")) && bytes.Contains(all.Bytes(), []byte("20/40 packages, 31 MB")) {
				told = true
				drawn <- all.String()
			}
			if err != nil {
				drawn <- all.String()
				return
			}
		}
	}()
	p := NewProgress(w, true, time.Now)
	one, two := p.Start("one"), p.Start("crawl \x1b[2J")
	two.Update(Count{Done: 20, Total: 40, Unit: "packages", Bytes: 31_000_000})
	one.Note("a word")
	<-drawn                                // without the bar this waits for ever
	one.Update(Count{Done: 40, Total: 40}) // a full bar does not end it
	one.Note("another word")
	one.Done("")
	one.Done("again")
	p.Close()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := <-drawn
	for _, want := range []string{"one: a word (", "one: another word (", "one: 40/40 (", `crawl \x1b[2J`} {
		if !strings.Contains(all, want) {
			t.Errorf("want %q in %q", want, all)
		}
	}
	if strings.Contains(all, "\x1b[2J") || strings.Contains(all, "again") {
		t.Errorf("got %q", all)
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
	for _, terminal := range []bool{false, true} {
		p := NewProgress(brokenWriter{}, terminal, time.Now)
		p.Start("under way").Update(Count{Done: 1, Total: 2})
		p.Start("phase").Done("ok")
		p.Close() // must return
		if !terminal && !p.broken {
			t.Error("goes on writing after an error")
		}
	}
}

package apt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"sigs.k8s.io/pkgverify/repo/deb822"
)

const (
	// pieceSize is how much of an index is parsed at once, by one of at most
	// maxWorkers goroutines.
	pieceSize  = 256 << 10
	maxWorkers = 4
)

// result is what one stanza, or an oddity of it, comes to.
type result[T any] struct {
	entry T
	err   error
	line  int
	odd   bool
}

// piece is a run of whole stanzas.
type piece[T any] struct {
	data    []byte
	before  int // lines of the index before it
	results []result[T]
	done    chan struct{}
}

// index reads an index piece by piece: the pieces are cut by the goroutine of
// the caller, which alone uses r, and parsed by others.
type index[T any] struct {
	r     io.Reader
	want  []string
	parse func(deb822.Stanza) (T, []error, error)

	rest  []byte // read, and not in a piece yet
	lines int    // before rest
	err   error  // of r
	n     int    // stanzas yielded
	free  []*piece[T]
}

// entries reads an index whose stanzas, with the wanted fields, parse takes.
// Beside the entry parse returns its oddities. It may be called from several
// goroutines at once.
func entries[T any](r io.Reader, want []string, parse func(deb822.Stanza) (T, []error, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		x := &index[T]{r: r, want: want, parse: parse}
		x.all(yield)
	}
}

func (x *index[T]) all(yield func(T, error) bool) {
	var none T
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	jobs := make(chan *piece[T], workers)
	var group sync.WaitGroup
	// A worker ends with its last piece, so none outlives the reading.
	defer group.Wait()
	defer close(jobs)

	var queue []*piece[T] // in the order of the index
	take := func() bool { // yields the first of the queue
		p := queue[0]
		queue = queue[1:]
		<-p.done
		x.free = append(x.free, p)
		for _, r := range p.results {
			if !x.yield(r, yield) {
				return false
			}
		}
		return true
	}
	started := 0
	for first := true; ; first = false {
		p, whole := x.cut()
		if first {
			data := x.rest
			if p != nil {
				data = p.data
			}
			if n := emptyLines(data); n > 1 && !yield(none, fault(1, "%d empty lines at the start, which apt takes for a stanza without fields and refuses", n)) {
				return
			}
		}
		if p != nil {
			if started < workers && (started == 0 || len(queue) >= started) {
				started++
				group.Go(func() {
					reader := deb822.NewIndexReader(x.want...)
					for p := range jobs {
						x.work(reader, p)
						p.done <- struct{}{}
					}
				})
			}
			if len(queue) == workers && !take() {
				return
			}
			jobs <- p
			queue = append(queue, p)
			continue
		}
		for len(queue) > 0 {
			if !take() {
				return
			}
		}
		if x.err != nil && !errors.Is(x.err, io.EOF) {
			yield(none, fmt.Errorf("read stanza: %w", x.err))
			return
		}
		if whole {
			return
		}
		// No stanza ends within what is the bound of one: read on in one go.
		rest := io.MultiReader(bytes.NewReader(x.rest), x.r)
		x.stanzas(deb822.NewIndexReader(x.want...).Stanzas(rest, x.lines), func(r result[T]) bool { return x.yield(r, yield) })
		return
	}
}

// yield passes on one result, and reports whether to go on.
func (x *index[T]) yield(r result[T], yield func(T, error) bool) bool {
	if !r.odd {
		if x.n++; x.n > MaxPackages {
			var none T
			yield(none, fault(r.line, "more than %d packages", MaxPackages))
			return false
		}
	}
	return yield(r.entry, r.err)
}

// work parses a piece.
func (x *index[T]) work(reader *deb822.IndexReader, p *piece[T]) {
	p.results = p.results[:0]
	x.stanzas(reader.StanzasOf(p.data, p.before), func(r result[T]) bool {
		p.results = append(p.results, r)
		return true
	})
}

// stanzas parses the entries of stanzas.
func (x *index[T]) stanzas(all iter.Seq2[deb822.Stanza, error], yield func(result[T]) bool) {
	for s, err := range all {
		res := result[T]{err: err, line: s.Line}
		if err == nil {
			var odd []error
			res.entry, odd, res.err = x.parse(s)
			for _, o := range append(oddities(s), odd...) {
				if !yield(result[T]{err: o, line: s.Line, odd: true}) {
					return
				}
			}
			if res.err != nil {
				var none T
				res.entry = none
			}
		}
		if !yield(res) {
			return
		}
	}
}

// cut returns the next piece, or nil when there is none; whole is false when
// that is for want of an empty line.
func (x *index[T]) cut() (p *piece[T], whole bool) {
	p = &piece[T]{done: make(chan struct{}, 1)}
	if n := len(x.free); n > 0 {
		p, x.free = x.free[n-1], x.free[:n-1]
	}
	p.before = x.lines
	data := append(p.data[:0], x.rest...)
	for size := pieceSize; ; size *= 2 {
		data = x.read(data, size)
		end := len(data)
		if !errors.Is(x.err, io.EOF) {
			end = lastStanza(data)
		}
		if end > 0 {
			p.data = data[:end]
			x.rest = append(x.rest[:0], data[end:]...)
			x.lines += bytes.Count(p.data, []byte("\n"))
			return p, true
		}
		if x.err != nil || len(data) > deb822.MaxStanza {
			x.rest = data
			return nil, x.err != nil
		}
	}
}

// read reads until data has size bytes, or r ends.
func (x *index[T]) read(data []byte, size int) []byte {
	if len(data) >= size || x.err != nil {
		return data
	}
	n := len(data)
	if cap(data) < size {
		grown := make([]byte, n, size)
		copy(grown, data)
		data = grown
	}
	for empty := 0; n < size && x.err == nil; {
		var m int
		m, x.err = x.r.Read(data[n:size])
		n += m
		if m > 0 {
			empty = 0
		} else if empty++; empty > maxEmptyReads && x.err == nil {
			x.err = io.ErrNoProgress
		}
	}
	return data[:n]
}

// maxEmptyReads is how often a reader may return nothing, as in bufio.
const maxEmptyReads = 100

// emptyLines returns how many empty lines data begins with.
func emptyLines(data []byte) int {
	n := 0
	for {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok || len(bytes.Trim(line, "\r")) > 0 {
			return n
		}
		n++
		data = rest
	}
}

// lastStanza returns the length of the whole stanzas in data: what is up to
// the end of the last empty line. Like deb822, it takes a line of carriage
// returns for empty.
func lastStanza(data []byte) int {
	end := bytes.LastIndexByte(data, '\n')
	for end > 0 {
		before := bytes.LastIndexByte(data[:end], '\n')
		if len(bytes.TrimLeft(data[before+1:end], "\r")) == 0 {
			return end + 1
		}
		end = before
	}
	return 0
}

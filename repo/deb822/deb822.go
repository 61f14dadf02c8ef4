// Package deb822 reads the control syntax of Debian packages and indexes
// (deb822(5)).
//
// dpkg and apt do not agree on what is a stanza. [Stanzas] reads control files
// as dpkg does, [IndexStanzas] reads indexes and Release files as apt does
// (pkgTagSection::Scan in apt-pkg/tagfile.cc). Where apt reads on over
// something that breaks the rules, the stanza comes with a [Fault].
package deb822

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// The bounds. dpkg has none of its own but memory; apt gives up on a stanza of
// an index at some 2 MiB, and has no bound for a Release file. Going past one is a
// [repo.FormatError] of the stanza, and reading goes on with the next.
const (
	// MaxLine bounds a line, in bytes. The longest lines of Debian's own
	// index, Provides of the Rust libraries, have some 200 KB.
	MaxLine = 1 << 20
	// MaxStanza bounds a stanza, in bytes, and so each field: Debian's largest
	// Release file has some 1.5 MB.
	MaxStanza = 8 << 20
	// MaxFields bounds the fields of a stanza; dpkg and apt together know
	// some 90 names.
	MaxFields = 512
	// MaxFaults bounds the faults that are kept of one stanza. Going past it
	// keeps the first.
	MaxFaults = 8
)

// Stanza is one paragraph of fields.
//
// A value is the text after the colon without white space around it. The
// continuation lines follow, each after a newline, with their leading white
// space and without their trailing one. A NUL in a value is U+FFFD.
type Stanza struct {
	// Fields shares memory with other stanzas: what keeps one of them, or one of
	// its values, keeps up to 64 KiB.
	Fields repo.Fields
	// Line is the number of the first line, from 1.
	Line int
	// Faults are what is wrong with a stanza that apt reads all the same, in
	// order; at most MaxFaults.
	Faults []Fault
	// Values are those of the fields that were [NewIndexReader] was asked for, in that
	// order; empty for a field that is not there. The slice is good until the
	// next stanza is read, the strings are parts of Fields.
	Values []string
	// lines has the line of each field when it cannot be told from the values,
	// because lines were left out.
	lines []uint32
}

// Fault is something that breaks the rules and does not stop apt.
type Fault struct {
	Line int
	// Text says what is wrong, wanted and got.
	Text string
	// Dpkg is set when dpkg refuses a control file for it.
	Dpkg bool
}

// Err returns f as an error.
func (f Fault) Err() *repo.FormatError {
	return &repo.FormatError{Where: "line " + strconv.Itoa(f.Line), Text: f.Text}
}

// Lines returns each field with the number of its line.
func (s Stanza) Lines() iter.Seq2[int, repo.Field] {
	return func(yield func(int, repo.Field) bool) {
		line, i := s.Line, 0
		for name, value := range s.Fields.All() {
			at := line
			if s.lines != nil {
				at = int(s.lines[i])
			}
			if !yield(at, repo.Field{Name: name, Value: value}) {
				return
			}
			// Every continuation line is a newline in the value.
			line += 1 + strings.Count(value, "\n")
			i++
		}
	}
}

// LineOf returns the line of the first field of that name, in any case, or
// that of the stanza.
func (s Stanza) LineOf(name string) int {
	for line, f := range s.Lines() {
		if strings.EqualFold(f.Name, name) {
			return line
		}
	}
	return s.Line
}

// Stanzas reads r, a control file, to its end. A stanza that dpkg refuses
// yields its first line and a [*repo.FormatError] with the line of the fault,
// and the reading goes on after the next empty line. An error of r is yielded
// wrapped and ends it. Memory is bounded by one stanza.
func Stanzas(r io.Reader) iter.Seq2[Stanza, error] {
	return func(yield func(Stanza, error) bool) {
		p := newParser(true, nil)
		p.in = input{r: r}
		p.all(yield)
	}
}

// IndexStanzas reads r, an index or a Release file, to its end. It differs
// from [Stanzas] in that only what apt refuses, or reads as something else
// than its writer can have meant, is an error. The rest is in the stanza's
// Faults: of a field that is there twice the last one counts and is kept, as
// in apt; a blank line that is not empty does not end a stanza; a line that
// begins with white space before any field is left out.
func IndexStanzas(r io.Reader) iter.Seq2[Stanza, error] { return NewIndexReader().Stanzas(r, 0) }

// IndexReader reads indexes, or parts of one, as [IndexStanzas] does, and
// keeps what it has learnt and its memory from one to the next. It is for one
// goroutine at a time.
type IndexReader struct{ p *parser }

// NewIndexReader returns a reader that has the values of these fields at hand
// in each stanza.
func NewIndexReader(want ...string) *IndexReader { return &IndexReader{newParser(false, want)} }

// Stanzas reads r to its end. That many lines come before it.
func (x *IndexReader) Stanzas(r io.Reader, before int) iter.Seq2[Stanza, error] {
	return func(yield func(Stanza, error) bool) {
		x.p.in = input{r: r, n: before}
		x.p.all(yield)
	}
}

// StanzasOf is Stanzas over bytes that are in memory, which stay as they are.
func (x *IndexReader) StanzasOf(data []byte, before int) iter.Seq2[Stanza, error] {
	return func(yield func(Stanza, error) bool) {
		x.p.in = input{buf: data, n: before, err: io.EOF}
		x.p.all(yield)
	}
}

func (p *parser) all(yield func(Stanza, error) bool) {
	for {
		s, err := p.stanza()
		if err == nil {
			if !yield(s, nil) {
				return
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if _, bad := errors.AsType[*repo.FormatError](err); !bad {
			yield(Stanza{}, fmt.Errorf("read stanza: %w", err))
			return
		}
		if !yield(Stanza{Line: s.Line}, err) {
			return
		}
	}
}

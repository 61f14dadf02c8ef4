// Package deb822 reads the control syntax of Debian packages and indexes
// (deb822(5)) as strictly as dpkg and apt together: what either refuses in a
// repository is refused here.
//
// Comments are refused, because outside of source packages neither dpkg nor
// apt knows them. CRLF line ends are taken as LF, as apt does. The encoding
// must be UTF-8 (Debian Policy 5.1).
package deb822

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
)

// The bounds. apt and dpkg have none of their own but memory.
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
)

// Stanza is one paragraph of fields.
//
// A value is the text after the colon without white space around it. The
// continuation lines follow, each after a newline, with their leading white
// space and without their trailing one.
type Stanza struct {
	Fields repo.Fields
	// Lines holds the line number of each of Fields.
	Lines []int
	// Line is the number of the first line, from 1.
	Line int
}

// LineOf returns the line of the first field of that name, in any case, or
// that of the stanza.
func (s Stanza) LineOf(name string) int {
	for i, f := range s.Fields {
		if strings.EqualFold(f.Name, name) {
			return s.Lines[i]
		}
	}
	return s.Line
}

// Stanzas reads r to its end. A stanza that breaks a rule yields its first
// line and a [*repo.FormatError] with the line of the fault, and the reading
// goes on after the next empty line. An error of r is yielded wrapped and ends
// it. Memory is bounded by one stanza.
func Stanzas(r io.Reader) iter.Seq2[Stanza, error] {
	return func(yield func(Stanza, error) bool) {
		p := parser{lines: lineReader{r: bufio.NewReaderSize(r, 64<<10)}}
		for {
			s, err := p.stanza()
			switch _, bad := errors.AsType[*repo.FormatError](err); {
			case errors.Is(err, io.EOF):
				return
			case bad:
				if !yield(Stanza{Line: s.Line}, err) {
					return
				}
			case err != nil:
				yield(Stanza{}, fmt.Errorf("read stanza: %w", err))
				return
			default:
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// parser collects the lines of one stanza at a time.
type parser struct {
	lines lineReader
	s     Stanza
	size  int
	// value collects the value of the last field.
	value bytes.Buffer
}

// stanza returns the next stanza, io.EOF when there is none, a *FormatError
// when it is bad (it is then read to its end all the same), or r's own error.
func (p *parser) stanza() (Stanza, error) {
	p.s, p.size = Stanza{}, 0
	p.value.Reset()
	var bad error
	for {
		line, err := p.lines.next()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errLong) {
			return p.s, err
		}
		end := errors.Is(err, io.EOF) || err == nil && len(line) == 0
		if end && p.s.Line != 0 {
			p.finish()
			return p.s, bad
		}
		if errors.Is(err, io.EOF) {
			return p.s, io.EOF
		}
		if end {
			continue // empty lines before the stanza
		}
		if p.s.Line == 0 {
			p.s.Line = p.lines.n
		}
		if bad != nil {
			continue
		}
		if err == nil {
			bad = p.line(line)
		} else {
			bad = p.refuse("line is longer than %d bytes", MaxLine)
		}
	}
}

// line takes one line that is not empty.
func (p *parser) line(line []byte) error {
	if p.size += len(line) + 1; p.size > MaxStanza {
		return p.refuse("stanza is longer than %d bytes", MaxStanza)
	}
	if !utf8.Valid(line) {
		return p.refuse("not UTF-8: %.80q", line)
	}
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return p.refuse("control character %#x: %.80q", c, line)
		}
	}
	text := bytes.TrimRight(line, " \t")
	switch {
	case len(text) == 0:
		return p.refuse("blank line that is not empty: dpkg refuses it, apt reads on")
	case line[0] == ' ' || line[0] == '\t':
		if len(p.s.Fields) == 0 {
			return p.refuse("continuation line before any field: %.80q", line)
		}
		p.value.WriteByte('\n')
		p.value.Write(text)
		return nil
	case line[0] == '#':
		return p.refuse("comment: only source packages may have them")
	}
	return p.field(text)
}

func (p *parser) field(text []byte) error {
	head, value, ok := bytes.Cut(text, []byte(":"))
	if !ok {
		return p.refuse("want \"Field: value\", got %.80q", text)
	}
	// Both dpkg and apt allow white space before the colon.
	name := string(bytes.TrimRight(head, " \t"))
	if !validName(name) {
		return p.refuse("bad field name %.80q", name)
	}
	if _, dup := p.s.Fields.Get(name); dup {
		return p.refuse("field %.80q is there twice, first on line %d", name, p.s.LineOf(name))
	}
	if len(p.s.Fields) == MaxFields {
		return p.refuse("more than %d fields in a stanza", MaxFields)
	}
	p.finish()
	p.s.Fields = append(p.s.Fields, repo.Field{Name: name})
	p.s.Lines = append(p.s.Lines, p.lines.n)
	p.value.Write(bytes.TrimLeft(value, " \t"))
	return nil
}

// finish stores the value of the last field.
func (p *parser) finish() {
	if n := len(p.s.Fields); n > 0 {
		p.s.Fields[n-1].Value = p.value.String()
	}
	p.value.Reset()
}

func (p *parser) refuse(format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("line %d", p.lines.n), Text: fmt.Sprintf(format, args...)}
}

// validName follows deb822(5): printable ASCII without space and colon, not
// beginning with "#" or "-".
func validName(name string) bool {
	if name == "" || name[0] == '#' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return true
}

var errLong = errors.New("line too long")

// lineReader cuts r into lines of at most MaxLine bytes.
type lineReader struct {
	r   *bufio.Reader
	n   int // number of the line last returned
	buf []byte
}

// next returns the next line without its end, valid until the next call; a
// last line may lack its end. It returns errLong for a line that is too long,
// once that is skipped.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	long := false
	for got := false; ; got = true {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > MaxLine+len("\r\n") {
			long = true
		} else {
			l.buf = append(l.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF && len(part) == 0 && !got {
			return nil, io.EOF
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		l.n++
		line := bytes.TrimSuffix(l.buf, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if long || len(line) > MaxLine {
			return nil, errLong
		}
		return line, nil
	}
}

package deb822

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
)

// maxHalf bounds the bytes of a name that goes on over lines, which only a
// mistake does. Going past it is a [repo.FormatError] of the stanza.
const maxHalf = 4 << 10

// space is what apt and dpkg take for white space, but for the newline.
const space = " \t\r\v\f"

// parser collects the lines of one stanza at a time.
type parser struct {
	in     input
	strict bool // as dpkg reads, otherwise as apt

	// text holds the fields of the stanza as [repo.AppendField] makes them,
	// without the last NUL.
	text  block
	line  int // first line of the stanza, 0 before it
	size  int
	lines []uint32 // of each field
	names *names
	// want and spans are the place of the last field among the wanted ones, and
	// where in text the values of those are.
	want   int32
	spans  []span
	values []string
	// replaced holds the fields that a later one of their name replaces.
	replaced []int
	// skipped is set when lines of the stanza are not in text.
	skipped bool
	// blanks are lines of white space that may turn out to be within a value,
	// half is a line that lacks its colon.
	blanks int
	half   []byte
	halfAt int // its line
	faults []Fault
}

// span is where a value is; to is 0 when there is none.
type span struct{ from, to int32 }

func newParser(strict bool, want []string) *parser {
	return &parser{
		strict: strict, names: newNames(want), want: -1,
		spans: make([]span, len(want)), values: make([]string, len(want)),
	}
}

// stanza returns the next stanza, io.EOF when there is none, a *FormatError
// when it is bad (it is then read to its end all the same), or r's own error.
func (p *parser) stanza() (Stanza, error) {
	p.text.begin()
	p.lines = p.lines[:0]
	p.line, p.size, p.replaced, p.skipped, p.faults = 0, 0, nil, false, nil
	p.blanks, p.half = 0, nil
	p.names.begin()
	p.want = -1
	clear(p.spans)
	var bad error
	for {
		line, err := p.in.next()
		ended := err != nil && errors.Is(err, io.EOF)
		end := ended || err == nil && len(line) == 0
		if err == nil && len(line) > 0 && line[0] == '\r' {
			// apt takes any number of CRs for an empty line, dpkg none.
			end = len(bytes.Trim(line, "\r")) == 0
			if end && p.strict && p.line != 0 {
				bad = p.refuse("line of a carriage return only")
			}
		}
		switch {
		case end && p.line != 0:
			return p.finish(bad)
		case ended:
			return Stanza{}, io.EOF
		case end:
			continue // empty lines before the stanza
		case err != nil && !errors.Is(err, errLong):
			return Stanza{}, err
		}
		if p.line == 0 {
			p.line = p.in.n
		}
		switch {
		case bad != nil:
		case err != nil:
			bad = p.refuse("line is longer than %d bytes", MaxLine)
		default:
			bad = p.take(line)
		}
	}
}

// finish returns the stanza that is complete.
func (p *parser) finish(bad error) (Stanza, error) {
	s := Stanza{Line: p.line}
	if bad == nil && p.strict && p.in.open {
		bad = p.refuse("no newline at the end of the last line")
	}
	if bad == nil && p.half != nil {
		bad = refuseAt(p.halfAt, "stanza ends in a line without a colon: %.80q", p.half)
	}
	if bad == nil && len(p.lines) == 0 {
		bad = refuseAt(p.line, "stanza without a field")
	}
	if bad != nil {
		return s, bad
	}
	p.endValue()
	s.Faults = p.faults
	text := p.text.stanza()
	s.Fields = repo.EncodedFields(text)
	for i, at := range p.spans {
		p.values[i] = text[at.from:at.to]
	}
	s.Values = p.values
	if len(p.replaced) == 0 && !p.skipped {
		return s, nil
	}
	s.lines = slices.Clone(p.lines)
	if len(p.replaced) > 0 {
		var kept []repo.Field
		s.lines = s.lines[:0]
		i := 0
		for name, value := range s.Fields.All() {
			if !slices.Contains(p.replaced, i) {
				kept = append(kept, repo.Field{Name: name, Value: value})
				s.lines = append(s.lines, p.lines[i])
			}
			i++
		}
		s.Fields = repo.NewFields(kept...)
	}
	return s, nil
}

// endValue ends the value of the last field.
func (p *parser) endValue() {
	if p.want >= 0 {
		p.spans[p.want].to = int32(p.text.len())
		p.want = -1
	}
	p.text.WriteByte(0)
}

// take takes one line that is not empty.
func (p *parser) take(line []byte) error {
	if p.size += len(line) + 1; p.size > MaxStanza {
		return p.refuse("stanza is longer than %d bytes", MaxStanza)
	}
	p.text.reserve(len(line) + len("\x00\x00"))
	text := line
	if line[len(line)-1] <= ' ' {
		text = bytes.TrimRight(line, space)
		if len(text) == 0 {
			return p.blank()
		}
	}
	if !plain(text) {
		text = p.odd(text)
	}
	if p.half != nil {
		return p.field(slices.Concat(p.half, []byte("\n"), text))
	}
	if c := text[0]; c == ' ' || c < ' ' && strings.IndexByte(space, c) >= 0 {
		return p.continuation(text)
	}
	return p.field(text)
}

// blank takes a line of white space.
func (p *parser) blank() error {
	if err := p.fault(true, "blank line that is not empty: dpkg refuses it, apt reads on"); err != nil {
		return err
	}
	if len(p.lines) == 0 {
		p.skipped = true
		return nil
	}
	p.blanks++
	return nil
}

// odd records what is unusual about the bytes of text, and returns it without
// NULs, which no field can hold.
func (p *parser) odd(text []byte) []byte {
	if !utf8.Valid(text) {
		p.note("not UTF-8: %.80q", text)
	}
	nul := false
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			p.note("control character %#x: %.80q", c, text)
			nul = bytes.IndexByte(text, 0) >= 0
			break
		}
	}
	if nul {
		text = bytes.ReplaceAll(text, []byte{0}, []byte("\ufffd"))
	}
	return text
}

func (p *parser) continuation(text []byte) error {
	if len(p.lines) == 0 {
		p.skipped = true
		return p.fault(true, "continuation line before any field: %.80q", text)
	}
	if p.blanks > 0 {
		p.text.reserve(p.blanks + len(text) + len("\n"))
		p.text.WriteString(strings.Repeat("\n", p.blanks))
		p.blanks = 0
	}
	p.text.WriteByte('\n')
	p.text.Write(text)
	return nil
}

func (p *parser) field(text []byte) error {
	colon := bytes.IndexByte(text, ':')
	if colon < 0 {
		if len(text) > maxHalf {
			return p.refuse("no colon in %d bytes", len(text))
		}
		if p.half == nil {
			p.halfAt = p.in.n
		}
		p.half, p.skipped = bytes.Clone(text), true
		return p.fault(true, "want \"Field: value\", got %.80q: apt takes it for the start of the next name", text)
	}
	if p.half != nil {
		p.half = nil
		p.text.reserve(len(text) + len("\x00\x00"))
	}
	if p.blanks > 0 {
		p.blanks, p.skipped = 0, true // at the end of a value
	}
	name, value := text[:colon], text[colon+1:]
	// Both dpkg and apt allow white space before the colon.
	if colon > 0 && name[colon-1] <= ' ' {
		name = bytes.TrimRight(name, space)
	}
	if len(p.lines) == MaxFields {
		return p.refuse("more than %d fields in a stanza", MaxFields)
	}
	known := p.names.find(name)
	if !known.good || p.strict {
		if err := p.checkName(name, known.good); err != nil {
			return err
		}
	}
	if before := p.names.use(known, len(p.lines)); before >= 0 {
		err := p.fault(true, "field %.80q is there twice, first on line %d: apt takes the last, dpkg refuses it", name, p.lines[before])
		if err != nil {
			return err
		}
		p.replaced = append(p.replaced, before)
	}
	if len(p.lines) > 0 {
		p.endValue()
	}
	p.text.Write(name)
	p.text.WriteByte(0)
	p.lines = append(p.lines, uint32(p.in.n))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	if len(value) > 0 && value[0] <= ' ' {
		value = bytes.TrimLeft(value, space)
	}
	if p.want = known.want; p.want >= 0 {
		p.spans[p.want].from = int32(p.text.len())
	}
	p.text.Write(value)
	return nil
}

// checkName says what is wrong with a name: apt takes any, dpkg nearly any.
func (p *parser) checkName(name []byte, good bool) error {
	if p.strict && len(name) == 1 {
		return p.refuse("field name %q is too short for dpkg", name)
	}
	switch {
	case good:
		return nil
	case len(name) > 0 && name[0] == '#':
		return p.fault(bytes.ContainsAny(name, space), "comment, which apt and dpkg take for a field: %.80q", name)
	}
	return p.fault(len(name) == 0 || name[0] == '-' || bytes.ContainsAny(name, space+"\n"), "bad field name %.80q", name)
}

// fault records something that apt reads over. It is an error when dpkg
// refuses it and counts.
func (p *parser) fault(dpkg bool, format string, args ...any) error {
	if dpkg && p.strict {
		return p.refuse(format, args...)
	}
	if len(p.faults) < MaxFaults {
		p.faults = append(p.faults, Fault{Line: p.in.n, Text: fmt.Sprintf(format, args...), Dpkg: dpkg})
	}
	return nil
}

// note records something that neither apt nor dpkg minds.
func (p *parser) note(format string, args ...any) {
	_ = p.fault(false, format, args...) // no error, as it is not dpkg's
}

func (p *parser) refuse(format string, args ...any) error {
	return refuseAt(p.in.n, format, args...)
}

func refuseAt(line int, format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("line %d", line), Text: fmt.Sprintf(format, args...)}
}

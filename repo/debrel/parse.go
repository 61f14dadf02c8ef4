package debrel

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo/debver"
)

// Parse reads the value of a field of that kind, in which newlines are white
// space. The error is a *[SyntaxError]. An empty value is an empty list.
func Parse(kind Kind, value string) (List, error) {
	p := parser{kind: kind, text: value, keep: true}
	return p.list()
}

// Check is Parse without its result, and without its cost in memory.
func Check(kind Kind, value string) error {
	p := parser{kind: kind, text: value}
	_, err := p.list()
	return err
}

type parser struct {
	kind Kind
	text string
	pos  int
	keep bool
	n    int // relations so far
	last Relation
}

func (p *parser) list() (List, error) {
	var all List
	if p.skip(); p.pos == len(p.text) {
		return nil, nil
	}
	for {
		group, err := p.group()
		if err != nil {
			return nil, err
		}
		if p.keep {
			all = append(all, group)
		}
		if p.pos == len(p.text) {
			return all, nil
		}
		p.pos++ // the comma
		if p.skip(); p.pos == len(p.text) && p.kind.source() {
			return all, nil // Dpkg::Deps takes a comma at the end, dpkg does not
		}
	}
}

// group reads alternatives, up to a comma or the end.
func (p *parser) group() (Group, error) {
	var group Group
	for {
		if p.n++; p.n > MaxRelations {
			return nil, p.refuse(p.pos, "more than %d relations", MaxRelations)
		}
		p.last = Relation{}
		if err := p.relation(&p.last); err != nil {
			return nil, err
		}
		if p.keep {
			group = append(group, p.last)
		}
		switch c := p.peek(); {
		case c == ',' || p.pos == len(p.text):
			return group, nil
		case c == '|':
			if !p.kind.alternatives() {
				return nil, p.refuse(p.pos, "alternatives are not allowed in this field")
			}
			p.pos++
			p.skip()
		default:
			return nil, p.refuse(p.pos, "want a comma")
		}
	}
}

func (p *parser) relation(r *Relation) error {
	start := p.pos
	if r.Name = p.word(inName); r.Name == "" {
		return p.refuse(start, "want the name of a package")
	}
	if p.peek() == ':' {
		p.pos++
		if r.Arch = p.word(inArch); r.Arch == "" {
			return p.refuse(p.pos, "want an architecture behind the colon")
		}
		if r.Arch == "native" && !p.kind.source() {
			return p.refuse(start, "the qualifier native is for build dependencies only")
		}
	}
	p.skip()
	if p.peek() == '(' {
		if err := p.version(r); err != nil {
			return err
		}
	}
	if p.kind == BuiltUsing && r.Op != Equal {
		return p.refuse(start, "want an exact version")
	}
	if p.kind.exact() && r.Op != "" && r.Op != Equal {
		return p.refuse(start, "only an exact version is allowed in this field")
	}
	if p.kind.source() {
		return p.restrictions(r)
	}
	return nil
}

// version reads "(>= 1.0)".
func (p *parser) version(r *Relation) error {
	start := p.pos
	p.pos++
	p.skip()
	if r.Op = operator(p.text[p.pos:]); r.Op == "" {
		return p.refuse(start, "want one of << <= = >= >> and a version")
	}
	p.pos += len(r.Op)
	p.skip()
	at := p.pos
	for p.pos < len(p.text) && p.text[p.pos] != ')' && p.text[p.pos] != '(' && !isSpace(p.text[p.pos]) {
		p.pos++
	}
	r.Version = p.text[at:p.pos]
	if !debver.Valid(r.Version) {
		_, err := debver.Parse(r.Version)
		return p.refuse(at, "%v", err)
	}
	p.skip()
	if p.peek() != ')' {
		return p.refuse(start, "version is not closed by a parenthesis")
	}
	p.pos++
	p.skip()
	return nil
}

// operator returns the operator at the start of s, "" if there is none.
func operator(s string) Operator {
	if len(s) < 2 {
		return ""
	}
	switch c := s[0]; {
	case c == '=':
		return Equal
	case c != '<' && c != '>':
		return ""
	case s[1] == '=' || s[1] == c:
		return Operator(s[:2])
	case s[1] == '<' || s[1] == '>': // dpkg refuses "<>", and so does Parse
		return ""
	default:
		return Operator(s[:1])
	}
}

// restrictions reads "[amd64 !i386] <!nocheck> <cross>".
func (p *parser) restrictions(r *Relation) error {
	if p.peek() == '[' {
		arches, err := p.terms(']', inArch)
		if err != nil {
			return err
		}
		r.Arches = arches
	}
	for p.peek() == '<' {
		profiles, err := p.terms('>', inName)
		if err != nil {
			return err
		}
		if p.keep {
			r.Profiles = append(r.Profiles, profiles)
		}
	}
	return nil
}

// terms reads a list of names in brackets, and the white space behind it.
func (p *parser) terms(end byte, rest class) ([]Term, error) {
	var list []Term
	start := p.pos
	p.pos++
	for n := 0; ; n++ {
		p.skip()
		if n > 0 && p.peek() == end {
			p.pos++
			p.skip()
			return list, nil
		}
		if p.n++; p.n > MaxRelations {
			return nil, p.refuse(p.pos, "more than %d relations", MaxRelations)
		}
		var t Term
		if t.Not = p.peek() == '!'; t.Not {
			p.pos++
		}
		if t.Name = p.word(rest); t.Name == "" {
			return nil, p.refuse(start, "want names and a %q", end)
		}
		if c := p.peek(); c != end && !isSpace(c) {
			return nil, p.refuse(start, "want names and a %q", end)
		}
		if p.keep {
			list = append(list, t)
		}
	}
}

// class says what a byte may be part of.
type class byte

const (
	alnum class = 1 << iota
	// inName and inArch may follow in a name (dpkg's pkg_name_is_illegal) and in
	// an architecture (Dpkg::Arch).
	inName
	inArch
)

// classOf returns the classes of a byte. A constant string is a table that
// nobody can change.
func classOf(c byte) class {
	const (
		none  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		marks = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x06\x02\x00" // + - .
		digit = "\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00\x00\x00\x00\x00\x00"
		upper = "\x00\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00\x00\x00\x00\x02" // _
		lower = "\x00\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00\x00\x00\x00\x00"
		table = none + none + marks + digit + upper + lower + none + none + none + none + none + none + none + none
	)
	return class(table[c])
}

// word reads a name: a letter or digit, then what is in the class. It returns
// "" where there is none.
func (p *parser) word(rest class) string {
	i := p.pos
	if i == len(p.text) || classOf(p.text[i])&alnum == 0 {
		return ""
	}
	for i++; i < len(p.text) && classOf(p.text[i])&rest != 0; i++ {
	}
	start := p.pos
	p.pos = i
	return p.text[start:i]
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) skip() {
	for p.pos < len(p.text) && isSpace(p.text[p.pos]) {
		p.pos++
	}
}

func (p *parser) refuse(at int, format string, args ...any) error {
	const near = 40
	rest := p.text[at:]
	if i := strings.IndexAny(rest, ",\n"); i > 0 {
		rest = rest[:i]
	}
	if len(rest) > near {
		rest = rest[:near] + "..."
	}
	return &SyntaxError{Offset: at, Near: rest, Text: fmt.Sprintf(format, args...)}
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

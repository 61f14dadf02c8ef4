package rpmdep

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// The bounds. Going past one is a [repo.FormatError].
const (
	// MaxRichLen bounds the text of a rich dependency, in bytes. The longest of
	// distributions have some two thousand bytes.
	MaxRichLen = 64 << 10
	// MaxRichDepth bounds how deep the parentheses of a rich dependency nest. rpm has no bound;
	// ten is more than anyone wrote.
	MaxRichDepth = 64
)

// Op is what joins the arguments of a rich dependency.
type Op string

// The operators (rpm's RichOps). Single stands for a dependency in
// parentheses alone, or for a leaf.
const (
	Single  Op = ""
	And     Op = "and"
	Or      Op = "or"
	If      Op = "if"
	Unless  Op = "unless"
	Else    Op = "else"
	With    Op = "with"
	Without Op = "without"
)

// Rich is a rich dependency, or a part of one.
type Rich struct {
	Op Op
	// Dep is set in a leaf.
	Dep Dep
	// Args are empty in a leaf. And, Or and With have two or more, Without and
	// Else two; If and Unless have what is asked for, the condition, and what
	// is asked for else if that is given. A Single has one.
	Args []Rich
}

// String returns r as a spec file has it, with single blanks.
func (r Rich) String() string {
	if len(r.Args) == 0 {
		return r.Dep.String()
	}
	var b strings.Builder
	b.WriteByte('(')
	for i, a := range r.Args {
		switch {
		case i == 2 && (r.Op == If || r.Op == Unless):
			b.WriteString(" " + string(Else) + " ")
		case i > 0:
			b.WriteString(" " + string(r.Op) + " ")
		}
		text := a.String()
		b.WriteString(text)
		if i == len(r.Args)-1 && len(a.Args) == 0 && strings.Count(text, "(") > strings.Count(text, ")") {
			b.WriteByte(' ') // or the name would take the closing parenthesis
		}
	}
	b.WriteByte(')')
	return b.String()
}

// Leaves calls f with each plain dependency inside of r, in order.
func (r Rich) Leaves(f func(Dep)) {
	if len(r.Args) == 0 {
		f(r.Dep)
	}
	for _, a := range r.Args {
		a.Leaves(f)
	}
}

// Context is where a rich dependency stands. rpm refuses "if" inside of "or"
// and "unless" inside of "and", and takes the dependency itself for a part of
// such a list.
type Context int

const (
	// Demand is for requires, recommends and suggests.
	Demand Context = iota
	// Denial is for conflicts, supplements and enhances.
	Denial
)

// ParseRich reads a rich dependency, which begins with "(" and must be the
// whole of s. What is wrong is a [repo.FormatError] (rpmrichParseForTag in
// lib/rpmds.c, which rpmbuild calls, and rpmdsParseRichDep).
func ParseRich(s string, in Context) (Rich, error) {
	if len(s) > MaxRichLen {
		return Rich{}, &repo.FormatError{Text: fmt.Sprintf("rich dependency of %d bytes, more than %d", len(s), MaxRichLen)}
	}
	p := &parser{s: s}
	r, found, err := p.rich(0, checkContext)
	if err != nil {
		return Rich{}, err
	}
	if p.i != len(s) {
		return Rich{}, p.wrong("text after the rich dependency")
	}
	op := And
	if in == Denial {
		op = Or
	}
	if err := p.allowed(op, found); err != nil {
		return Rich{}, err
	}
	return r, nil
}

// What a part of a dependency holds that not everything around it may.
type checks uint8

const (
	checkContext checks = 1 << iota // unlike in set mode, contexts matter
	noWith                          // holds what cannot be inside of with and without
	noAnd                           // holds an "unless"
	noOr                            // holds an "if"
)

type parser struct {
	s string
	i int
}

func (p *parser) wrong(format string, args ...any) error {
	return &repo.FormatError{
		Where: fmt.Sprintf("character %d", p.i+1),
		Text:  fmt.Sprintf("rich dependency %.200q: ", p.s) + fmt.Sprintf(format, args...),
	}
}

func (p *parser) allowed(op Op, in checks) error {
	switch {
	case in&noWith != 0 && (op == With || op == Without):
		return p.wrong("only with, without and or may be inside of with and without")
	case in&checkContext == 0:
	case in&noAnd != 0 && (op == And || op == If):
		return p.wrong("unless cannot stand here, use or instead")
	case in&noOr != 0 && (op == Or || op == Unless):
		return p.wrong("if cannot stand here, use and instead")
	}
	return nil
}

// rich reads from an opening parenthesis to the closing one, and returns with
// it what the checks of the part around it need.
func (p *parser) rich(depth int, in checks) (Rich, checks, error) {
	if depth >= MaxRichDepth {
		return Rich{}, 0, p.wrong("more than %d parentheses inside of each other", MaxRichDepth)
	}
	if !p.at('(') {
		return Rich{}, 0, p.wrong("does not begin with (")
	}
	p.i++
	check, op, first := in, Single, Single
	chain := Single // the operator that goes on, Single for none
	var r Rich
	for {
		p.skip()
		if p.at(')') {
			if chain != Single {
				return Rich{}, 0, p.wrong("nothing after %s", op)
			}
			return Rich{}, 0, p.wrong("nothing in parentheses")
		}
		var arg Rich
		if p.at('(') {
			var sub checks
			var err error
			if arg, sub, err = p.rich(depth+1, check&checkContext); err != nil {
				return Rich{}, 0, err
			}
			if op == If || op == Unless { // a condition
				sub &^= noAnd | noOr
			}
			check |= sub
		} else {
			dep, err := p.simple()
			if err != nil {
				return Rich{}, 0, err
			}
			arg = Rich{Dep: dep}
		}
		r.Args = append(r.Args, arg)
		p.skip()
		if p.i == len(p.s) {
			return Rich{}, 0, p.wrong("no closing parenthesis")
		}
		if p.at(')') {
			break
		}
		var err error
		if op, err = p.op(); err != nil {
			return Rich{}, 0, err
		}
		if first == Single {
			first = op
		}
		if op == Else && (chain == If || chain == Unless) {
			chain = Single
		}
		if chain != Single {
			switch {
			case op != chain:
				return Rich{}, 0, p.wrong("%s and %s in one list need parentheses", chain, op)
			case op != And && op != Or && op != With:
				return Rich{}, 0, p.wrong("two %s in one list", op)
			}
		}
		chain = op
	}
	if err := p.allowed(first, check); err != nil {
		return Rich{}, 0, err
	}
	switch first {
	case If:
		check |= noOr
	case Unless:
		check |= noAnd
	}
	switch op {
	case And, Or:
		check &^= noAnd | noOr
	}
	switch op {
	case Single, With, Without, Or:
	default:
		check |= noWith
	}
	p.i++
	r.Op = first
	return r, check, nil
}

// simple reads a name and, if there are, a comparison and a version.
func (p *parser) simple() (Dep, error) {
	d := Dep{Name: p.word()}
	if d.Name == "" {
		return d, p.wrong("a name is missing")
	}
	p.skip()
	before := p.i
	flags, ok := ParseOperator(p.word())
	if !ok {
		p.i = before
		return d, nil
	}
	d.Flags = flags
	p.skip()
	if d.EVR = p.word(); d.EVR == "" {
		return d, p.wrong("a version is missing")
	}
	return d, nil
}

func (p *parser) op() (Op, error) {
	end := p.i
	for end < len(p.s) && !space(p.s[end]) && p.s[end] != ')' {
		end++
	}
	switch op := Op(p.s[p.i:end]); op {
	case And, Or, If, Unless, Else, With, Without:
		p.i = end
		return op, nil
	default:
		return "", p.wrong("unknown operator %.40q", string(op))
	}
}

// word reads up to a blank, a comma, or a parenthesis that was not opened in
// it (SKIPNONWHITEX).
func (p *parser) word() string {
	start, open := p.i, 0
	for p.i < len(p.s) && !space(p.s[p.i]) && !p.at(',') {
		switch p.s[p.i] {
		case '(':
			open++
		case ')':
			if open--; open < 0 {
				return p.s[start:p.i]
			}
		}
		p.i++
	}
	return p.s[start:p.i]
}

// skip skips blanks and commas (SKIPWHITE).
func (p *parser) skip() {
	for p.i < len(p.s) && (space(p.s[p.i]) || p.at(',')) {
		p.i++
	}
}

func (p *parser) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

// space is rpm's risspace.
func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

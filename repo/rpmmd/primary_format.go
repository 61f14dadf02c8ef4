package rpmmd

import (
	"bytes"
	"slices"
	"strings"
)

// format reads what is inside of <format>.
func (p *primaryReader) format() error {
	var files []span
	sorted := true
	for {
		more, err := p.child()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		space, local := p.Name()
		switch {
		case space == spaceRPM:
			err = p.rpm(local)
		case space == spaceCommon && string(local) == "file":
			files, sorted, err = p.file(files, sorted)
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
	p.values[fieldFiles] = p.join(files, sorted)
	return nil
}

// rpm reads one element of the namespace rpm.
func (p *primaryReader) rpm(local []byte) error {
	switch string(local) {
	case "license":
		return p.take(fieldLicense)
	case "vendor":
		return p.take(fieldVendor)
	case "group":
		return p.take(fieldGroup)
	case "buildhost":
		return p.take(fieldBuildHost)
	case "sourcerpm":
		return p.take(fieldSourceRPM)
	case "header-range":
		if p.once(fieldHeaderRange) {
			p.numbers(func(name string, n int64) {
				switch name {
				case "start":
					p.header[0] = n
				case "end":
					p.header[1] = n
				}
			})
		}
	case "provides":
		return p.list(fieldProvides)
	case "requires":
		return p.list(fieldRequires)
	case "conflicts":
		return p.list(fieldConflicts)
	case "obsoletes":
		return p.list(fieldObsoletes)
	case "suggests":
		return p.list(fieldSuggests)
	case "enhances":
		return p.list(fieldEnhances)
	case "recommends":
		return p.list(fieldRecommends)
	case "supplements":
		return p.list(fieldSupplements)
	}
	return p.skip()
}

// another counts an entry or file, and reports whether it may be kept.
func (p *primaryReader) another() bool {
	if p.entries++; p.entries > MaxEntries {
		p.wrong("more than %d dependencies and files", MaxEntries)
		return false
	}
	// Past the bound nothing more is kept; entries reports it.
	return p.Offset()-p.begin <= MaxPackageBytes
}

// list reads a list of dependencies.
func (p *primaryReader) list(f field) error {
	if !p.once(f) {
		return p.skip()
	}
	lines, sorted := p.lines[:0], true
	for {
		more, err := p.child()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if space, local := p.Name(); space == spaceRPM && string(local) == "entry" && p.another() {
			from := p.next(lines)
			p.entry(f)
			lines, sorted = p.line(lines, sorted, from)
		}
		if err := p.skip(); err != nil {
			return err
		}
	}
	p.values[f] = p.join(lines, sorted)
	p.lines = lines
	return nil
}

// next returns where the next line begins: behind a line end, if it follows
// the last one in scratch.
func (p *primaryReader) next(lines []span) int {
	if n := len(lines); n > 0 && lines[n-1].to == len(p.scratch) {
		p.scratch = append(p.scratch, '\n')
	}
	return len(p.scratch)
}

// line adds the line from there to the end of scratch.
func (p *primaryReader) line(lines []span, sorted bool, from int) ([]span, bool) {
	x := span{from, len(p.scratch)}
	if n := len(lines); n > 0 && sorted {
		last := lines[n-1]
		sorted = last.to+1 == from && bytes.Compare(p.scratch[last.from:last.to], p.scratch[from:]) <= 0
	}
	return append(lines, x), sorted
}

// join returns the lines in order. Those that came in order are there already.
func (p *primaryReader) join(lines []span, sorted bool) span {
	switch {
	case len(lines) == 0:
		return span{}
	case sorted:
		return span{lines[0].from, lines[len(lines)-1].to}
	}
	slices.SortFunc(lines, func(a, b span) int {
		return bytes.Compare(p.scratch[a.from:a.to], p.scratch[b.from:b.to])
	})
	from := len(p.scratch)
	for i, x := range lines {
		if i > 0 {
			p.scratch = append(p.scratch, '\n')
		}
		p.scratch = append(p.scratch, p.scratch[x.from:x.to]...)
	}
	return span{from, len(p.scratch)}
}

// file reads a <file> element.
func (p *primaryReader) file(lines []span, sorted bool) ([]span, bool, error) {
	from := p.next(lines)
	if kind := p.attr("type"); kind != "" && kind != "file" { // what no type means
		switch kind {
		case "dir", "ghost":
		default:
			p.wrong("file of type %q, which is not known", cut(kind))
		}
		p.scratch = append(append(p.scratch, kind...), ' ')
	}
	path := len(p.scratch)
	var plain bool
	var err error
	if p.scratch, plain, err = p.appendText(p.scratch); err != nil {
		return lines, sorted, err
	}
	switch {
	case len(p.scratch) == path:
		p.wrong("<file> without a path")
	case !plain && hasControl(string(p.scratch[path:])):
		p.wrong("path %q has a control character", cut(string(p.scratch[path:])))
	}
	if !p.another() {
		p.scratch = p.scratch[:from]
		return lines, sorted, nil
	}
	lines, sorted = p.line(lines, sorted, from)
	return lines, sorted, nil
}

// entry appends the dependency of the element that was just read.
func (p *primaryReader) entry(f field) {
	var name, flags, epoch, version, release []byte
	plain := true
	for _, a := range p.Attrs() {
		if a.Space != "" {
			continue
		}
		switch string(a.Local) {
		case "name":
			name = a.Value
		case "flags":
			flags = a.Value
		case "epoch":
			epoch = a.Value
		case "ver":
			version = a.Value
		case "rel":
			release = a.Value
		default:
			continue
		}
		plain = plain && a.Plain
	}
	if len(name) == 0 {
		p.wrong("%s: entry without a name", f.element())
	}
	begin := len(p.scratch)
	p.scratch = append(p.scratch, name...)
	switch string(flags) {
	case "":
	case "LT", "LE", "EQ", "GE", "GT":
		p.scratch = append(p.scratch, ' ', flags[0], flags[1], ' ')
		if len(epoch) > 0 {
			p.scratch = append(append(p.scratch, epoch...), ':')
		}
		p.scratch = append(p.scratch, version...)
		if len(release) > 0 {
			p.scratch = append(append(p.scratch, '-'), release...)
		}
	default:
		p.wrong("entry %q: flags %q are not known", cut(string(name)), cut(string(flags)))
	}
	if !plain && hasControl(string(p.scratch[begin:])) {
		p.wrong("%s: %q has a control character", f.element(), cut(strings.ToValidUTF8(string(p.scratch[begin:]), "")))
	}
}

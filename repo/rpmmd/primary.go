package rpmmd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"strconv"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Primary reads the packages of primary.xml, whose path is by, one at a time.
// A package that is wrong yields a [repo.FormatError], and reading goes on with
// the next; when the XML itself is wrong or r fails, that error is the last.
//
// All that is kept of a package is in one string.
func Primary(r io.Reader, by string) iter.Seq2[repo.Package, error] {
	return func(yield func(repo.Package, error) bool) {
		p := &primaryReader{by: by, ids: make(map[[2]uint64]struct{})}
		for i, name := range fieldNames() {
			p.names[i] = []byte(name)
		}
		p.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
		entries(r, spaceCommon, "metadata", "package", yield, p.read)
	}
}

// keepScratch is how large a buffer may be that is kept for the next package.
const keepScratch = 1 << 20

// span is a part of the scratch buffer.
type span struct{ from, to int }

// primaryReader gathers one package at a time. What is read goes to scratch as
// it comes, and to out in canonical order.
type primaryReader struct {
	*scanner
	by      string
	scratch []byte
	out     []byte
	values  [fieldCount]span
	seen    uint64 // bits by field
	lines   []span // of the list that is being read
	entries int
	begin   int64 // of the package, in the document
	size    int64
	header  [2]int64 // start and end
	// checksum and location are parts of scratch.
	checksum, location span
	algorithm          repo.Algorithm
	fault              error

	ids   map[[2]uint64]struct{} // of pkgid and location
	seeds [2]maphash.Seed
	names [fieldCount][]byte // of the fields
}

// wrong keeps the first thing that is wrong with the package.
func (p *primaryReader) wrong(format string, args ...any) {
	if p.fault == nil {
		p.fault = &repo.FormatError{Text: fmt.Sprintf(format, args...)}
	}
}

func (p *primaryReader) wrongIf(err error) {
	if p.fault == nil {
		p.fault = err
	}
}

// once reports whether the element may be taken, and marks it.
func (p *primaryReader) once(f field) bool {
	if p.seen&(1<<f) != 0 {
		p.wrong("two <%s> elements", f.element())
		return false
	}
	p.seen |= 1 << f
	return true
}

func (p *primaryReader) read(s *scanner) (repo.Package, error, error) {
	if cap(p.scratch) > keepScratch {
		p.scratch, p.out, p.lines = nil, nil, nil
	}
	*p = primaryReader{
		scanner: s, by: p.by, scratch: p.scratch[:0], out: p.out[:0], lines: p.lines[:0], ids: p.ids, seeds: p.seeds, names: p.names,
		begin: s.Offset(), size: -1,
	}
	line := s.Line()
	if kind := s.attr("type"); kind != "rpm" {
		p.wrong("type %q, wanted \"rpm\"", cut(kind))
	}
	for {
		more, err := p.child()
		if err != nil {
			return repo.Package{}, nil, err
		}
		if !more {
			break
		}
		if err := p.element(); err != nil {
			return repo.Package{}, nil, err
		}
	}
	pkg := p.finish(line)
	if p.fault != nil {
		return repo.Package{}, located("line "+strconv.Itoa(line), p.value(fieldName), p.fault), nil
	}
	return pkg, nil, nil
}

func (p *primaryReader) value(f field) string {
	return string(p.scratch[p.values[f].from:p.values[f].to])
}

// finish checks the package and puts it together.
func (p *primaryReader) finish(line int) repo.Package {
	for _, f := range [...]field{fieldName, fieldArch, fieldVersion, fieldChecksum, fieldLocation, fieldSize} {
		if p.seen&(1<<f) == 0 {
			p.wrong("no <%s>", f.element())
		}
	}
	p.headerRange()
	var at [fieldCount]int // of the value in out
	for f, v := range p.values {
		if v.to > v.from {
			p.out = repo.AppendField(p.out, p.names[f], p.scratch[v.from:v.to])
			at[f] = len(p.out) - 1 - (v.to - v.from)
		}
	}
	fields := len(p.out)
	if e := p.values[fieldEpoch]; e.to-e.from != 1 || p.scratch[e.from] != '0' {
		p.out = append(append(p.out, p.scratch[e.from:e.to]...), ':')
	}
	p.out = append(append(p.out, p.scratch[p.values[fieldVersion].from:p.values[fieldVersion].to]...), '-')
	p.out = append(p.out, p.scratch[p.values[fieldRelease].from:p.values[fieldRelease].to]...)
	version := len(p.out)
	p.out = append(p.out, p.scratch[p.location.from:p.location.to]...)
	location := len(p.out)
	p.out = append(p.out, p.scratch[p.checksum.from:p.checksum.to]...)

	text := string(p.out)
	part := func(f field) string { return text[at[f] : at[f]+p.values[f].to-p.values[f].from] }
	pkg := repo.Package{
		Version: text[fields:version], Path: repopath.TrimDot(text[version:location]),
		Claim:  repo.Claim{By: p.by, Line: line, Size: p.size},
		Fields: repo.EncodedFields(text[:fields]),
	}
	pkg.Claim.Digests.Set(p.algorithm, text[location:])
	pkg.Name, pkg.Arch = part(fieldName), part(fieldArch)
	p.identity(pkg, part)
	p.repeated(text[location:], text[version:location])
	return pkg
}

// identity checks as [Metadata.Check] does, the lists excepted.
func (p *primaryReader) identity(pkg repo.Package, part func(field) string) {
	if p.fault != nil {
		return
	}
	m := Metadata{Name: pkg.Name, Version: part(fieldVersion), Release: part(fieldRelease), Arch: pkg.Arch, Epoch: part(fieldEpoch)}
	p.wrongIf(m.checkNames())
	if p.fault == nil {
		_, err := rpmver.Parse(pkg.Version)
		p.wrongIf(err)
	}
}

// headerRange checks the offsets of the main header, which lies inside of the
// package.
func (p *primaryReader) headerRange() {
	if p.seen&(1<<fieldHeaderRange) == 0 {
		return
	}
	start, end := p.header[0], p.header[1]
	if end == 0 { // not known
		return
	}
	if start >= end || p.size >= 0 && end > p.size {
		p.wrong("header-range %d to %d of a package of %d bytes", start, end, p.size)
	}
	from := len(p.scratch)
	p.scratch = strconv.AppendInt(p.scratch, start, 10)
	p.scratch = append(p.scratch, '-')
	p.scratch = strconv.AppendInt(p.scratch, end, 10)
	p.values[fieldHeaderRange] = span{from, len(p.scratch)}
}

// repeated notices a package that is listed twice at one place. What is kept
// is 128 bits of a keyed hash.
func (p *primaryReader) repeated(id, location string) {
	if p.fault != nil {
		return
	}
	var key [2]uint64
	for i, seed := range p.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(id)))
		_, _ = h.Write(length[:]) // never fails
		_, _ = h.WriteString(id)
		_, _ = h.WriteString(location)
		key[i] = h.Sum64()
	}
	if _, again := p.ids[key]; again {
		p.wrong("pkgid %s is listed twice at %q", cut(id), cut(location))
	}
	p.ids[key] = struct{}{}
}

// element reads one child of <package>.
func (p *primaryReader) element() error {
	space, local := p.Name()
	if space != spaceCommon {
		return p.skip()
	}
	switch string(local) {
	case "name":
		return p.take(fieldName)
	case "arch":
		return p.take(fieldArch)
	case "summary":
		return p.take(fieldSummary)
	case "description":
		return p.take(fieldDescription)
	case "packager":
		return p.take(fieldPackager)
	case "url":
		return p.take(fieldURL)
	case "version":
		if p.once(fieldVersion) {
			p.version()
		}
	case "checksum":
		return p.digest()
	case "time":
		if p.once(fieldBuildTime) {
			p.numbers(func(name string, n int64) {
				if name == "build" {
					p.number(fieldBuildTime, n)
				}
			})
		}
	case "size":
		if p.once(fieldSize) {
			p.sizes()
		}
	case "location":
		if p.once(fieldLocation) {
			p.place()
		}
	case "format":
		if p.once(fieldFormat) {
			return p.format()
		}
	}
	return p.skip()
}

// keep appends a value to scratch.
func (p *primaryReader) keep(value []byte) span {
	from := len(p.scratch)
	p.scratch = append(p.scratch, value...)
	return span{from, len(p.scratch)}
}

func (p *primaryReader) number(f field, n int64) {
	from := len(p.scratch)
	p.scratch = strconv.AppendInt(p.scratch, n, 10)
	p.values[f] = span{from, len(p.scratch)}
}

// take reads an element whose value is its text.
func (p *primaryReader) take(f field) error {
	from := len(p.scratch)
	var err error
	p.scratch, _, err = p.appendText(p.scratch)
	if err == nil && p.once(f) {
		p.values[f] = span{from, len(p.scratch)}
	}
	return err
}

func (p *primaryReader) version() {
	for _, a := range p.Attrs() {
		if a.Space != "" {
			continue
		}
		switch string(a.Local) {
		case "epoch":
			p.values[fieldEpoch] = p.keep(a.Value)
		case "ver":
			p.values[fieldVersion] = p.keep(a.Value)
		case "rel":
			p.values[fieldRelease] = p.keep(a.Value)
		}
	}
	if e := p.values[fieldEpoch]; e.from == e.to {
		p.values[fieldEpoch] = p.keep([]byte("0"))
	}
}

func (p *primaryReader) digest() error {
	kind, id := p.attr("type"), p.attr("pkgid")
	from := len(p.scratch)
	var err error
	if p.scratch, _, err = p.appendText(p.scratch); err != nil {
		return err
	}
	if !p.once(fieldChecksum) {
		return nil
	}
	if id != "YES" {
		p.wrong("checksum with pkgid %q, wanted \"YES\"", cut(id))
	}
	sum := bytes.TrimSpace(p.scratch[from:])
	if p.algorithm, err = checksum(kind, string(sum)); err != nil {
		p.wrongIf(err)
		return nil
	}
	for i, c := range sum {
		if 'A' <= c && c <= 'F' {
			sum[i] = c | 0x20
		}
	}
	p.checksum = p.keep(sum)
	return nil
}

// numbers calls f with each attribute that is a number, and takes one that is
// none for wrong.
func (p *primaryReader) numbers(f func(name string, n int64)) {
	for _, a := range p.Attrs() {
		if a.Space != "" {
			continue
		}
		var name string
		switch string(a.Local) {
		case "build":
			name = "build"
		case "package":
			name = "package"
		case "installed":
			name = "installed"
		case "archive":
			name = "archive"
		case "start":
			name = "start"
		case "end":
			name = "end"
		default:
			continue
		}
		n, err := number(name, string(a.Value))
		if err != nil {
			_, element := p.Name()
			p.wrong("%s %v", element, err)
			continue
		}
		f(name, n)
	}
}

func (p *primaryReader) sizes() {
	p.numbers(func(name string, n int64) {
		switch name {
		case "package":
			p.size = n
		case "installed":
			p.number(fieldInstalledSize, n)
		case "archive":
			p.number(fieldArchiveSize, n)
		}
	})
	if p.size < 0 {
		p.wrong("no size of the package")
	}
}

func (p *primaryReader) place() {
	for _, a := range p.Attrs() {
		if a.Space == "" && string(a.Local) == "href" {
			p.location = p.keep(a.Value)
		}
	}
	if base := p.xmlBase(); base != "" {
		p.values[fieldLocationBase] = p.keep([]byte(base))
	}
	if repopath.TrimDot(string(p.scratch[p.location.from:p.location.to])) == "" {
		p.wrong("location without href")
	}
}

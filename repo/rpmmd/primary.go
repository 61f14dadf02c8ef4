package rpmmd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// Primary reads the packages of primary.xml, whose path is by, one at a time.
// A package that is wrong yields a [repo.FormatError], and reading goes on with
// the next; when the XML itself is wrong or r fails, that error is the last.
func Primary(r io.Reader, by string) iter.Seq2[repo.Package, error] {
	return func(yield func(repo.Package, error) bool) {
		s := newScanner(r)
		packages(s, spaceCommon, "metadata", yield, func(start xml.StartElement) (repo.Package, error, error) {
			return primaryPackage(s, start, by)
		})
	}
}

// packages walks an index: a root element with a count, and packages. read
// returns a package, what is wrong with it, and an error that ends the reading.
func packages[T any](s *scanner, space, root string, yield func(T, error) bool, read func(xml.StartElement) (T, error, error)) {
	var none T
	start, err := s.root(space, root)
	if err != nil {
		yield(none, err)
		return
	}
	stopped := errors.New("stopped") // by the caller's loop
	count := int64(0)
	err = s.children(func(e xml.StartElement) error {
		if e.Name != (xml.Name{Space: space, Local: "package"}) {
			return s.skip()
		}
		if count++; count > MaxPackages {
			return s.errorf("more than %d packages", MaxPackages)
		}
		begin := s.in.total
		x, fault, err := read(e)
		if err != nil {
			return err
		}
		if size := s.in.total - begin; size > MaxPackageBytes {
			fault = s.errorf("package of %d bytes, more than %d", size, MaxPackageBytes)
		}
		if fault != nil {
			x = none
		}
		if !yield(x, fault) {
			return stopped
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err == nil {
		if want, ok := lookup(start, "packages"); ok && want != fmt.Sprint(count) {
			err = &repo.FormatError{Text: fmt.Sprintf("<%s packages=%q>, and %d packages follow", root, cut(want), count)}
		}
	}
	if err != nil && !errors.Is(err, stopped) {
		yield(none, err)
	}
}

// primaryParser gathers one package.
type primaryParser struct {
	*scanner
	where   string
	m       Metadata
	pkg     repo.Package
	seen    map[string]bool
	entries int
	begin   int64 // of the package, in the stream
	fault   error
}

// wrong keeps the first thing that is wrong with the package.
func (p *primaryParser) wrong(err error) {
	if err != nil && p.fault == nil {
		p.fault = located(p.where, p.m.Name, err)
	}
}

// located says which package an error is about.
func located(where, name string, err error) error {
	text := err.Error()
	var format *repo.FormatError
	if errors.As(err, &format) {
		text = format.Text
	}
	if name != "" {
		text = "package " + cut(name) + ": " + text
	}
	return &repo.FormatError{Where: where, Text: text}
}

func primaryPackage(s *scanner, start xml.StartElement, by string) (repo.Package, error, error) {
	p := &primaryParser{
		scanner: s, where: s.where(), begin: s.in.total, seen: make(map[string]bool),
		m:   Metadata{BuildTime: -1, InstalledSize: -1, ArchiveSize: -1},
		pkg: repo.Package{Claim: repo.Claim{By: by, Line: s.line, Size: -1}},
	}
	if kind := attr(start, "type"); kind != "rpm" {
		p.wrong(&repo.FormatError{Text: fmt.Sprintf("type %q, wanted \"rpm\"", cut(kind))})
	}
	if err := s.children(p.element); err != nil {
		return repo.Package{}, nil, err
	}
	for _, name := range []string{"name", "arch", "version", "checksum", "location", "size"} {
		if !p.seen[name] {
			p.wrong(&repo.FormatError{Text: "no <" + name + ">"})
		}
	}
	p.wrong(p.m.Check())
	p.pkg.Name, p.pkg.Version, p.pkg.Arch, p.pkg.Fields = p.m.Name, p.m.EVR(), p.m.Arch, p.m.Fields()
	return p.pkg, p.fault, nil
}

// once reports whether the element may be taken, and marks it.
func (p *primaryParser) once(name string) bool {
	if p.seen[name] {
		p.wrong(&repo.FormatError{Text: "two <" + name + "> elements"})
		return false
	}
	p.seen[name] = true
	return true
}

// element reads one child of <package>.
func (p *primaryParser) element(e xml.StartElement) error {
	if e.Name.Space != spaceCommon {
		return p.skip()
	}
	name := e.Name.Local
	into := map[string]*string{
		"name": &p.m.Name, "arch": &p.m.Arch, "summary": &p.m.Summary, "description": &p.m.Description,
		"packager": &p.m.Packager, "url": &p.m.URL,
	}[name]
	if into != nil {
		return p.take(name, into)
	}
	switch name {
	case "version", "checksum", "time", "size", "location", "format":
		if !p.once(name) {
			return p.skip()
		}
	}
	switch name {
	case "version":
		p.m.Epoch, p.m.Version, p.m.Release = attr(e, "epoch"), attr(e, "ver"), attr(e, "rel")
		if p.m.Epoch == "" {
			p.m.Epoch = "0"
		}
	case "checksum":
		text, err := p.text()
		if err != nil {
			return err
		}
		if id := attr(e, "pkgid"); id != "YES" {
			p.wrong(&repo.FormatError{Text: fmt.Sprintf("checksum with pkgid %q, wanted \"YES\"", cut(id))})
		}
		p.pkg.Claim.Digests, err = digest(attr(e, "type"), text)
		p.wrong(err)
		return nil
	case "time":
		p.number(e, "build", &p.m.BuildTime)
	case "size":
		p.number(e, "package", &p.pkg.Claim.Size)
		p.number(e, "installed", &p.m.InstalledSize)
		p.number(e, "archive", &p.m.ArchiveSize)
		if p.pkg.Claim.Size < 0 {
			p.wrong(&repo.FormatError{Text: "no size of the package"})
		}
	case "location":
		p.pkg.Path, p.m.LocationBase = repopath.TrimDot(attr(e, "href")), xmlBase(e)
		if p.pkg.Path == "" {
			p.wrong(&repo.FormatError{Text: "location without href"})
		}
	case "format":
		return p.children(p.format)
	}
	return p.skip()
}

// format reads one child of <format>.
func (p *primaryParser) format(e xml.StartElement) error {
	if e.Name == (xml.Name{Space: spaceCommon, Local: "file"}) {
		path, err := p.text()
		if err != nil {
			return err
		}
		if p.another() {
			kind := attr(e, "type")
			if kind == "file" { // what no type means
				kind = ""
			}
			p.m.Files = append(p.m.Files, FileEntry{Type: kind, Path: path})
		}
		return nil
	}
	if e.Name.Space != spaceRPM {
		return p.skip()
	}
	name := e.Name.Local
	into := map[string]*string{
		"license": &p.m.License, "vendor": &p.m.Vendor, "group": &p.m.Group,
		"buildhost": &p.m.BuildHost, "sourcerpm": &p.m.SourceRPM,
	}[name]
	if into != nil {
		return p.take(name, into)
	}
	list := map[string]*[]Entry{
		"provides": &p.m.Provides, "requires": &p.m.Requires, "conflicts": &p.m.Conflicts, "obsoletes": &p.m.Obsoletes,
		"suggests": &p.m.Suggests, "enhances": &p.m.Enhances, "recommends": &p.m.Recommends, "supplements": &p.m.Supplements,
	}[name]
	switch {
	case list != nil && p.once(name):
		return p.children(func(e xml.StartElement) error {
			if e.Name == (xml.Name{Space: spaceRPM, Local: "entry"}) && p.another() {
				*list = append(*list, p.entry(e))
			}
			return p.skip()
		})
	case name == "header-range" && p.once(name):
		p.number(e, "start", &p.m.HeaderStart)
		p.number(e, "end", &p.m.HeaderEnd)
	}
	return p.skip()
}

func (p *primaryParser) entry(e xml.StartElement) Entry {
	d := Entry{
		Name: attr(e, "name"), Flags: attr(e, "flags"),
		Epoch: attr(e, "epoch"), Version: attr(e, "ver"), Release: attr(e, "rel"),
	}
	switch d.Flags {
	case "", "LT", "LE", "EQ", "GE", "GT":
	default:
		p.wrong(&repo.FormatError{Text: fmt.Sprintf("entry %q: flags %q are not known", cut(d.Name), cut(d.Flags))})
	}
	if d.Name == "" {
		p.wrong(&repo.FormatError{Text: "entry without a name"})
	}
	return d
}

// another counts an entry or file, and reports whether it may be kept.
func (p *primaryParser) another() bool {
	if p.entries++; p.entries > MaxEntries {
		p.wrong(&repo.FormatError{Text: fmt.Sprintf("more than %d dependencies and files", MaxEntries)})
		return false
	}
	// Past the bound nothing more is kept; packages reports it.
	return p.in.total-p.begin <= MaxPackageBytes
}

func (p *primaryParser) take(name string, into *string) error {
	text, err := p.text()
	if err == nil && p.once(name) {
		*into = text
	}
	return err
}

func (p *primaryParser) number(e xml.StartElement, name string, into *int64) {
	value, ok := lookup(e, name)
	if !ok {
		return
	}
	n, err := number(e.Name.Local+" "+name, value)
	if err != nil {
		p.wrong(err)
		return
	}
	*into = n
}

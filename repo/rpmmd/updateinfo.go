package rpmmd

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// Advisory is one <update> of updateinfo.xml.
type Advisory struct {
	ID string
	// Type is "security", "bugfix", "enhancement", "newpackage" or what else
	// the distribution writes; Severity and Status too are its own words.
	Type, Status, Severity, Title string
	// Issued is the date as written: distributions differ in its form.
	Issued     string
	References []Reference
	Packages   []AdvisoryPackage
}

// Reference is where an advisory points to. It is never followed.
type Reference struct{ Type, ID, Href string }

// AdvisoryPackage is a package that an advisory names.
type AdvisoryPackage struct {
	// Name, Version ([epoch:]version-release) and Arch.
	Name, Version, Arch string
	// Filename is the name of the package file; it may be empty. It is a fact,
	// and no path to follow.
	Filename string
}

// Updateinfo reads the advisories of updateinfo.xml, one at a time. Errors are
// as [Primary] has them. [MaxEntries] bounds the packages and references of an
// advisory.
func Updateinfo(r io.Reader) iter.Seq2[Advisory, error] {
	return func(yield func(Advisory, error) bool) {
		seen := make(map[string]bool)
		entries(r, "", "updates", "update", yield, func(s *scanner) (Advisory, error, error) {
			where := s.where()
			a := advisory{scanner: s, out: Advisory{Type: s.attr("type"), Status: s.attr("status")}}
			if err := s.children(a.child); err != nil {
				return Advisory{}, nil, err
			}
			switch {
			case a.out.ID == "":
				a.wrong("an advisory without id")
			case seen[a.out.ID]:
				a.wrong("the advisory is listed twice")
			}
			seen[a.out.ID] = true
			if a.fault != nil {
				text := a.fault.Error()
				if a.out.ID != "" {
					text = "advisory " + cut(a.out.ID) + ": " + text
				}
				return Advisory{}, &repo.FormatError{Where: where, Text: text}, nil
			}
			return a.out, nil, nil
		})
	}
}

// advisory gathers one <update>.
type advisory struct {
	*scanner
	out   Advisory
	fault error
}

func (a *advisory) wrong(format string, args ...any) {
	if a.fault == nil {
		a.fault = fmt.Errorf(format, args...)
	}
}

func (a *advisory) child(_, name string) error {
	var err error
	switch name {
	case "id":
		a.out.ID, err = a.text()
		return err
	case "title":
		a.out.Title, err = a.text()
		return err
	case "severity":
		a.out.Severity, err = a.text()
		return err
	case "issued":
		a.out.Issued = a.attr("date")
	case "references":
		return a.children(func(_, name string) error {
			if name == "reference" && a.another() {
				a.out.References = append(a.out.References, Reference{a.attr("type"), a.attr("id"), a.attr("href")})
			}
			return a.skip()
		})
	case "pkglist":
		return a.children(func(_, name string) error {
			if name != "collection" {
				return a.skip()
			}
			return a.children(func(_, name string) error {
				if name != "package" {
					return a.skip()
				}
				return a.pkg()
			})
		})
	}
	return a.skip()
}

func (a *advisory) another() bool {
	if len(a.out.References)+len(a.out.Packages) < MaxEntries {
		return true
	}
	a.wrong("more than %d packages and references", MaxEntries)
	return false
}

func (a *advisory) pkg() error {
	m := Metadata{Name: a.attr("name"), Epoch: a.attr("epoch"), Version: a.attr("version"), Release: a.attr("release"), Arch: a.attr("arch")}
	p := AdvisoryPackage{Name: m.Name, Version: m.EVR(), Arch: m.Arch}
	if err := m.Check(); err != nil {
		a.wrong("package %q: %w", cut(m.Name), err)
	}
	err := a.children(func(_, name string) error {
		if name != "filename" {
			return a.skip()
		}
		var err error
		p.Filename, err = a.text()
		return err
	})
	if hasControl(p.Filename) {
		a.wrong("file name %q has a control character", cut(p.Filename))
	}
	if a.another() {
		a.out.Packages = append(a.out.Packages, p)
	}
	return err
}

// Group is one group, environment, category or langpack of comps.xml.
type Group struct {
	// Kind is "group", "environment" or "category".
	Kind, ID, Name string
	// Packages are the package names of a group, or the ids of the groups of an
	// environment or category.
	Packages []string
}

// Groups reads comps.xml: the groups, environments and categories, one at a
// time. Errors are as [Primary] has them. Distributions write a document type
// that names comps.dtd; it is passed over.
func Groups(r io.Reader) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		err := groups(newScanner(r, xmlstream.Limits{Doctype: true}), yield)
		if err != nil && !errors.Is(err, errStopped) {
			yield(Group{}, err)
		}
	}
}

func groups(s *scanner, yield func(Group, error) bool) error {
	if err := s.root("", "comps"); err != nil {
		return err
	}
	seen := make(map[string]bool)
	err := s.children(func(_, kind string) error {
		switch kind {
		case "group", "environment", "category":
		default:
			return s.skip()
		}
		if len(seen) == MaxPackages {
			return s.Errorf("more than %d groups", MaxPackages)
		}
		where := s.where()
		g, err := group(s, kind)
		if err != nil {
			return err
		}
		var fault error
		switch key := kind + " " + g.ID; {
		case g.ID == "":
			fault = &repo.FormatError{Where: where, Text: kind + " without id"}
		case seen[key]:
			fault = &repo.FormatError{Where: where, Text: fmt.Sprintf("%s %q is listed twice", kind, cut(g.ID))}
		default:
			seen[key] = true
		}
		if fault != nil {
			g = Group{}
		}
		if !yield(g, fault) {
			return errStopped
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.end()
}

func group(s *scanner, kind string) (Group, error) {
	g := Group{Kind: kind}
	err := s.children(func(_, name string) error {
		switch name {
		case "id", "name":
			translated := len(s.Attrs()) > 0 // xml:lang
			text, err := s.text()
			switch {
			case name == "id":
				g.ID = text
			case !translated:
				g.Name = text
			}
			return err
		case "packagelist", "grouplist", "optionlist":
			return s.children(func(_, name string) error {
				text, err := s.text()
				if err != nil || name != "packagereq" && name != "groupid" {
					return err
				}
				if len(g.Packages) == MaxEntries {
					return s.Errorf("more than %d packages in a group", MaxEntries)
				}
				g.Packages = append(g.Packages, text)
				return nil
			})
		}
		return s.skip()
	})
	return g, err
}

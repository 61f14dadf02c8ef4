package rpmmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// MaxData bounds the data elements of repomd.xml. createrepo_c writes three to
// nine, modifyrepo_c may add some; SUSE has one a language.
// Going past it is a [repo.FormatError] that ends the reading.
const MaxData = 100

// maxTimestamp is the end of the year 9999, the last that RFC 3339 can write.
const maxTimestamp = 253402300799

// maxTags bounds the tags of repomd.xml, of each kind. Going past it is a
// [repo.FormatError] that ends the reading.
const maxTags = 100

// Root is what repomd.xml says.
type Root struct {
	repo.Repomd
	// Content and Distro are tags beside Repo: <content>, and <distro>, whose
	// CPE name (cpeid) may be empty.
	Content []string
	Distro  []Distro
	// Details has one entry for each of Data, in the same order.
	Details []DataDetails
	// Faults are what is wrong with it. A data element that is wrong is not
	// among Data.
	Faults []error
}

// Distro is a <distro> tag.
type Distro struct{ CPEID, Name string }

// DataDetails is what a data element says besides [repo.RepomdData].
type DataDetails struct {
	// Header is of the header of a zchunk file (header-checksum and
	// header-size), nil if it is not given.
	Header *repo.Claim
	// DatabaseVersion is of an sqlite file, 0 if it is not given.
	DatabaseVersion int64
}

// ParseRepomd reads repomd.xml, whose path is by. When single data elements are
// wrong it returns the others together with a joined error; when the XML ends
// early or is none, it returns nil.
func ParseRepomd(r io.Reader, by string) (*repo.Repomd, error) {
	root, err := ParseRoot(r, by)
	if err != nil {
		return nil, err
	}
	return &root.Repomd, errors.Join(root.Faults...)
}

// ParseRoot reads repomd.xml, whose path is by, with all that it says. The
// error is for a document that cannot be read on; other faults are in Root.
func ParseRoot(r io.Reader, by string) (*Root, error) {
	s := newScanner(r, xmlstream.Limits{})
	if err := s.root(spaceRepo, "repomd"); err != nil {
		return nil, err
	}
	root := &Root{}
	count := 0
	err := s.children(func(space, name string) error {
		if space != spaceRepo {
			return s.skip()
		}
		switch name {
		case "revision":
			text, err := s.text()
			root.Revision = strings.TrimSpace(text)
			return err
		case "tags":
			return root.tags(s)
		case "data":
			if count++; count > MaxData {
				return s.Errorf("more than %d data elements", MaxData)
			}
			return root.data(s, by)
		}
		return s.skip()
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	switch {
	case count == 0:
		root.fault(&repo.FormatError{Text: "repomd.xml lists no data"})
	case !slices.ContainsFunc(root.Data, func(d repo.RepomdData) bool { return d.Type == "primary" || d.Type == "primary_zck" }) && len(root.Faults) == 0:
		// Every client needs it; the other types may lack.
		root.fault(&repo.FormatError{Text: "repomd.xml lists no data of type \"primary\""})
	}
	return root, nil
}

func (root *Root) fault(err error) { root.Faults = append(root.Faults, err) }

func (root *Root) tags(s *scanner) error {
	return s.children(func(space, name string) error {
		cpe := s.attr("cpeid")
		text, err := s.text()
		if err != nil || space != spaceRepo {
			return err
		}
		text = strings.TrimSpace(text)
		switch name {
		case "repo":
			root.Repo = append(root.Repo, text)
		case "content":
			root.Content = append(root.Content, text)
		case "distro":
			root.Distro = append(root.Distro, Distro{cpe, text})
		}
		if max(len(root.Repo), len(root.Content), len(root.Distro)) > maxTags {
			return s.Errorf("more than %d tags of one kind", maxTags)
		}
		return nil
	})
}

// data reads one data element.
func (root *Root) data(s *scanner, by string) error {
	e := dataElement{scanner: s, where: s.where(), seen: make(map[string]bool)}
	none := repo.Claim{By: by, Line: s.Line(), Size: -1}
	e.out = repo.RepomdData{Type: s.attr("type"), Claim: none}
	e.open, e.header = none, none
	if err := s.children(e.child); err != nil {
		return err
	}
	e.finish()
	root.take(&e)
	return nil
}

// take adds a data element, or what is wrong with it.
func (root *Root) take(e *dataElement) {
	if e.fault != nil {
		root.fault(e.fault)
		return
	}
	if KnownType(e.out.Type) && slices.ContainsFunc(root.Data, func(d repo.RepomdData) bool { return d.Type == e.out.Type }) {
		// Of two, clients take one or the other.
		root.fault(e.located("a second one of this type"))
	}
	root.Data = append(root.Data, e.out)
	root.Details = append(root.Details, e.details)
}

// dataElement gathers one data element.
type dataElement struct {
	*scanner
	where        string
	out          repo.RepomdData
	details      DataDetails
	open, header repo.Claim
	seen         map[string]bool
	fault        error
}

func (e *dataElement) located(text string) error {
	return &repo.FormatError{Where: e.where, Text: fmt.Sprintf("data %q: %s", cut(e.out.Type), text)}
}

func (e *dataElement) wrong(err error) {
	if err == nil || e.fault != nil {
		return
	}
	text := err.Error()
	var format *repo.FormatError
	if errors.As(err, &format) {
		text = format.Text
	}
	e.fault = e.located(text)
}

func (e *dataElement) child(space, name string) error {
	if space != spaceRepo {
		return e.skip()
	}
	kind, href, base := e.attr("type"), e.attr("href"), e.xmlBase()
	text, err := e.text()
	if err != nil {
		return err
	}
	switch name {
	case "checksum", "open-checksum", "header-checksum", "size", "open-size", "header-size", "location", "timestamp", "database_version":
		if e.seen[name] {
			e.wrong(&repo.FormatError{Text: "two <" + name + "> elements"})
			return nil
		}
		e.seen[name] = true
	}
	switch name {
	case "checksum":
		e.out.Claim.Digests, err = digest(kind, text)
	case "open-checksum":
		e.open.Digests, err = digest(kind, text)
	case "header-checksum":
		e.header.Digests, err = digest(kind, text)
	case "size":
		e.out.Claim.Size, err = number(name, text)
	case "open-size":
		e.open.Size, err = number(name, text)
	case "header-size":
		e.header.Size, err = number(name, text)
	case "database_version":
		e.details.DatabaseVersion, err = number(name, text)
	case "location":
		e.out.Location, e.out.Base = repopath.TrimDot(href), base
		if href != "" {
			_, err = repopath.Clean(href)
		}
	case "timestamp":
		e.out.Time, err = timestamp(text)
	}
	e.wrong(err)
	return nil
}

// timestamp reads seconds since 1970. Python's createrepo wrote fractions.
func timestamp(text string) (time.Time, error) {
	whole, _, _ := strings.Cut(strings.TrimSpace(text), ".")
	seconds, err := number("timestamp", whole)
	if err != nil {
		return time.Time{}, err
	}
	if seconds > maxTimestamp {
		return time.Time{}, &repo.FormatError{Text: fmt.Sprintf("timestamp %d is after the year 9999", seconds)}
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (e *dataElement) finish() {
	switch {
	case e.out.Type == "":
		e.wrong(&repo.FormatError{Text: "no type"})
	case e.out.Claim.Digests.IsZero():
		e.wrong(&repo.FormatError{Text: "no checksum"})
	case e.out.Location == "":
		e.wrong(&repo.FormatError{Text: "no location"})
	}
	if !e.open.Digests.IsZero() || e.open.Size >= 0 {
		e.out.Open = &e.open
	}
	if !e.header.Digests.IsZero() || e.header.Size >= 0 {
		e.details.Header = &e.header
	}
}

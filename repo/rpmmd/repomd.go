package rpmmd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// MaxData bounds the data elements of repomd.xml. createrepo_c writes three to
// nine, modifyrepo_c may add some.
const MaxData = 100

// maxTags bounds the <repo> tags of repomd.xml.
const maxTags = 100

// ParseRepomd reads repomd.xml, whose path is by. When single data elements are
// wrong it returns the others together with a joined error; when the XML ends
// early or is none, it returns nil.
func ParseRepomd(r io.Reader, by string) (*repo.Repomd, error) {
	s := newScanner(r)
	if _, err := s.root(spaceRepo, "repomd"); err != nil {
		return nil, err
	}
	md := &repo.Repomd{}
	var faults []error
	err := s.children(func(e xml.StartElement) error {
		if e.Name.Space != spaceRepo {
			return s.skip()
		}
		switch e.Name.Local {
		case "revision":
			text, err := s.text()
			md.Revision = strings.TrimSpace(text)
			return err
		case "tags":
			return s.children(func(e xml.StartElement) error {
				text, err := s.text()
				if err == nil && e.Name == (xml.Name{Space: spaceRepo, Local: "repo"}) {
					if len(md.Repo) == maxTags {
						return s.errorf("more than %d repository tags", maxTags)
					}
					md.Repo = append(md.Repo, strings.TrimSpace(text))
				}
				return err
			})
		case "data":
			if len(md.Data)+len(faults) == MaxData {
				return s.errorf("more than %d data elements", MaxData)
			}
			data, fault, err := parseData(s, e, by)
			if err != nil {
				return err
			}
			if fault != nil {
				faults = append(faults, fault)
				return nil
			}
			md.Data = append(md.Data, data)
			return nil
		}
		return s.skip()
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	if len(md.Data)+len(faults) == 0 {
		faults = append(faults, &repo.FormatError{Text: "repomd.xml lists no data"})
	}
	return md, errors.Join(faults...)
}

// parseData reads one data element. A fault is what is wrong with it; an error
// ends the reading.
func parseData(s *scanner, start xml.StartElement, by string) (data repo.RepomdData, fault, err error) {
	data = repo.RepomdData{Type: attr(start, "type"), Claim: repo.Claim{By: by, Line: s.line, Size: -1}}
	open := repo.Claim{By: by, Line: s.line, Size: -1}
	where := s.where()
	wrong := func(e error) {
		if e != nil && fault == nil {
			text := e.Error()
			var format *repo.FormatError
			if errors.As(e, &format) {
				text = format.Text
			}
			fault = &repo.FormatError{Where: where, Text: fmt.Sprintf("data %q: %s", cut(data.Type), text)}
		}
	}
	seen := make(map[string]bool)
	err = s.children(func(e xml.StartElement) error {
		if e.Name.Space != spaceRepo {
			return s.skip()
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		name := e.Name.Local
		switch name {
		case "checksum", "open-checksum", "size", "open-size", "location", "timestamp":
			if seen[name] {
				wrong(&repo.FormatError{Text: "two <" + name + "> elements"})
				return nil
			}
			seen[name] = true
		}
		switch name {
		case "checksum":
			data.Claim.Digests, err = digest(attr(e, "type"), text)
		case "open-checksum":
			open.Digests, err = digest(attr(e, "type"), text)
		case "size":
			data.Claim.Size, err = number(name, text)
		case "open-size":
			open.Size, err = number(name, text)
		case "location":
			data.Location, data.Base = repopath.TrimDot(attr(e, "href")), xmlBase(e)
		case "timestamp":
			// Python's createrepo wrote fractions.
			whole, _, _ := strings.Cut(strings.TrimSpace(text), ".")
			var seconds int64
			if seconds, err = number(name, whole); err == nil {
				data.Time = time.Unix(seconds, 0).UTC()
			}
		}
		wrong(err)
		return nil
	})
	if err != nil {
		return data, nil, err
	}
	switch {
	case data.Type == "":
		wrong(&repo.FormatError{Text: "no type"})
	case data.Claim.Digests == nil:
		wrong(&repo.FormatError{Text: "no checksum"})
	case data.Location == "":
		wrong(&repo.FormatError{Text: "no location"})
	}
	if open.Digests != nil || open.Size >= 0 {
		data.Open = &open
	}
	return data, fault, nil
}

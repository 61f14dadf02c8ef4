package guest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

const (
	// maxXML bounds an XML answer of zypper's in bytes, and maxElements the
	// elements in it.
	maxXML      = 16 << 20
	maxElements = 500_000
)

// zypperStream is what matters of the answer with --xmlout (zypper's
// xmlout.rnc). Elements are told by their own names and those around them; what
// is not known is passed over.
type zypperStream struct {
	solvables []zypperSolvable
	errors    []string
	infos     []string
	problems  []string
	// summary is set when the answer has an install-summary.
	summary bool
}

type zypperSolvable struct {
	// in is the element around it, such as "to-install" or "solvable-list".
	in                              string
	kind, name, edition, arch, repo string
}

// parseZypperStream reads an answer to its end. zypper prints other text
// between the elements, and some of its answers are not one document: what is
// before the stream is passed over, and it must end.
func parseZypperStream(text string) (zypperStream, error) {
	var z zypperStream
	if len(text) > maxXML {
		return z, fmt.Errorf("answer of %d bytes: at most %d are read", len(text), maxXML)
	}
	start := strings.Index(text, "<stream>")
	if start < 0 {
		return z, errors.New("want a stream element, found none")
	}
	dec := xml.NewDecoder(strings.NewReader(text[start:]))
	var path []string
	var words strings.Builder
	var messageType string
	for n := 0; ; n++ {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && len(path) == 0 {
			return z, nil
		}
		if err != nil {
			return zypperStream{}, fmt.Errorf("answer in XML: %w", err)
		}
		if n > maxElements {
			return zypperStream{}, fmt.Errorf("answer in XML: more than %d elements and texts", maxElements)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			attr := func(name string) string {
				for _, a := range t.Attr {
					if a.Name.Local == name {
						return a.Value
					}
				}
				return ""
			}
			switch t.Name.Local {
			case "message":
				messageType = attr("type")
				words.Reset()
			case "description":
				words.Reset()
			case "install-summary":
				z.summary = true
			case "solvable":
				if len(path) == 0 {
					return zypperStream{}, errors.New("answer in XML: a solvable outside the stream")
				}
				z.solvables = append(z.solvables, zypperSolvable{
					in: path[len(path)-1], kind: attr("kind") + attr("type"), name: attr("name"),
					edition: attr("edition"), arch: attr("arch"), repo: attr("repository"),
				})
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1] // the decoder has seen to it that they match
			said := strings.TrimSpace(words.String())
			switch {
			case t.Name.Local == "message" && messageType == "error":
				z.errors = append(z.errors, said)
			case t.Name.Local == "message" && messageType == "info":
				z.infos = append(z.infos, said)
			case t.Name.Local == "description" && len(path) > 0 && path[len(path)-1] == "prompt":
				z.problems = append(z.problems, said)
			}
			if len(path) == 0 {
				return z, nil
			}
		case xml.CharData:
			words.Write(t)
		}
	}
}

// ParseZypperSearch reads the answer of "zypper --xmlout search --details".
func ParseZypperSearch(text string) ([]images.Offer, error) {
	z, err := parseZypperStream(text)
	if err != nil {
		return nil, fmt.Errorf("zypper search: %w", err)
	}
	var offers []images.Offer
	for _, s := range z.solvables {
		if s.in != "solvable-list" || s.kind != "package" {
			continue
		}
		if !ValidPackage(s.name) || s.edition == "" || s.arch == "" || s.repo == "" {
			return nil, fmt.Errorf("zypper search: want name, edition, architecture and repository, got %+v", s)
		}
		offers = append(offers, images.Offer{Package: s.name, Version: strings.TrimPrefix(s.edition, "0:"), Arch: s.arch, Origin: s.repo})
	}
	return offers, nil
}

// ParseZypperInfo reads the answer of "zypper info", which has no structured
// form: the version of each package that zypper would take. A package that is
// not there has a line that says so, which is passed over.
func ParseZypperInfo(text string) (map[string]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("zypper info: %w", err)
	}
	candidates := map[string]string{}
	var about string
	for i, l := range all {
		if name, ok := strings.CutPrefix(l, "Information for package "); ok {
			about = strings.TrimSuffix(name, ":")
			if !ValidPackage(about) {
				return nil, fmt.Errorf("zypper info: line %d: want the name of a package, got %q", i+1, l)
			}
			continue
		}
		field, value, ok := strings.Cut(l, " : ")
		if !ok || strings.TrimSpace(field) != "Version" || about == "" {
			continue
		}
		version := strings.TrimPrefix(strings.TrimSpace(value), "0:")
		if version == "" {
			return nil, fmt.Errorf("zypper info: line %d: want a version, got %q", i+1, l)
		}
		// The first word on a package counts: what comes later is text of the
		// packages' own.
		if _, known := candidates[about]; !known {
			candidates[about] = version
		}
		about = ""
	}
	return candidates, nil
}

// olderRefused is how zypper ends its word on a version that is older than the
// installed one: it leaves the package as it is, and exits 0.
const olderRefused = "than the installed one."

// ParseZypperSolve reads the answer of "zypper --xmlout install --dry-run".
// zypper exits 4 where its solver finds problems, 104 where nothing has the
// name or the version, and 0 where it would go on.
func ParseZypperSolve(a Answer) (Solution, error) {
	z, err := parseZypperStream(a.Output)
	if err != nil {
		return Solution{}, fmt.Errorf("zypper install --dry-run: exit %d: %w", a.Exit, err)
	}
	var s Solution
	for _, p := range z.solvables {
		switch p.in {
		case "to-install", "to-upgrade", "to-downgrade", "to-reinstall", "to-change-arch", "to-change-vendor",
			"to-upgrade-change-arch", "to-downgrade-change-arch":
		default:
			continue
		}
		if p.kind != "package" {
			continue
		}
		if !ValidPackage(p.name) || p.edition == "" || p.arch == "" {
			return Solution{}, fmt.Errorf("zypper install --dry-run: want name, edition and architecture, got %+v", p)
		}
		s.Would = append(s.Would, images.Installed{Package: p.name, Version: strings.TrimPrefix(p.edition, "0:"), Arch: p.arch})
	}
	why := append(z.problems, z.errors...)
	for _, i := range z.infos {
		if strings.HasPrefix(i, "The selected package ") && strings.Contains(i, olderRefused) {
			why = append(why, i)
		}
	}
	switch {
	case a.Exit == 0 && z.summary && len(why) == 0:
		s.OK = true
		return s, nil
	case (a.Exit == 0 || a.Exit == zypperZYPP || a.Exit == zypperNoCapability) && len(why) > 0:
		return Solution{Reason: reason(why)}, nil
	}
	return Solution{}, fmt.Errorf("zypper install --dry-run: no word of its solver: %w", errors.Join(ZypperExit(a.Exit), errors.New(reason([]string{a.Errors}))))
}

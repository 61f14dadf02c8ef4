// Package metalink reads the lists of mirrors that rpm-md repositories are
// found by: metalink 3.0 as Fedora's MirrorManager writes it, and mirrorlists,
// which have one URL a line.
//
// What they say are facts. Nothing here follows a URL; whoever does must hold
// what comes against the repository's own signature, because nobody signs a
// list of mirrors.
package metalink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// The bounds. Going past one is a [repo.FormatError].
const (
	// MaxBytes bounds the bytes of a document; Fedora's are below 100 KiB.
	MaxBytes = 4 << 20
	// MaxFiles bounds the files of a metalink.
	MaxFiles = 64
	// MaxAlternates bounds the older states of a file.
	MaxAlternates = 256
	// MaxURLs bounds the mirrors of a list.
	MaxURLs = 4096
	// MaxURL bounds one URL, in bytes. Going past it is a fault, and the URL is
	// left out.
	MaxURL = 4096
	// MaxLine bounds one line of a list of mirrors, in bytes, its newline
	// included.
	MaxLine = 16 * MaxURL
	// MaxDepth bounds how deep elements nest; MirrorManager nests six deep.
	MaxDepth = 16
	// MaxAttributes bounds the attributes of one element; real ones have six.
	MaxAttributes = 32
	// MaxToken bounds one tag or one run of text, in bytes.
	MaxToken = 64 << 10
)

const (
	spaceMetalink = "http://www.metalinker.org/"
	spaceMirror   = "http://fedorahosted.org/mirrormanager"
)

// Metalink is a parsed metalink document.
type Metalink struct {
	Files []File
	// Faults are entries that were left out.
	Faults []repo.Problem
}

// File is one file of a metalink: for rpm-md repomd.xml.
type File struct {
	Name string
	// Timestamp is MirrorManager's word on when it was made; it may be zero.
	Timestamp time.Time
	// Size is -1 when it is not given.
	Size    int64
	Digests repo.Digests
	// Alternates are older states that mirrors may still have. Their Name is
	// empty, and they have no resources.
	Alternates []File
	Resources  []Resource
}

// Resource is one mirror of a file.
type Resource struct {
	URL string
	// Protocol is "http", "https", "ftp" or "rsync"; the URL's own scheme.
	Protocol string
	// Type is as written, Location is a country's code; both may be empty.
	Type, Location string
	// Preference is from 0 to 100, the better the higher.
	Preference int
}

// Parse reads a metalink document. A file or mirror that is wrong is left out,
// and is a fault of the answer; the error is for a document that cannot be read
// on.
func Parse(r io.Reader) (*Metalink, error) {
	p := &parser{Decoder: xmlstream.NewDecoder(&bounded{r: r, left: MaxBytes}, xmlstream.Limits{Depth: MaxDepth, Attributes: MaxAttributes, Token: MaxToken}), out: &Metalink{}}
	if _, err := p.Next(); err != nil {
		return nil, err
	}
	if space, name := p.Name(); space != spaceMetalink || string(name) != "metalink" {
		return nil, p.Errorf("root element is <%.100s> of namespace %.100q, wanted <metalink> of %q", name, space, spaceMetalink)
	}
	err := p.children(func(space, name string) error {
		if space != spaceMetalink || name != "files" {
			return p.skip()
		}
		return p.children(func(space, name string) error {
			if space != spaceMetalink || name != "file" {
				return p.skip()
			}
			return p.file()
		})
	})
	if err == nil {
		if _, err = p.Next(); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	if len(p.out.Files) == 0 {
		p.fault("no file is listed")
	}
	return p.out, nil
}

// bounded refuses to read more than it may.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if len(p) > b.left {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, &repo.FormatError{Text: fmt.Sprintf("list of mirrors of more than %d bytes", MaxBytes)}
	}
	return n, err
}

type parser struct {
	*xmlstream.Decoder
	out  *Metalink
	urls int
}

func (p *parser) fault(format string, args ...any) {
	if len(p.out.Faults) < repo.MaxFaults {
		p.out.Faults = append(p.out.Faults, repo.Problem{Kind: repo.Malformed, Where: "line " + strconv.Itoa(p.Line()), Text: fmt.Sprintf(format, args...)})
	}
}

// children calls f for each element inside of the one that was just read.
func (p *parser) children(f func(space, name string) error) error {
	for {
		switch kind, err := p.Next(); {
		case err != nil:
			return err
		case kind == xmlstream.End:
			return nil
		case kind == xmlstream.Start:
			space, name := p.Name()
			if err := f(space, string(name)); err != nil {
				return err
			}
		}
	}
}

func (p *parser) skip() error {
	return p.children(func(string, string) error { return p.skip() })
}

// text returns the text of the element that was just read, without the white
// space around it. The bound of the document bounds it.
func (p *parser) text() (string, error) {
	var b []byte
	for {
		switch kind, err := p.Next(); {
		case err != nil:
			return "", err
		case kind == xmlstream.Text:
			t, _ := p.Text()
			b = append(b, t...)
		case kind == xmlstream.Start:
			if err := p.skip(); err != nil {
				return "", err
			}
		default:
			return string(bytes.TrimSpace(b)), nil
		}
	}
}

func (p *parser) attr(name string) string {
	for _, a := range p.Attrs() {
		if a.Space == "" && string(a.Local) == name {
			return string(a.Value)
		}
	}
	return ""
}

func (p *parser) file() error {
	f := File{Name: p.attr("name"), Size: -1}
	if _, err := repopath.Clean(f.Name); err != nil {
		p.fault("file: %v", err)
		return p.skip()
	}
	if err := p.fill(&f, true); err != nil {
		return err
	}
	if len(p.out.Files) == MaxFiles {
		return p.Errorf("more than %d files", MaxFiles)
	}
	p.out.Files = append(p.out.Files, f)
	return nil
}

// fill reads what is inside of a file, or of an alternate, which has no
// mirrors and alternates of its own.
func (p *parser) fill(f *File, whole bool) error {
	return p.children(func(space, name string) error {
		switch {
		case space == spaceMirror && name == "timestamp":
			return p.number("timestamp", func(n int64) { f.Timestamp = time.Unix(n, 0).UTC() })
		case space == spaceMetalink && name == "size":
			return p.number("size", func(n int64) { f.Size = n })
		case space == spaceMetalink && name == "verification":
			return p.children(func(_, name string) error {
				if name != "hash" {
					return p.skip()
				}
				return p.hash(f)
			})
		case whole && space == spaceMirror && name == "alternates":
			return p.children(func(_, name string) error {
				if name != "alternate" {
					return p.skip()
				}
				if len(f.Alternates) == MaxAlternates {
					return p.Errorf("more than %d alternates", MaxAlternates)
				}
				a := File{Size: -1}
				if err := p.fill(&a, false); err != nil {
					return err
				}
				f.Alternates = append(f.Alternates, a)
				return nil
			})
		case whole && space == spaceMetalink && name == "resources":
			return p.children(func(_, name string) error {
				if name != "url" {
					return p.skip()
				}
				return p.resource(f)
			})
		}
		return p.skip()
	})
}

func (p *parser) number(what string, take func(int64)) error {
	text, err := p.text()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		take(int64(n))
	} else {
		p.fault("%s %.100q is not a number of 63 bits", what, text)
	}
	return nil
}

func (p *parser) hash(f *File) error {
	kind := p.attr("type")
	text, err := p.text()
	if err != nil {
		return err
	}
	a, known := repo.ParseAlgorithm(kind)
	sum := strings.ToLower(text)
	switch {
	case !known: // clients too pass over hashes that they do not know
	case len(sum) != a.HexLen() || strings.Trim(sum, "0123456789abcdef") != "":
		p.fault("%s hash %.100q, wanted %d hexadecimal digits", a, text, a.HexLen())
	case f.Digests.Get(a) != "":
		p.fault("two %s hashes", a)
	default:
		f.Digests.Set(a, sum)
	}
	return nil
}

func (p *parser) resource(f *File) error {
	r := Resource{Type: p.attr("type"), Location: p.attr("location"), Preference: 100}
	if s := p.attr("preference"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 100 {
			p.fault("preference %.100q, wanted 0 to 100", s)
			n = 0
		}
		r.Preference = n
	}
	protocol := p.attr("protocol")
	text, err := p.text()
	if err != nil {
		return err
	}
	if p.urls++; p.urls > MaxURLs {
		return p.Errorf("more than %d URLs", MaxURLs)
	}
	if r.Protocol, err = check(text); err != nil {
		p.fault("%v", err)
		return nil
	}
	if protocol != "" && protocol != r.Protocol {
		p.fault("protocol %.100q of %.100q", protocol, text)
		return nil
	}
	r.URL = text
	f.Resources = append(f.Resources, r)
	return nil
}

// check returns the scheme of a mirror's URL.
func check(s string) (string, error) {
	if len(s) > MaxURL {
		return "", fmt.Errorf("URL of %d bytes, more than %d", len(s), MaxURL)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fmt.Errorf("URL %.100q has white space or a control character", s)
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", fmt.Errorf("%.100q is not a URL", s)
	}
	switch u.Scheme {
	case "http", "https", "ftp", "rsync":
	default:
		return "", fmt.Errorf("URL %.100q is of scheme %q, wanted http, https, ftp or rsync", s, u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return "", fmt.Errorf("URL %.100q without a host", s)
	case u.User != nil:
		return "", fmt.Errorf("URL of host %.100q with a user name", u.Host)
	case u.Fragment != "":
		return "", fmt.Errorf("URL %.100q with a fragment", s)
	}
	return u.Scheme, nil
}

// Mirrorlist is a parsed mirrorlist: the roots of repositories.
type Mirrorlist struct {
	URLs []string
	// Faults are lines that were left out.
	Faults []repo.Problem
}

// ParseMirrorlist reads a mirrorlist. Empty lines and lines that begin with '#'
// are passed over, as librepo does. The error is for a list that goes past a
// bound, or one of r.
func ParseMirrorlist(r io.Reader) (*Mirrorlist, error) {
	out := &Mirrorlist{}
	lines := bufio.NewScanner(&bounded{r: r, left: MaxBytes})
	lines.Buffer(make([]byte, 0, MaxURL), MaxLine)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		where, text := "line "+strconv.Itoa(n), string(line)
		if len(out.URLs) == MaxURLs {
			return nil, &repo.FormatError{Where: where, Text: fmt.Sprintf("more than %d URLs", MaxURLs)}
		}
		if _, err := check(text); err != nil {
			if len(out.Faults) < repo.MaxFaults {
				out.Faults = append(out.Faults, repo.Problem{Kind: repo.Malformed, Where: where, Text: err.Error()})
			}
			continue
		}
		out.URLs = append(out.URLs, text)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, &repo.FormatError{Where: "line " + strconv.Itoa(n+1), Text: fmt.Sprintf("longer than %d bytes", MaxLine)}
	} else if err != nil {
		return nil, err
	}
	return out, nil
}

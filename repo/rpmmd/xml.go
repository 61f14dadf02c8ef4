package rpmmd

import (
	"bufio"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// Bounds of the XML. createrepo_c nests five deep and writes at most six
// attributes; the longest text is a description.
const (
	// MaxDepth bounds how deep elements nest.
	MaxDepth = 16
	// MaxAttributes bounds the attributes of one element.
	MaxAttributes = 32
	// MaxToken bounds one tag or one run of text, in bytes.
	MaxToken = 1 << 20
	// MaxPackageBytes bounds one package element, in bytes: packages with a
	// hundred thousand files exist, and need some ten MiB in filelists.xml.
	MaxPackageBytes = 32 << 20
	// MaxPackages bounds the packages of an index; the largest distributions
	// have below a hundred thousand.
	MaxPackages = 1 << 20
	// MaxEntries bounds the dependencies and files that primary.xml lists of
	// one package.
	MaxEntries = 1 << 18
)

// The namespaces of the elements. Elements of others are passed over.
const (
	spaceRepo      = "http://linux.duke.edu/metadata/repo"
	spaceCommon    = "http://linux.duke.edu/metadata/common"
	spaceRPM       = "http://linux.duke.edu/metadata/rpm"
	spaceFilelists = "http://linux.duke.edu/metadata/filelists"
	spaceXML       = "http://www.w3.org/XML/1998/namespace"
)

// limiter hands bytes to the XML decoder and refuses tokens that are too long,
// which the decoder itself would gather whole. It implements io.ByteReader so
// that the decoder does not read ahead.
type limiter struct {
	in    *bufio.Reader
	left  int
	total int64
}

func (l *limiter) ReadByte() (byte, error) {
	if l.left <= 0 {
		return 0, &repo.FormatError{Text: fmt.Sprintf("tag or text longer than %d bytes", MaxToken)}
	}
	c, err := l.in.ReadByte()
	if err == nil {
		l.left--
		l.total++
	}
	return c, err
}

// Read is there because xml.NewDecoder asks for an io.Reader; the decoder uses
// ReadByte.
func (l *limiter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := l.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// scanner is a bounded XML decoder. Its errors end the reading.
type scanner struct {
	dec   *xml.Decoder
	in    *limiter
	depth int
	line  int // where the last token began
}

func newScanner(r io.Reader) *scanner {
	in := &limiter{in: bufio.NewReaderSize(r, 64<<10)}
	return &scanner{dec: xml.NewDecoder(in), in: in}
}

func (s *scanner) where() string { return "line " + strconv.Itoa(s.line) }

func (s *scanner) errorf(format string, args ...any) error {
	return &repo.FormatError{Where: s.where(), Text: fmt.Sprintf(format, args...)}
}

// next returns the next tag or text. It returns io.EOF after a complete
// document only.
func (s *scanner) next() (xml.Token, error) {
	for {
		s.in.left = MaxToken
		s.line, _ = s.dec.InputPos()
		token, err := s.dec.Token()
		if err != nil {
			return nil, s.failed(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if s.depth++; s.depth > MaxDepth {
				return nil, s.errorf("elements nest deeper than %d", MaxDepth)
			}
			if len(t.Attr) > MaxAttributes {
				return nil, s.errorf("<%s> has %d attributes, more than %d", t.Name.Local, len(t.Attr), MaxAttributes)
			}
			return t, nil
		case xml.EndElement:
			s.depth--
			return t, nil
		case xml.CharData:
			if s.depth == 0 && strings.TrimSpace(string(t)) != "" {
				return nil, s.errorf("text outside of the root element")
			}
			return t, nil
		case xml.Directive:
			// A document type could name external entities. Nothing here
			// resolves them, and no index needs one.
			return nil, s.errorf("a <!...> declaration is not allowed")
		}
	}
}

func (s *scanner) failed(err error) error {
	var format *repo.FormatError
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF) && s.depth == 0:
		return io.EOF
	case errors.As(err, &format):
		return &repo.FormatError{Where: s.where(), Text: format.Text, Err: format.Err}
	case errors.As(err, &syntax):
		return &repo.FormatError{Where: fmt.Sprintf("line %d", syntax.Line), Text: "XML: " + syntax.Msg}
	case errors.Is(err, io.EOF), strings.HasPrefix(err.Error(), "xml: "):
		// The decoder has no type for what it says of a foreign encoding.
		return &repo.FormatError{Where: s.where(), Text: "XML", Err: err}
	}
	return fmt.Errorf("%s: reading XML: %w", s.where(), err)
}

// root reads up to the root element, which must have this name.
func (s *scanner) root(space, local string) (xml.StartElement, error) {
	for {
		token, err := s.next()
		if errors.Is(err, io.EOF) {
			return xml.StartElement{}, &repo.FormatError{Where: s.where(), Text: "no root element, wanted <" + local + ">"}
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name != (xml.Name{Space: space, Local: local}) {
				return start, s.errorf("root element is <%s> of namespace %q, wanted <%s> of %q", start.Name.Local, start.Name.Space, local, space)
			}
			return start, nil
		}
	}
}

// end reads what follows the root element: nothing but white space.
func (s *scanner) end() error {
	for {
		token, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := token.(xml.CharData); !ok {
			return s.errorf("a second root element")
		}
	}
}

// children calls f for each element inside of the one that was just read, up
// to its end. f must read its element to the end.
func (s *scanner) children(f func(xml.StartElement) error) error {
	for {
		token, err := s.next()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := f(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip passes over the rest of the element that was just read.
func (s *scanner) skip() error {
	return s.children(func(xml.StartElement) error { return s.skip() })
}

// text returns the text of the element that was just read. Elements inside are
// passed over. MaxToken bounds the whole.
func (s *scanner) text() (string, error) {
	var b strings.Builder
	for {
		token, err := s.next()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			if b.Len()+len(t) > MaxToken {
				return "", s.errorf("text longer than %d bytes", MaxToken)
			}
			b.Write(t)
		case xml.StartElement:
			if err := s.skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return b.String(), nil
		}
	}
}

// attr returns an attribute without a namespace.
func attr(e xml.StartElement, name string) string {
	value, _ := lookup(e, name)
	return value
}

func lookup(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// xmlBase returns xml:base, which the decoder gives either way.
func xmlBase(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "base" && (a.Name.Space == "xml" || a.Name.Space == spaceXML) {
			return a.Value
		}
	}
	return ""
}

// digest reads a checksum element's type and text.
func digest(kind, text string) (repo.Digests, error) {
	algorithm, ok := repo.ParseAlgorithm(kind)
	if !ok {
		return nil, &repo.FormatError{Text: fmt.Sprintf("checksum of unknown type %q", cut(kind))}
	}
	sum := strings.ToLower(strings.TrimSpace(text))
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != algorithm.HexLen() {
		return nil, &repo.FormatError{Text: fmt.Sprintf("%s checksum %q, wanted %d hexadecimal digits", algorithm, cut(sum), algorithm.HexLen())}
	}
	return repo.Digests{algorithm: sum}, nil
}

// number reads a size, offset or time: a decimal number that is not negative.
func number(what, s string) (int64, error) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' {
		return 0, &repo.FormatError{Text: fmt.Sprintf("%s %q is not a number of 63 bits", what, cut(s))}
	}
	return n, nil
}

// cut shortens what is quoted in an error.
func cut(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

package rpmmd

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// Bounds of the XML. createrepo_c nests five deep and writes at most six
// attributes; the longest text is a description. AppStream's descriptions nest
// deepest. Going past one is a [repo.FormatError] that ends the reading, unless
// it says otherwise.
const (
	// MaxDepth bounds how deep elements nest.
	MaxDepth = 32
	// MaxAttributes bounds the attributes of one element.
	MaxAttributes = 32
	// MaxToken bounds one tag or one run of text, in bytes.
	MaxToken = 1 << 20
	// MaxPackageBytes bounds one package element, in bytes: packages with a
	// hundred thousand files exist, and need some ten MiB in filelists.xml.
	// Going past it is a fault of the package.
	MaxPackageBytes = 32 << 20
	// MaxPackages bounds the packages of an index; the largest distributions
	// have below a hundred thousand.
	MaxPackages = 1 << 20
	// MaxEntries bounds the dependencies and files that primary.xml lists of
	// one package. Going past it is a fault of the package.
	MaxEntries = 1 << 18
)

// The namespaces of the elements. Elements of others are passed over.
const (
	spaceRepo      = "http://linux.duke.edu/metadata/repo"
	spaceCommon    = "http://linux.duke.edu/metadata/common"
	spaceRPM       = "http://linux.duke.edu/metadata/rpm"
	spaceFilelists = "http://linux.duke.edu/metadata/filelists"
	spaceFileExt   = "http://linux.duke.edu/metadata/filelists-ext"
	spaceOther     = "http://linux.duke.edu/metadata/other"
)

// scanner walks the elements of a document. Its errors end the reading.
type scanner struct{ *xmlstream.Decoder }

func newScanner(r io.Reader, limits xmlstream.Limits) *scanner {
	limits.Depth, limits.Attributes, limits.Token = MaxDepth, MaxAttributes, MaxToken
	return &scanner{xmlstream.NewDecoder(r, limits)}
}

func (s *scanner) where() string { return "line " + strconv.Itoa(s.Line()) }

// root reads up to the root element, which must have this name.
func (s *scanner) root(space, local string) error {
	if _, err := s.Next(); err != nil { // text is not let through there
		return err
	}
	if gotSpace, got := s.Name(); gotSpace != space || string(got) != local {
		return s.Errorf("root element is <%s> of namespace %q, wanted <%s> of %q", cut(string(got)), cut(gotSpace), local, space)
	}
	return nil
}

// end reads what follows the root element: nothing but white space.
func (s *scanner) end() error {
	_, err := s.Next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// child goes to the next element inside of the one that is open, passing over
// text. It reports false at the end of the open one.
func (s *scanner) child() (bool, error) {
	for {
		switch kind, err := s.Next(); {
		case err != nil:
			return false, err
		case kind == xmlstream.Start:
			return true, nil
		case kind == xmlstream.End:
			return false, nil
		}
	}
}

// children calls f for each element inside of the one that was just read, up
// to its end. f must read its element to the end.
func (s *scanner) children(f func(space, name string) error) error {
	for {
		more, err := s.child()
		if !more || err != nil {
			return err
		}
		space, name := s.Name()
		if err := f(space, string(name)); err != nil {
			return err
		}
	}
}

// skip passes over the rest of the element that was just read.
func (s *scanner) skip() error {
	for depth := 1; depth > 0; {
		kind, err := s.Next()
		if err != nil {
			return err
		}
		switch kind {
		case xmlstream.Start:
			depth++
		case xmlstream.End:
			depth--
		}
	}
	return nil
}

// appendText appends the text of the element that was just read, and reads to
// its end; plain says that the text is printable ASCII. Elements inside are
// passed over. MaxToken bounds the whole.
func (s *scanner) appendText(b []byte) (text []byte, plain bool, err error) {
	begin := len(b)
	plain = true
	for {
		kind, err := s.Next()
		if err != nil {
			return b, false, err
		}
		switch kind {
		case xmlstream.Text:
			t, simple := s.Text()
			if len(b)-begin+len(t) > MaxToken {
				return b, false, s.Errorf("text longer than %d bytes", MaxToken)
			}
			b = append(b, t...)
			plain = plain && simple
		case xmlstream.Start:
			if err := s.skip(); err != nil {
				return b, false, err
			}
		case xmlstream.End:
			return b, plain, nil
		}
	}
}

// text returns the text of the element that was just read.
func (s *scanner) text() (string, error) {
	b, _, err := s.appendText(nil)
	return string(b), err
}

// attr returns an attribute without a namespace, "" if it is not there. It
// must be asked before anything else is read.
func (s *scanner) attr(name string) string {
	value, _ := s.lookup(name)
	return value
}

func (s *scanner) lookup(name string) (string, bool) {
	for _, a := range s.Attrs() {
		if a.Space == "" && string(a.Local) == name {
			return string(a.Value), true
		}
	}
	return "", false
}

// xmlBase returns xml:base.
func (s *scanner) xmlBase() string {
	for _, a := range s.Attrs() {
		if a.Space == xmlstream.XMLSpace && string(a.Local) == "base" {
			return string(a.Value)
		}
	}
	return ""
}

// digest reads a checksum element's type and text.
func digest(kind, text string) (repo.Digests, error) {
	var d repo.Digests
	algorithm, err := checksum(kind, text)
	if err == nil {
		d.Set(algorithm, strings.ToLower(strings.TrimSpace(text)))
	}
	return d, err
}

// checksum checks a checksum element's type and text.
func checksum(kind, text string) (repo.Algorithm, error) {
	algorithm, ok := repo.ParseAlgorithm(kind)
	if !ok {
		return "", &repo.FormatError{Text: fmt.Sprintf("checksum of unknown type %q", cut(kind))}
	}
	sum := strings.TrimSpace(text)
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != algorithm.HexLen() {
		return "", &repo.FormatError{Text: fmt.Sprintf("%s checksum %q, wanted %d hexadecimal digits", algorithm, cut(sum), algorithm.HexLen())}
	}
	return algorithm, nil
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

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

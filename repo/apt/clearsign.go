// Package apt reads the metadata of an apt repository: InRelease, Release,
// Packages and Sources (Debian wiki, RepositoryFormat), as strictly as apt does.
//
// The parsers do no I/O but on the reader they are given. Bytes that are not
// what the format asks for are a [repo.FormatError] with the line; an error of
// the reader is passed on wrapped.
package apt

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// ClearSigned is an InRelease file taken apart.
type ClearSigned struct {
	// Text is what the signatures cover: dash escapes and white space at line
	// ends removed, lines ended by LF, none after the last. OpenPGP hashes it
	// with CRLF line ends (RFC 4880 section 7.1).
	Text []byte
	// Plain is Text as a parser should read it: with a final newline, and after
	// as many empty lines as make its line numbers those of the file.
	Plain []byte
	// Signatures are all armored signature blocks, one after the other.
	Signatures []byte
	// Hashes are the values of the Hash armor headers.
	Hashes []string
}

const (
	beginMessage   = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// SplitInRelease takes an InRelease file apart as apt does (SplitClearSignedFile
// in apt-pkg/contrib/gpgv.cc): one signed message that begins on the first
// line, one or more signatures right after it, and not a line, not even an
// empty one, that is outside of both. Whoever reads text that the signatures
// do not cover has been tricked, so anything else is a *[repo.FormatError].
func SplitInRelease(data []byte) (*ClearSigned, error) {
	s := &splitter{rest: data}
	if line, ok := s.next(); !ok || line != beginMessage {
		if !ok {
			return nil, &repo.FormatError{Text: "empty file, want " + beginMessage}
		}
		return nil, s.refuse("want %s on the first line, got %.80q", beginMessage, line)
	}
	c := &ClearSigned{}
	if err := s.headers(c); err != nil {
		return nil, err
	}
	first := s.n + 1
	if err := s.message(c); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(c.Text, []byte("\n\n")) {
		return nil, &repo.FormatError{Where: fmt.Sprintf("line %d", first), Text: "signed text begins with empty lines, which apt takes for a stanza without fields and refuses"}
	}
	if err := s.signatures(c); err != nil {
		return nil, err
	}
	c.Plain = append(bytes.Repeat([]byte("\n"), first-1), c.Text...)
	c.Plain = append(c.Plain, '\n')
	return c, nil
}

type splitter struct {
	rest []byte
	n    int // number of the line last returned
}

// next returns the next line as apt's LineBuffer cleans it: first newlines and
// carriage returns go from its end, then spaces and tabs.
func (s *splitter) next() (string, bool) {
	if len(s.rest) == 0 {
		return "", false
	}
	line, rest, _ := bytes.Cut(s.rest, []byte("\n"))
	s.rest = rest
	s.n++
	return string(bytes.TrimRight(bytes.TrimRight(line, "\r\n"), " \t")), true
}

func (s *splitter) refuse(format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("line %d", s.n), Text: fmt.Sprintf(format, args...)}
}

func (s *splitter) dash(where, line string) error {
	return s.refuse("line in the %s begins with a dash: %.80q", where, line)
}

func (s *splitter) headers(c *ClearSigned) error {
	for {
		line, ok := s.next()
		switch {
		case !ok:
			return s.refuse("file ends in the armor headers")
		case line == "":
			return nil
		case line[0] == '-':
			return s.dash("armor headers", line)
		}
		if hash, ok := strings.CutPrefix(line, "Hash: "); ok {
			c.Hashes = append(c.Hashes, hash)
		}
	}
}

func (s *splitter) message(c *ClearSigned) error {
	var text bytes.Buffer
	for first := true; ; first = false {
		line, ok := s.next()
		if !ok {
			return s.refuse("file ends in the signed text, before %s", beginSignature)
		}
		if line == beginSignature {
			c.Text = text.Bytes()
			return nil
		}
		if strings.HasPrefix(line, "-") {
			escaped, ok := strings.CutPrefix(line, "- ")
			if !ok {
				return s.dash("signed text", line)
			}
			line = escaped
		}
		if !first {
			text.WriteByte('\n')
		}
		text.WriteString(line)
	}
}

// signatures reads on inside the first signature block.
func (s *splitter) signatures(c *ClearSigned) error {
	var sigs bytes.Buffer
	sigs.WriteString(beginSignature + "\n")
	open := true
	for {
		line, ok := s.next()
		switch {
		case !ok && open:
			return s.refuse("file ends in a signature, before %s", endSignature)
		case !ok:
			c.Signatures = sigs.Bytes()
			return nil
		case open && line == endSignature:
			open = false
		case open && strings.HasPrefix(line, "-"):
			return s.dash("signature", line)
		case !open && line == beginSignature:
			open = true
		case !open:
			return s.refuse("line that is not signed after the signature: %.80q", line)
		}
		sigs.WriteString(line)
		sigs.WriteByte('\n')
	}
}

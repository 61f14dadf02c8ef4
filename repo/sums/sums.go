// Package sums reads files of checksums: a digest alone, as the releases of
// Kubernetes have beside each program ("kubelet.sha256"), and the lists of
// coreutils' sha256sum and sha512sum ("HEX  name", or with --tag
// "SHA256 (name) = HEX").
//
// MD5, SHA-1 and SHA-224 are left out: nothing may rest on them. The text is
// hostile and bounded.
package sums

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// MaxSize bounds a file of checksums, in bytes. That of a Kubernetes
	// release, with every program and archive, has some 60,000. Going past it is an error that
	// ends the reading.
	MaxSize = 1 << 20
	// MaxLine bounds a line, in bytes: a digest and a path. Going past it is an error
	// that ends the reading.
	MaxLine = 8 << 10
)

// ErrNone is matched when a list has no digest of a file.
var ErrNone = errors.New("no checksum")

// ErrAmbiguous is matched when a list has several files of one name with
// different digests.
var ErrAmbiguous = errors.New("checksum is ambiguous")

// Entry is one line.
type Entry struct {
	// Name is the file's, as the list has it; empty for a digest alone.
	Name      string
	Algorithm repo.Algorithm
	// Digest is in lower-case hexadecimal.
	Digest string
	Line   int
}

// List is a file of checksums.
type List []Entry

// Read reads a file of checksums. An error is a [repo.FormatError], or that of
// r as it is. A file without any digest, such as a page that says "not found",
// is an error.
func Read(r io.Reader) (List, error) {
	counted := &io.LimitedReader{R: r, N: MaxSize + 1}
	lines := bufio.NewScanner(counted)
	lines.Buffer(make([]byte, 0, 4096), MaxLine)
	var list List
	number := 0
	for lines.Scan() && counted.N > 0 {
		number++
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		entry, ok := parseLine(text)
		if !ok {
			return nil, at(number, "%.100q is no checksum", text)
		}
		if entry.Algorithm.Strong() {
			entry.Line = number
			list = append(list, entry)
		}
	}
	switch err := lines.Err(); {
	case counted.N == 0:
		return nil, at(number, "the file goes on after %d bytes", MaxSize)
	case errors.Is(err, bufio.ErrTooLong):
		return nil, at(number+1, "more than %d bytes", MaxLine)
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, &repo.FormatError{Text: "no SHA-256 or better checksum is in it"}
	}
	return list, nil
}

func at(line int, format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("line %d", line), Text: fmt.Sprintf(format, args...)}
}

// parseLine reads one line of any of the forms.
func parseLine(text string) (Entry, bool) {
	// A backslash in front says that the name has escapes.
	text, escaped := strings.CutPrefix(text, `\`)
	entry, ok := tagged(text)
	if !ok {
		digest, name, _ := strings.Cut(text, " ")
		entry.Digest = strings.ToLower(digest)
		entry.Algorithm, ok = algorithmOf(entry.Digest)
		// A second blank, or "*" for binary mode, is before the name.
		if name = strings.TrimPrefix(name, " "); name != "" {
			entry.Name = strings.TrimSpace(strings.TrimPrefix(name, "*"))
		}
	}
	if escaped {
		entry.Name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(entry.Name)
	}
	return entry, ok
}

// tagged reads "SHA256 (name) = HEX".
func tagged(text string) (Entry, bool) {
	tag, rest, ok := strings.Cut(text, " (")
	end := strings.LastIndex(rest, ") = ")
	if !ok || end < 0 {
		return Entry{}, false
	}
	algorithm, known := repo.ParseAlgorithm(tag)
	entry := Entry{Name: rest[:end], Algorithm: algorithm, Digest: strings.ToLower(strings.TrimSpace(rest[end+len(") = "):]))}
	return entry, known && len(entry.Digest) == algorithm.HexLen() && isHex(entry.Digest)
}

// algorithmOf tells by the length.
func algorithmOf(digest string) (repo.Algorithm, bool) {
	for _, a := range []repo.Algorithm{repo.MD5, repo.SHA1, repo.SHA224, repo.SHA256, repo.SHA384, repo.SHA512} {
		if len(digest) == a.HexLen() {
			return a, isHex(digest)
		}
	}
	return "", false
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// Of returns the digests of the file called name. A digest alone is that of the
// file that it was asked for. In a list, the entries whose last element is the
// name count; if they disagree, those of them that have one of the hints among
// the elements or words of their path, such as an architecture. The error
// matches [ErrNone] or [ErrAmbiguous].
func (l List) Of(name string, hints ...string) (repo.Digests, error) {
	var named List
	for _, e := range l {
		if e.Name == "" || path.Base(e.Name) == name {
			named = append(named, e)
		}
	}
	if len(named) == 0 {
		return repo.Digests{}, fmt.Errorf("%w of %s among %d", ErrNone, name, len(l))
	}
	digests, ok := named.one()
	for i := 0; !ok && i < len(hints); i++ {
		var hinted List
		for _, e := range named {
			words := strings.FieldsFunc(e.Name, func(r rune) bool { return strings.ContainsRune("/-_. ", r) })
			for _, word := range words {
				if word == hints[i] {
					hinted = append(hinted, e)
					break
				}
			}
		}
		if len(hinted) > 0 {
			digests, ok = hinted.one()
		}
	}
	if !ok {
		return repo.Digests{}, fmt.Errorf("%w: %d entries for %s disagree, the first in line %d", ErrAmbiguous, len(named), name, named[0].Line)
	}
	return digests, nil
}

// one returns the digests of the entries if they agree.
func (l List) one() (repo.Digests, bool) {
	var d repo.Digests
	for _, e := range l {
		if before := d.Get(e.Algorithm); before != "" && before != e.Digest {
			return repo.Digests{}, false
		}
		d.Set(e.Algorithm, e.Digest)
	}
	return d, true
}

// Package rpmver orders rpm versions as rpm does.
//
// The rules are those of rpmvercmp and rpmverCmp in rpm's own sources
// (rpmio/rpmvercmp.c and rpmver.c, 4.18). The libraries at hand get "^" wrong.
package rpmver

import (
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// MaxLen bounds the bytes of a version. Real ones are below a hundred. Going
// past it is a [repo.FormatError].
const MaxLen = 4096

// EVR is a version in its parts.
type EVR struct {
	Epoch   uint32
	Version string
	// Release is empty when the version names none.
	Release string
}

// String returns [epoch:]version[-release], epoch 0 left out.
func (e EVR) String() string {
	s := e.Version
	if e.Epoch != 0 {
		s = strconv.FormatUint(uint64(e.Epoch), 10) + ":" + s
	}
	if e.Release != "" {
		s += "-" + e.Release
	}
	return s
}

// Compare returns -1, 0 or 1: e is older than, as new as, or newer than o.
func (e EVR) Compare(o EVR) int {
	if e.Epoch != o.Epoch {
		if e.Epoch < o.Epoch {
			return -1
		}
		return 1
	}
	return CompareParts(e.Version, e.Release, o.Version, o.Release)
}

// Parse reads "[epoch:]version[-release]". It is strict: an epoch must be a
// decimal number of 32 bits, version and release must not be empty, and only
// the characters of rpm's ALLOWED_CHARS_VERREL (build/parsePreamble.c) pass.
func Parse(s string) (EVR, error) {
	var e EVR
	if len(s) > MaxLen {
		return e, &repo.FormatError{Text: fmt.Sprintf("rpm version of %d bytes, more than %d", len(s), MaxLen)}
	}
	rest := s
	if epoch, after, ok := strings.Cut(s, ":"); ok {
		n, err := strconv.ParseUint(epoch, 10, 32)
		if err != nil {
			return e, &repo.FormatError{Text: fmt.Sprintf("rpm version %q: epoch %q is not a number of 32 bits", s, epoch)}
		}
		e.Epoch, rest = uint32(n), after
	}
	e.Version = rest
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		e.Version, e.Release = rest[:i], rest[i+1:]
		if e.Release == "" {
			return EVR{}, &repo.FormatError{Text: fmt.Sprintf("rpm version %q: empty release", s)}
		}
	}
	if e.Version == "" {
		return EVR{}, &repo.FormatError{Text: fmt.Sprintf("rpm version %q: empty version", s)}
	}
	for _, part := range []string{e.Version, e.Release} {
		if i := strings.IndexFunc(part, notAllowed); i >= 0 {
			return EVR{}, &repo.FormatError{Text: fmt.Sprintf("rpm version %q: character %q is not allowed", s, part[i])}
		}
	}
	return e, nil
}

func notAllowed(r rune) bool {
	return !(r < 0x80 && (digit(byte(r)) || letter(byte(r)))) && !strings.ContainsRune("._+~^", r)
}

// Compare compares two full versions "[epoch:]version[-release]" and returns
// -1, 0 or 1. Like rpm it takes any text: an epoch counts only when nothing
// but digits is in front of the first colon. Use [Parse] to refuse the rest.
func Compare(a, b string) int {
	ea, va, ra, hasA := split(a)
	eb, vb, rb, hasB := split(b)
	if c := compareNumbers(ea, eb); c != 0 {
		return c
	}
	switch c := CompareSegments(va, vb); {
	case c != 0:
		return c
	case hasA && !hasB: // even if it is empty: compare_values in rpmver.c
		return 1
	case hasB && !hasA:
		return -1
	}
	return CompareSegments(ra, rb)
}

// CompareParts compares two versions and, when these are equal, two releases;
// a release that is missing is older than any (rpmverCmp).
func CompareParts(version, release, otherVersion, otherRelease string) int {
	if c := CompareSegments(version, otherVersion); c != 0 {
		return c
	}
	return CompareSegments(release, otherRelease)
}

// Split takes any text apart as rpm's parseEVR does: the digits before a first
// colon, what is between, and what is behind the last "-". The epoch comes
// without leading zeros, so that it is empty for none and for 0.
func Split(s string) (epoch, version, release string) {
	epoch, version, release, _ = split(s)
	return epoch, version, release
}

func split(s string) (epoch, version, release string, hasRelease bool) {
	digits := 0
	for digits < len(s) && digit(s[digits]) {
		digits++
	}
	if digits < len(s) && s[digits] == ':' {
		epoch, s = strings.TrimLeft(s[:digits], "0"), s[digits+1:]
	}
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		return epoch, s[:i], s[i+1:], true
	}
	return epoch, s, "", false
}

// CompareSegments is rpmvercmp: it compares one version or one release. "~"
// sorts before everything, also before the end; "^" after the end and before
// everything else; numbers are newer than letters; other characters only
// separate.
func CompareSegments(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, separates), strings.TrimLeftFunc(b, separates)
		switch tildeA, tildeB := strings.HasPrefix(a, "~"), strings.HasPrefix(b, "~"); {
		case tildeA && tildeB:
			a, b = a[1:], b[1:]
			continue
		case tildeA:
			return -1
		case tildeB:
			return 1
		}
		if caretA, caretB := strings.HasPrefix(a, "^"), strings.HasPrefix(b, "^"); caretA || caretB {
			switch {
			case a == "":
				return -1
			case b == "":
				return 1
			case !caretA:
				return 1
			case !caretB:
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		class := letter
		if digit(a[0]) {
			class = digit
		}
		var segA, segB string
		segA, a = take(a, class)
		segB, b = take(b, class)
		if segB == "" { // of different kinds: numbers are newer
			if digit(segA[0]) {
				return 1
			}
			return -1
		}
		if digit(segA[0]) {
			segA, segB = strings.TrimLeft(segA, "0"), strings.TrimLeft(segB, "0")
			if c := compareNumbers(segA, segB); c != 0 {
				return c
			}
			continue
		}
		if c := strings.Compare(segA, segB); c != 0 {
			return c
		}
	}
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return -1
	}
	return 1
}

// compareNumbers compares two numbers without leading zeros, of any length.
func compareNumbers(a, b string) int {
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	}
	return strings.Compare(a, b)
}

func take(s string, class func(byte) bool) (segment, rest string) {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// separates is the same for each byte of a character beyond ASCII, so it may
// look at runes.
func separates(r rune) bool {
	return r >= 0x80 || !digit(byte(r)) && !letter(byte(r)) && r != '~' && r != '^'
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

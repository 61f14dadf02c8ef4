// Package debver reads and orders Debian package versions as dpkg does
// (deb-version(7); dpkg's lib/dpkg/parsehelp.c and version.c).
//
// It is own code because github.com/knqyf263/go-deb-version accepts what dpkg
// refuses ("1.0-", letters beyond ASCII) and compares runs of digits as
// machine integers, which makes all numbers beyond 2^63 equal.
package debver

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
)

// MaxLen bounds the bytes of a version, which dpkg does not: the longest in
// Debian has some 60, and it must fit into a file name. Going past it is a
// [repo.FormatError].
const MaxLen = 255

// Version is [epoch:]upstream[-revision].
type Version struct {
	Epoch    int
	Upstream string
	Revision string // may be empty, which equals "0"
}

// Parse reads s, or returns a [repo.FormatError] where
// dpkg --validate-version does not take s without complaint, as dpkg does with
// the control file of a package. Unlike dpkg it refuses white space around s.
func Parse(s string) (Version, error) {
	v, warning, err := ParseLax(s)
	if err == nil {
		err = warning
	}
	if err != nil {
		return Version{}, err
	}
	return v, nil
}

// Valid reports whether [Parse] takes s. It is the quick way to know, where the
// parts do not matter.
func Valid(s string) bool {
	if s == "" || len(s) > MaxLen || !isDigit(s[0]) {
		_, err := Parse(s)
		return err == nil
	}
	for i := range len(s) {
		c := s[i]
		if isDigit(c) || isLetter(c) || c == '.' || c == '+' || c == '~' {
			continue
		}
		if c != '-' || i == len(s)-1 {
			_, err := Parse(s) // an epoch, or a fault
			return err == nil
		}
	}
	return true
}

// ParseLax reads s as dpkg --compare-versions does: of a warning, which is a
// [repo.FormatError] too, dpkg complains and goes on, as it does when it reads
// its own database.
func ParseLax(s string) (v Version, warning, err error) {
	if len(s) > MaxLen {
		return v, nil, refuse(s[:64]+"...", fmt.Sprintf("%d bytes, more than %d", len(s), MaxLen))
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return v, nil, refuse(s, "white space")
	}
	rest := s
	if i := strings.IndexByte(s, ':'); i >= 0 {
		// As dpkg's strtol: white space, an optional sign, then digits only.
		epoch := strings.TrimLeft(s[:i], "\n\v\f\r")
		n, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt32 {
			return v, nil, refuse(s, fmt.Sprintf("epoch %q is not a number from 0 to %d", epoch, math.MaxInt32))
		}
		if v.Epoch, rest = int(n), s[i+1:]; rest == "" {
			return Version{}, nil, refuse(s, "nothing behind the epoch")
		}
	}
	v.Upstream = rest
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		v.Upstream, v.Revision = rest[:i], rest[i+1:]
		if v.Revision == "" {
			return Version{}, nil, refuse(s, "revision is empty")
		}
	}
	if v.Upstream == "" {
		return Version{}, nil, refuse(s, "upstream version is empty")
	}
	if !isDigit(v.Upstream[0]) {
		return v, refuse(s, "upstream version does not start with a digit"), nil
	}
	if c, bad := foreign(v.Upstream, "-:"); bad {
		return v, refuse(s, fmt.Sprintf("%q is not allowed in an upstream version", c)), nil
	}
	if c, bad := foreign(v.Revision, ""); bad {
		return v, refuse(s, fmt.Sprintf("%q is not allowed in a revision", c)), nil
	}
	return v, nil, nil
}

func refuse(s, why string) error {
	return &repo.FormatError{Text: fmt.Sprintf("version %q: %s", s, why)}
}

// foreign returns the first character of s that is neither an ASCII letter nor
// a digit nor one of ".+~" and more.
func foreign(s, more string) (rune, bool) {
	for i := range len(s) {
		c := s[i]
		if isDigit(c) || isLetter(c) || c == '.' || c == '+' || c == '~' || c < utf8.RuneSelf && strings.IndexByte(more, c) >= 0 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(s[i:])
		return r, true
	}
	return 0, false
}

// String returns v as it is written, without an epoch of 0 unless a colon in
// the upstream version would be taken for the epoch's.
func (v Version) String() string {
	s := v.Upstream
	if v.Epoch != 0 || strings.Contains(s, ":") {
		s = strconv.Itoa(v.Epoch) + ":" + s
	}
	if v.Revision != "" {
		s += "-" + v.Revision
	}
	return s
}

// Compare returns -1, 0 or 1 as v is before, the same as or after o.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Epoch, o.Epoch), comparePart(v.Upstream, o.Upstream), comparePart(v.Revision, o.Revision))
}

// Compare orders a and b as dpkg --compare-versions does, also where dpkg warns
// of one of them. It returns an error where dpkg does not compare, and for an
// empty version, which dpkg takes for none.
func Compare(a, b string) (int, error) {
	va, _, err := ParseLax(a)
	if err != nil {
		return 0, err
	}
	vb, _, err := ParseLax(b)
	if err != nil {
		return 0, err
	}
	return va.Compare(vb), nil
}

// comparePart compares upstream versions or revisions: runs of non-digits by
// order, then runs of digits as numbers of any length, in turn.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if c := cmp.Compare(order(a), order(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:] // equal orders: neither is at an end or a digit
		}
		var x, y string
		x, a = digits(a)
		y, b = digits(b)
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
	return 0
}

// order weighs the first byte of s: a tilde before the end and digits, these
// before letters, letters before the rest.
func order(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case isLetter(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}

// digits cuts the leading run of digits off s, without its leading zeros.
func digits(s string) (run, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

// Package repopath keeps paths that a repository names inside its root.
package repopath

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
)

// MaxLen bounds the bytes of a path: it is Linux's PATH_MAX, which no mirror can
// exceed. Going past it is a [repo.FormatError].
const MaxLen = 4096

// TrimDot returns p without "./" in front, which dpkg-scanpackages writes.
func TrimDot(p string) string {
	for strings.HasPrefix(p, "./") {
		p = p[2:]
	}
	return p
}

// Clean returns p, a path that a file of a repository names, without "./" in
// front, or a [repo.FormatError] when p could lead out of the root or mean
// different files to different readers: it must be relative, without a URL
// scheme, without empty, "." or ".." segments, backslashes and control
// characters, in UTF-8, and at most MaxLen bytes.
//
// A path is never percent-encoded: a "%", "?" or "#" in it is the character
// itself, which whoever builds a URL must encode.
func Clean(p string) (string, error) {
	switch {
	case len(p) > MaxLen:
		return "", refuse(p[:64]+"...", fmt.Sprintf("%d bytes, more than %d", len(p), MaxLen))
	case !utf8.ValidString(p):
		return "", refuse(p, "not UTF-8")
	case strings.ContainsFunc(p, unicode.IsControl):
		return "", refuse(p, "has a control character")
	case strings.Contains(p, `\`):
		return "", refuse(p, "has a backslash")
	case strings.HasPrefix(p, "/"):
		return "", refuse(p, "is absolute")
	case hasScheme(p):
		return "", refuse(p, "has a URL scheme")
	}
	c := TrimDot(p)
	for seg := range strings.SplitSeq(c, "/") {
		switch seg {
		case "..":
			return "", refuse(p, "leads out of the repository")
		case "", ".":
			return "", refuse(p, "has an empty segment")
		}
	}
	if hasScheme(c) {
		return "", refuse(p, "has a URL scheme")
	}
	return c, nil
}

// hasScheme follows RFC 3986 section 4.2: a relative path must not have a
// colon in its first segment where a scheme could be read.
func hasScheme(p string) bool {
	for i, c := range []byte(p) {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

func refuse(p, why string) error {
	return &repo.FormatError{Text: fmt.Sprintf("path %q %s", p, why)}
}

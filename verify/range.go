package verify

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo/debver"
)

// Range is a set of upstream versions: those that meet every bound. The zero
// value holds all.
type Range struct {
	bounds []bound
}

type bound struct {
	operator, version string
}

// ParseRange reads bounds such as ">= 1.24.0 < 1.24.2". A version before which
// no operator stands is met by itself alone.
func ParseRange(s string) (Range, error) {
	var r Range
	words := strings.Fields(s)
	for i := 0; i < len(words); i++ {
		b := bound{operator: "=", version: words[i]}
		switch words[i] {
		case "<", "<=", "=", ">=", ">":
			if i+1 == len(words) {
				return Range{}, fmt.Errorf("range %q: no version after %s", s, words[i])
			}
			b.operator = words[i]
			i++
			b.version = words[i]
		}
		if _, err := debver.Parse(ordered(b.version)); err != nil {
			return Range{}, fmt.Errorf("range %q: %w", s, err)
		}
		r.bounds = append(r.bounds, b)
	}
	return r, nil
}

// Contains reports whether the upstream version is in r. 1.30.0-rc.1 comes
// before 1.30.0, as Semantic Versioning 2.0.0 section 11 orders them. A version
// that dpkg would refuse is in no range that has bounds.
func (r Range) Contains(version string) bool {
	for _, b := range r.bounds {
		n, err := debver.Compare(ordered(version), ordered(b.version))
		if err != nil {
			return false
		}
		var met bool
		switch b.operator {
		case "<":
			met = n < 0
		case "<=":
			met = n <= 0
		case "=":
			met = n == 0
		case ">=":
			met = n >= 0
		case ">":
			met = n > 0
		}
		if !met {
			return false
		}
	}
	return true
}

// ordered writes an upstream version so that dpkg's order is the upstream's: "~"
// sorts before the end.
func ordered(version string) string { return strings.ReplaceAll(version, "-", "~") }

package publish

import (
	"fmt"
	"slices"
	"strings"
)

// bound is one comparison with a version, such as ">= 1.19.0".
type bound struct {
	operator string
	version  Version
}

// operators are those that dpkg, rpm and this package all understand alike.
func operators() []string { return []string{">=", "<=", "<", ">", "="} }

func parseBound(operator, text string) (bound, error) {
	if !slices.Contains(operators(), operator) {
		return bound{}, fmt.Errorf("operator %q: want one of %s", operator, strings.Join(operators(), " "))
	}
	version, err := ParseVersion(text)
	return bound{operator, version}, err
}

// Range is a set of releases: bounds with spaces between, all of which must
// hold, such as ">= 1.25.1 < 1.28.0". An empty range holds every release.
//
// A pre-release is where the release is that it leads to: 1.28.0-rc.1 has what
// 1.28.0 has.
type Range struct {
	text   string
	bounds []bound
}

// UnmarshalText reads a range.
func (r *Range) UnmarshalText(text []byte) error {
	fields := strings.Fields(string(text))
	if len(fields)%2 != 0 {
		return fmt.Errorf("range %q: want pairs of operator and version, with spaces between", text)
	}
	r.text, r.bounds = string(text), nil
	for pair := range slices.Chunk(fields, 2) {
		b, err := parseBound(pair[0], pair[1])
		if err != nil {
			return fmt.Errorf("range %q: %w", text, err)
		}
		r.bounds = append(r.bounds, b)
	}
	return nil
}

// MarshalText writes the range as it was read.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.text), nil }

// Holds says whether a release is in the range.
func (r Range) Holds(release Version) bool {
	for _, b := range r.bounds {
		order := release.final().Compare(b.version)
		ok := map[string]bool{">=": order >= 0, "<=": order <= 0, "<": order < 0, ">": order > 0, "=": order == 0}
		if !ok[b.operator] {
			return false
		}
	}
	return true
}

// UnmarshalText reads a version.
func (v *Version) UnmarshalText(text []byte) error {
	version, err := ParseVersion(string(text))
	*v = version
	return err
}

// Need is another package that a package depends on, with a bound or none:
// "util-linux", "iptables >= 1.4.21".
type Need struct {
	name  string
	bound bound
}

// UnmarshalText reads a need.
func (n *Need) UnmarshalText(text []byte) error {
	fields := strings.Fields(string(text))
	if len(fields) != 1 && len(fields) != 3 {
		return fmt.Errorf("dependency %q: want a name, or name, operator and version", text)
	}
	n.name = fields[0]
	if len(fields) == 3 {
		b, err := parseBound(fields[1], fields[2])
		if err != nil {
			return fmt.Errorf("dependency %q: %w", text, err)
		}
		n.bound = b
	}
	return nil
}

// Text writes the need as a package of that format does.
func (n Need) Text(format Format) string {
	if n.bound.operator == "" {
		return n.name
	}
	if format == RPM {
		return n.name + " " + n.bound.operator + " " + string(n.bound.version)
	}
	operator := n.bound.operator
	if operator == "<" || operator == ">" {
		// Debian Policy 7.1: strictly earlier is "<<", strictly later ">>".
		operator += operator
	}
	return n.name + " (" + operator + " " + string(n.bound.version) + ")"
}

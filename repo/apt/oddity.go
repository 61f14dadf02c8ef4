package apt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debrel"
)

// Oddity is a fault of an entry of an index that apt reads all the same: bytes
// that are not UTF-8, a field that is there twice, a relationship field that
// does not parse. It is yielded before its entry, beside which it stands; a
// plain *[repo.FormatError] is yielded in place of an entry.
type Oddity struct {
	// Dpkg is set when dpkg refuses a control file with this fault.
	Dpkg bool
	// Err says where and what.
	Err *repo.FormatError
}

// Error returns what is wrong and where.
func (o *Oddity) Error() string { return o.Err.Error() }

// Unwrap returns the *[repo.FormatError].
func (o *Oddity) Unwrap() error { return o.Err }

// oddities returns what the reader of stanzas found odd about s.
func oddities(s deb822.Stanza) []error {
	var all []error
	for _, f := range s.Faults {
		e := f.Err()
		e.Text += ", in the stanza of " + describe(s)
		all = append(all, &Oddity{Dpkg: f.Dpkg, Err: e})
	}
	return all
}

// checkRelations returns an *[Oddity] for each relationship field, of which
// values are the values, that does not parse.
func checkRelations(s deb822.Stanza, fields, values []string) []error {
	var all []error
	for i, value := range values {
		if value == "" {
			continue
		}
		kind, _ := debrel.KindOf(fields[i])
		err := debrel.Check(kind, value)
		if err == nil {
			continue
		}
		line := s.LineOf(fields[i])
		if syntax, ok := errors.AsType[*debrel.SyntaxError](err); ok {
			line += strings.Count(value[:syntax.Offset], "\n")
		}
		all = append(all, &Oddity{Dpkg: true, Err: &repo.FormatError{
			Where: "line " + strconv.Itoa(line), Text: fmt.Sprintf("%s of %s: %v", fields[i], describe(s), err),
		}})
	}
	return all
}

func fault(line int, format string, args ...any) error {
	return &repo.FormatError{Where: "line " + strconv.Itoa(line), Text: fmt.Sprintf(format, args...)}
}

// describe names the package of s as far as it has a name.
func describe(s deb822.Stanza) string {
	return fmt.Sprintf("%.80q", strings.TrimSpace(s.Fields.Value("Package")+" "+s.Fields.Value("Version")+" "+s.Fields.Value("Architecture")))
}

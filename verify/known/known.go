package known

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"sigs.k8s.io/pkgverify/verify"
)

// Bounds on the file: it is written by hand.
const (
	// MaxSize bounds the file, in bytes.
	MaxSize = 1 << 20
	// MaxEntries bounds its entries.
	MaxEntries = 1000
	// MaxSubject bounds a glob, in bytes.
	MaxSubject = 1000
)

// Check is the name under which warnings of the file itself are reported.
const Check = "known-issues"

// Entry is one known issue.
type Entry struct {
	Check   string `yaml:"check"`
	Subject string `yaml:"subject"`
	Reason  string `yaml:"reason"`
	Link    string `yaml:"link"`
	Expires string `yaml:"expires"`

	line int
	// ends is the first moment at which it no longer holds.
	ends time.Time
	glob glob
}

// UnmarshalYAML implements yaml.Unmarshaler: it keeps the line, for messages.
func (e *Entry) UnmarshalYAML(n *yaml.Node) error {
	type plain Entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		// A decoder that is strict does not hand that on to unmarshalers.
		switch name := n.Content[i]; name.Value {
		case "check", "subject", "reason", "link", "expires":
		default:
			return fmt.Errorf("line %d: there is no member %q; an entry has check, subject, reason, link and expires", name.Line, name.Value)
		}
	}
	if err := n.Decode((*plain)(e)); err != nil {
		return err
	}
	e.line = n.Line
	return nil
}

// List is a file of known issues, and what has become of its entries. A nil
// List has none. It is not for several goroutines at once.
type List struct {
	name    string
	entries []Entry
	now     time.Time
	states  []state
}

// state is what a run has seen of an entry.
type state struct {
	used bool
	// asked says that a check that the entry is about came to a result, open
	// that another one did not.
	asked, open bool
}

// Load reads the file at path. checks are the IDs that there are. Its error
// joins every problem.
func Load(path string, checks []string, now time.Time) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	return Read(f, path, checks, now)
}

// Read is [Load] from r; name is how the user knows it.
func Read(r io.Reader, name string, checks []string, now time.Time) (*List, error) {
	limited := &io.LimitedReader{R: r, N: MaxSize + 1}
	dec := yaml.NewDecoder(limited)
	dec.KnownFields(true)
	l := &List{name: name, now: now}
	err := dec.Decode(&l.entries)
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxSize)
	case errors.Is(err, io.EOF):
		return l, nil // no entries left is what everybody hopes for
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document", name)
	}
	if n := len(l.entries); n > MaxEntries {
		return nil, fmt.Errorf("%s: %d entries, at most %d are taken", name, n, MaxEntries)
	}
	exists := make(map[string]bool)
	for _, id := range checks {
		exists[id] = true
	}
	type key struct{ check, subject string }
	seen := make(map[key]int)
	var problems []error
	for i := range l.entries {
		e := &l.entries[i]
		bad := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("%s line %d: %w", name, e.line, fmt.Errorf(format, args...)))
		}
		for _, m := range []struct{ member, value string }{
			{"check", e.Check}, {"subject", e.Subject}, {"reason", e.Reason}, {"link", e.Link}, {"expires", e.Expires},
		} {
			if strings.TrimSpace(m.value) == "" {
				bad("%s is missing", m.member)
			}
		}
		if e.Check != "" && !exists[e.Check] {
			bad("there is no check %q; verify checks lists them", e.Check)
		}
		if u, err := url.Parse(e.Link); e.Link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			bad("link %q is not an http address", e.Link)
		}
		if len(e.Subject) > MaxSubject {
			bad("subject has %d bytes, at most %d are taken", len(e.Subject), MaxSubject)
		}
		if day, err := time.Parse(time.DateOnly, e.Expires); err == nil {
			e.ends = day.AddDate(0, 0, 1)
		} else if e.Expires != "" {
			bad("expires %q is not a date; write it as 2026-12-31", e.Expires)
		}
		if first, twice := seen[key{e.Check, e.Subject}]; twice {
			bad("the same check and subject as on line %d", first)
		}
		seen[key{e.Check, e.Subject}] = e.line
		e.glob = parseGlob(e.Subject)
	}
	l.states = make([]state, len(l.entries))
	return l, errors.Join(problems...)
}

// Text is what the glob of an entry is held against: what a finding of the
// target is about.
func Text(target string, s verify.Subject) string {
	var parts []string
	for _, p := range []string{target, s.Package, s.Version, s.Arch, s.File, s.Distro} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// Mark makes the findings of r that are listed known, with the reason and the
// link among their evidence, and derives the status of r anew.
func (l *List) Mark(r *verify.Result) {
	if l == nil || len(l.entries) == 0 {
		return
	}
	for i := range l.entries {
		e := &l.entries[i]
		if e.Check != r.Check || !e.glob.begins(r.Target) {
			continue
		}
		switch r.Status {
		case verify.Blocked, verify.Skipped:
			l.states[i].open = true
		case verify.NotApplicable:
		default:
			l.states[i].asked = true
		}
	}
	marked := false
	for i := range r.Findings {
		f := &r.Findings[i]
		if (f.Status == verify.Fail || f.Status == verify.Warn) && l.mark(r, f) {
			marked = true
		}
	}
	if marked {
		r.Decide()
	}
}

// mark makes one finding known, if an entry in force is about it.
func (l *List) mark(r *verify.Result, f *verify.Finding) bool {
	text := Text(r.Target, f.Subject)
	found := -1
	for i := range l.entries {
		e := &l.entries[i]
		if e.Check != r.Check || !e.glob.fits(text) {
			continue
		}
		l.states[i].used = true
		if found < 0 && l.now.Before(e.ends) {
			found = i
		}
	}
	if found < 0 {
		return false
	}
	e := &l.entries[found]
	f.Status = verify.Known
	// First, because renderings show the first lines only.
	f.Evidence = append([]string{fmt.Sprintf("known issue: %s (%s; until %s)", e.Reason, e.Link, e.Expires)}, f.Evidence...)
	return true
}

// Result says what is to be done about the file itself: entries that have
// expired, and entries that marked nothing although what they are about was
// asked. A nil List has no result.
func (l *List) Result() (verify.Result, bool) {
	if l == nil {
		return verify.Result{}, false
	}
	res := verify.Result{Check: Check, Severity: verify.Warning}
	used := 0
	for i := range l.entries {
		e, s := &l.entries[i], l.states[i]
		f := verify.Finding{
			Status:   verify.Warn,
			Subject:  verify.Subject{File: l.name},
			URL:      e.Link,
			Evidence: []string{fmt.Sprintf("%s line %d: %s: %s", l.name, e.line, e.Check, e.Subject), e.Reason},
		}
		switch expired := !l.now.Before(e.ends); {
		case expired && s.used:
			f.Message = fmt.Sprintf("a known issue has expired on %s, and is still there (%s, %q)", e.Expires, e.Check, e.Subject)
			f.Hint = "mend it, or look at it again and set a new date"
		case expired:
			f.Message = fmt.Sprintf("a known issue has expired on %s (%s, %q)", e.Expires, e.Check, e.Subject)
			f.Hint = "take it out of the file; if it is still there, look at it again and set a new date"
		case s.used:
			used++
			continue
		case !s.asked || s.open:
			continue // this run cannot tell
		default:
			f.Message = fmt.Sprintf("a known issue was not met (%s, %q)", e.Check, e.Subject)
			f.Want, f.Got = "a finding that it is about", "none"
			f.Hint = "if it is mended, take it out of the file; if it is still there, hold the subject against the one in the report"
		}
		res.Findings = append(res.Findings, f)
	}
	res.Decide()
	if len(res.Findings) == 0 {
		res.Message = fmt.Sprintf("%s: %d entries, %d of them met in this run", l.name, len(l.entries), used)
	}
	return res, true
}

package apt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// MaxEntries bounds the files that a Release lists; Debian's own lists some
// 3,000 once. Going past it is a fault of the file, and the rest is not read.
const MaxEntries = 100_000

// ParseRelease reads a Release file, or an InRelease file's signed text, of
// which by is the name in the claims that it makes. The error is a
// *[repo.FormatError] when r does not begin with a stanza that parses; what
// else is wrong is one of the result's Faults, and the rest stands.
func ParseRelease(r io.Reader, by string) (*repo.Release, error) {
	p := releaseParser{by: by, index: map[string]int{}}
	n := 0
	for s, err := range deb822.IndexStanzas(r) {
		if _, bad := errors.AsType[*repo.FormatError](err); err != nil && (n == 0 || !bad) {
			return nil, fmt.Errorf("%s: %w", by, err)
		}
		if n++; n > 1 {
			p.tolerated(s.Line, "a second stanza, of which apt reads nothing")
			break
		}
		p.stanza = s
		p.parse()
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: %w", by, &repo.FormatError{Text: "no fields"})
	}
	return &p.rel, nil
}

type releaseParser struct {
	by     string
	stanza deb822.Stanza
	rel    repo.Release
	index  map[string]int // path to its place in rel.Entries
	full   bool
}

func (p *releaseParser) parse() {
	get := p.stanza.Fields.Value
	p.rel = repo.Release{
		Origin: get("Origin"), Label: get("Label"), Suite: get("Suite"), Archive: get("Archive"), Codename: get("Codename"),
		Fields: p.stanza.Fields,
	}
	for _, f := range p.stanza.Faults {
		p.tolerated(f.Line, "%s", f.Text)
	}
	if v := get("Architectures"); v != "" {
		p.rel.Architectures = strings.Fields(v)
	}
	if v := get("Components"); v != "" {
		p.rel.Components = strings.Fields(v)
	}
	p.rel.Date = p.date("Date")
	p.rel.ValidUntil = p.date("Valid-Until")
	p.rel.AcquireByHash = p.flag("Acquire-By-Hash")
	p.flag("NotAutomatic") // what they say stays in Fields
	p.flag("ButAutomaticUpgrades")
	for line, f := range p.stanza.Lines() {
		alg, ok := repo.ParseAlgorithm(f.Name)
		switch {
		case ok:
			p.list(alg, f.Value, line)
		case looksLikeHashes(f.Value):
			p.tolerated(line, "%.40q lists hashes of a kind that is not known: not read", f.Name)
		}
	}
}

// looksLikeHashes reports whether a value is a list of "digest size path".
func looksLikeHashes(value string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(value, "\n "), "\n")
	f := strings.Fields(first)
	if len(f) != 3 || len(f[0]) < repo.MD5.HexLen() {
		return false
	}
	_, notHex := hex.DecodeString(f[0])
	_, notSize := parseSize(f[1])
	return notHex == nil && notSize == nil
}

// flag reads a field as apt's StringToBool does.
func (p *releaseParser) flag(field string) bool {
	switch v := strings.ToLower(p.stanza.Fields.Value(field)); v {
	case "yes", "true", "with", "on", "enable", "1":
		return true
	case "", "no", "false", "without", "off", "disable", "0":
	default:
		p.fault(p.stanza.LineOf(field), "%s: want yes or no, got %.40q", field, v)
	}
	return false
}

func (p *releaseParser) fault(line int, format string, args ...any) {
	if len(p.rel.Faults) < repo.MaxFaults {
		p.rel.Faults = append(p.rel.Faults, repo.Problem{
			Kind: repo.Malformed, Where: "line " + strconv.Itoa(line), Text: fmt.Sprintf(format, args...),
		})
	}
}

// tolerated records a fault that apt reads over.
func (p *releaseParser) tolerated(line int, format string, args ...any) {
	n := len(p.rel.Faults)
	p.fault(line, format, args...)
	if n < len(p.rel.Faults) {
		p.rel.Faults[n].Tolerated = true
	}
}

func (p *releaseParser) date(field string) time.Time {
	v, ok := p.stanza.Fields.Get(field)
	if !ok {
		return time.Time{}
	}
	t, err := parseDate(v)
	if err != nil {
		p.fault(p.stanza.LineOf(field), "%s: %v", field, err)
	}
	return t
}

// list reads one list of hashes, which begins after line.
func (p *releaseParser) list(alg repo.Algorithm, value string, line int) {
	seen := map[string]bool{}
	for text := range strings.SplitSeq(value, "\n") {
		if text == "" { // beside the field's name
			line++
			continue
		}
		p.entry(alg, text, line, seen)
		line++
	}
}

func (p *releaseParser) entry(alg repo.Algorithm, text string, line int, seen map[string]bool) {
	f := strings.Fields(text)
	if len(f) != 3 {
		p.fault(line, "want \"digest size path\", got %.120q: apt refuses the file", text)
		return
	}
	digest, err := parseDigest(alg, f[0])
	if err != nil {
		p.fault(line, "%v", err)
		return
	}
	size, err := parseSize(f[1])
	if err != nil {
		p.fault(line, "%v", err)
		return
	}
	path, err := repopath.Clean(f[2])
	if err != nil {
		p.fault(line, "%v", err)
		return
	}
	if seen[path] {
		p.fault(line, "%q is listed twice under %s", path, alg)
		return
	}
	seen[path] = true
	i, ok := p.index[path]
	if !ok {
		if len(p.rel.Entries) == MaxEntries {
			if !p.full {
				p.full = true
				p.fault(line, "more than %d files listed: the rest is not read", MaxEntries)
			}
			return
		}
		i = len(p.rel.Entries)
		p.index[path] = i
		p.rel.Entries = append(p.rel.Entries, repo.ReleaseEntry{
			Path: path, Claim: repo.Claim{By: p.by, Line: line, Size: size},
		})
	}
	e := &p.rel.Entries[i]
	if e.Size != size {
		p.fault(line, "%q has %d bytes here and %d bytes on line %d", path, size, e.Size, e.Line)
		return
	}
	e.Digests.Set(alg, digest)
}

// parseSize reads a size in bytes: decimal digits only.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("want a size in bytes, got %.40q", s)
	}
	return int64(n), nil
}

package apt

import (
	"encoding/hex"
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
// 3,000 once.
const MaxEntries = 100_000

// ParseRelease reads a Release file, or an InRelease file's signed text, of
// which by is the name in the claims that it makes. The error is a
// *[repo.FormatError] when r does not hold exactly one stanza; a field that
// does not parse is one of the result's Faults, and the rest stands.
func ParseRelease(r io.Reader, by string) (*repo.Release, error) {
	var only *deb822.Stanza
	for s, err := range deb822.Stanzas(r) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", by, err)
		}
		if only != nil {
			return nil, fmt.Errorf("%s: %w", by, &repo.FormatError{
				Where: "line " + strconv.Itoa(s.Line), Text: "a second stanza, want one",
			})
		}
		only = &s
	}
	if only == nil {
		return nil, fmt.Errorf("%s: %w", by, &repo.FormatError{Text: "no fields"})
	}
	p := releaseParser{by: by, stanza: *only, index: map[string]int{}}
	return p.parse(), nil
}

type releaseParser struct {
	by     string
	stanza deb822.Stanza
	rel    repo.Release
	index  map[string]int // path to its place in rel.Entries
	full   bool
}

func (p *releaseParser) parse() *repo.Release {
	get := func(name string) string {
		v, _ := p.stanza.Fields.Get(name)
		return v
	}
	p.rel = repo.Release{
		Origin: get("Origin"), Label: get("Label"), Suite: get("Suite"), Archive: get("Archive"), Codename: get("Codename"),
		Fields: p.stanza.Fields,
	}
	if v := get("Architectures"); v != "" {
		p.rel.Architectures = strings.Fields(v)
	}
	if v := get("Components"); v != "" {
		p.rel.Components = strings.Fields(v)
	}
	p.rel.Date = p.date("Date")
	p.rel.ValidUntil = p.date("Valid-Until")
	switch v := strings.ToLower(get("Acquire-By-Hash")); v {
	case "yes", "true", "with", "on", "enable", "1": // apt's StringToBool
		p.rel.AcquireByHash = true
	case "", "no", "false", "without", "off", "disable", "0":
	default:
		p.fault(p.stanza.LineOf("Acquire-By-Hash"), "Acquire-By-Hash: want yes or no, got %.40q", v)
	}
	for i, f := range p.stanza.Fields {
		switch strings.ToLower(f.Name) {
		case "md5sum", "sha1", "sha256", "sha512":
			alg, _ := repo.ParseAlgorithm(f.Name)
			p.list(alg, f.Value, p.stanza.Lines[i])
		}
	}
	return &p.rel
}

func (p *releaseParser) fault(line int, format string, args ...any) {
	if len(p.rel.Faults) < repo.MaxFaults {
		p.rel.Faults = append(p.rel.Faults, repo.Problem{
			Kind: repo.Malformed, Where: "line " + strconv.Itoa(line), Text: fmt.Sprintf(format, args...),
		})
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

// parseDate reads the forms that apt takes (RFC1123StrToTime in
// apt-pkg/contrib/strutl.cc) and tools write: RFC 2822, which must be UTC, and
// asctime without a zone, as OBS writes it, which means UTC. The time is right
// also with the error that the zone is not UTC.
func parseDate(v string) (time.Time, error) {
	for _, layout := range []string{"Mon Jan _2 15:04:05 2006", "Mon, _2 Jan 2006 15:04:05 GMT", "Mon, _2 Jan 2006 15:04:05 UTC", "Mon, _2 Jan 2006 15:04:05 Z"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", v)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.60q is neither an RFC 2822 date nor one of asctime", v)
	}
	if _, offset := t.Zone(); offset != 0 {
		return t.UTC(), fmt.Errorf("%.60q is not in UTC, as apt wants", v)
	}
	return t.UTC(), nil
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
		p.fault(line, "want \"digest size path\", got %.120q", text)
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
			Path: path, Claim: repo.Claim{By: p.by, Line: line, Size: size, Digests: repo.Digests{}},
		})
	}
	e := &p.rel.Entries[i]
	if e.Size != size {
		p.fault(line, "%q has %d bytes here and %d bytes on line %d", path, size, e.Size, e.Line)
		return
	}
	e.Digests[alg] = digest
}

// parseDigest returns s in lower case if it is a digest of alg in hexadecimal.
func parseDigest(alg repo.Algorithm, s string) (string, error) {
	if _, err := hex.DecodeString(s); err != nil || len(s) != alg.HexLen() {
		return "", fmt.Errorf("%s: want %d hexadecimal digits, got %.140q", alg, alg.HexLen(), s)
	}
	return strings.ToLower(s), nil
}

// parseSize reads a size in bytes: decimal digits only.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("want a size in bytes, got %.40q", s)
	}
	return int64(n), nil
}

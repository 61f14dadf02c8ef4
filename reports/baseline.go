package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds on a report that is read as a baseline. It is read as a stream, so
// that only the packages of wanted targets are held.
const (
	// MaxBaselineSize bounds the file, in bytes: 100,000 packages with all that
	// was learnt of their files make about 300 MB.
	MaxBaselineSize = 4 << 30
	// MaxBaselineValue bounds one string or one package of it, in bytes.
	MaxBaselineValue = 16 << 20
	// MaxBaselinePackages bounds the packages of one target.
	MaxBaselinePackages = 1_000_000
)

// ErrBaselineTooLarge says that a report goes past a bound of baselines.
var ErrBaselineTooLarge = errors.New("too large for a baseline")

// Baseline is what an earlier report holds of the repositories.
type Baseline struct {
	// Profile is the plan's.
	Profile     string
	Finished    time.Time
	Interrupted bool
	// Targets holds what was asked for, by the target's name.
	Targets map[string]*verify.Baseline
	// Others are the names of the targets that were not asked for.
	Others []string
}

// ReadBaseline reads a report.json for what it says of the targets that wanted
// accepts, by name. source is how the user knows the file. Errors are a
// [*SchemaError] for another schema, one that matches [ErrBaselineTooLarge], an
// error of r, or one that says what does not parse, and where.
func ReadBaseline(r io.Reader, source string, wanted func(target string) bool) (*Baseline, error) {
	in := &metered{r: r, limit: MaxBaselineValue}
	b := &baselineReader{in: in, dec: json.NewDecoder(in), wanted: wanted,
		out: &Baseline{Targets: make(map[string]*verify.Baseline)}}
	err := b.report()
	var schema *SchemaError
	switch {
	case errors.As(err, &schema):
		return nil, err
	case errors.Is(err, io.EOF) && b.dec.InputOffset() == 0:
		return nil, errors.New("not a report: it is empty")
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("offset %d: %w", b.dec.InputOffset(), err)
	}
	for _, t := range b.out.Targets {
		t.Source, t.Finished = source, b.out.Finished
	}
	return b.out, nil
}

// metered fails when more is read than the decoder can use: a value may not be
// longer than its bound.
type metered struct {
	r     io.Reader
	n     int64
	limit int64
}

func (m *metered) Read(p []byte) (int, error) {
	if m.n > m.limit {
		if m.n > MaxBaselineSize {
			return 0, fmt.Errorf("%w: more than %d bytes", ErrBaselineTooLarge, int64(MaxBaselineSize))
		}
		return 0, fmt.Errorf("%w: a value of more than %d bytes", ErrBaselineTooLarge, MaxBaselineValue)
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

type baselineReader struct {
	in     *metered
	dec    *json.Decoder
	wanted func(string) bool
	out    *Baseline
	schema string
}

// allow moves the bound on what may be read on to the next value.
func (b *baselineReader) allow() {
	b.in.limit = min(b.dec.InputOffset()+MaxBaselineValue, MaxBaselineSize)
}

func (b *baselineReader) token() (json.Token, error) {
	b.allow()
	return b.dec.Token()
}

func (b *baselineReader) value(v any) error {
	b.allow()
	return b.dec.Decode(v)
}

// open reads the sign that begins an object or a list. It reports false for a
// null in its place.
func (b *baselineReader) open(sign json.Delim) (bool, error) {
	t, err := b.token()
	if err != nil || t == nil {
		return false, err
	}
	if t != sign {
		return false, fmt.Errorf("wanted %q, got %v", sign.String(), t)
	}
	return true, nil
}

// object calls member for each member of an object, by name; member reads the
// value.
func (b *baselineReader) object(member func(name string) error) error {
	ok, err := b.open('{')
	if err != nil || !ok {
		return err
	}
	for b.dec.More() {
		t, err := b.token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return fmt.Errorf("wanted a name, got %v", t)
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err = b.token()
	return err
}

// list calls element for each element of a list.
func (b *baselineReader) list(element func() error) error {
	ok, err := b.open('[')
	if err != nil || !ok {
		return err
	}
	for b.dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = b.token()
	return err
}

// skip reads over one value of any length.
func (b *baselineReader) skip() error {
	for depth := 0; ; {
		t, err := b.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (b *baselineReader) report() error {
	err := b.object(func(name string) error {
		switch name {
		case "schema":
			if err := b.value(&b.schema); err != nil {
				return err
			}
			return b.known()
		case "finished":
			return b.value(&b.out.Finished)
		case "interrupted":
			return b.value(&b.out.Interrupted)
		case "plan":
			return b.object(func(name string) error {
				if name == "profile" {
					return b.value(&b.out.Profile)
				}
				return b.skip()
			})
		case "repositories":
			return b.list(b.repository)
		}
		return b.skip()
	})
	if err != nil {
		return err
	}
	// Other tools may have put the members into another order.
	if err := b.known(); err != nil {
		return err
	}
	if t, err := b.token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("wanted the end, got %v (%v)", t, err)
	}
	return nil
}

func (b *baselineReader) known() error {
	if b.schema != Schema {
		return &SchemaError{Got: b.schema}
	}
	return nil
}

// published is the part of a package's JSON that a baseline needs.
type published struct {
	Name    string     `json:"name"`
	Version string     `json:"version"`
	Arch    string     `json:"arch"`
	Path    string     `json:"path"`
	Claim   repo.Claim `json:"claim"`
}

// lists is the part of the metadata's JSON that says whether packages were
// read.
type lists struct {
	Indexes []repo.Index `json:"indexes"`
}

func (b *baselineReader) repository() error {
	var target repo.Target
	here := &verify.Baseline{Unknown: "that run could not read the list of packages"}
	err := b.object(func(name string) error {
		switch name {
		case "target":
			return b.value(&target)
		case "apt", "rpm":
			var l *lists
			if err := b.value(&l); err != nil || l == nil {
				return err
			}
			for _, x := range l.Indexes {
				if x.Parsed && verify.IsPackageIndex(x) {
					here.Unknown = ""
				}
			}
			return nil
		case "packages":
			if target != (repo.Target{}) && !b.wanted(target.Name()) {
				return b.skip()
			}
			return b.list(func() error { return b.published(here) })
		}
		return b.skip()
	})
	if err != nil {
		return err
	}
	name := target.Name()
	if !b.wanted(name) {
		b.out.Others = append(b.out.Others, name)
		return nil
	}
	here.URL = target.URL
	b.out.Targets[name] = here
	return nil
}

func (b *baselineReader) published(to *verify.Baseline) error {
	var p published
	if err := b.value(&p); err != nil {
		return err
	}
	if len(to.Packages) == MaxBaselinePackages {
		return fmt.Errorf("%w: more than %d packages in one repository", ErrBaselineTooLarge, MaxBaselinePackages)
	}
	to.Packages = append(to.Packages, verify.Published{
		Name: p.Name, Version: p.Version, Arch: p.Arch, Path: p.Path, Size: p.Claim.Size, Digests: strongest(p.Claim.Digests),
	})
	return nil
}

// strongest leaves out the weak digests where there are strong ones: nothing
// changes under a SHA-256 that MD5 could tell.
func strongest(d repo.Digests) repo.Digests {
	var strong repo.Digests
	for a, hex := range d.All() {
		if a.Strong() {
			strong.Set(a, hex)
		}
	}
	if strong == (repo.Digests{}) {
		return d
	}
	return strong
}

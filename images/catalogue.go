package images

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.yaml.in/yaml/v3"

	"sigs.k8s.io/pkgverify/repo"
)

//go:embed catalogue.yaml
var catalogueYAML []byte

// MaxCatalogue bounds a catalogue file, in bytes.
const MaxCatalogue = 1 << 20

// Distribution is an image in which packages are installed. The fields are
// those of catalogue.yaml, which documents them.
type Distribution struct {
	Name          string      `yaml:"name" json:"name"`
	Title         string      `yaml:"title" json:"title"`
	Manager       Manager     `yaml:"manager" json:"manager"`
	Reference     string      `yaml:"reference" json:"reference,omitempty"`
	Architectures []repo.Arch `yaml:"architectures" json:"architectures"`
	EndOfLife     Date        `yaml:"end_of_life" json:"end_of_life,omitzero"`
	StandIn       bool        `yaml:"stand_in" json:"stand_in,omitempty"`
	Notice        string      `yaml:"notice" json:"notice,omitempty"`
	Build         *Build      `yaml:"build" json:"build,omitempty"`
}

// Build says how an image is made from Debian's packages.
type Build struct {
	Recipe string `yaml:"recipe" json:"recipe"`
	Suite  string `yaml:"suite" json:"suite"`
}

// Supports reports whether the image exists for arch.
func (d Distribution) Supports(arch repo.Arch) bool {
	return slices.Contains(d.Architectures, arch)
}

// NoticeAt returns what a reader of the results should know of d on a day: that
// it is a stand-in, that it gets no updates any more; "" for nothing.
func (d Distribution) NoticeAt(now time.Time) string {
	if !d.EndOfLife.Before(now) {
		return d.Notice
	}
	ended := fmt.Sprintf("%s reached its end of life on %s: it gets no more security updates that are free to all.", d.Title, d.EndOfLife)
	return strings.TrimSpace(d.Notice + " " + ended)
}

// Date is a day; the zero Date is none.
type Date struct{ day time.Time }

// dateLayout is how a Date is written (RFC 3339, full-date).
const dateLayout = time.DateOnly

// ParseDate reads a day written as YYYY-MM-DD.
func ParseDate(text string) (Date, error) {
	day, err := time.Parse(dateLayout, text)
	if err != nil {
		return Date{}, fmt.Errorf("date %q: want YYYY-MM-DD", text)
	}
	return Date{day}, nil
}

// IsZero reports whether d is none.
func (d Date) IsZero() bool { return d.day.IsZero() }

// Before reports whether d has passed everywhere on earth; none never has.
func (d Date) Before(now time.Time) bool {
	// A day ends last at UTC-12.
	const last = 36 * time.Hour
	return !d.IsZero() && !now.Before(d.day.Add(last))
}

// String returns YYYY-MM-DD, or "" for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.day.Format(dateLayout)
}

// MarshalText implements [encoding.TextMarshaler].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; the empty text is none.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	var err error
	*d, err = ParseDate(string(text))
	return err
}

// Catalogue returns the distributions that the program knows, in the order in
// which they are reported.
func Catalogue() ([]Distribution, error) {
	return ParseCatalogue(bytes.NewReader(catalogueYAML))
}

// Find returns the distribution of that name.
func Find(all []Distribution, name string) (Distribution, bool) {
	i := slices.IndexFunc(all, func(d Distribution) bool { return d.Name == name })
	if i < 0 {
		return Distribution{}, false
	}
	return all[i], true
}

// LoadCatalogue returns the program's distributions with those of a catalogue
// file: an entry of the file takes the place of the one of its name, whole, or
// is added at the end. An empty path adds none.
func LoadCatalogue(path string) ([]Distribution, error) {
	all, err := Catalogue()
	if err != nil || path == "" {
		return all, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("catalogue of distributions: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	own, err := ParseCatalogue(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, d := range own {
		if i := slices.IndexFunc(all, func(o Distribution) bool { return o.Name == d.Name }); i >= 0 {
			all[i] = d
			continue
		}
		all = append(all, d)
	}
	return all, nil
}

// ParseCatalogue reads a catalogue file. Unknown fields are errors, and every
// fault is reported, joined into one error.
func ParseCatalogue(r io.Reader) ([]Distribution, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxCatalogue+1))
	if err != nil {
		return nil, fmt.Errorf("catalogue of distributions: %w", err)
	}
	if len(data) > MaxCatalogue {
		return nil, fmt.Errorf("catalogue of distributions: longer than %d bytes", MaxCatalogue)
	}
	var file struct {
		Distributions []Distribution `yaml:"distributions"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("catalogue of distributions: %w", err)
	}
	if err := dec.Decode(new(struct{})); !errors.Is(err, io.EOF) {
		return nil, errors.New("catalogue of distributions: there is more than one document in it")
	}
	if len(file.Distributions) == 0 {
		return nil, errors.New("catalogue of distributions: it lists none")
	}
	var errs []error
	seen := map[string]bool{}
	for i, d := range file.Distributions {
		for _, fault := range d.faults() {
			errs = append(errs, fmt.Errorf("catalogue of distributions: entry %d (%q): %s", i+1, d.Name, fault))
		}
		if seen[d.Name] {
			errs = append(errs, fmt.Errorf("catalogue of distributions: entry %d: the name %q is used twice", i+1, d.Name))
		}
		seen[d.Name] = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return file.Distributions, nil
}

// faults returns what is wrong with d.
func (d Distribution) faults() []string {
	var f []string
	if !validName(d.Name) {
		f = append(f, "name: want lower-case letters, digits, '.' and '-'")
	}
	if d.Title == "" {
		f = append(f, "title is missing")
	}
	if !slices.Contains(Managers(), d.Manager) {
		f = append(f, fmt.Sprintf("manager: want one of %v, got %q", Managers(), d.Manager))
	}
	if c := strings.IndexFunc(d.Title+d.Reference+d.Notice, unicode.IsControl); c >= 0 {
		f = append(f, "title, reference or notice: control characters are not allowed")
	}
	if len(d.Architectures) == 0 {
		f = append(f, "architectures: none is listed")
	}
	for i, a := range d.Architectures {
		if slices.Contains(d.Architectures[:i], a) {
			f = append(f, fmt.Sprintf("architectures: %q is listed twice", a))
		}
		if !slices.Contains(repo.Arches(), a) {
			f = append(f, fmt.Sprintf("architectures: %q is not known", a))
		}
	}
	if d.StandIn && d.Notice == "" {
		f = append(f, "stand_in needs a notice that says what it stands for")
	}
	if d.Build == nil && d.Reference == "" {
		f = append(f, "neither a reference nor a build: there is no way to get the image")
	}
	if d.Build != nil && (!validName(d.Build.Recipe) || !validName(d.Build.Suite)) {
		f = append(f, "build: recipe and suite are needed")
	}
	return f
}

// validName reports whether s can stand in IDs, file names and labels.
func validName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[0] == '.' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// Image is an image that can be handed to an engine.
type Image struct {
	// Ref is the name under which the engine keeps it ("name:tag").
	Ref string
	// Image is nil when the engine has it already, under Ref.
	Image v1.Image
	// Origin is where it came from, with the digest of the platform's own
	// manifest: "docker.io/library/debian:12@sha256:...". It is empty for an
	// image that was built here, which Ref identifies.
	Origin string
}

// Name returns the name by which a reader of the results can find the image
// again: the origin where there is one, else Ref.
func (i Image) Name() string {
	if i.Origin != "" {
		return i.Origin
	}
	return i.Ref
}

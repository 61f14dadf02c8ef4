package images

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

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
	if len(d.Architectures) == 0 {
		f = append(f, "architectures: none is listed")
	}
	for _, a := range d.Architectures {
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
	Ref   string
	Image v1.Image
}

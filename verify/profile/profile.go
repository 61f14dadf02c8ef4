package profile

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

//go:embed kubernetes.yaml kep-1731.yaml isv-kubernetes.asc
var embedded embed.FS

// Bounds on a profile and its key file: they are written by hand.
const (
	maxProfileSize = 1 << 20
	maxKeySize     = 1 << 20
)

// Profile is a product.
type Profile struct {
	Name          string                   `yaml:"name"`
	Title         string                   `yaml:"title"`
	Base          string                   `yaml:"base"`
	Layout        map[repo.Format]string   `yaml:"layout"`
	Key           Key                      `yaml:"key"`
	Architectures []string                 `yaml:"architectures"`
	Channels      []Channel                `yaml:"channels"`
	Packages      []Package                `yaml:"packages"`
	Distributions map[repo.Format][]string `yaml:"distributions"`
	Release       Release                  `yaml:"release"`
	Origins       []string                 `yaml:"origins"`
	Assumed       map[repo.Format][]string `yaml:"assumed"`
	Created       []string                 `yaml:"created"`
	Official      string                   `yaml:"official"`

	// dir is where files named by the profile are.
	dir fs.FS
}

// Key is the product's current signing key.
type Key struct {
	Fingerprint string                   `yaml:"fingerprint"`
	File        string                   `yaml:"file"`
	WarnDays    int                      `yaml:"warnDays"`
	Paths       map[repo.Format][]string `yaml:"paths"`

	pin pgp.Pin // Fingerprint, read
}

// Release is what apt's Release says of itself; {folder} and {minor} are filled
// in.
type Release struct {
	Origin   string `yaml:"origin"`
	Label    string `yaml:"label"`
	Suite    string `yaml:"suite"`
	Codename string `yaml:"codename"`
}

// Channel is one stream of releases.
type Channel struct {
	Name        string   `yaml:"name"`
	Aliases     []string `yaml:"aliases"`
	Folder      string   `yaml:"folder"`
	Title       string   `yaml:"title"`
	Versions    string   `yaml:"versions"`
	OwnVersions string   `yaml:"ownVersions"`
	Marker      string   `yaml:"marker"`
	EveryPatch  bool     `yaml:"everyPatch"`
	Never       []string `yaml:"never"`

	versions, own *regexp.Regexp
}

// Package is one package of the product.
type Package struct {
	Name        string   `yaml:"name"`
	OwnVersions bool     `yaml:"ownVersions"`
	MinVersion  string   `yaml:"minVersion"`
	Binaries    []Binary `yaml:"binaries"`
	// Versions are the package's own, by the product's minor.
	Versions     []ByMinor    `yaml:"versions"`
	Files        []File       `yaml:"files"`
	Dependencies []Dependency `yaml:"dependencies"`
}

// ByMinor is the version of a package that belongs to a range of minors.
type ByMinor struct {
	Minors  string `yaml:"minors"`
	Version string `yaml:"version"`
}

// File is a file that a package must bring.
type File struct {
	Path   string      `yaml:"path"`
	Format repo.Format `yaml:"format"`
	Type   string      `yaml:"type"`
	Mode   string      `yaml:"mode"`
	Owner  string      `yaml:"owner"`
	Group  string      `yaml:"group"`
	Config bool        `yaml:"config"`
}

// Dependency is what versions of a range must depend on.
type Dependency struct {
	Versions string      `yaml:"versions"`
	Format   repo.Format `yaml:"format"`
	Needs    []string    `yaml:"needs"`
	Optional []string    `yaml:"optional"`
}

// Binary is a program of a package, and how it tells its version.
type Binary struct {
	Path    string   `yaml:"path"`
	Args    []string `yaml:"args"`
	Outputs []string `yaml:"outputs"`
	// Embedded are the places inside the file that tell the version.
	Embedded []Embedded `yaml:"embedded"`
	Official string     `yaml:"official"`
}

// Embedded is one place in a Go program that tells its version.
type Embedded struct {
	Module   string `yaml:"module"`
	Variable string `yaml:"variable"`
	Form     string `yaml:"form"`
}

// Names returns the names of the embedded profiles.
func Names() []string { return []string{"kubernetes", "kep-1731"} }

// Load returns the embedded profile of that name, or reads the file at that
// path. Its error lists every problem, joined.
func Load(nameOrFile string) (*Profile, error) {
	if slices.Contains(Names(), nameOrFile) {
		return open(embedded, nameOrFile+".yaml")
	}
	if !strings.ContainsAny(nameOrFile, "./"+string(filepath.Separator)) {
		return nil, fmt.Errorf("profile %q: there is %s; a file of your own needs its path (./%s.yaml)",
			nameOrFile, strings.Join(Names(), " and "), nameOrFile)
	}
	return open(os.DirFS(filepath.Dir(nameOrFile)), filepath.Base(nameOrFile))
}

func open(dir fs.FS, name string) (*Profile, error) {
	data, err := readBounded(dir, name, maxProfileSize)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := &Profile{dir: dir}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("profile %s: more than one YAML document", name)
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

func readBounded(dir fs.FS, name string, limit int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// Keyring returns the bytes of the product's signing key, nil if the profile
// names no file.
func (p *Profile) Keyring() ([]byte, error) {
	if p.Key.File == "" {
		return nil, nil
	}
	data, err := readBounded(p.dir, p.Key.File, maxKeySize)
	if err != nil {
		return nil, fmt.Errorf("profile %s: signing key: %w", p.Name, err)
	}
	return data, nil
}

// Channel returns the channel of that name or alias.
func (p *Profile) Channel(name string) (Channel, bool) {
	for _, c := range p.Channels {
		if c.Name == name || slices.Contains(c.Aliases, name) {
			return c, true
		}
	}
	return Channel{}, false
}

// validate checks p, compiles its expressions, and reports all problems.
func (p *Profile) validate() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("profile %s: "+format, append([]any{p.Name}, args...)...))
	}
	if p.Name == "" {
		bad("has no name")
	}
	if p.Base == "" {
		bad("has no base address")
	}
	if len(p.Layout) == 0 {
		bad("has no layout: name the path of at least one format")
	}
	for f, path := range p.Layout {
		if !slices.Contains(repo.Formats(), f) {
			bad("layout: format %q is not one of %v", f, repo.Formats())
		}
		if strings.HasPrefix(path, "/") || slices.Contains(strings.Split(path, "/"), "..") {
			bad("layout %s: %q must be below base", f, path)
		}
	}
	pin, err := pgp.ParsePin(p.Key.Fingerprint)
	if err != nil {
		bad("key.fingerprint: %w", err)
	}
	p.Key.pin = pin
	if p.Key.WarnDays == 0 {
		p.Key.WarnDays = 60
	}
	if len(p.Architectures) == 0 {
		bad("has no architectures")
	}
	for _, a := range p.Architectures {
		if _, ok := repo.ParseArch(a); !ok {
			bad("architecture %q is not known", a)
		}
	}
	if len(p.Channels) == 0 {
		bad("has no channels")
	}
	for i := range p.Channels {
		c := &p.Channels[i]
		var err error
		if c.versions, err = compile(c.Versions); err != nil {
			bad("channel %s: versions: %w", c.Name, err)
		}
		if c.own, err = compile(c.OwnVersions); err != nil {
			bad("channel %s: ownVersions: %w", c.Name, err)
		}
	}
	if len(p.Packages) == 0 {
		bad("has no packages")
	}
	for _, x := range p.Packages {
		for _, b := range x.Binaries {
			if !strings.HasPrefix(b.Path, "/") || len(b.Outputs) == 0 {
				bad("package %s: binary %q needs an absolute path and outputs", x.Name, b.Path)
			}
		}
	}
	return errors.Join(problems...)
}

// compile returns nil for an empty expression, which accepts all.
func compile(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return regexp.Compile(expr)
}

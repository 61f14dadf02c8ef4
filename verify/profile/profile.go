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
	"sigs.k8s.io/pkgverify/verify"
)

//go:embed kubernetes.yaml kep-1731.yaml isv-kubernetes.asc
var embedded embed.FS

// MaxFileSize bounds a profile, its key's file and the file of --expect, in
// bytes: they are written by hand.
const MaxFileSize = 1 << 20

// Profile is a product.
type Profile struct {
	// Extends names an embedded profile, which the file then only changes:
	// mappings are merged, lists and single values replaced.
	Extends       string                   `yaml:"extends"`
	Name          string                   `yaml:"name"`
	Title         string                   `yaml:"title"`
	Base          string                   `yaml:"base"`
	Layout        map[repo.Format]string   `yaml:"layout"`
	Key           Key                      `yaml:"key"`
	Architectures []Architecture           `yaml:"architectures"`
	Channels      []Channel                `yaml:"channels"`
	Packages      []Package                `yaml:"packages"`
	Distributions map[repo.Format][]string `yaml:"distributions"`
	Release       Release                  `yaml:"release"`
	Origins       []string                 `yaml:"origins"`
	Assumed       map[repo.Format][]string `yaml:"assumed"`
	Created       []string                 `yaml:"created"`
	Official      string                   `yaml:"official"`

	// dir is where the key's file is.
	dir     fs.FS
	assumed map[repo.Format][]verify.Capability // Assumed, read
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
	// Formats that the channel is published in; empty: all of the profile's.
	Formats []repo.Format `yaml:"formats"`
	// Official replaces the profile's for this channel.
	Official string `yaml:"official"`

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

// ByMinor is the oldest of a package's own versions that will do in the
// repositories of a range of minors.
type ByMinor struct {
	Minors string `yaml:"minors"`
	// Channels by name; empty is all.
	Channels []string `yaml:"channels"`
	Version  string   `yaml:"version"`

	minors verify.Range // Minors, read
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

	kind, mode fs.FileMode // Type and Mode, read
}

// Dependency is what versions of a range must depend on.
type Dependency struct {
	Versions string      `yaml:"versions"`
	Format   repo.Format `yaml:"format"`
	Needs    []string    `yaml:"needs"`
	Optional []string    `yaml:"optional"`

	versions verify.Range        // Versions, read
	needs    []verify.Capability // Needs, read
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
	data, err := readBounded(dir, name)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p, err := decode(dir, data)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// decode reads a profile whose key's file is in dir.
func decode(dir fs.FS, data []byte) (*Profile, error) {
	var head struct {
		Extends string `yaml:"extends"`
	}
	// What else is there, and whether it is right, the strict decoder sees.
	if err := yaml.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	p := &Profile{}
	if head.Extends != "" {
		if !slices.Contains(Names(), head.Extends) {
			return nil, fmt.Errorf("extends %q: there is %s", head.Extends, strings.Join(Names(), " and "))
		}
		text, err := readBounded(embedded, head.Extends+".yaml")
		if err != nil {
			return nil, err
		}
		if p, err = decode(embedded, text); err != nil {
			return nil, err
		}
	}
	inherited := p.Key
	p.Name, p.Title, p.Key.File = "", "", "" // each profile's own
	if err := decodeStrictly(data, p); err != nil {
		return nil, err
	}
	if p.Key.File != "" {
		p.dir = dir
	} else if p.Key.Fingerprint == inherited.Fingerprint {
		p.Key.File = inherited.File // and p.dir
	}
	return p, nil
}

// decodeStrictly reads one document, in which every field must be known.
func decodeStrictly(data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

func readBounded(dir fs.FS, name string) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err == nil && len(data) > MaxFileSize {
		err = fmt.Errorf("%s is larger than %d bytes", name, MaxFileSize)
	}
	return data, err
}

// Keyring returns the bytes of the product's signing key, nil if the profile
// names no file.
func (p *Profile) Keyring() ([]byte, error) {
	if p.Key.File == "" {
		return nil, nil
	}
	data, err := readBounded(p.dir, p.Key.File)
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

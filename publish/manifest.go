package publish

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed manifest.yaml assets
var embedded embed.FS

// maxManifestSize bounds a manifest that is read, in bytes.
const maxManifestSize = 1 << 20

// Manifest says what the packages of a product are made of.
type Manifest struct {
	// Maintainer is the deb's Maintainer and the rpm's Packager.
	Maintainer string `yaml:"maintainer"`
	// Vendor is the rpm's Vendor.
	Vendor   string `yaml:"vendor"`
	Homepage string `yaml:"homepage"`
	// License is an SPDX expression.
	License  string    `yaml:"license"`
	Packages []Package `yaml:"packages"`

	assets fs.FS
}

// Package is one package of the product, in both formats.
type Package struct {
	Name string `yaml:"name"`
	// Summary is one line without a full stop. The description repeats it,
	// with a full stop, as the real packages do.
	Summary string `yaml:"summary"`
	// Section is Debian's.
	Section string `yaml:"section"`
	// Versions gives the package's own version by the release's; without it
	// the package has the version of the release.
	Versions []FixedVersion `yaml:"versions,omitempty"`
	Binaries []Binary       `yaml:"binaries"`
	Files    []File         `yaml:"files,omitempty"`
	// Directories are empty ones that the package owns.
	Directories []Directory  `yaml:"directories,omitempty"`
	Depends     []Dependency `yaml:"depends,omitempty"`
}

// FixedVersion is a version that holds for a range of releases.
type FixedVersion struct {
	Range Range   `yaml:"range,omitempty"`
	Is    Version `yaml:"is"`
}

// Binary is a program from the folder of binaries, or a folder of programs.
type Binary struct {
	// Name is a file in the folder of binaries; Path is its place.
	Name string `yaml:"name,omitempty"`
	// Folder is a folder there; each of its files goes below Path.
	Folder string `yaml:"folder,omitempty"`
	Path   string `yaml:"path"`
}

// File is a file that comes with the manifest.
type File struct {
	// Source is the file's name in the manifest's assets.
	Source string `yaml:"source"`
	Path   string `yaml:"path"`
	// Mode holds permission bits.
	Mode fs.FileMode `yaml:"mode"`
	// Format limits the file to one package format.
	Format Format `yaml:"format,omitempty"`
	// Config marks a file that the administrator may change: a conffile of
	// dpkg, and config(noreplace) of rpm.
	Config bool `yaml:"config,omitempty"`
}

// Directory is an empty directory.
type Directory struct {
	Path string      `yaml:"path"`
	Mode fs.FileMode `yaml:"mode"`
}

// Dependency is a list of needs that holds for a range of releases.
type Dependency struct {
	Range Range `yaml:"range,omitempty"`
	// Format limits the needs to one package format.
	Format Format `yaml:"format,omitempty"`
	Needs  []Need `yaml:"needs"`
}

// DefaultManifest returns the manifest of the Kubernetes packages.
func DefaultManifest() (*Manifest, error) {
	text, err := embedded.ReadFile("manifest.yaml")
	if err != nil {
		return nil, err
	}
	assets, err := fs.Sub(embedded, "assets")
	if err != nil {
		return nil, err
	}
	return ReadManifest(bytes.NewReader(text), assets)
}

// ReadManifest reads a manifest; its files come from assets. An unknown field
// is an error, and all that is wrong with the contents is reported at once.
func ReadManifest(r io.Reader, assets fs.FS) (*Manifest, error) {
	decoder := yaml.NewDecoder(io.LimitReader(r, maxManifestSize))
	decoder.KnownFields(true)
	manifest := &Manifest{assets: assets}
	if err := decoder.Decode(manifest); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := manifest.check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return manifest, nil
}

// Package finds a package by its name.
func (m *Manifest) Package(name string) (*Package, error) {
	for i := range m.Packages {
		if m.Packages[i].Name == name {
			return &m.Packages[i], nil
		}
	}
	return nil, fmt.Errorf("manifest: no package %q", name)
}

// Version returns the package's version in a release.
func (p *Package) Version(release Version) (Version, error) {
	if len(p.Versions) == 0 {
		return release, nil
	}
	for _, fixed := range p.Versions {
		if fixed.Range.Holds(release) {
			return fixed.Is, nil
		}
	}
	return "", fmt.Errorf("manifest: %s has no version for release %s", p.Name, release)
}

// Needs returns what the package of a release depends on, in one format.
func (p *Package) Needs(release Version, format Format) []Need {
	var needs []Need
	for _, dependency := range p.Depends {
		if (dependency.Format == "" || dependency.Format == format) && dependency.Range.Holds(release) {
			needs = append(needs, dependency.Needs...)
		}
	}
	return needs
}

func (m *Manifest) check() error {
	var problems []error
	bad := func(format string, arguments ...any) { problems = append(problems, fmt.Errorf(format, arguments...)) }
	for field, value := range map[string]string{
		"maintainer": m.Maintainer, "vendor": m.Vendor, "homepage": m.Homepage, "license": m.License,
	} {
		if value == "" || strings.ContainsAny(value, "\n\r") {
			bad("%s: want one line, got %q", field, value)
		}
	}
	if len(m.Packages) == 0 {
		bad("packages: want at least one")
	}
	name := regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,63}$`)
	var names []string
	for _, p := range m.Packages {
		if !name.MatchString(p.Name) || slices.Contains(names, p.Name) {
			bad("package %q: want a name of its own, of lower-case letters, digits, \".\" and \"-\"", p.Name)
		}
		names = append(names, p.Name)
		if p.Summary == "" || strings.ContainsAny(p.Summary, "\n\r") || p.Section == "" {
			bad("package %s: want a summary of one line and a section", p.Name)
		}
		if len(p.Binaries) == 0 {
			bad("package %s: want at least one binary", p.Name)
		}
		for _, b := range p.Binaries {
			if (b.Name == "") == (b.Folder == "") || !fs.ValidPath(b.Name+b.Folder) {
				bad("package %s: binary for %s: want either a name or a folder", p.Name, b.Path)
			}
			problems = append(problems, checkPath(p.Name, b.Path))
		}
		for _, f := range p.Files {
			if _, err := fs.Stat(m.assets, f.Source); err != nil {
				bad("package %s: file %s: %w", p.Name, f.Path, err)
			}
			problems = append(problems, checkPath(p.Name, f.Path), checkMode(p.Name, f.Path, f.Mode), checkFormat(p.Name, f.Format))
		}
		for _, d := range p.Directories {
			problems = append(problems, checkPath(p.Name, d.Path), checkMode(p.Name, d.Path, d.Mode))
		}
		for _, d := range p.Depends {
			problems = append(problems, checkFormat(p.Name, d.Format))
		}
	}
	return errors.Join(problems...)
}

func checkPath(name, file string) error {
	if !path.IsAbs(file) || path.Clean(file) != file {
		return fmt.Errorf("package %s: path %q: want a clean absolute path", name, file)
	}
	return nil
}

func checkMode(name, file string, mode fs.FileMode) error {
	if mode == 0 || mode != mode.Perm() {
		return fmt.Errorf("package %s: mode %#o of %s: want permission bits such as 0o644", name, uint32(mode), file)
	}
	return nil
}

func checkFormat(name string, format Format) error {
	if format != "" && format != Deb && format != RPM {
		return fmt.Errorf("package %s: format %q: want deb or rpm", name, format)
	}
	return nil
}

// OpenManifest reads a manifest file; the files that it names lie beside it.
func OpenManifest(name string) (*Manifest, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadManifest(f, os.DirFS(filepath.Dir(name)))
}

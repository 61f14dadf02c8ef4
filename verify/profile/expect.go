package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
)

// ExpectFile is the file of --expect: the full list of what must be there.
//
//	packages:
//	  - name: kubelet
//	    versions: [1.26.0, 1.26.1]
//	    architectures: [amd64, arm64]   # left out: the profile's
type ExpectFile struct {
	Packages []ExpectedPackage `yaml:"packages"`
}

// ExpectedPackage is one entry of an ExpectFile.
type ExpectedPackage struct {
	Name          string   `yaml:"name"`
	Versions      []string `yaml:"versions"`
	Architectures []string `yaml:"architectures"`
}

// LoadExpect reads an ExpectFile. Its error joins every problem.
func LoadExpect(path string) (*ExpectFile, error) {
	data, err := readBounded(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		return nil, err
	}
	var e ExpectFile
	if err := decodeStrictly(data, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var problems []error
	if len(e.Packages) == 0 {
		problems = append(problems, fmt.Errorf("%s: lists no packages", path))
	}
	for i, p := range e.Packages {
		if p.Name == "" || len(p.Versions) == 0 {
			problems = append(problems, fmt.Errorf("%s: entry %d needs a name and versions", path, i+1))
		}
		if slices.ContainsFunc(e.Packages[:i], func(x ExpectedPackage) bool { return x.Name == p.Name }) {
			problems = append(problems, fmt.Errorf("%s: %s is listed twice", path, p.Name))
		}
		for _, a := range p.Architectures {
			if _, ok := repo.ParseArch(a); !ok {
				problems = append(problems, fmt.Errorf("%s: %s: architecture %q is not known", path, p.Name, a))
			}
		}
	}
	return &e, errors.Join(problems...)
}

// packages returns the listed packages, with what the profile knows of them.
func (e *ExpectFile) packages(p *Profile) []Package {
	var out []Package
	for _, x := range e.Packages {
		i := slices.IndexFunc(p.Packages, func(y Package) bool { return y.Name == x.Name })
		if i < 0 {
			out = append(out, Package{Name: x.Name})
			continue
		}
		out = append(out, p.Packages[i])
	}
	return out
}

// of returns the versions and architectures that are expected of a package.
func (e *ExpectFile) of(name string) ([]string, []repo.Arch) {
	for _, x := range e.Packages {
		if x.Name != name {
			continue
		}
		var arches []repo.Arch
		for _, a := range x.Architectures {
			known, _ := repo.ParseArch(a) // LoadExpect refused what is not known
			arches = append(arches, known)
		}
		return x.Versions, arches
	}
	return nil, nil
}

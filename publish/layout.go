package publish

import (
	"fmt"
	"slices"
	"strings"
)

// Channel is a stream of releases, by the KEP's names.
type Channel string

// The channels of KEP-1731.
const (
	Stable  Channel = "stable"
	Dev     Channel = "dev"
	Nightly Channel = "nightly"
)

// Format is a package format.
type Format string

// The package formats.
const (
	Deb Format = "deb"
	RPM Format = "rpm"
)

// Arch is an architecture under its three names.
type Arch struct {
	// Go is the name in GOARCH, and of the folder of binaries.
	Go string
	// Deb is dpkg's name.
	Deb string
	// RPM is rpm's name.
	RPM string
}

// Name returns the architecture's name in a package format.
func (a Arch) Name(format Format) string {
	if format == Deb {
		return a.Deb
	}
	return a.RPM
}

// Architectures returns all architectures of KEP-1731, in its order.
func Architectures() []Arch {
	return []Arch{
		{Go: "amd64", Deb: "amd64", RPM: "x86_64"},
		{Go: "arm64", Deb: "arm64", RPM: "aarch64"},
		{Go: "arm", Deb: "armhf", RPM: "armv7l"},
		{Go: "ppc64le", Deb: "ppc64el", RPM: "ppc64le"},
		{Go: "s390x", Deb: "s390x", RPM: "s390x"},
	}
}

// ParseArch finds an architecture by any of its names.
func ParseArch(name string) (Arch, error) {
	var known []string
	for _, arch := range Architectures() {
		if slices.Contains([]string{arch.Go, arch.Deb, arch.RPM}, name) {
			return arch, nil
		}
		known = append(known, arch.Go)
	}
	return Arch{}, fmt.Errorf("architecture %q: want one of %s", name, strings.Join(known, ", "))
}

// Layout says where the repositories of a channel and minor are.
type Layout struct {
	name     string
	folders  map[Channel]string
	rpmBuild bool
	arches   int
}

// Layouts returns the layouts there are.
//
// kep-1731 has the KEP's own addresses: channels stable, dev and nightly, five
// architectures, and the rpms in the project that builds them
// (core:/stable:/v1.26:/build/rpm/). kubernetes is pkgs.k8s.io as it is: the
// channel dev is named prerelease, there is no 32-bit arm, and deb and rpm lie
// side by side.
func Layouts() []Layout {
	return []Layout{
		{
			name:     "kep-1731",
			folders:  map[Channel]string{Stable: "stable", Dev: "dev", Nightly: "nightly"},
			rpmBuild: true,
			arches:   5,
		},
		{
			name:    "kubernetes",
			folders: map[Channel]string{Stable: "stable", Dev: "prerelease", Nightly: "nightly"},
			arches:  4,
		},
	}
}

// ParseLayout finds a layout by its name.
func ParseLayout(name string) (Layout, error) {
	var known []string
	for _, layout := range Layouts() {
		if layout.name == name {
			return layout, nil
		}
		known = append(known, layout.name)
	}
	return Layout{}, fmt.Errorf("layout %q: want one of %s", name, strings.Join(known, ", "))
}

// Name returns the name by which ParseLayout finds the layout.
func (l Layout) Name() string { return l.name }

// Architectures returns what the layout's repositories are published for.
func (l Layout) Architectures() []Arch {
	if l.arches == len(Architectures()) {
		return Architectures()
	}
	return slices.DeleteFunc(Architectures(), func(a Arch) bool { return a.Go == "arm" })
}

// ParseChannel finds a channel by its own name or by the layout's name for it.
func (l Layout) ParseChannel(name string) (Channel, error) {
	var known []string
	for _, channel := range []Channel{Stable, Dev, Nightly} {
		if name == string(channel) || name == l.folders[channel] {
			return channel, nil
		}
		known = append(known, l.folders[channel])
	}
	return "", fmt.Errorf("channel %q: want one of %s", name, strings.Join(known, ", "))
}

// Repository returns the repository of a channel, minor and format.
func (l Layout) Repository(channel Channel, minor string, format Format) Repository {
	folder := l.folders[channel]
	repository := Repository{
		Format: format,
		// The KEP's project, such as isv:kubernetes:core:stable:v1.26.
		Project: "isv:kubernetes:core:" + folder + ":v" + minor,
		Path:    fmt.Sprintf("core:/%s:/v%s/%s", folder, minor, format),
		title:   fmt.Sprintf("Kubernetes v%s (%s) (%s)", minor, strings.ToUpper(folder[:1])+folder[1:], format),
	}
	if format == RPM && l.rpmBuild {
		repository.Project += ":build"
		repository.Path = fmt.Sprintf("core:/%s:/v%s:/build/rpm", folder, minor)
	}
	return repository
}

// Repository is one apt or rpm-md repository.
type Repository struct {
	Format Format
	// Project is the OBS project.
	Project string
	// Path is where the repository is below the root, with slashes.
	Path  string
	title string
}

// Origin is OBS's name of the repository, as Release carries it.
func (r Repository) Origin() string {
	return "obs://build.opensuse.org/" + r.Project + "/" + string(r.Format)
}

package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// Expectation is what a target must be, made from a profile and the flags.
type Expectation struct {
	Target repo.Target
	Arches []repo.Arch
	// SharedArches are those of Arches that every format of the channel has.
	SharedArches []repo.Arch
	// Packages that must be there, in the profile's order.
	Packages []PackageExpectation
	// Only narrows the package files that are read, by name; nil reads all.
	Only []string
	// OnlyArches does the same by architecture.
	OnlyArches []repo.Arch
	// Unknown is set when the versions that must be there could not be learnt.
	Unknown *repo.Problem
	// Pinned is the current signing key, or one subkey of it.
	Pinned pgp.Pin
	// KeyFiles are the paths at which the key is documented to be.
	KeyFiles []string
	// KeyWarning is how long before a key's expiry to warn.
	KeyWarning time.Duration
	// ChannelRule says which upstream versions belong into the channel.
	ChannelRule VersionRule
	// Marker is where the latest version is written, nil when the versions are
	// known without it.
	Marker *Marker
	// Release is what apt's Release must say of itself.
	Release ReleaseExpectation
	// Canonical is the repository's address by the profile, which may not be
	// the one that is looked at.
	Canonical string
	// Origins are the other addresses at which the same repository is served.
	Origins []string
	// Assumed are what the systems that users install on provide beside the
	// repository, for dependencies that lead out of it.
	Assumed []Capability
	// Created are files that are made after the installation, so that a unit
	// may name them though no package brings them.
	Created []string
	// Official is where the checksums of the released binaries are, "" for
	// nowhere. BinaryExpectation.Official goes on from there.
	Official string
	// Baseline is what an earlier run saw here, nil when there is none to hold
	// the repository against.
	Baseline *Baseline
	// Now is when the run began: what "expired" means.
	Now time.Time
}

// ReleaseExpectation is what Release must say; "" is not asked.
type ReleaseExpectation struct {
	Origin, Label, Suite, Codename string
}

// Capability is a name that something outside the repository provides, in a
// version or, when that is "", in any.
type Capability struct {
	Name, Version string
}

// Marker is a file that names the latest version of a channel.
type Marker struct {
	URL string
	// EveryPatch says that each patch from .0 on must be there too, but for
	// those of Never, which were never released.
	EveryPatch bool
	Never      []string
}

// PackageExpectation is what is asked of one package.
type PackageExpectation struct {
	Name string
	// Versions are the upstream versions that must be there for every
	// architecture, oldest first. It is empty for a package with versions of
	// its own (cri-tools): then any version does, if it is there for every
	// architecture.
	Versions []string
	// OwnVersions says that the package does not carry the product's version,
	// so that the minor rule does not bind it.
	OwnVersions bool
	// MinVersion is the oldest of its own versions that will do, "" for any.
	MinVersion string
	// Arches, if not empty, are the package's own, instead of the target's.
	Arches   []repo.Arch
	Binaries []BinaryExpectation
	// Files that the package must bring.
	Files []FileExpectation
	// Dependencies are those that the package must declare, by version; nil
	// when nothing is said of them.
	Dependencies []DependencyRule
}

// FileExpectation is a file that a package must bring.
type FileExpectation struct {
	// Path is absolute; one that ends in "/*" asks for at least one regular
	// file in that folder.
	Path string
	// Type is the file's type, as fs.FileMode has it; 0 is a regular file.
	Type fs.FileMode
	// Mode are the permission bits; 0 is not asked.
	Mode fs.FileMode
	// Owner and Group; "" is root.
	Owner, Group string
	// Config asks that it is a conffile (deb) or %config (rpm).
	Config bool
}

// DependencyRule is what versions of a range must depend on.
type DependencyRule struct {
	Range Range
	// Needs must be declared.
	Needs []Capability
	// Optional may be declared or not: what they are changed by build date and
	// not by version.
	Optional []string
}

// BinaryExpectation is one program of a package and how it tells its version.
type BinaryExpectation struct {
	Path string
	// Args are the arguments, without the path.
	Args []string
	// Outputs are the lines of which one must be printed, white space around
	// it and a comma at its end left aside; {version} stands for the package's
	// upstream version.
	Outputs []string
	// Embedded are the places inside the file that tell its version, without
	// running it; the first place that is there counts. Several entries of one
	// place are the forms that are right there.
	Embedded []EmbeddedVersion
	// Official is where the checksum of the released binary is, below
	// Expectation.Official; {version} and {arch} (Go's name) are filled in. ""
	// for a binary that is not released by itself.
	Official string
}

// OfficialFile returns the released binary that belongs into p, and false when
// the binary is not released by itself.
func (b BinaryExpectation) OfficialFile(p repo.Package) (OfficialFile, bool) {
	arch, ok := repo.ParseArch(p.Arch)
	if b.Official == "" || !ok {
		return OfficialFile{}, false
	}
	place := strings.NewReplacer("{version}", p.Upstream(), "{arch}", string(arch)).Replace(b.Official)
	return OfficialFile{Path: place, Name: path.Base(b.Path), Arch: arch}, true
}

// EmbeddedVersion is one place in a Go program that tells its version.
type EmbeddedVersion struct {
	// Module, if not "", is the module whose version the build information
	// has; Variable the name of a variable set by -ldflags -X; with neither, it
	// is among the program's link strings.
	Module, Variable string
	// Form is how the version is written there: "v{version}".
	Form string
}

// VersionRule says which upstream versions may be in a channel.
type VersionRule struct {
	// Title says it in words: "final releases".
	Title string
	// Match accepts the product's versions.
	Match *regexp.Regexp
	// Own accepts the versions of packages that have versions of their own;
	// nil accepts all.
	Own *regexp.Regexp
}

// CellExpectation is what is asked of an installation in one container cell.
type CellExpectation struct {
	Cell images.Cell
	*Expectation
}

// Wants reports whether the package file of p is to be read.
func (e *Expectation) Wants(p repo.Package) bool {
	if e.Only != nil && !slices.Contains(e.Only, p.Name) {
		return false
	}
	arch, ok := repo.ParseArch(p.Arch)
	return e.OnlyArches == nil || !ok || slices.Contains(e.OnlyArches, arch)
}

// SetLatest fills in the versions that the marker's text asks for: the version
// that it names and, if the channel's rule says so, each patch before it.
func (e *Expectation) SetLatest(marker string) error {
	latest := strings.TrimPrefix(strings.TrimSpace(marker), "v")
	if !strings.HasPrefix(latest, e.Target.Minor+".") || (e.ChannelRule.Match != nil && !e.ChannelRule.Match.MatchString(latest)) {
		return fmt.Errorf("%w: %s names %q, which is none of the %s of %s", ErrMarker, e.Marker.URL, latest, e.ChannelRule.Title, e.Target.Minor)
	}
	versions := []string{latest}
	if e.Marker.EveryPatch {
		patch, err := strconv.Atoi(strings.TrimPrefix(latest, e.Target.Minor+"."))
		if err != nil || patch > maxPatch {
			return fmt.Errorf("%w: %s names %q, whose patch is no number up to %d", ErrMarker, e.Marker.URL, latest, maxPatch)
		}
		versions = nil
		for n := range patch + 1 {
			if v := e.Target.Minor + "." + strconv.Itoa(n); !slices.Contains(e.Marker.Never, v) {
				versions = append(versions, v)
			}
		}
	}
	for i := range e.Packages {
		if !e.Packages[i].OwnVersions {
			e.Packages[i].Versions = versions
		}
	}
	return nil
}

// ErrMarker is matched when a version marker does not name a version of its
// channel: a channel may be empty between two releases.
var ErrMarker = errors.New("version marker")

// maxPatch bounds the patches of a minor; Kubernetes has reached 20.
const maxPatch = 999

// Package returns the expectation for the package called name, nil if none.
func (e *Expectation) Package(name string) *PackageExpectation {
	for i := range e.Packages {
		if e.Packages[i].Name == name {
			return &e.Packages[i]
		}
	}
	return nil
}

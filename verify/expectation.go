package verify

import (
	"errors"
	"fmt"
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
	// Now is when the run began: what "expired" means.
	Now time.Time
}

// Marker is a file that names the latest version of a channel.
type Marker struct {
	URL string
	// EveryPatch says that each patch from .0 on must be there too.
	EveryPatch bool
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
			versions = append(versions, e.Target.Minor+"."+strconv.Itoa(n))
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

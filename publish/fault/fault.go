// Package fault breaks a published tree in one named way at a time, to prove
// that verification finds it.
//
// Every fault is applied to the stable repositories of one minor. It touches
// what its title says and nothing else, and always the same files of the same
// tree. Files are replaced and never written to, since they may be hard links.
//
// A fault names the checks that must find it and those that can follow from it;
// every other finding on the broken tree is a false alarm.
package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/publish"
)

// Minor is the minor whose stable repositories are broken.
const Minor = "1.26"

// ErrUnknown says that there is no fault of that name.
var ErrUnknown = errors.New("unknown fault")

// ErrNoTarget says that the tree lacks what the fault would break.
var ErrNoTarget = errors.New("nothing to break")

// Tree is a published tree to break.
type Tree struct {
	// Publisher published the tree. A fault that puts another key in the place
	// of the pinned one sets its Key: that is then the key to pin.
	Publisher *publish.Publisher
	// Release builds one more version.
	Release func(ctx context.Context, version publish.Version) (publish.Release, error)
}

// Fault is one breakage.
type Fault struct {
	Name string
	// Title is one line: what is broken, where.
	Title string
	// Want are the checks that must fail, by ID.
	Want []string
	// Warn are the checks that must warn.
	Warn []string
	// May are the checks that can fail or warn as well, since they build on what
	// is broken: it depends on how far they get.
	May []string
	// Baseline says that the fault shows only against a report of the whole tree.
	Baseline bool

	apply applyFunc
}

type applyFunc func(ctx context.Context, tree *Tree) ([]string, error)

// Apply breaks the tree and returns the files that were touched, below the
// published root.
func (f Fault) Apply(ctx context.Context, tree *Tree) ([]string, error) {
	touched, err := f.apply(ctx, tree)
	slices.Sort(touched)
	return slices.Compact(touched), err
}

// Find finds a fault by its name.
func Find(name string) (Fault, error) {
	var known []string
	for _, f := range Catalogue() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return Fault{}, fmt.Errorf("%w %q: want one of %s", ErrUnknown, name, strings.Join(known, ", "))
}

// Catalogue returns all faults, by theme.
func Catalogue() []Fault {
	return slices.Concat(
		packageFaults(),
		releaseFaults(),
		aptTrustFaults(),
		rpmTrustFaults(),
		keyFaults(),
		aptIndexFaults(),
		rpmIndexFaults(),
		combinedFaults(),
	)
}

// combined returns a fault that is several at once, one after the other: those
// that make indexes anew come first. It wants what each of them wants.
func combined(name string, parts ...Fault) Fault {
	whole := Fault{Name: name}
	var titles []string
	for _, part := range parts {
		titles = append(titles, part.Title)
		whole.Want = append(whole.Want, part.Want...)
		whole.Warn = append(whole.Warn, part.Warn...)
		whole.May = append(whole.May, part.May...)
		whole.Baseline = whole.Baseline || part.Baseline
	}
	whole.Title = "at once: " + strings.Join(titles, "; and ")
	for _, list := range []*[]string{&whole.Want, &whole.Warn, &whole.May} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	whole.apply = func(ctx context.Context, tree *Tree) ([]string, error) {
		var all []string
		for _, part := range parts {
			touched, err := part.apply(ctx, tree)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", part.Name, err)
			}
			all = append(all, touched...)
		}
		return all, nil
	}
	return whole
}

// refused are the install checks that can fail where a package manager refuses
// the repository as a whole: nothing can be listed or installed then.
func refused(more ...string) []string {
	return append([]string{"install-setup", "install-list", "install-solve", "install-latest", "install-versions", "install-origin",
		"install-pinned", "install-upgrade", "install-downgrade", "install-remove", "install-rejects-tampering"}, more...)
}

// uninstallable are the install checks that can fail where the latest kubelet
// cannot be installed.
func uninstallable(more ...string) []string {
	return append([]string{"install-latest", "install-versions", "install-origin", "install-pinned", "install-upgrade",
		"install-downgrade", "install-remove"}, more...)
}

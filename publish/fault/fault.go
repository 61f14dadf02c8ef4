// Package fault breaks a published tree in one named way at a time, to prove
// that verification finds it.
//
// Every fault is applied to the stable repositories of one minor. It touches
// what its title says and nothing else, and always the same files of the same
// tree. Files are replaced and never written to, since they may be hard links.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	// May are the checks that can fail as well, since they build on what is
	// broken: it depends on how far they get.
	May []string

	apply func(ctx context.Context, tree *Tree) (touched []string, err error)
}

// Apply breaks the tree and returns the files that were touched, below the
// published root.
func (f Fault) Apply(ctx context.Context, tree *Tree) ([]string, error) {
	touched, err := f.apply(ctx, tree)
	slices.Sort(touched)
	return touched, err
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

// Catalogue returns all faults.
func Catalogue() []Fault {
	return []Fault{
		{
			Name:  "flip-deb",
			Title: "one byte flipped in the middle of the latest kubelet .deb for amd64; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   []string{"install-versions", "package-matches-index"},
			apply: flip(publish.Deb),
		},
		{
			Name:  "flip-rpm",
			Title: "one byte flipped in the middle of the latest kubelet .rpm for x86_64; the index is as before",
			Want:  []string{"package-checksums", "rpm-package-signed", "install-latest"},
			May:   []string{"install-versions", "rpm-package-digests", "package-matches-index"},
			apply: flip(publish.RPM),
		},
		{
			Name:  "foreign-key",
			Title: "InRelease, Release.gpg and repomd.xml.asc are signed with another key; Release.key and repomd.xml.key are as before",
			Want:  []string{"apt-release-signed", "rpm-repomd-signed", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: foreignKey,
		},
		{
			Name:  "unsigned-rpm",
			Title: "the latest kubelet .rpm for x86_64 has no signature; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "install-latest"},
			May:   []string{"install-versions"},
			apply: unsignedRPM,
		},
		{
			Name:  "missing-arch",
			Title: "the deb repository has no package for s390x; it is indexed and signed without them",
			Want:  []string{"packages-published", "apt-release-fields", "format-parity"},
			May:   []string{"install-setup", "install-list", "install-latest", "install-versions"},
			apply: missingArch,
		},
		{
			Name:  "rc-in-stable",
			Title: "the stable repositories also hold kubeadm, kubectl and kubelet 1.26.3~rc.0, properly indexed",
			Want:  []string{"channel-policy", "latest-preferred", "install-list"},
			May:   []string{"install-latest", "install-versions"},
			apply: extra("1.26.3-rc.0", "kubeadm", "kubectl", "kubelet"),
		},
		{
			Name:  "other-minor",
			Title: "the stable repositories of 1.26 also hold kubelet 1.27.0, properly indexed",
			Want:  []string{"minor-policy", "latest-preferred", "install-list"},
			May:   []string{"install-latest", "install-versions"},
			apply: extra("1.27.0", "kubelet"),
		},
		{
			Name:  "index-mismatch",
			Title: "the stanzas of Packages and Packages.gz are in another order than when Release was signed",
			Want:  []string{"apt-index-checksums", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: indexMismatch,
		},
		{
			Name:  "expired-key",
			Title: "Release.key and repomd.xml.key are copies of the key that expired yesterday; the signatures are as before",
			Want:  []string{"key-current", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: expiredKey,
		},
	}
}

// repository returns the repository to break and its folder.
func (t *Tree) repository(format publish.Format) (publish.Repository, string) {
	repository := t.Publisher.Layout.Repository(publish.Stable, Minor, format)
	return repository, filepath.Join(t.Publisher.Root, filepath.FromSlash(repository.Path))
}

// latest finds the file of a package's latest version for amd64, in a folder
// of a repository. The versions of one minor and channel differ in the patch.
func latest(dir string, format publish.Format, name string) (string, publish.Version, error) {
	folder, separator := "amd64", "_"
	if format == publish.RPM {
		folder, separator = "x86_64", "-"
	}
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	var file string
	var newest publish.Version
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), name+separator)
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, "-")
		version, err := publish.ParseVersion(text)
		if err == nil && (newest == "" || version.Compare(newest) > 0) {
			file, newest = filepath.Join(folder, entry.Name()), version
		}
	}
	if file == "" {
		return "", "", fmt.Errorf("%w: no %s in %s", ErrNoTarget, name, filepath.Join(dir, folder))
	}
	return file, newest, nil
}

// replace gives a file other contents and keeps its date.
func replace(name string, data []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	work := name + ".new"
	if err := os.WriteFile(work, data, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Chtimes(work, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(work, name)
}

// below returns what changed in a repository's folder, as paths from the root.
func below(repository publish.Repository, names ...string) []string {
	var out []string
	for _, name := range names {
		out = append(out, repository.Path+"/"+filepath.ToSlash(name))
	}
	return out
}

// indexes lists the index files of a repository's folder.
func indexes(dir string, format publish.Format) ([]string, error) {
	if format == publish.Deb {
		return []string{"InRelease", "Packages", "Packages.gz", "Release", "Release.gpg"}, nil
	}
	names, err := fs.Glob(os.DirFS(dir), "repodata/*")
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".key") }), err
}

package fault

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/publish"
)

// repository returns the repository to break and its folder.
func (t *Tree) repository(format publish.Format) (publish.Repository, string) {
	repository := t.Publisher.Layout.Repository(publish.Stable, Minor, format)
	return repository, filepath.Join(t.Publisher.Root, filepath.FromSlash(repository.Path))
}

// latest finds the file of a package's latest version for amd64, in a folder
// of a repository. The versions of one minor and channel differ in the patch.
func latest(dir string, format publish.Format, name string) (string, publish.Version, error) {
	files, err := versionsOf(dir, format, name)
	if err != nil {
		return "", "", err
	}
	newest := files[len(files)-1]
	return newest.file, newest.version, nil
}

// versioned is a package file for amd64.
type versioned struct {
	file    string // below the repository's folder
	version publish.Version
}

// versionsOf lists the files of a package for amd64, oldest first; there is at
// least one.
func versionsOf(dir string, format publish.Format, name string) ([]versioned, error) {
	folder, separator := "amd64", "_"
	if format == publish.RPM {
		folder, separator = "x86_64", "-"
	}
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	var out []versioned
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), name+separator)
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, "-")
		if version, err := publish.ParseVersion(text); err == nil {
			out = append(out, versioned{filepath.Join(folder, entry.Name()), version})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no %s in %s", ErrNoTarget, name, filepath.Join(dir, folder))
	}
	slices.SortFunc(out, func(a, b versioned) int { return a.version.Compare(b.version) })
	return out, nil
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

// put writes a file, in the place of one that is there or anew.
func put(name string, data []byte) error {
	err := replace(name, data)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(name, data, 0o644)
	}
	return err
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

// gzipped compresses without a name or a time, so that equal data gives an
// equal file.
func gzipped(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

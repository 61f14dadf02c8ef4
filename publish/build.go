package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// The revisions that OBS gives: <CI_CNT>.<B_CNT>, for rpm with the number of
// the SLE 15 SP5 builder before it.
const (
	debRevision = "%d.1"
	rpmRevision = "150500.%d.1"
)

// buildHost stands in the rpm's build host tag; the real machine's name does
// not belong into a package.
const buildHost = "localhost"

// ErrNoBinary says that the folder of binaries lacks one.
var ErrNoBinary = errors.New("binary missing")

// Release is one version to publish.
type Release struct {
	Version Version
	// Date is when it was built; it becomes the date of the files and of the
	// packages. Equal releases make equal packages.
	Date time.Time
	// Binaries is a folder with one folder for each architecture (by its Go
	// name), which holds what the manifest names.
	Binaries string
	// Packages limits the release to some packages; empty means all.
	Packages []string
	// Revision counts the builds of one version, from 1. 0 means 1.
	Revision int
	// Change, if not nil, changes what each package is built from: for trees
	// that are wrong on purpose. What it makes is built without the cache.
	Change func(b *Build) error
}

// Build is a package about to be built.
type Build struct {
	Format Format
	Arch   Arch
	// Info is what the package will say and hold. The file keeps the name that
	// the manifest gives it.
	Info *nfpm.Info
}

// artifact is one package file to build.
type artifact struct {
	manifest *Manifest
	pkg      *Package
	release  Release
	arch     Arch
	format   Format
	// quick is the publisher's Quick.
	quick bool
}

// debCompression is xz, as the original's, where there is the cache to make up
// for its slowness: pre-releases, and what is changed, do with gzip.
func (a artifact) debCompression() string {
	switch {
	case a.quick:
		return "zstd"
	case a.release.Change != nil, a.release.Version.Channel() != Stable:
		return "gzip"
	}
	return "xz"
}

func (a artifact) revision() string {
	form := debRevision
	if a.format == RPM {
		form = rpmRevision
	}
	return fmt.Sprintf(form, max(a.release.Revision, 1))
}

// name returns the file's path in its repository, such as
// amd64/kubelet_1.26.0-1.1_amd64.deb.
func (a artifact) name() (string, error) {
	version, err := a.pkg.Version(a.release.Version)
	if err != nil {
		return "", err
	}
	arch := a.arch.Name(a.format)
	if a.format == Deb {
		return fmt.Sprintf("%s/%s_%s-%s_%s.deb", arch, a.pkg.Name, version.Package(), a.revision(), arch), nil
	}
	return fmt.Sprintf("%s/%s-%s-%s.%s.rpm", arch, a.pkg.Name, version.Package(), a.revision(), arch), nil
}

// info describes the package to nfpm. assets is a folder with the manifest's
// files.
func (a artifact) info(assets string) (*nfpm.Info, error) {
	version, err := a.pkg.Version(a.release.Version)
	if err != nil {
		return nil, err
	}
	contents, err := a.contents(assets)
	if err != nil {
		return nil, err
	}
	info := &nfpm.Info{
		Name:            a.pkg.Name,
		Arch:            a.arch.Name(a.format),
		Platform:        "linux",
		Version:         version.Package(),
		VersionSchema:   "none",
		Release:         a.revision(),
		Section:         a.pkg.Section,
		Priority:        "optional",
		Maintainer:      a.manifest.Maintainer,
		Vendor:          a.manifest.Vendor,
		Homepage:        a.manifest.Homepage,
		License:         a.manifest.License,
		Description:     a.pkg.Summary + "\n" + a.pkg.Summary + ".",
		DisableGlobbing: true,
		MTime:           a.release.Date.UTC(),
	}
	info.Contents = contents
	for _, need := range a.pkg.Needs(a.release.Version, a.format) {
		info.Depends = append(info.Depends, need.Text(a.format))
	}
	info.Deb.Arch = info.Arch
	info.Deb.Compression = a.debCompression()
	info.RPM.Arch = info.Arch
	// zstd: what rpm >= 4.14 and with it every distribution of today reads. Its
	// fastest level, for rpms are signed, and so built anew for each key.
	info.RPM.Compression = "zstd:fastest"
	info.RPM.Summary = a.pkg.Summary
	info.RPM.BuildHost = buildHost
	info.RPM.Group = "Unspecified"
	if a.format == RPM {
		info.Description = a.pkg.Summary + "."
	}
	if a.release.Change == nil {
		return info, nil
	}
	if err := a.release.Change(&Build{Format: a.format, Arch: a.arch, Info: info}); err != nil {
		return nil, fmt.Errorf("changing %s: %w", a.pkg.Name, err)
	}
	return info, nil
}

func (a artifact) contents(assets string) (files.Contents, error) {
	var contents files.Contents
	add := func(source, destination, kind string, mode fs.FileMode) {
		contents = append(contents, &files.Content{
			Source: source, Destination: destination, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: a.release.Date.UTC()},
		})
	}
	for _, binary := range a.pkg.Binaries {
		if binary.Name != "" {
			add(filepath.Join(a.release.Binaries, a.arch.Go, binary.Name), binary.Path, files.TypeFile, 0o755)
			continue
		}
		folder := filepath.Join(a.release.Binaries, a.arch.Go, binary.Folder)
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) == 0 {
			return nil, errors.Join(fmt.Errorf("%w: no files in %s for package %s", ErrNoBinary, folder, a.pkg.Name), err)
		}
		for _, entry := range entries {
			add(filepath.Join(folder, entry.Name()), path.Join(binary.Path, entry.Name()), files.TypeFile, 0o755)
		}
	}
	for _, content := range contents {
		if info, err := os.Stat(content.Source); err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(fmt.Errorf("%w: want the program %s for package %s", ErrNoBinary, content.Source, a.pkg.Name), err)
		}
	}
	for _, file := range a.pkg.Files {
		if file.Format != "" && file.Format != a.format {
			continue
		}
		kind := files.TypeFile
		if file.Config {
			kind = files.TypeConfigNoReplace
		}
		add(filepath.Join(assets, file.Source), file.Path, kind, file.Mode)
	}
	for _, directory := range a.pkg.Directories {
		add("", directory.Path, files.TypeDir, directory.Mode)
	}
	return contents, nil
}

// write builds the package. An rpm is signed with key, unless that is nil.
func (a artifact) write(w io.Writer, assets string, key *Key, at time.Time) error {
	info, err := a.info(assets)
	if err != nil {
		return err
	}
	var packager nfpm.Packager = deb.Default
	if a.format == RPM {
		packager = rpm.DefaultRPM
		if key != nil {
			info.RPM.Signature.SignFn = func(r io.Reader) ([]byte, error) {
				data, err := io.ReadAll(r)
				if err != nil {
					return nil, err
				}
				return key.DetachedSignature(data, at, false)
			}
		}
	}
	if err := packager.Package(info, w); err != nil {
		return fmt.Errorf("building %s for %s: %w", a.pkg.Name, info.Arch, err)
	}
	return nil
}

// build returns the package's bytes. A deb comes from the cache if it was
// built before from the same files: xz is slow, and debs are not signed.
func (a artifact) build(ctx context.Context, cache Cache, assets string, key *Key, at time.Time) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if a.format == RPM {
		err := a.write(&out, assets, key, at)
		return out.Bytes(), err
	}
	if a.release.Change != nil {
		err := a.write(&out, assets, nil, at)
		return out.Bytes(), err
	}
	digest, err := a.key(assets)
	if err != nil {
		return nil, err
	}
	name := filepath.Join("deb", digest)
	if data, err := os.ReadFile(cache.path(name)); err == nil {
		return data, nil
	}
	if err := a.write(&out, assets, nil, at); err != nil {
		return nil, err
	}
	return out.Bytes(), cache.store(name, out.Bytes())
}

// key is a digest over all that goes into the package.
func (a artifact) key(assets string) (string, error) {
	info, err := a.info(assets)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "deb v2 %s\n%+v\n%s\n", info.Deb.Compression, *a.pkg, a.manifest.Maintainer+a.manifest.Homepage)
	fmt.Fprintf(h, "%s %s %s %s %q\n", info.Version, info.Release, info.Arch, info.MTime, info.Depends)
	for _, content := range info.Contents {
		fmt.Fprintf(h, "%s %s %o\n", content.Destination, content.Type, content.FileInfo.Mode)
		if content.Source == "" {
			continue
		}
		if err := hashFile(h, content.Source); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

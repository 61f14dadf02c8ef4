package fault

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2/files"

	"sigs.k8s.io/pkgverify/publish"
)

// maxProgram bounds a program that is taken out of a package, in bytes.
const maxProgram = 1 << 30

// remake builds a package of the latest release anew, from the programs in the
// package that is there, and indexes it. Where nothing is changed it has the
// contents that it had.
type remake struct {
	// name is the package's name in the manifest.
	name    string
	formats []publish.Format
	// everyArch makes it for all architectures, not for amd64 alone.
	everyArch bool
	// oldest takes the oldest release instead of the latest.
	oldest bool
	// as is another version of the same length that package and programs claim
	// to be; what is there then stays.
	as publish.Version
	// revision is that of the new build; beside keeps the old one.
	revision int
	beside   bool
	// change changes what is built.
	change func(w *workbench, b *publish.Build) error
	// finish changes the bytes of the file that was built.
	finish func(w *workbench, format publish.Format, data []byte) ([]byte, error)
	// rename replaces a part of the file's name.
	rename [2]string
}

// workbench is what the change of a package has at hand.
type workbench struct {
	tree *Tree
	// dir is a folder that is gone afterwards.
	dir string
	// version is the release's.
	version publish.Version
}

func (r remake) apply(ctx context.Context, tree *Tree) ([]string, error) {
	scratch, err := os.MkdirTemp("", "pkgverify-fault-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	w := &workbench{tree: tree, dir: scratch}
	release, arches, err := r.release(ctx, w)
	if err != nil {
		return nil, err
	}
	builder := *tree.Publisher
	builder.Architectures = arches
	builder.Quick = false // finish takes gzip apart
	var all []string
	for _, format := range r.formats {
		touched, err := edit(ctx, tree, format, func(ctx context.Context, dir string) ([]string, error) {
			return r.build(ctx, w, &builder, dir, format, release)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, touched...)
	}
	return all, nil
}

// release returns the release to build and the architectures to build it for.
func (r remake) release(ctx context.Context, w *workbench) (publish.Release, []publish.Arch, error) {
	_, dir := w.tree.repository(publish.Deb)
	all, err := versionsOf(dir, publish.Deb, "kubelet")
	if err != nil {
		return publish.Release{}, nil, err
	}
	w.version = all[len(all)-1].version
	if r.oldest {
		w.version = all[0].version
	}
	release := publish.Release{Version: w.version, Binaries: filepath.Join(w.dir, "bin"), Packages: []string{r.name}, Revision: r.revision}
	arches := publishedFor(w.tree)
	if !r.everyArch {
		arch, err := publish.ParseArch("amd64")
		if err != nil {
			return publish.Release{}, nil, err
		}
		arches = []publish.Arch{arch}
	}
	for _, arch := range arches {
		deb, err := w.deb(arch, w.version, r.name)
		if err != nil {
			return publish.Release{}, nil, err
		}
		info, err := os.Stat(deb)
		if err != nil {
			return publish.Release{}, nil, err
		}
		release.Date = info.ModTime()
		if err := r.takePrograms(ctx, w, deb, filepath.Join(release.Binaries, arch.Go)); err != nil {
			return publish.Release{}, nil, err
		}
	}
	if r.as != "" {
		release.Version = r.as
	}
	if r.change != nil {
		release.Change = func(b *publish.Build) error { return r.change(w, b) }
	}
	return release, arches, nil
}

// publishedFor lists the architectures of a tree.
func publishedFor(tree *Tree) []publish.Arch {
	if len(tree.Publisher.Architectures) > 0 {
		return tree.Publisher.Architectures
	}
	return tree.Publisher.Layout.Architectures()
}

// build builds the package in a folder of a repository, and returns the files
// that changed.
func (r remake) build(ctx context.Context, w *workbench, builder *publish.Publisher, dir string, format publish.Format, release publish.Release) ([]string, error) {
	var touched []string
	if r.as == "" && !r.beside {
		for _, arch := range builder.Architectures {
			file, err := packageFile(dir, format, arch, r.name, w.version)
			if err != nil {
				return nil, err
			}
			touched = append(touched, file)
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return nil, err
			}
		}
	}
	before, err := packageFiles(dir)
	if err != nil {
		return nil, err
	}
	if err := builder.Add(ctx, dir, format, builder.Key, release); err != nil {
		return nil, err
	}
	after, err := packageFiles(dir)
	if err != nil {
		return nil, err
	}
	for file := range after {
		if before[file] {
			continue
		}
		name, err := r.complete(w, dir, format, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		touched = append(touched, name)
	}
	return touched, nil
}

// complete does to a file that was built what building it could not.
func (r remake) complete(w *workbench, dir string, format publish.Format, file string) (string, error) {
	if r.finish != nil {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return "", err
		}
		if data, err = r.finish(w, format, data); err != nil {
			return "", err
		}
		if err := replace(filepath.Join(dir, file), data); err != nil {
			return "", err
		}
	}
	if r.rename[0] == "" {
		return file, nil
	}
	name := filepath.Join(filepath.Dir(file), strings.Replace(filepath.Base(file), r.rename[0], r.rename[1], 1))
	return name, os.Rename(filepath.Join(dir, file), filepath.Join(dir, name))
}

// packageFiles lists the package files in a folder of a repository.
func packageFiles(dir string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, form := range []string{"*.deb", "*.rpm"} {
		found, err := filepath.Glob(filepath.Join(dir, "*", form))
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			out[strings.TrimPrefix(name, dir+string(filepath.Separator))] = true
		}
	}
	return out, nil
}

// packageFile finds the file of a package in a release's version, in its first
// revision; or in the only version that there is of a package with versions of
// its own.
func packageFile(dir string, format publish.Format, arch publish.Arch, name string, version publish.Version) (string, error) {
	separator := "_"
	if format == publish.RPM {
		separator = "-"
	}
	folder := filepath.Join(dir, arch.Name(format))
	found, err := filepath.Glob(filepath.Join(folder, name+separator+version.Package()+"-*"))
	if err == nil && len(found) == 0 {
		if found, err = filepath.Glob(filepath.Join(folder, name+separator+"[0-9]*")); len(found) > 1 {
			found = nil
		}
	}
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w: want one %s %s for %s in %s", ErrNoTarget, name, version, arch.Name(format), dir)
	}
	return filepath.Rel(dir, found[0])
}

// deb returns the path of a published .deb.
func (w *workbench) deb(arch publish.Arch, version publish.Version, name string) (string, error) {
	_, dir := w.tree.repository(publish.Deb)
	file, err := packageFile(dir, publish.Deb, arch, name, version)
	return filepath.Join(dir, file), err
}

// takePrograms lays the programs of a package out as the manifest asks for.
func (r remake) takePrograms(ctx context.Context, w *workbench, deb, into string) error {
	pkg, err := w.tree.Publisher.Manifest.Package(r.name)
	if err != nil {
		return err
	}
	return eachFile(ctx, deb, func(name string, data []byte) error {
		for _, binary := range pkg.Binaries {
			var to string
			switch {
			case binary.Name != "" && binary.Path == name:
				to = filepath.Join(into, binary.Name)
			case binary.Folder != "" && binary.Path == path.Dir(name):
				to = filepath.Join(into, binary.Folder, path.Base(name))
			default:
				continue
			}
			if r.as != "" {
				data = reversioned(data, w.version, r.as)
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(to, data, 0o755); err != nil {
				return err
			}
		}
		return nil
	})
}

// reversioned writes another version into a program. Both are of one length,
// so that everything stays in its place.
func reversioned(data []byte, from, to publish.Version) []byte {
	if len(from) != len(to) {
		return data
	}
	return bytes.ReplaceAll(data, []byte(from), []byte(to))
}

// eachFile calls visit with each regular file in a .deb.
func eachFile(ctx context.Context, deb string, visit func(name string, data []byte) error) error {
	out, err := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb).Output()
	if err != nil {
		return fmt.Errorf("dpkg-deb --fsys-tarfile %s: %w", deb, err)
	}
	for t := tar.NewReader(bytes.NewReader(out)); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", deb, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(t, maxProgram))
		if err == nil {
			err = visit(path.Clean("/"+header.Name), data)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", deb, header.Name, err)
		}
	}
}

// program takes one program out of a published .deb.
func (w *workbench) program(arch publish.Arch, version publish.Version, name, file string) (string, error) {
	deb, err := w.deb(arch, version, name)
	if err != nil {
		return "", err
	}
	to := ""
	err = eachFile(context.Background(), deb, func(name string, data []byte) error {
		if name != file {
			return nil
		}
		to, err = w.file(data)
		return err
	})
	if err == nil && to == "" {
		err = fmt.Errorf("%w: %s is not in %s", ErrNoTarget, file, deb)
	}
	return to, err
}

// file writes a file for a package to hold.
func (w *workbench) file(data []byte) (string, error) {
	f, err := os.CreateTemp(w.dir, "file-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	return f.Name(), errors.Join(err, f.Close())
}

// content finds a file of a package by its place.
func content(b *publish.Build, place string) (*files.Content, error) {
	for _, c := range b.Info.Contents {
		if c.Destination == place {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: no %s among the contents", ErrNoTarget, place)
}

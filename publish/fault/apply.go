package fault

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

type applyFunc func(ctx context.Context, tree *Tree) ([]string, error)

func flip(format publish.Format) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		repository, dir := tree.repository(format)
		file, _, err := latest(dir, format, "kubelet")
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		// The middle is in the compressed payload: the metadata before it
		// stays whole.
		data[len(data)/2] ^= 0xff
		return below(repository, file), replace(filepath.Join(dir, file), data)
	}
}

func foreignKey(_ context.Context, tree *Tree) ([]string, error) {
	p := tree.Publisher
	at := p.Now()
	key, err := publish.GenerateKey("somebody else", "else@pkgverify.invalid", p.Key.Created(), publish.DefaultKeyLifetime)
	if err != nil {
		return nil, err
	}
	deb, debDir := tree.repository(publish.Deb)
	release, err := os.ReadFile(filepath.Join(debDir, "Release"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	signed := map[string][]byte{}
	if err := publish.SignRelease(signed, release, key, at); err != nil {
		return nil, err
	}
	var touched []string
	for name, data := range signed {
		if err := replace(filepath.Join(debDir, name), data); err != nil {
			return nil, err
		}
		touched = append(touched, below(deb, name)...)
	}
	rpm, rpmDir := tree.repository(publish.RPM)
	repomd, err := os.ReadFile(filepath.Join(rpmDir, "repodata", "repomd.xml"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	signature, err := key.DetachedSignature(repomd, at, true)
	if err != nil {
		return nil, err
	}
	return append(touched, below(rpm, "repodata/repomd.xml.asc")...),
		replace(filepath.Join(rpmDir, "repodata", "repomd.xml.asc"), signature)
}

// edit changes a repository, and returns what change touched and the indexes.
func edit(ctx context.Context, tree *Tree, format publish.Format, change func(ctx context.Context, dir string) ([]string, error)) ([]string, error) {
	repository, dir := tree.repository(format)
	var touched []string
	err := tree.Publisher.Edit(ctx, repository, func(ctx context.Context, dir string) error {
		var err error
		touched, err = change(ctx, dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	names, err := indexes(dir, format)
	return below(repository, append(touched, names...)...), err
}

func unsignedRPM(ctx context.Context, tree *Tree) ([]string, error) {
	_, dir := tree.repository(publish.RPM)
	file, version, err := latest(dir, publish.RPM, "kubelet")
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	return edit(ctx, tree, publish.RPM, func(ctx context.Context, dir string) ([]string, error) {
		data, err := publish.StripSignature(ctx, filepath.Join(dir, file))
		if err != nil {
			return nil, fmt.Errorf("kubelet %s: %w", version, err)
		}
		if err := replace(filepath.Join(dir, file), data); err != nil {
			return nil, err
		}
		return []string{file}, os.Chtimes(filepath.Join(dir, file), info.ModTime(), info.ModTime())
	})
}

func missingArch(ctx context.Context, tree *Tree) ([]string, error) {
	const arch = "s390x"
	return edit(ctx, tree, publish.Deb, func(_ context.Context, dir string) ([]string, error) {
		entries, err := os.ReadDir(filepath.Join(dir, arch))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
		}
		var touched []string
		for _, entry := range entries {
			touched = append(touched, arch+"/"+entry.Name())
		}
		return touched, os.RemoveAll(filepath.Join(dir, arch))
	})
}

func extra(version publish.Version, packages ...string) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		release, err := tree.Release(ctx, version)
		if err != nil {
			return nil, err
		}
		release.Packages = packages
		var all []string
		for _, format := range []publish.Format{publish.Deb, publish.RPM} {
			touched, err := edit(ctx, tree, format, func(ctx context.Context, dir string) ([]string, error) {
				if err := tree.Publisher.Add(ctx, dir, format, tree.Publisher.Key, release); err != nil {
					return nil, err
				}
				return added(dir, version, packages)
			})
			if err != nil {
				return nil, err
			}
			all = append(all, touched...)
		}
		return all, nil
	}
}

// added lists the files of some packages in a version.
func added(dir string, version publish.Version, packages []string) ([]string, error) {
	var out []string
	for _, name := range packages {
		found, err := filepath.Glob(filepath.Join(dir, "*", name+"?"+version.Package()+"-*"))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			out = append(out, strings.TrimPrefix(file, dir+string(filepath.Separator)))
		}
	}
	return out, nil
}

func indexMismatch(_ context.Context, tree *Tree) ([]string, error) {
	repository, dir := tree.repository(publish.Deb)
	data, err := os.ReadFile(filepath.Join(dir, "Packages"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	stanzas := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n\n"))
	if len(stanzas) < 2 {
		return nil, fmt.Errorf("%w: %s has %d stanzas", ErrNoTarget, filepath.Join(dir, "Packages"), len(stanzas))
	}
	// The same stanzas, the first one last: only the checksums can tell.
	stanzas = append(stanzas[1:], stanzas[0])
	data = append(bytes.Join(stanzas, []byte("\n\n")), "\n\n"...)
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(dir, "Packages"), data); err != nil {
		return nil, err
	}
	return below(repository, "Packages", "Packages.gz"), replace(filepath.Join(dir, "Packages.gz"), compressed.Bytes())
}

func expiredKey(_ context.Context, tree *Tree) ([]string, error) {
	p := tree.Publisher
	public, err := p.Key.PublicExpiring(p.Now().Add(-24 * time.Hour))
	if err != nil {
		return nil, err
	}
	var touched []string
	for format, name := range map[publish.Format]string{publish.Deb: "Release.key", publish.RPM: "repodata/repomd.xml.key"} {
		repository, dir := tree.repository(format)
		if err := replace(filepath.Join(dir, filepath.FromSlash(name)), public); err != nil {
			return nil, err
		}
		touched = append(touched, below(repository, name)...)
	}
	return touched, nil
}

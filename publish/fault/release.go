package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/pkgverify/publish"
)

// releaseFaults are packages that are lacking or that do not belong there, in
// repositories that are properly indexed and signed.
func releaseFaults() []Fault {
	return []Fault{
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
	}
}

// edit changes a repository, and returns what change touched and the indexes,
// which are made and signed anew.
func edit(ctx context.Context, tree *Tree, format publish.Format, change func(ctx context.Context, dir string) ([]string, error)) ([]string, error) {
	repository, dir := tree.repository(format)
	touched, err := indexes(dir, format) // as they were: lists of rpms are named by their hash
	if err != nil {
		return nil, err
	}
	err = tree.Publisher.Edit(ctx, repository, func(ctx context.Context, dir string) error {
		changed, err := change(ctx, dir)
		touched = append(touched, changed...)
		return err
	})
	if err != nil {
		return nil, err
	}
	names, err := indexes(dir, format)
	return below(repository, append(touched, names...)...), err
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

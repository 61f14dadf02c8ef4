package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/pkgverify/publish"
)

// policyFaults are repositories that are well made and hold what they should
// not, or lack what they should; and those with which nothing is wrong.
func policyFaults() []Fault {
	return slices.Concat(dependencyFaults(), channelFaults(), absenceFaults(), orderFaults(), historyFaults(), harmlessChanges(), mixedFaults())
}

// kubernetesPackages carry the version of the release.
func kubernetesPackages() []string { return []string{"kubeadm", "kubectl", "kubelet"} }

// dependencyFaults are packages that depend on other things than they should.
func dependencyFaults() []Fault {
	// None of these can be met, so that no package manager installs them. What
	// is asked for is not what the table says either.
	unmet := func(name, title, pkg string, formats []publish.Format, change func(w *workbench, b *publish.Build) error) Fault {
		return Fault{
			Name: name, Title: title,
			Want:  []string{"dependency-closure", "install-solve", "install-latest"},
			Warn:  []string{"dependencies-as-specified"},
			May:   uninstallable(),
			apply: remake{name: pkg, formats: formats, change: change}.apply,
		}
	}
	// These can be met: whether they are right only the table says.
	unlike := func(name, title, pkg string, formats []publish.Format, change func(w *workbench, b *publish.Build) error) Fault {
		return Fault{
			Name: name, Title: title,
			Warn:  []string{"dependencies-as-specified"},
			apply: remake{name: pkg, formats: formats, change: change}.apply,
		}
	}
	return []Fault{
		unmet("unmet-dependency-deb", "the latest kubelet .deb for amd64 also depends on kubernetes-runtime, which nobody has",
			"kubelet", debOnly(), needs("", "kubernetes-runtime")),
		unmet("unmet-dependency-rpm", "the latest kubelet .rpm for x86_64 also requires kubernetes-runtime, which nobody has",
			"kubelet", rpmOnly(), needs("", "kubernetes-runtime")),
		unmet("too-new-dependency-deb", "the latest kubeadm .deb for amd64 depends on a cri-tools that only a later minor has",
			"kubeadm", debOnly(), needs("cri-tools", "cri-tools (>= 1.30.0)")),
		unmet("too-new-dependency-rpm", "the latest kubeadm .rpm for x86_64 requires a cri-tools that only a later minor has",
			"kubeadm", rpmOnly(), needs("cri-tools", "cri-tools >= 1.30.0")),
		unmet("too-old-dependency-deb", "the latest kubelet .deb for amd64 depends on a kubernetes-cni before 0.9, which this repository never had",
			"kubelet", debOnly(), needs("kubernetes-cni", "kubernetes-cni (<< 0.9)")),
		unlike("extra-dependency-deb", "the latest kubectl .deb for amd64 depends on cri-tools, which is there",
			"kubectl", debOnly(), needs("", "cri-tools")),
		unlike("extra-dependency-rpm", "the latest kubectl .rpm for x86_64 requires cri-tools, which is there",
			"kubectl", rpmOnly(), needs("", "cri-tools")),
		unlike("missing-dependency-deb", "the latest kubelet .deb for amd64 does not depend on kubernetes-cni",
			"kubelet", debOnly(), needs("kubernetes-cni", "")),
		unlike("missing-dependency-rpm", "the latest kubelet .rpm for x86_64 does not require kubernetes-cni",
			"kubelet", rpmOnly(), needs("kubernetes-cni", "")),
		unlike("higher-bound-deb", "the latest kubeadm .deb for amd64 depends on cri-tools 1.26.0 or later, which is there, instead of 1.25.0",
			"kubeadm", debOnly(), needs("cri-tools", "cri-tools (>= 1.26.0)")),
	}
}

// needs puts one dependency in the place of another; "" is none.
func needs(from, to string) func(w *workbench, b *publish.Build) error {
	return func(_ *workbench, b *publish.Build) error {
		if from != "" {
			at := slices.IndexFunc(b.Info.Depends, func(d string) bool { return len(d) >= len(from) && d[:len(from)] == from })
			if at < 0 {
				return fmt.Errorf("%w: %s does not depend on %s", ErrNoTarget, b.Info.Name, from)
			}
			b.Info.Depends = slices.Delete(slices.Clone(b.Info.Depends), at, at+1)
		}
		if to != "" {
			b.Info.Depends = append(slices.Clone(b.Info.Depends), to)
		}
		return nil
	}
}

// channelFaults are packages of another channel, minor or product.
func channelFaults() []Fault {
	return []Fault{
		{
			Name:  "final-in-dev",
			Title: "the repositories of the channel dev also hold the latest final kubelet, properly indexed",
			Want:  []string{"channel-policy", "latest-preferred", "install-list"},
			May:   uninstallable(),
			apply: lent(publish.Stable, publish.Dev, "kubelet"),
		},
		{
			Name:  "nightly-in-dev",
			Title: "the repositories of the channel dev also hold the nightly kubelet, properly indexed",
			Want:  []string{"channel-policy", "install-list"},
			apply: lent(publish.Nightly, publish.Dev, "kubelet"),
		},
		{
			Name:  "old-rc-in-stable",
			Title: "the stable repositories also hold the release candidate of kubectl from the channel dev, which sorts before every final release",
			Want:  []string{"channel-policy", "install-list"},
			apply: lent(publish.Dev, publish.Stable, "kubectl"),
		},
		{
			Name:  "rc-without-tilde",
			Title: "the stable deb repository also holds a kubelet 1.26.9rc0 for amd64, whose version sorts after the latest",
			Want:  []string{"channel-policy", "latest-preferred", "format-parity", "install-list"},
			// Its program is that of the latest, which has another version, and
			// there is no official one.
			May: uninstallable("binary-version", "binary-official"),
			apply: remake{name: "kubelet", formats: debOnly(), as: "1.26.9", change: func(_ *workbench, b *publish.Build) error {
				b.Info.Version += "rc0"
				return nil
			}, rename: [2]string{"1.26.9", "1.26.9rc0"}}.apply,
		},
		{
			Name:  "older-minor",
			Title: "the stable repositories of 1.26 also hold kubectl 1.25.9, properly indexed",
			Want:  []string{"minor-policy", "install-list"},
			// It was never released by the official place that the run is given.
			May:   []string{"binary-official"},
			apply: remake{name: "kubectl", formats: both(), everyArch: true, as: "1.25.9"}.apply,
		},
		{
			Name:  "other-product",
			Title: "the stable repositories also hold a final release of another product, containerd-tools",
			Want:  []string{"channel-policy"},
			May:   []string{"install-list"},
			apply: remake{name: "kubectl", formats: both(), as: "1.26.9", change: func(_ *workbench, b *publish.Build) error {
				b.Info.Name = "containerd-tools"
				return nil
			}, rename: [2]string{"kubectl", "containerd-tools"}}.apply,
		},
	}
}

// lent copies the latest packages of a name from one channel's repositories
// into another's.
func lent(from, to publish.Channel, name string) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		var all []string
		for _, format := range both() {
			layout := tree.Publisher.Layout
			source := tree.folder(layout.Repository(from, Minor, format))
			lender, err := anyVersionsOf(source, format, name)
			if err != nil {
				return nil, err
			}
			version := lender[len(lender)-1].version
			touched, err := editRepository(ctx, tree, layout.Repository(to, Minor, format), func(_ context.Context, dir string) ([]string, error) {
				files, err := added(source, version, []string{name})
				if err != nil {
					return nil, err
				}
				for _, file := range files {
					if err := os.Link(filepath.Join(source, file), filepath.Join(dir, file)); err != nil {
						return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
					}
				}
				return files, nil
			})
			if err != nil {
				return nil, err
			}
			all = append(all, touched...)
		}
		return all, nil
	}
}

// absenceFaults are packages that are not there; the indexes do not list them.
func absenceFaults() []Fault {
	return []Fault{
		{
			Name:  "no-cri-tools-deb",
			Title: "the deb repository has no cri-tools",
			Want:  []string{"packages-published", "format-parity", "dependency-closure", "install-solve", "install-list"},
			May:   uninstallable(),
			apply: without(debOnly(), "*", "cri-tools?[0-9]*"),
		},
		{
			Name:  "no-cri-tools-rpm",
			Title: "the rpm repository has no cri-tools",
			Want:  []string{"packages-published", "format-parity", "dependency-closure", "install-solve", "install-list"},
			May:   uninstallable(),
			apply: without(rpmOnly(), "*", "cri-tools?[0-9]*"),
		},
		{
			Name:  "no-kubernetes-cni",
			Title: "neither repository has kubernetes-cni",
			Want:  []string{"packages-published", "dependency-closure", "install-solve", "install-list", "install-latest"},
			May:   uninstallable(),
			apply: without(both(), "*", "kubernetes-cni?[0-9]*"),
		},
		{
			Name:  "no-kubernetes-cni-arch",
			Title: "the rpm repository has no kubernetes-cni for s390x",
			Want:  []string{"packages-published", "format-parity", "dependency-closure"},
			May:   uninstallable("install-solve", "install-list"),
			apply: without(rpmOnly(), "s390x", "kubernetes-cni?[0-9]*"),
		},
		{
			Name:  "one-missing-deb",
			Title: "the kubelet before the latest is missing as .deb for s390x",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("install-list"),
			apply: withoutRelease(debOnly(), "s390x", 1, "kubelet"),
		},
		{
			Name:  "one-missing-rpm",
			Title: "the latest kubectl is missing as .rpm for x86_64",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("install-list"),
			apply: withoutRelease(rpmOnly(), "x86_64", 0, "kubectl"),
		},
		{
			Name:  "latest-missing",
			Title: "the latest version is missing everywhere",
			Want:  []string{"packages-published"},
			May:   uninstallable("install-list"),
			apply: withoutRelease(both(), "*", 0, kubernetesPackages()...),
		},
		{
			Name:  "latest-missing-deb",
			Title: "the latest version is missing in the deb repository, and is there in the rpm one",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("install-list"),
			apply: withoutRelease(debOnly(), "*", 0, kubernetesPackages()...),
		},
		{
			Name:  "one-format-only",
			Title: "the rpm repository also has a release 1.26.9, which was not asked for, and the deb one has not",
			Want:  []string{"format-parity"},
			// Nobody expects it, and it is newer; its programs are nowhere official.
			May:   uninstallable("latest-preferred", "binary-official", "install-list"),
			apply: remake{name: "kubectl", formats: rpmOnly(), everyArch: true, as: "1.26.9"}.apply,
		},
	}
}

// without removes the files whose folder and name match one of the names.
func without(formats []publish.Format, arch string, names ...string) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		var all []string
		for _, format := range formats {
			touched, err := edit(ctx, tree, format, func(_ context.Context, dir string) ([]string, error) {
				var out []string
				for _, name := range names {
					files, err := removed(dir, filepath.Join(arch, name))
					if err != nil {
						return nil, err
					}
					out = append(out, files...)
				}
				return out, nil
			})
			if err != nil {
				return nil, err
			}
			all = append(all, touched...)
		}
		return all, nil
	}
}

// withoutRelease removes packages of one version: of that which is so many
// places behind the latest.
func withoutRelease(formats []publish.Format, arch string, behind int, packages ...string) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		version, err := releaseBehind(tree, behind)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, name := range packages {
			names = append(names, name+"?"+version.Package()+"-*")
		}
		return without(formats, arch, names...)(ctx, tree)
	}
}

// releaseBehind returns the version that is so many places behind the latest.
func releaseBehind(tree *Tree, behind int) (publish.Version, error) {
	_, dir := tree.repository(publish.Deb)
	all, err := versionsOf(dir, publish.Deb, "kubelet")
	if err != nil {
		return "", err
	}
	if len(all) <= behind {
		return "", fmt.Errorf("%w: want %d versions of kubelet in %s", ErrNoTarget, behind+1, dir)
	}
	return all[len(all)-1-behind].version, nil
}

// removed removes files, of which there must be one.
func removed(dir, form string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, form))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: no %s in %s", ErrNoTarget, form, dir)
	}
	var out []string
	for _, name := range found {
		file, err := filepath.Rel(dir, name)
		if err != nil {
			return nil, err
		}
		if err := os.Remove(name); err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}

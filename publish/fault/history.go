package fault

import (
	"context"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// orderFaults make package managers prefer another version than the latest.
func orderFaults() []Fault {
	epoch := func(_ *workbench, b *publish.Build) error {
		b.Info.Epoch = "1"
		return nil
	}
	return []Fault{
		{
			Name:  "epoch-deb",
			Title: "the oldest kubelet .deb for amd64 has the epoch 1, which puts it above the latest",
			Want:  []string{"latest-preferred", "install-latest"},
			May:   uninstallable("install-list"),
			apply: remake{name: "kubelet", formats: debOnly(), oldest: true, change: epoch}.apply,
		},
		{
			Name:  "epoch-rpm",
			Title: "the oldest kubelet .rpm for x86_64 has the epoch 1, which puts it above the latest",
			Want:  []string{"latest-preferred", "install-latest"},
			May:   uninstallable("install-list"),
			apply: remake{name: "kubelet", formats: rpmOnly(), oldest: true, change: epoch}.apply,
		},
	}
}

// historyFaults are right by themselves: only who knows how the repository was
// before can tell.
func historyFaults() []Fault {
	return []Fault{
		{
			Name:     "vanished-version",
			Title:    "the oldest version, which was there before, has vanished from both repositories",
			Want:     []string{"packages-published", "published-files-kept"},
			May:      []string{"install-list"},
			Baseline: true,
			apply: func(ctx context.Context, tree *Tree) ([]string, error) {
				_, dir := tree.repository(publish.Deb)
				all, err := versionsOf(dir, publish.Deb, "kubelet")
				if err != nil {
					return nil, err
				}
				return withoutRelease(both(), "*", len(all)-1, kubernetesPackages()...)(ctx, tree)
			},
		},
		{
			Name:     "changed-deb",
			Title:    "the latest kubelet .deb for amd64 was built again under its name and is properly indexed: only the dates of its files differ",
			Want:     []string{"published-files-kept"},
			Baseline: true,
			apply:    remake{name: "kubelet", formats: debOnly(), change: hourLater}.apply,
		},
		{
			Name:     "changed-rpm",
			Title:    "the latest kubelet .rpm for x86_64 was built again under its name and is properly indexed: only the dates of its files differ",
			Want:     []string{"published-files-kept"},
			Baseline: true,
			apply:    remake{name: "kubelet", formats: rpmOnly(), change: hourLater}.apply,
		},
		{
			Name:     "revision-replaced",
			Title:    "the latest kubectl is there in the revision 2.1 only; it was there as 1.1",
			Want:     []string{"published-files-kept"},
			Baseline: true,
			apply:    remake{name: "kubectl", formats: both(), everyArch: true, revision: 2}.apply,
		},
	}
}

func hourLater(_ *workbench, b *publish.Build) error {
	for _, c := range b.Info.Contents {
		c.FileInfo.MTime = c.FileInfo.MTime.Add(time.Hour)
	}
	b.Info.MTime = b.Info.MTime.Add(time.Hour)
	return nil
}

// mixedFaults are several faults of contents and policy at once.
func mixedFaults() []Fault {
	single := map[string]Fault{}
	for _, list := range [][]Fault{contentFaults(), dependencyFaults(), channelFaults(), absenceFaults(), orderFaults(), historyFaults(), harmlessChanges()} {
		for _, f := range list {
			single[f.Name] = f
		}
	}
	return []Fault{
		combined("older-program-and-no-cri-tools", single["no-cri-tools-deb"], single["older-program-rpm"]),
		combined("epoch-and-drop-in-and-older-minor", single["epoch-deb"], single["drop-in-environment-rpm"], single["older-minor"]),
		combined("set-uid-and-unmet-and-one-missing", single["set-uid-deb"], single["unmet-dependency-rpm"], single["one-missing-deb"]),
		combined("rebuilt-and-changed", single["built-again"], single["changed-rpm"]),
		combined("unofficial-and-relabelled", single["unofficial-program"], single["relabelled-deb"]),
	}
}

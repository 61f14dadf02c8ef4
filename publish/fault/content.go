package fault

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2/files"

	"sigs.k8s.io/pkgverify/publish"
)

// Where the kubelet's and kubeadm's files are.
const (
	kubeletProgram = "/usr/bin/kubelet"
	kubeletUnit    = "/usr/lib/systemd/system/kubelet.service"
	dropIn         = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
	debEnvironment = "/etc/default/kubelet"
	rpmEnvironment = "/etc/sysconfig/kubelet"
)

func debOnly() []publish.Format { return []publish.Format{publish.Deb} }
func rpmOnly() []publish.Format { return []publish.Format{publish.RPM} }
func both() []publish.Format    { return []publish.Format{publish.Deb, publish.RPM} }

// contentFaults are packages that are well built, signed and indexed, and hold
// or say something wrong.
func contentFaults() []Fault {
	return slices.Concat(identityFaults(), programFaults(), fileFaults(), configFaults(), escapeFaults(), controlFaults())
}

// programFaults are packages with other programs than they should have.
func programFaults() []Fault {
	return []Fault{
		{
			Name:  "foreign-program-deb",
			Title: "the latest kubelet .deb for amd64 holds the program for s390x",
			Want:  []string{"binary-architecture", "binary-parity", "binary-official"},
			// Where emulators are registered, the program runs all the same.
			May:   []string{"install-versions", "install-upgrade", "install-downgrade", "install-pinned"},
			apply: remake{name: "kubelet", formats: debOnly(), change: foreignProgram}.apply,
		},
		{
			Name:  "foreign-program-rpm",
			Title: "the latest kubelet .rpm for x86_64 holds the program for s390x",
			Want:  []string{"binary-architecture", "binary-parity", "binary-official"},
			May:   []string{"install-versions", "install-upgrade", "install-downgrade", "install-pinned"},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: foreignProgram}.apply,
		},
		{
			Name:  "older-program-deb",
			Title: "the latest kubelet .deb for amd64 holds the program of the version before",
			Want:  []string{"binary-version", "binary-parity", "binary-official", "install-versions"},
			May:   []string{"install-upgrade", "install-downgrade", "install-pinned"},
			apply: remake{name: "kubelet", formats: debOnly(), change: olderProgram}.apply,
		},
		{
			Name:  "older-program-rpm",
			Title: "the latest kubelet .rpm for x86_64 holds the program of the version before",
			Want:  []string{"binary-version", "binary-parity", "binary-official", "install-versions"},
			May:   []string{"install-upgrade", "install-downgrade", "install-pinned"},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: olderProgram}.apply,
		},
		{
			Name:  "older-program",
			Title: "the latest kubelet packages for amd64, deb and rpm, both hold the program of the version before",
			Want:  []string{"binary-version", "binary-official", "install-versions"},
			May:   []string{"install-upgrade", "install-downgrade", "install-pinned"},
			apply: remake{name: "kubelet", formats: both(), change: olderProgram}.apply,
		},
		{
			Name:  "different-programs",
			Title: "the latest kubelet .rpm for x86_64 holds another build of the program than the .deb",
			Want:  []string{"binary-parity", "binary-official"},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: otherBuild(kubeletProgram)}.apply,
		},
		{
			Name:  "unofficial-program",
			Title: "the latest kubectl packages for amd64, deb and rpm, both hold a program that was never released",
			Want:  []string{"binary-official"},
			apply: remake{name: "kubectl", formats: both(), change: otherBuild("/usr/bin/kubectl")}.apply,
		},
		{
			Name:  "different-plugins",
			Title: "a plugin in the kubernetes-cni .deb for amd64 is another build than that in the .rpm",
			Want:  []string{"binary-parity"},
			apply: remake{name: "kubernetes-cni", formats: debOnly(), change: otherBuild("/opt/cni/bin/bridge")}.apply,
		},
		{
			Name:  "program-missing",
			Title: "the latest kubelet .deb for amd64 has no kubelet in it",
			Want:  []string{"package-files", "install-versions"},
			// What is not there is not the released program, has no version, is
			// not what the .rpm has, and cannot be started by the unit.
			May: []string{
				"binary-version", "binary-official", "binary-parity", "config-references", "install-upgrade", "install-downgrade", "install-pinned",
			},
			apply: remake{name: "kubelet", formats: debOnly(), change: drop(kubeletProgram)}.apply,
		},
	}
}

func foreignProgram(w *workbench, b *publish.Build) error {
	arch, err := publish.ParseArch("s390x")
	if err != nil {
		return err
	}
	return withProgram(w, b, arch, w.version)
}

func olderProgram(w *workbench, b *publish.Build) error {
	_, dir := w.tree.repository(publish.Deb)
	all, err := versionsOf(dir, publish.Deb, "kubelet")
	if err != nil {
		return err
	}
	if len(all) < 2 {
		return fmt.Errorf("%w: want two versions of kubelet in %s", ErrNoTarget, dir)
	}
	return withProgram(w, b, b.Arch, all[len(all)-2].version)
}

// withProgram takes the kubelet from another package.
func withProgram(w *workbench, b *publish.Build, arch publish.Arch, version publish.Version) error {
	c, err := content(b, kubeletProgram)
	if err != nil {
		return err
	}
	c.Source, err = w.program(arch, version, "kubelet", kubeletProgram)
	return err
}

// otherBuild makes a program that runs as the right one does, and differs from
// it: there is more behind the end than the ELF header knows of.
func otherBuild(program string) func(w *workbench, b *publish.Build) error {
	return edited(program, func(data []byte) []byte { return append(data, "built again"...) })
}

// edited changes the bytes of a file.
func edited(place string, change func(data []byte) []byte) func(w *workbench, b *publish.Build) error {
	return func(w *workbench, b *publish.Build) error {
		c, err := content(b, place)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(c.Source)
		if err != nil {
			return err
		}
		changed := change(slices.Clone(data))
		if bytes.Equal(data, changed) {
			return fmt.Errorf("%w: %s has nothing to change", ErrNoTarget, place)
		}
		c.Source, err = w.file(changed)
		return err
	}
}

func drop(place string) func(w *workbench, b *publish.Build) error {
	return func(_ *workbench, b *publish.Build) error {
		if _, err := content(b, place); err != nil {
			return err
		}
		b.Info.Contents = slices.DeleteFunc(b.Info.Contents, func(c *files.Content) bool { return c.Destination == place })
		return nil
	}
}

// identityFaults are packages that are not what their name says.
func identityFaults() []Fault {
	return []Fault{
		{
			Name:  "renamed-deb",
			Title: "the latest kubelet .deb for amd64 is made as a package kubelet-node",
			Want:  []string{"packages-published", "format-parity"},
			// A name that is not the product's.
			May:   uninstallable("channel-policy", "install-list", "install-solve"),
			apply: remake{name: "kubelet", formats: debOnly(), change: renamed, rename: [2]string{"kubelet_", "kubelet-node_"}}.apply,
		},
		{
			Name:  "renamed-rpm",
			Title: "the latest kubelet .rpm for x86_64 is made as a package kubelet-node",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("channel-policy", "install-list", "install-solve"),
			apply: remake{name: "kubelet", formats: rpmOnly(), change: renamed, rename: [2]string{"kubelet-", "kubelet-node-"}}.apply,
		},
		{
			Name:  "other-arch-deb",
			Title: "the latest kubelet .deb for s390x lies at the place of the one for amd64 as well, and is indexed as it is",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("install-list"),
			apply: otherArchitecture(publish.Deb),
		},
		{
			Name:  "other-arch-rpm",
			Title: "the latest kubelet .rpm for s390x lies at the place of the one for x86_64 as well, and is indexed as it is",
			Want:  []string{"packages-published", "format-parity"},
			May:   uninstallable("install-list"),
			apply: otherArchitecture(publish.RPM),
		},
		{
			Name:  "mislabelled-deb",
			Title: "the control file of the latest kubelet .deb for amd64 says s390x",
			Want:  []string{"apt-packages-wellformed", "packages-published", "format-parity", "binary-architecture"},
			// There are two packages for s390x now, and one has other programs.
			May:   uninstallable("binary-parity", "binary-official", "install-list"),
			apply: remake{name: "kubelet", formats: debOnly(), change: mislabelled}.apply,
		},
		{
			Name:  "mislabelled-rpm",
			Title: "the header of the latest kubelet .rpm for x86_64 says s390x",
			Want:  []string{"rpm-primary-wellformed", "packages-published", "format-parity", "binary-architecture"},
			May:   uninstallable("binary-parity", "binary-official", "install-list"),
			apply: remake{name: "kubelet", formats: rpmOnly(), change: mislabelled}.apply,
		},
		{
			Name:  "relabelled-deb",
			Title: "the latest kubelet .deb for s390x lies at the place of the one for amd64, and the index calls it one for amd64, properly signed",
			Want:  []string{"package-matches-index", "binary-architecture", "install-latest"},
			// By the index's word its programs should be those for amd64.
			May: uninstallable("binary-parity", "binary-official"),
			apply: reindexed(func(a *aptTree, file string) ([]byte, error) {
				return a.read(strings.ReplaceAll(file, "amd64", "s390x"))
			}),
		},
		{
			Name:     "swapped-names",
			Title:    "the latest kubelet and kubectl .deb for amd64 have each other's file names, and are indexed so",
			Want:     []string{"published-files-kept"},
			Baseline: true,
			apply:    swappedNames,
		},
	}
}

func renamed(_ *workbench, b *publish.Build) error {
	b.Info.Name = "kubelet-node"
	return nil
}

func mislabelled(_ *workbench, b *publish.Build) error {
	b.Info.Arch, b.Info.Deb.Arch, b.Info.RPM.Arch = "s390x", "s390x", "s390x"
	return nil
}

func otherArchitecture(format publish.Format) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		return edit(ctx, tree, format, func(_ context.Context, dir string) ([]string, error) {
			file, _, err := latest(dir, format, "kubelet")
			if err != nil {
				return nil, err
			}
			data, err := os.ReadFile(filepath.Join(dir, strings.NewReplacer("amd64", "s390x", "x86_64", "s390x").Replace(file)))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
			}
			return []string{file}, replace(filepath.Join(dir, file), data)
		})
	}
}

func swappedNames(ctx context.Context, tree *Tree) ([]string, error) {
	return edit(ctx, tree, publish.Deb, func(_ context.Context, dir string) ([]string, error) {
		var names []string
		for _, name := range []string{"kubelet", "kubectl"} {
			file, _, err := latest(dir, publish.Deb, name)
			if err != nil {
				return nil, err
			}
			names = append(names, file)
		}
		between := filepath.Join(dir, names[0]+".swap")
		for _, move := range [][2]string{
			{filepath.Join(dir, names[0]), between}, {filepath.Join(dir, names[1]), filepath.Join(dir, names[0])}, {between, filepath.Join(dir, names[1])},
		} {
			if err := os.Rename(move[0], move[1]); err != nil {
				return nil, err
			}
		}
		return names, nil
	})
}

// fileFaults are packages whose files have the wrong place, type, mode or
// owner.
func fileFaults() []Fault {
	mode := func(place string, mode fs.FileMode) func(w *workbench, b *publish.Build) error {
		return alteredFile(place, func(c *files.Content) { c.FileInfo.Mode = mode })
	}
	owner := func(place string) func(w *workbench, b *publish.Build) error {
		return alteredFile(place, func(c *files.Content) { c.FileInfo.Owner = "daemon" })
	}
	kubelet := func(name, title string, formats []publish.Format, change func(w *workbench, b *publish.Build) error, may ...string) Fault {
		return Fault{
			Name: name, Title: title, Want: []string{"package-files"}, May: may,
			apply: remake{name: "kubelet", formats: formats, change: change}.apply,
		}
	}
	return []Fault{
		kubelet("set-uid-deb", "the program in the latest kubelet .deb for amd64 is set-uid root", debOnly(), mode(kubeletProgram, 0o4755)),
		kubelet("set-uid-rpm", "the latest kubelet .rpm for x86_64 brings one more program, set-uid root", rpmOnly(), setUIDHelper),
		kubelet("set-gid-deb", "a folder in the latest kubelet .deb for amd64 is set-gid and writable by everybody", debOnly(), mode("/var/lib/kubelet", 0o2777)),
		kubelet("world-writable-deb", "the environment file in the latest kubelet .deb for amd64 is writable by everybody", debOnly(), mode(debEnvironment, 0o666)),
		kubelet("world-writable-rpm", "the unit in the latest kubelet .rpm for x86_64 is writable by everybody", rpmOnly(), mode(kubeletUnit, 0o666)),
		kubelet("not-executable-deb", "the program in the latest kubelet .deb for amd64 has the mode 0644", debOnly(), mode(kubeletProgram, 0o644),
			uninstallable()...),
		kubelet("not-executable-rpm", "the program in the latest kubelet .rpm for x86_64 has the mode 0644", rpmOnly(), mode(kubeletProgram, 0o644),
			uninstallable()...),
		kubelet("wrong-owner-deb", "the program in the latest kubelet .deb for amd64 belongs to the user daemon", debOnly(), owner(kubeletProgram)),
		kubelet("wrong-owner-rpm", "the program in the latest kubelet .rpm for x86_64 belongs to the user daemon", rpmOnly(), owner(kubeletProgram)),
		kubelet("folder-missing-rpm", "the latest kubelet .rpm for x86_64 lacks the folder for static pods", rpmOnly(), drop("/etc/kubernetes/manifests")),
		kubelet("link-for-program-deb", "the program in the latest kubelet .deb for amd64 is a symbolic link", debOnly(),
			alteredFile(kubeletProgram, func(c *files.Content) { c.Type, c.Source = files.TypeSymlink, "/opt/bin/kubelet" }),
			// What the link leads to is no program of the package's.
			uninstallable("binary-version", "binary-official", "binary-parity", "config-references")...),
		{
			Name:  "device-deb",
			Title: "the latest kubelet .deb for amd64 brings a device node",
			Want:  []string{"package-files"},
			// The reader may find it of a form that is not unpacked everywhere.
			May: []string{"package-matches-index"},
			apply: remake{name: "kubelet", formats: debOnly(), change: unchanged, finish: inData(func(all []tarFile) ([]tarFile, error) {
				return append(all, tarFile{header: tar.Header{
					Typeflag: tar.TypeChar, Name: "./var/lib/kubelet/mem", Mode: 0o640, Uname: "root", Gname: "root",
					Devmajor: 1, Devminor: 1, ModTime: all[0].header.ModTime, Format: tar.FormatGNU,
				}}), nil
			})}.apply,
		},
	}
}

func alteredFile(place string, change func(c *files.Content)) func(w *workbench, b *publish.Build) error {
	return func(_ *workbench, b *publish.Build) error {
		c, err := content(b, place)
		if err == nil {
			change(c)
		}
		return err
	}
}

// unchanged has a package built anew as it is.
func unchanged(*workbench, *publish.Build) error { return nil }

func setUIDHelper(w *workbench, b *publish.Build) error {
	source, err := w.file([]byte("#!/bin/sh\nexec id\n"))
	return addFile(b, source, "/usr/libexec/kubelet-helper", 0o4755, err)
}

// addFile adds a regular file, unless there was an error before.
func addFile(b *publish.Build, source, place string, mode fs.FileMode, err error) error {
	if err != nil {
		return err
	}
	b.Info.Contents = append(b.Info.Contents, &files.Content{
		Source: source, Destination: place, Type: files.TypeFile,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: b.Info.MTime},
	})
	return nil
}

// inData changes the files of a deb.
func inData(change func(all []tarFile) ([]tarFile, error)) func(w *workbench, format publish.Format, data []byte) ([]byte, error) {
	return func(_ *workbench, _ publish.Format, data []byte) ([]byte, error) {
		f, err := parseDeb(data)
		if err != nil {
			return nil, err
		}
		if err := f.changeTar("data.tar.gz", change); err != nil {
			return nil, err
		}
		return f.bytes(), nil
	}
}

package fault

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/goreleaser/nfpm/v2/files"

	"sigs.k8s.io/pkgverify/publish"
)

// configFaults are units, drop-ins and environment files that do not fit each
// other.
func configFaults() []Fault {
	text := func(place, from, to string) func(w *workbench, b *publish.Build) error {
		return edited(place, func(data []byte) []byte { return bytes.ReplaceAll(data, []byte(from), []byte(to)) })
	}
	// Other packages that are published bring what this one lacks, so that it
	// depends on the reader's view whether a reference leads nowhere.
	const elsewhere = "config-references"
	return []Fault{
		{
			Name:  "drop-in-environment-deb",
			Title: "the drop-in in the latest kubeadm .deb for amd64 names the rpm's environment file, /etc/sysconfig/kubelet",
			Want:  []string{"config-references"},
			apply: remake{name: "kubeadm", formats: debOnly(), change: text(dropIn, debEnvironment, rpmEnvironment)}.apply,
		},
		{
			Name:  "drop-in-environment-rpm",
			Title: "the drop-in in the latest kubeadm .rpm for x86_64 names the deb's environment file, /etc/default/kubelet",
			Want:  []string{"config-references"},
			apply: remake{name: "kubeadm", formats: rpmOnly(), change: text(dropIn, rpmEnvironment, debEnvironment)}.apply,
		},
		{
			Name:  "unit-program",
			Title: "the unit in the latest kubelet .rpm for x86_64 starts /usr/local/bin/kubelet",
			Want:  []string{"config-references"},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: text(kubeletUnit, kubeletProgram, "/usr/local/bin/kubelet")}.apply,
		},
		{
			Name:  "drop-in-path-deb",
			Title: "the drop-in of the latest kubeadm .deb for amd64 is at /etc/systemd/system/kubelet.service.d",
			Want:  []string{"package-files"},
			apply: remake{name: "kubeadm", formats: debOnly(), change: moved(dropIn, "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")}.apply,
		},
		{
			Name:  "unit-path-rpm",
			Title: "the unit of the latest kubelet .rpm for x86_64 is at /usr/lib/systemd/kubelet.service",
			Want:  []string{"package-files"},
			May:   []string{elsewhere},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: moved(kubeletUnit, "/usr/lib/systemd/kubelet.service")}.apply,
		},
		{
			Name:  "unit-missing",
			Title: "the latest kubelet .deb for amd64 has no unit",
			Want:  []string{"package-files"},
			May:   []string{elsewhere},
			apply: remake{name: "kubelet", formats: debOnly(), change: drop(kubeletUnit)}.apply,
		},
		{
			Name:  "environment-missing",
			Title: "the latest kubelet .deb for amd64 has no environment file",
			Want:  []string{"package-files"},
			May:   []string{elsewhere},
			apply: remake{name: "kubelet", formats: debOnly(), change: drop(debEnvironment)}.apply,
		},
		{
			Name:  "environment-path",
			Title: "the environment file of the latest kubelet .deb for amd64 is at the rpm's place, /etc/sysconfig/kubelet",
			Want:  []string{"package-files"},
			May:   []string{elsewhere},
			apply: remake{name: "kubelet", formats: debOnly(), change: moved(debEnvironment, rpmEnvironment)}.apply,
		},
		{
			Name:  "conffile-unmarked-deb",
			Title: "the environment file of the latest kubelet .deb for amd64 is not among its conffiles",
			Want:  []string{"package-files"},
			May:   []string{"install-remove"},
			apply: remake{name: "kubelet", formats: debOnly(), change: unmarked(debEnvironment)}.apply,
		},
		{
			Name:  "conffile-unmarked-rpm",
			Title: "the environment file of the latest kubelet .rpm for x86_64 is not marked as a configuration file",
			Want:  []string{"package-files"},
			May:   []string{"install-remove"},
			apply: remake{name: "kubelet", formats: rpmOnly(), change: unmarked(rpmEnvironment)}.apply,
		},
	}
}

func moved(from, to string) func(w *workbench, b *publish.Build) error {
	return alteredFile(from, func(c *files.Content) { c.Destination = to })
}

func unmarked(place string) func(w *workbench, b *publish.Build) error {
	return alteredFile(place, func(c *files.Content) { c.Type = files.TypeFile })
}

// Paths for escapeFaults: what nfpm builds at the first ones is moved to the
// second ones afterwards. Both are of one length, so that an rpm's header keeps
// its form.
const (
	insideFile  = "/aa/bb/cc/etc/cron.d/kubelet"
	outsideFile = "/../../../etc/cron.d/kubelet"
	linkPath    = "/var/lib/kubelet/plugins"
	besideLink  = "/var/lib/kubelet/pluginz/cron.d/kubelet"
	throughLink = "/var/lib/kubelet/plugins/cron.d/kubelet"
)

// escapeFaults are packages whose files leave the root.
func escapeFaults() []Fault {
	escape := func(name, title string, formats []publish.Format, from, to string, link bool) Fault {
		return Fault{
			Name: name, Title: title,
			Want: []string{"package-files"},
			// The reader of packages calls it a fault of the package itself, and
			// package managers may refuse to unpack it.
			May: uninstallable("package-matches-index", "config-references"),
			apply: remake{name: "kubelet", formats: formats, change: stray(from, link), finish: func(w *workbench, format publish.Format, data []byte) ([]byte, error) {
				if format == publish.RPM {
					return moveInRPM(w, data, from, to)
				}
				return moveInDeb(data, from, to)
			}}.apply,
		}
	}
	return []Fault{
		escape("escape-deb", `the latest kubelet .deb for amd64 holds a file ../../../etc/cron.d/kubelet`, debOnly(), insideFile, outsideFile, false),
		escape("escape-rpm", `the latest kubelet .rpm for x86_64 holds a file ../../../etc/cron.d/kubelet`, rpmOnly(), insideFile, outsideFile, false),
		escape("escape-link-deb", "the latest kubelet .deb for amd64 holds a link to /etc and a file behind it", debOnly(), besideLink, throughLink, true),
		escape("escape-link-rpm", "the latest kubelet .rpm for x86_64 holds a link to /etc and a file behind it", rpmOnly(), besideLink, throughLink, true),
	}
}

// stray adds a file, and perhaps a link to /etc.
func stray(place string, link bool) func(w *workbench, b *publish.Build) error {
	return func(w *workbench, b *publish.Build) error {
		if link {
			b.Info.Contents = append(b.Info.Contents, &files.Content{
				Source: "/etc", Destination: linkPath, Type: files.TypeSymlink,
				FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o777, MTime: b.Info.MTime},
			})
		}
		source, err := w.file([]byte("@reboot root id\n"))
		return addFile(b, source, place, 0o644, err)
	}
}

// moveInDeb moves a file in data.tar and md5sums. The folders that were its
// parents are left out.
func moveInDeb(data []byte, from, to string) ([]byte, error) {
	f, err := parseDeb(data)
	if err != nil {
		return nil, err
	}
	found := 0
	if err := f.changeTar("control.tar.gz", func(all []tarFile) ([]tarFile, error) {
		for i, file := range all {
			if filepath.Base(file.header.Name) == "md5sums" {
				found += bytes.Count(file.data, []byte(from[1:]))
				all[i].data = bytes.Replace(file.data, []byte(from[1:]), []byte(to[1:]), 1)
			}
		}
		return all, nil
	}); err != nil {
		return nil, err
	}
	if err := f.changeTar("data.tar.gz", func(all []tarFile) ([]tarFile, error) {
		var out []tarFile
		for _, file := range all {
			name := filepath.Clean("/" + file.header.Name)
			if file.header.Typeflag == tar.TypeDir && len(name) > 1 && within(from, name) && !within(to, name) {
				continue
			}
			if name == from {
				file.header.Name = "." + to
				found++
			}
			out = append(out, file)
		}
		return out, nil
	}); err != nil {
		return nil, err
	}
	if found != 2 {
		return nil, fmt.Errorf("%w: %s is %d times in data.tar and md5sums", ErrNoTarget, from, found)
	}
	return f.bytes(), nil
}

func within(file, folder string) bool {
	return len(file) > len(folder) && file[:len(folder)+1] == folder+"/"
}

// moveInRPM moves a file in header and payload, and signs the package again.
func moveInRPM(w *workbench, data []byte, from, to string) ([]byte, error) {
	f, err := parseRPM(data)
	if err != nil {
		return nil, err
	}
	folder := []byte(filepath.Dir(from) + "/")
	target := []byte(to[:len(folder)]) // not by Dir, which would clean it
	if err := f.changePayload(func(payload []byte) ([]byte, error) {
		if bytes.Count(payload, []byte(from)) != 1 {
			return nil, fmt.Errorf("%w: no %s in the payload", ErrNoTarget, from)
		}
		return bytes.Replace(payload, []byte(from), []byte(to), 1), nil
	}); err != nil {
		return nil, err
	}
	if err := f.change(func(h rpmHeader) rpmHeader {
		for i, t := range h {
			switch t.tag {
			case tagDirNames:
				h[i].data = bytes.ReplaceAll(t.data, folder, target)
			case tagPayloadDigest:
				h[i].data = append(fmt.Appendf(nil, "%x", sha256.Sum256(f.payload)), 0)
			}
		}
		return h
	}); err != nil {
		return nil, err
	}
	if err := signRPM(w.tree, f, w.tree.Publisher.Key, modern()); err != nil {
		return nil, err
	}
	return f.bytes(), nil
}

// tagDirNames holds the folders of an rpm's files.
const tagDirNames = 1118

// controlFaults are control files that cannot be read, or contradict the
// package or the index.
func controlFaults() []Fault {
	return []Fault{
		{
			Name:  "wrong-md5sums",
			Title: "md5sums in the latest kubelet .deb for amd64 gives the program another digest",
			Want:  []string{"package-matches-index"},
			apply: remake{name: "kubelet", formats: debOnly(), change: unchanged, finish: func(_ *workbench, _ publish.Format, data []byte) ([]byte, error) {
				f, err := parseDeb(data)
				if err != nil {
					return nil, err
				}
				if err := f.changeTar("control.tar.gz", otherSums); err != nil {
					return nil, err
				}
				return f.bytes(), nil
			}}.apply,
		},
		{
			Name:  "unreadable-control",
			Title: "control.tar.gz in the latest kubelet .deb for amd64 is cut off; the index lists the file as it is, properly signed",
			Want:  []string{"package-matches-index", "install-latest"},
			May:   uninstallable(),
			apply: reindexed(func(a *aptTree, file string) ([]byte, error) {
				data, err := a.read(file)
				if err != nil {
					return nil, err
				}
				f, err := parseDeb(data)
				if err != nil {
					return nil, err
				}
				m, err := f.member("control.tar.gz")
				if err != nil {
					return nil, err
				}
				m.data = m.data[:len(m.data)/2]
				return f.bytes(), nil
			}),
		},
		{
			Name:  "index-version",
			Title: "the index gives the latest kubelet .deb for amd64 the revision 9.9, properly signed",
			Want:  []string{"package-matches-index"},
			May:   uninstallable(),
			apply: changeStanza(func(stanza string) []string {
				return []string{regexp.MustCompile(`(?m)^(Version: .*)-1\.1$`).ReplaceAllString(stanza, "${1}-9.9")}
			}),
		},
		{
			Name:  "index-depends",
			Title: "the index leaves out what the latest kubelet .deb for amd64 depends on, properly signed",
			Want:  []string{"package-matches-index"},
			Warn:  []string{"dependencies-as-specified"},
			May:   uninstallable(),
			apply: changeStanza(func(stanza string) []string {
				return []string{regexp.MustCompile(`(?m)^Depends: .*\n`).ReplaceAllString(stanza, "")}
			}),
		},
		{
			Name:  "primary-requires",
			Title: "primary leaves out what the latest kubelet .rpm for x86_64 requires, properly listed and signed",
			Want:  []string{"package-matches-index"},
			Warn:  []string{"dependencies-as-specified"},
			May:   uninstallable(),
			apply: changePrimary(func(element []byte) []byte {
				return regexp.MustCompile(`(?s)    <rpm:requires>.*?</rpm:requires>\n`).ReplaceAll(element, nil)
			}),
		},
	}
}

// otherSums changes the first digit of the kubelet's digest in md5sums.
func otherSums(all []tarFile) ([]tarFile, error) {
	line := regexp.MustCompile(`(?m)^([0-9a-f])([0-9a-f]{31}  (?:\./)?usr/bin/kubelet)$`)
	for i, f := range all {
		if filepath.Base(f.header.Name) != "md5sums" || !line.Match(f.data) {
			continue
		}
		all[i].data = line.ReplaceAllFunc(f.data, func(text []byte) []byte {
			digit := byte('0')
			if text[0] == digit {
				digit = '1'
			}
			return append([]byte{digit}, text[1:]...)
		})
		return all, nil
	}
	return nil, fmt.Errorf("%w: md5sums has no usr/bin/kubelet", ErrNoTarget)
}

// reindexed puts another file in the place of the latest kubelet .deb for
// amd64. Its stanza stays, with the new file's size and digests, properly
// signed.
func reindexed(change func(a *aptTree, file string) ([]byte, error)) applyFunc {
	return apt(func(a *aptTree) error {
		file, _, err := latest(a.dir, publish.Deb, "kubelet")
		if err != nil {
			return err
		}
		data, err := change(a, file)
		if err != nil {
			return err
		}
		if err := a.write(file, data); err != nil {
			return err
		}
		packages, err := a.withStanza(func(stanza string) []string {
			for field, value := range map[string]string{
				"Size": fmt.Sprint(len(data)), "MD5sum": fmt.Sprintf("%x", md5.Sum(data)),
				"SHA1": fmt.Sprintf("%x", sha1.Sum(data)), "SHA256": fmt.Sprintf("%x", sha256.Sum256(data)),
			} {
				stanza = regexp.MustCompile(`(?m)^`+field+`: .*$`).ReplaceAllLiteralString(stanza, field+": "+value)
			}
			return []string{stanza}
		})
		if err != nil {
			return err
		}
		return a.publish(packages)
	})
}

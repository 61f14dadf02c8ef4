package fault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// rpmIndexFaults are repomd.xml, primary and filelists that say something
// wrong. Unless the title says otherwise, repomd.xml is properly signed.
func rpmIndexFaults() []Fault {
	return []Fault{
		{
			Name:  "filelists-missing",
			Title: "the filelists that repomd.xml lists are not there",
			Want:  []string{"rpm-index-checksums"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				_, file, err := r.element("filelists")
				if err != nil {
					return err
				}
				return r.remove(file)
			}),
		},
		{
			Name:  "filelists-unlisted",
			Title: "repomd.xml does not list the filelists",
			Want:  []string{"rpm-filelists-consistent"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				element, _, err := r.element("filelists")
				if err != nil {
					return err
				}
				return r.sign(bytes.Replace(r.repomd, element, nil, 1))
			}),
		},
		{
			Name:  "other-filelists",
			Title: "the filelists are those of the next minor's repository, properly listed",
			Want:  []string{"rpm-filelists-consistent"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				xml, err := r.open("filelists")
				if err != nil {
					return err
				}
				return r.publish("filelists", nextMinor(xml))
			}),
		},
		{
			Name:  "short-filelists",
			Title: "the filelists lack one package, properly listed",
			Want:  []string{"rpm-filelists-consistent"},
			apply: rpmmd(func(r *rpmTree) error {
				xml, err := r.open("filelists")
				if err != nil {
					return err
				}
				from, to := bytes.Index(xml, []byte("<package ")), bytes.Index(xml, []byte("</package>\n"))
				if from < 0 || to < from {
					return fmt.Errorf("%w: filelists have no package", ErrNoTarget)
				}
				return r.publish("filelists", append(xml[:from:from], xml[to+len("</package>\n"):]...))
			}),
		},
		{
			Name:  "no-open-checksum",
			Title: "repomd.xml gives neither open-checksum nor open-size of primary",
			// A hash that is not there is not a strong one.
			Want: []string{"metadata-strong-hash"},
			apply: rpmmd(func(r *rpmTree) error {
				element, _, err := r.element("primary")
				if err != nil {
					return err
				}
				open := regexp.MustCompile(`(?m)^ *<open-(checksum|size).*\n`)
				return r.sign(bytes.Replace(r.repomd, element, open.ReplaceAll(element, nil), 1))
			}),
		},
		{
			Name:  "wrong-open-size",
			Title: "repomd.xml gives an open-size of primary that is one byte too large",
			Want:  []string{"rpm-index-checksums"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				element, _, err := r.element("primary")
				if err != nil {
					return err
				}
				xml, err := r.open("primary")
				if err != nil {
					return err
				}
				return r.sign(bytes.Replace(r.repomd, element, setElement(element, "open-size", fmt.Sprint(len(xml)+1)), 1))
			}),
		},
		{
			Name:  "sha1-repomd",
			Title: "repomd.xml gives the checksums of all files by SHA-1",
			Want:  []string{"metadata-strong-hash"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				repomd, err := r.sha1Repomd()
				if err != nil {
					return err
				}
				return r.sign(repomd)
			}),
		},
		{
			Name:  "other-primary",
			Title: "primary is that of the next minor's repository; repomd.xml lists its own",
			Want:  []string{"rpm-index-checksums", "install-setup"},
			// What is there is read all the same: it is another repository's list.
			May: refused("packages-published", "minor-policy", "latest-preferred", "format-parity", "dependency-closure",
				"dependencies-as-specified", "rpm-filelists-consistent", "package-checksums", "package-matches-index", "metadata-fresh"),
			apply: rpmmd(func(r *rpmTree) error {
				_, file, err := r.element("primary")
				if err != nil {
					return err
				}
				xml, err := r.open("primary")
				if err != nil {
					return err
				}
				compressed, err := gzipped(nextMinor(xml))
				if err != nil {
					return err
				}
				return r.write(file, compressed)
			}),
		},
		{
			Name:  "reordered-primary",
			Title: "the packages of primary are in another order than when repomd.xml was signed",
			Want:  []string{"rpm-index-checksums", "install-setup"},
			May:   refused(),
			apply: rpmmd(reorderedPrimary),
		},
		{
			Name:  "duplicate-rpm",
			Title: "two different files are listed as the latest kubelet for x86_64, both well built and signed",
			Want:  []string{"rpm-primary-wellformed"},
			May:   uninstallable(),
			apply: duplicateRPM,
		},
		{
			Name:  "wrong-location",
			Title: "the latest kubelet .rpm for x86_64 is listed at a place where it is not",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: changePrimary(func(element []byte) []byte {
				return bytes.Replace(element, []byte(`<location href="`), []byte(`<location href="moved/`), 1)
			}),
		},
		{
			Name:  "location-escape",
			Title: "the location of the latest kubelet .rpm for x86_64 leads out of the repository and back",
			Want:  []string{"rpm-primary-wellformed"},
			// A file that is never asked for cannot be what the index says.
			May: uninstallable("package-checksums"),
			apply: changePrimary(func(element []byte) []byte {
				return bytes.Replace(element, []byte(`<location href="`), []byte(`<location href="../rpm/`), 1)
			}),
		},
		{
			Name:  "location-base",
			Title: "the location of the latest kubelet .rpm for x86_64 has an xml:base that names another host",
			Want:  []string{"rpm-primary-wellformed"},
			May:   uninstallable(),
			apply: changePrimary(func(element []byte) []byte {
				return bytes.Replace(element, []byte(`<location href="`),
					[]byte(`<location xml:base="http://packages.pkgverify.invalid/" href="`), 1)
			}),
		},
		{
			Name:  "incomplete-element",
			Title: "primary has one more package, which has no checksum",
			Want:  []string{"rpm-primary-wellformed"},
			// The filelists do not have it.
			May: refused("rpm-filelists-consistent"),
			apply: changePrimary(func(element []byte) []byte {
				more := bytes.Replace(element, []byte("<name>kubelet<"), []byte("<name>kubelet-tools<"), 1)
				return append(regexp.MustCompile(`(?m)^ *<checksum .*\n`).ReplaceAll(more, nil), element...)
			}),
		},
		{
			Name:  "wrong-package-size",
			Title: "the latest kubelet .rpm for x86_64 is listed one byte too long",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: changePrimary(func(element []byte) []byte {
				return packageSize.ReplaceAllFunc(element, func(text []byte) []byte {
					n, err := strconv.Atoi(string(packageSize.FindSubmatch(text)[1]))
					if err != nil {
						return text // the expression matches numbers only
					}
					return fmt.Appendf(nil, `<size package="%d"`, n+1)
				})
			}),
		},
		{
			Name:  "future-repomd",
			Title: "revision and timestamps of repomd.xml are forty days ahead",
			Want:  []string{"metadata-fresh"},
			apply: rpmmd(func(r *rpmTree) error { return r.sign(r.redated(r.publisher.Now().Add(40 * 24 * time.Hour))) }),
		},
		{
			Name:  "older-repomd",
			Title: "revision and timestamps of repomd.xml are of a time before the packages that it lists were built",
			Want:  []string{"metadata-fresh"},
			apply: rpmmd(func(r *rpmTree) error { return r.sign(r.redated(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))) }),
		},
	}
}

var packageSize = regexp.MustCompile(`<size package="(\d+)"`)

// nextMinor returns XML as the next minor's repository would have it.
func nextMinor(xml []byte) []byte {
	xml = regexp.MustCompile(`(kubelet|kubeadm|kubectl)-1\.26\.`).ReplaceAll(xml, []byte("${1}-1.27."))
	xml = bytes.ReplaceAll(xml, []byte(`ver="1.26.`), []byte(`ver="1.27.`))
	// Other packages have other digests.
	return regexp.MustCompile(`(pkgid="|pkgid="YES">)[0-9a-f]{8}`).ReplaceAll(xml, []byte("${1}00000000"))
}

// redated returns repomd.xml with another revision and other timestamps.
func (r *rpmTree) redated(at time.Time) []byte {
	text := fmt.Sprint(at.Unix())
	return setElement(setElement(r.repomd, "revision", text), "timestamp", text)
}

func reorderedPrimary(r *rpmTree) error {
	_, file, err := r.element("primary")
	if err != nil {
		return err
	}
	xml, err := r.open("primary")
	if err != nil {
		return err
	}
	parts := bytes.SplitAfter(xml, []byte("</package>\n"))
	if len(parts) < 3 {
		return fmt.Errorf("%w: primary has %d packages", ErrNoTarget, len(parts)-1)
	}
	at := bytes.Index(parts[0], []byte("<package "))
	first := parts[0][at:]
	parts[0] = parts[0][:at:at]
	last := len(parts) - 1
	parts = append(parts[:last:last], first, parts[last])
	compressed, err := gzipped(bytes.Join(parts, nil))
	if err != nil {
		return err
	}
	return r.write(file, compressed)
}

// duplicateRPM publishes the latest kubelet a second time, in another folder,
// with signatures of another second.
func duplicateRPM(ctx context.Context, tree *Tree) ([]string, error) {
	return edit(ctx, tree, publish.RPM, func(_ context.Context, dir string) ([]string, error) {
		file, _, err := latest(dir, publish.RPM, "kubelet")
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		if data, err = differentSignature(tree, data); err != nil {
			return nil, err
		}
		again := filepath.Join("again", filepath.Base(file))
		if err := os.MkdirAll(filepath.Join(dir, "again"), 0o755); err != nil {
			return nil, err
		}
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, again), data, 0o644); err != nil {
			return nil, err
		}
		return []string{again}, os.Chtimes(filepath.Join(dir, again), info.ModTime(), info.ModTime())
	})
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// aptIndexFaults are lists of packages and release files that say something
// wrong, signed or not.
func aptIndexFaults() []Fault {
	return []Fault{
		{
			Name:  "index-mismatch",
			Title: "the stanzas of Packages and Packages.gz are in another order than when Release was signed",
			Want:  []string{"apt-index-checksums", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: apt(func(a *aptTree) error {
				all := stanzas(a.packages)
				if len(all) < 2 {
					return fmt.Errorf("%w: Packages has %d stanzas", ErrNoTarget, len(all))
				}
				// The same stanzas, the first one last: only the checksums can tell.
				return a.list(joinStanzas(append(all[1:], all[0])))
			}),
		},
		{
			Name:  "older-packages",
			Title: "Packages and Packages.gz are those from before the latest version; InRelease and Release are new",
			Want:  []string{"apt-index-checksums", "install-setup"},
			// The list that is there is read all the same, and lacks the latest.
			May: refused("packages-published", "latest-preferred", "format-parity"),
			apply: apt(func(a *aptTree) error {
				packages, err := a.older()
				if err != nil {
					return err
				}
				return a.list(packages)
			}),
		},
		{
			Name:  "gz-mismatch",
			Title: "Packages.gz is of another list than Packages; Release lists both as they are, properly signed",
			Want:  []string{"apt-index-checksums"},
			May:   refused(),
			apply: apt(otherGz),
		},
		{
			Name:  "gz-missing",
			Title: "Packages.gz, which Release lists, is not there; Packages is",
			Want:  []string{"apt-index-checksums"},
			May:   refused(),
			apply: apt(func(a *aptTree) error { return a.remove("Packages.gz") }),
		},
		{
			Name:  "extra-stanza",
			Title: "Packages and Packages.gz have one more stanza, an evil-kubelet with the kubelet's file, than when Release was signed",
			Want:  []string{"apt-index-checksums", "install-setup"},
			// The stanza is read all the same: it names another package's file, and
			// a package that is not of this product.
			May: refused("package-matches-index", "channel-policy"),
			apply: apt(func(a *aptTree) error {
				packages, err := a.withStanza(func(stanza string) []string {
					return []string{strings.Replace(stanza, "Package: kubelet", "Package: evil-kubelet", 1), stanza}
				})
				if err != nil {
					return err
				}
				return a.list(packages)
			}),
		},
		{
			Name:  "duplicate-stanza",
			Title: "two different files are listed as the latest kubelet for amd64, both well built, properly indexed and signed",
			Want:  []string{"apt-packages-wellformed"},
			May:   uninstallable(),
			apply: duplicateDeb,
		},
		{
			Name:  "filename-escape",
			Title: "the latest kubelet for amd64 is listed a second time, with a Filename that leads out of the repository; properly signed",
			Want:  []string{"apt-packages-wellformed"},
			// A file that is never asked for cannot be what the index says.
			May: uninstallable("package-checksums"),
			apply: changeStanza(func(stanza string) []string {
				return []string{stanza, strings.Replace(stanza, "\nFilename: ", "\nFilename: ../deb/", 1)}
			}),
		},
		{
			Name:  "incomplete-stanza",
			Title: "a stanza has no Version; the list is properly signed",
			Want:  []string{"apt-packages-wellformed"},
			May:   refused(),
			apply: changeStanza(func(stanza string) []string {
				return []string{stanza, regexp.MustCompile(`(?m)^Version: .*\n`).ReplaceAllString(
					strings.Replace(stanza, "Package: kubelet", "Package: kubelet-tools", 1), "")}
			}),
		},
		{
			Name:  "size-off-by-one",
			Title: "the latest kubelet .deb for amd64 is listed one byte too long, properly signed",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: changeStanza(func(stanza string) []string {
				return []string{sizeLine.ReplaceAllStringFunc(stanza, func(line string) string {
					n, err := strconv.Atoi(strings.TrimPrefix(line, "Size: "))
					if err != nil {
						return line // the expression matches numbers only
					}
					return "Size: " + strconv.Itoa(n+1)
				})}
			}),
		},
		{
			Name:  "wrong-sha256",
			Title: "the latest kubelet .deb for amd64 is listed with another SHA256, and with its own MD5 and SHA1, properly signed",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: changeStanza(func(stanza string) []string {
				return []string{regexp.MustCompile(`(?m)^SHA256: .*$`).ReplaceAllString(stanza, "SHA256: "+strings.Repeat("0", 64))}
			}),
		},
		{
			Name:  "md5-only-release",
			Title: "Release lists the hashes of Packages by MD5 only, properly signed",
			Want:  []string{"metadata-strong-hash", "install-setup"},
			May:   refused(),
			apply: signedRelease(func(release []byte, _ time.Time) []byte {
				return regexp.MustCompile(`(?m)^SHA(1|256):\n( .*\n)+`).ReplaceAll(release, nil)
			}),
		},
		{
			Name:  "md5-only-packages",
			Title: "Packages lists the hashes of all packages by MD5 only, properly signed",
			Want:  []string{"metadata-strong-hash"},
			May:   uninstallable("install-solve"),
			apply: apt(func(a *aptTree) error {
				return a.publish(regexp.MustCompile(`(?m)^SHA(1|256): .*\n`).ReplaceAll(a.packages, nil))
			}),
		},
		{
			Name:  "unlisted-arch",
			Title: "Release does not list the last of its architectures, properly signed; Packages has its packages",
			Want:  []string{"apt-release-fields"},
			May:   refused(),
			apply: apt(func(a *aptTree) error {
				line := regexp.MustCompile(`(?m)^(Architectures: .*\S) \S+$`)
				if !line.Match(a.release) {
					return fmt.Errorf("%w: want two architectures in Release", ErrNoTarget)
				}
				return a.sign(line.ReplaceAll(a.release, []byte("${1}")))
			}),
		},
		{
			Name:  "wrong-origin",
			Title: "Origin and Label of the release are those of the next minor, properly signed",
			Want:  []string{"apt-release-fields"},
			apply: signedRelease(func(release []byte, _ time.Time) []byte {
				return regexp.MustCompile(`(?m)^(Origin|Label)(: .*:v)1\.26`).ReplaceAll(release, []byte("${1}${2}1.27"))
			}),
		},
		{
			Name:  "wrong-codename",
			Title: "the Codename of the release is another one, properly signed",
			Want:  []string{"apt-release-fields"},
			apply: signedRelease(func(release []byte, _ time.Time) []byte { return setField(release, "Codename", "sid") }),
		},
		{
			Name:  "future-date",
			Title: "the release is dated forty days ahead, properly signed",
			Want:  []string{"metadata-fresh"},
			May:   refused(),
			apply: signedRelease(func(release []byte, now time.Time) []byte { return dated(release, now.Add(40*24*time.Hour)) }),
		},
		{
			Name:  "past-valid-until",
			Title: "the release was valid until yesterday, properly signed",
			Want:  []string{"metadata-fresh", "install-setup"},
			May:   refused(),
			apply: signedRelease(func(release []byte, now time.Time) []byte {
				return setField(release, "Valid-Until", now.Add(-24*time.Hour).UTC().Format(time.RFC1123))
			}),
		},
	}
}

var sizeLine = regexp.MustCompile(`(?m)^Size: \d+$`)

// signedRelease changes the release and signs it properly.
func signedRelease(change func(release []byte, now time.Time) []byte) applyFunc {
	return apt(func(a *aptTree) error { return a.sign(change(a.release, a.publisher.Now())) })
}

// otherGz gives Packages.gz the stanzas of Packages in another order, and lists
// it in Release as it is.
func otherGz(a *aptTree) error {
	all := stanzas(a.packages)
	other := joinStanzas(append(all[1:], all[0]))
	compressed, err := gzipped(other)
	if err != nil {
		return err
	}
	release, err := resum(a.release, other)
	if err != nil {
		return err
	}
	// The plain file is listed as it was.
	var out []string
	before := strings.Split(string(a.release), "\n")
	for i, line := range strings.Split(string(release), "\n") {
		if strings.HasSuffix(line, " Packages") {
			line = before[i]
		}
		out = append(out, line)
	}
	if err := a.write("Packages.gz", compressed); err != nil {
		return err
	}
	return a.sign([]byte(strings.Join(out, "\n")))
}

// duplicateDeb publishes the latest kubelet a second time: the same contents,
// compressed in another way, in another folder.
func duplicateDeb(ctx context.Context, tree *Tree) ([]string, error) {
	return edit(ctx, tree, publish.Deb, func(ctx context.Context, dir string) ([]string, error) {
		file, _, err := latest(dir, publish.Deb, "kubelet")
		if err != nil {
			return nil, err
		}
		again := filepath.Join("again", filepath.Base(file))
		return []string{again}, repack(ctx, filepath.Join(dir, file), filepath.Join(dir, again))
	})
}

// repack builds a .deb again, compressed with gzip.
func repack(ctx context.Context, from, to string) (err error) {
	work, err := os.MkdirTemp("", "pkgverify-repack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	for _, arguments := range [][]string{
		{"--raw-extract", from, tree},
		{"--root-owner-group", "-Zgzip", "-z1", "--build", tree, to},
	} {
		if out, err := exec.CommandContext(ctx, "dpkg-deb", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: dpkg-deb %s: %w: %s", publish.ErrTool, strings.Join(arguments, " "), err, out)
		}
	}
	return nil
}

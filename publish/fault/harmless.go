package fault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ulikunitz/xz"

	"sigs.k8s.io/pkgverify/publish"
)

// harmlessChanges are no faults: repositories that differ from what OBS writes
// in ways that are right, so that nothing may be found.
func harmlessChanges() []Fault {
	return []Fault{
		{
			Name:     "built-again",
			Title:    "harmless: the latest kubelet was built again; the revision 2.1 is there beside 1.1",
			Baseline: true,
			apply:    remake{name: "kubelet", formats: both(), everyArch: true, revision: 2, beside: true}.apply,
		},
		{
			Name:  "revision-bumped",
			Title: "harmless: the latest kubelet is there in the revision 2.1 only, and nobody asks how it was before",
			apply: remake{name: "kubelet", formats: both(), everyArch: true, revision: 2}.apply,
		},
		{
			Name:  "zstd-deb",
			Title: "harmless: the latest kubelet .deb for amd64 is compressed with zstd",
			apply: remake{name: "kubelet", formats: debOnly(), change: func(_ *workbench, b *publish.Build) error {
				b.Info.Deb.Compression = "zstd"
				return nil
			}}.apply,
		},
		{
			Name:  "xz-rpm",
			Title: "harmless: the latest kubeadm .rpm for x86_64 is compressed with xz",
			apply: remake{name: "kubeadm", formats: rpmOnly(), change: func(_ *workbench, b *publish.Build) error {
				b.Info.RPM.Compression = "xz"
				return nil
			}}.apply,
		},
		{
			Name:  "dot-filenames",
			Title: `harmless: each Filename in Packages begins with "./", as dpkg-scanpackages writes it; properly signed`,
			apply: apt(func(a *aptTree) error {
				return a.publish(bytes.ReplaceAll(a.packages, []byte("\nFilename: "), []byte("\nFilename: ./")))
			}),
		},
		{
			Name:  "more-metadata",
			Title: "harmless: repomd.xml also lists groups and updates, as modifyrepo_c adds them; properly signed",
			apply: func(ctx context.Context, tree *Tree) ([]string, error) {
				return rpmmd(func(r *rpmTree) error { return moreMetadata(ctx, r) })(ctx, tree)
			},
		},
		{
			Name:  "two-signatures",
			Title: "harmless: Release.gpg holds a signature by another key in front of the one by the pinned key",
			apply: apt(twoSignatures),
		},
		{
			Name:  "xz-index",
			Title: "harmless: there is a Packages.xz as well, which Release lists; properly signed",
			apply: apt(xzIndex),
		},
		{
			Name:  "stanza-order",
			Title: "harmless: the stanzas of Packages are in another order; properly signed",
			apply: apt(func(a *aptTree) error {
				all := stanzas(a.packages)
				return a.publish(joinStanzas(append(all[len(all)/2:], all[:len(all)/2]...)))
			}),
		},
	}
}

// What modifyrepo_c adds: a group of all packages, and a notice of an update.
const (
	groupsXML = `<?xml version="1.0" encoding="UTF-8"?>
<comps><group><id>kubernetes</id><name>Kubernetes</name><description>A node</description>
<default>false</default><uservisible>true</uservisible>
<packagelist><packagereq type="mandatory">kubelet</packagereq><packagereq type="mandatory">kubeadm</packagereq></packagelist></group></comps>
`
	updatesXML = `<?xml version="1.0" encoding="UTF-8"?>
<updates><update from="dev@kubernetes.io" status="stable" type="bugfix" version="1"><id>KUBERNETES-1</id>
<title>A patch release</title><issued date="2023-02-22 12:00:00"/><description>Bugs are fixed.</description><pkglist/></update></updates>
`
)

// moreMetadata runs modifyrepo_c in a copy: it writes in place.
func moreMetadata(ctx context.Context, r *rpmTree) error {
	dir, err := os.MkdirTemp("", "pkgverify-fault-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	repodata := filepath.Join(dir, "repodata")
	if err := os.Mkdir(repodata, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(repodata, "repomd.xml"), r.repomd, 0o644); err != nil {
		return err
	}
	for _, added := range [][2]string{{"group", groupsXML}, {"updateinfo", updatesXML}} {
		kind := added[0]
		source := filepath.Join(dir, kind+".xml")
		if err := os.WriteFile(source, []byte(added[1]), 0o644); err != nil {
			return err
		}
		command := exec.CommandContext(ctx, "modifyrepo_c", "--mdtype="+kind, "--compress-type=gz", source, repodata)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("modifyrepo_c --mdtype=%s: %w: %s", kind, err, out)
		}
	}
	entries, err := os.ReadDir(repodata)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(repodata, entry.Name()))
		if err != nil {
			return err
		}
		if entry.Name() == "repomd.xml" {
			// The clock of this machine is not the publisher's.
			stamp := []byte(fmt.Sprintf("<timestamp>%d</timestamp>", r.publisher.Now().Unix()))
			err = r.sign(regexp.MustCompile(`<timestamp>\d+</timestamp>`).ReplaceAllLiteral(data, stamp))
		} else {
			err = r.write("repodata/"+entry.Name(), data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func twoSignatures(a *aptTree) error {
	other, err := stranger(a.publisher)
	if err != nil {
		return err
	}
	var packets []byte
	for _, key := range []*publish.Key{other, a.publisher.Key} {
		s, err := signerOf(key)
		if err != nil {
			return err
		}
		packet, err := s.detached(a.release, modern(), a.publisher.Now())
		if err != nil {
			return err
		}
		packets = append(packets, packet...)
	}
	data, err := armored(openpgp.SignatureType, packets)
	if err != nil {
		return err
	}
	return a.write("Release.gpg", data)
}

func xzIndex(a *aptTree) error {
	var compressed bytes.Buffer
	z, err := xz.NewWriter(&compressed)
	if err == nil {
		_, err = z.Write(a.packages)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return err
	}
	var release strings.Builder
	section := ""
	for line := range strings.Lines(string(a.release)) {
		release.WriteString(line)
		if !strings.HasPrefix(line, " ") {
			section, _, _ = strings.Cut(line, ":")
		} else if strings.HasSuffix(line, " Packages.gz\n") {
			fmt.Fprintf(&release, " %s %d Packages.xz\n", sumIn(section, compressed.Bytes()), compressed.Len())
		}
	}
	if err := a.write("Packages.xz", compressed.Bytes()); err != nil {
		return err
	}
	return a.sign([]byte(release.String()))
}

package sidebyside

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dated is when all that is generated was made.
func dated() time.Time { return time.Unix(1_700_000_000, 0).UTC() }

// stanza is one package of Debian's own list, of which generated packages take
// their names, relations and texts.
type stanza map[string]string

// stanzas reads a Packages list as far as it is needed here: the text of each
// field, on one line.
func stanzas(path string) ([]stanza, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []stanza
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		s := make(stanza)
		for line := range strings.SplitSeq(block, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && line[0] != ' ' {
				s[name] = value
			}
		}
		all = append(all, s)
	}
	if len(all) < 1000 {
		return nil, fmt.Errorf("%s: %d packages, wanted some 60,000", path, len(all))
	}
	return all, nil
}

// nth returns package i, of as many as are wanted: where Debian's list ends it
// begins again, under other names.
func nth(all []stanza, i int) (s stanza, name string) {
	s = all[i%len(all)]
	if round := i / len(all); round > 0 {
		return s, fmt.Sprintf("%s-again%d", s["Package"], round)
	}
	return s, s["Package"]
}

// smallDebs writes n packages of about 20 KB below dir/pool, and the lists of
// their first sizes[0], sizes[1]... in folders of those names, each with a pool
// that is the same one. Release files are left to apt-ftparchive and gpg.
func smallDebs(dir, debian string, sizes ...int) error {
	all, err := stanzas(debian)
	if err != nil {
		return err
	}
	lists := make(map[int]*bufio.Writer)
	last := 0
	for _, n := range sizes {
		folder := filepath.Join(dir, fmt.Sprint(n))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.Symlink("../pool", filepath.Join(folder, "pool")); err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, "Packages"))
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // flushed below
		lists[n] = bufio.NewWriter(file)
		last = max(last, n)
	}
	pack, err := newPacker()
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	sizing := rand.New(random)
	for i := range last {
		s, name := nth(all, i)
		filler := make([]byte, 4000+sizing.IntN(32000)) // 20,000 on average
		if _, err := random.Read(filler); err != nil {
			return err
		}
		control := controlText(s, name)
		deb, err := pack.smallDeb(name, control, filler)
		if err != nil {
			return err
		}
		_, version, epoch := strings.Cut(s["Version"], ":")
		if !epoch {
			version = s["Version"]
		}
		path := fmt.Sprintf("pool/%03d/%s_%s_%s.deb", i/1000, name, version, s["Architecture"])
		if i%1000 == 0 {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, path), deb, 0o644); err != nil {
			return err
		}
		entry := fmt.Sprintf("%sFilename: %s\nSize: %d\nMD5sum: %x\nSHA1: %x\nSHA256: %x\n\n", control,
			path, len(deb), md5.Sum(deb), sha1.Sum(deb), sha256.Sum256(deb))
		for n, list := range lists {
			if i < n {
				_, _ = list.WriteString(entry) // errors stay with the writer, and come out of Flush
			}
		}
	}
	for _, list := range lists {
		err = errors.Join(err, list.Flush())
	}
	return err
}

// controlText returns a control file.
func controlText(s stanza, name string) string {
	var b strings.Builder
	for _, field := range []string{
		"Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Pre-Depends", "Depends",
		"Recommends", "Suggests", "Conflicts", "Breaks", "Replaces", "Provides", "Section", "Priority", "Homepage", "Description",
	} {
		value := s[field]
		if field == "Package" {
			value = name
		}
		if value != "" {
			b.WriteString(field + ": " + value + "\n")
		}
	}
	b.WriteString(" " + strings.Repeat("The description goes on for a few lines. ", 3) + "\n")
	return b.String()
}

// packer makes gzipped tar archives; the compressor is used again and again.
type packer struct{ z *gzip.Writer }

func newPacker() (*packer, error) {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return &packer{z}, err
}

// smallDeb returns a deb that installs one file.
func (k *packer) smallDeb(name, control string, filler []byte) ([]byte, error) {
	doc := "usr/share/doc/" + name
	sums := fmt.Sprintf("%x  %s/filler\n", md5.Sum(filler), doc)
	controlTar, err := k.tarball(member{"./control", []byte(control)}, member{"./md5sums", []byte(sums)})
	if err != nil {
		return nil, err
	}
	dataTar, err := k.tarball(member{"./usr/", nil}, member{"./usr/share/", nil}, member{"./usr/share/doc/", nil},
		member{"./" + doc + "/", nil}, member{"./" + doc + "/filler", filler})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []member{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", controlTar}, {"data.tar.gz", dataTar}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", m.name, dated().Unix(), 0, 0, 0o100644, len(m.data))
		b.Write(m.data)
		if len(m.data)%2 != 0 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

// member is a file of an archive, or with a slash at its end a folder.
type member struct {
	name string
	data []byte
}

func (k *packer) tarball(members ...member) ([]byte, error) {
	var b bytes.Buffer
	k.z.Reset(&b)
	t := tar.NewWriter(k.z)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data)), ModTime: dated(), Format: tar.FormatGNU, Uname: "root", Gname: "root"}
		if strings.HasSuffix(m.name, "/") {
			h.Mode, h.Typeflag = 0o755, tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(m.data); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(t.Close(), k.z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// primary writes a primary.xml of n packages as createrepo_c does, with what
// Debian's packages of these names depend on and provide. Errors of w stay with
// the buffer, and come out of Flush.
func primary(w io.Writer, all []stanza, n int) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"%d\">\n", n)
	for i := range n {
		s, name := nth(all, i)
		primaryPackage(out, s, name)
	}
	_, _ = out.WriteString("</metadata>\n")
	return out.Flush()
}

// primaryPackage makes the packages a hundred times larger than the debs are:
// the header of an rpm alone is larger than the smallest of them.
func primaryPackage(out *bufio.Writer, s stanza, name string) {
	id := sha256.Sum256([]byte(name))
	arch := "x86_64"
	if s["Architecture"] == "all" {
		arch = "noarch"
	}
	version, release := rpmVersion(s["Version"])
	description := escaped(s["Description"] + ".\n\n" + strings.ReplaceAll(s["Tag"], ", ", "\n") + "\n" + s["Description"])
	fmt.Fprintf(out, `<package type="rpm">
  <name>%s</name>
  <arch>%s</arch>
  <version epoch="0" ver="%s" rel="%s"/>
  <checksum type="sha256" pkgid="YES">%x</checksum>
  <summary>%s</summary>
  <description>%s</description>
  <packager>%s</packager>
  <url>%s</url>
  <time file="1700000000" build="1699999000"/>
  <size package="%s" installed="%d" archive="%d"/>
  <location href="Packages/%c/%s-%s-%s.%s.rpm"/>
  <format>
    <rpm:license>GPL-2.0-or-later AND MIT</rpm:license>
    <rpm:vendor>Example Project</rpm:vendor>
    <rpm:group>Unspecified</rpm:group>
    <rpm:buildhost>buildvm-x86-01.example.com</rpm:buildhost>
    <rpm:sourcerpm>%s-%s-%s.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="%d"/>
`, name, arch, version, release, id, escaped(s["Description"]), description, escaped(s["Maintainer"]), escaped(s["Homepage"]),
		s["Size"]+"00", 3*len(description)*1024, 3*len(description)*1030, name[0], name, version, release, arch, name, version, release, 9000+len(description))
	_, _ = out.WriteString("    <rpm:provides>\n")
	for _, provided := range []string{name, name + "(x86-64)"} {
		fmt.Fprintf(out, "      <rpm:entry name=\"%s\" flags=\"EQ\" epoch=\"0\" ver=\"%s\" rel=\"%s\"/>\n", provided, version, release)
	}
	for _, provided := range relations(s["Provides"]) {
		fmt.Fprintf(out, "      <rpm:entry name=\"%s\"/>\n", provided)
	}
	_, _ = out.WriteString("    </rpm:provides>\n    <rpm:requires>\n")
	for _, wanted := range append(relations(s["Pre-Depends"]), relations(s["Depends"])...) {
		if strings.HasPrefix(wanted, "lib") {
			// What rpm finds in programs: sonames.
			fmt.Fprintf(out, "      <rpm:entry name=\"%s.so()(64bit)\"/>\n      <rpm:entry name=\"%s.so(V_1.0)(64bit)\"/>\n", wanted, wanted)
			continue
		}
		fmt.Fprintf(out, "      <rpm:entry name=\"%s\" flags=\"GE\" epoch=\"0\" ver=\"1.0\"/>\n", wanted)
	}
	_, _ = out.WriteString("      <rpm:entry name=\"/bin/sh\" pre=\"1\"/>\n      <rpm:entry name=\"rtld(GNU_HASH)\"/>\n    </rpm:requires>\n")
	if recommended := relations(s["Recommends"]); len(recommended) > 0 {
		_, _ = out.WriteString("    <rpm:recommends>\n")
		for _, name := range recommended {
			fmt.Fprintf(out, "      <rpm:entry name=\"%s\"/>\n", name)
		}
		_, _ = out.WriteString("    </rpm:recommends>\n")
	}
	fmt.Fprintf(out, "    <file>/etc/%s.conf</file>\n    <file>/usr/bin/%s</file>\n  </format>\n</package>\n", name, name)
}

// relations returns the names in a relationship field, the first of each
// choice.
func relations(field string) []string {
	var names []string
	for relation := range strings.SplitSeq(field, ",") {
		fields := strings.Fields(relation)
		if len(fields) > 0 && !slices.Contains(names, escaped(fields[0])) {
			names = append(names, escaped(fields[0]))
		}
	}
	return names
}

// rpmVersion takes a Debian version apart.
func rpmVersion(v string) (version, release string) {
	if _, after, ok := strings.Cut(v, ":"); ok {
		v = after
	}
	version, release = v, "1"
	if i := strings.LastIndexByte(v, '-'); i > 0 {
		version, release = v[:i], v[i+1:]
	}
	return strings.ReplaceAll(version, "-", "."), release
}

// escaped returns s as libxml2 writes it: line ends stay as they are.
func escaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// listed writes filelists.xml or other.xml of the packages of [primary].
func listed(w io.Writer, kind string, all []stanza, n int) error {
	out := bufio.NewWriter(w)
	root, inside := "filelists", func(name string) string {
		return "  <file>/etc/" + name + ".conf</file>\n  <file>/usr/bin/" + name + "</file>\n  <file type=\"dir\">/usr/share/doc/" + name +
			"</file>\n  <file>/usr/share/doc/" + name + "/README</file>\n  <file>/usr/share/man/man1/" + name + ".1.gz</file>\n"
	}
	if kind == "other" {
		root, inside = "otherdata", func(string) string {
			return "  <changelog author=\"A &lt;a@example.com&gt;\" date=\"1699999000\">- new version</changelog>\n"
		}
	}
	fmt.Fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"http://linux.duke.edu/metadata/%s\" packages=\"%d\">\n", root, kind, n)
	for i := range n {
		s, name := nth(all, i)
		arch := "x86_64"
		if s["Architecture"] == "all" {
			arch = "noarch"
		}
		version, release := rpmVersion(s["Version"])
		fmt.Fprintf(out, "<package pkgid=\"%x\" name=\"%s\" arch=\"%s\">\n  <version epoch=\"0\" ver=\"%s\" rel=\"%s\"/>\n%s</package>\n",
			sha256.Sum256([]byte(name)), name, arch, version, release, inside(name))
	}
	fmt.Fprintf(out, "</%s>\n", root)
	return out.Flush()
}

// rpmIndex writes the repodata of a repository of n packages, whose files are
// not there. The signature is left to gpg.
func rpmIndex(dir, debian string, n int) error {
	all, err := stanzas(debian)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, "repodata")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var repomd strings.Builder
	repomd.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>1700000000</revision>\n")
	for _, kind := range []string{"primary", "filelists", "other"} {
		data, err := packed(filepath.Join(folder, kind+".xml.gz"), func(w io.Writer) error {
			if kind == "primary" {
				return primary(w, all, n)
			}
			return listed(w, kind, all, n)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(&repomd, "  <data type=\"%s\">\n    <checksum type=\"sha256\">%x</checksum>\n    <open-checksum type=\"sha256\">%x</open-checksum>\n"+
			"    <location href=\"repodata/%s.xml.gz\"/>\n    <timestamp>1700000000</timestamp>\n    <size>%d</size>\n    <open-size>%d</open-size>\n  </data>\n",
			kind, data.closed.Sum(nil), data.open.Sum(nil), kind, data.size, data.openSize)
	}
	repomd.WriteString("</repomd>\n")
	return os.WriteFile(filepath.Join(folder, "repomd.xml"), []byte(repomd.String()), 0o644)
}

// counted hashes and counts what is written.
type counted struct {
	hash.Hash
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}

// packedFile is what repomd.xml says of a file.
type packedFile struct {
	closed, open   hash.Hash
	size, openSize int64
}

// packed writes a gzip file.
func packed(path string, write func(io.Writer) error) (packedFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return packedFile{}, err
	}
	closed, open := &counted{Hash: sha256.New()}, &counted{Hash: sha256.New()}
	z := gzip.NewWriter(io.MultiWriter(file, closed))
	err = write(io.MultiWriter(z, open))
	err = errors.Join(err, z.Close(), file.Close())
	return packedFile{closed.Hash, open.Hash, closed.n, open.n}, err
}

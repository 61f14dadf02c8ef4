package repo_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// hostileInputs are files of up to hostileSize bytes that aim at the worst that
// a parser can do: nesting, long lines, many tiny entries, sizes that are
// claimed, bombs of each compression, many signatures, repeated keys.
func hostileInputs(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"nothing": nil, "noise": noise(hostileSize)}
	for name, text := range hostileTexts() {
		all[name] = []byte(text)
	}
	for name, data := range hostileArchives(t) {
		all[name] = data
	}
	return all
}

// filled is begin, then as many of each as there is room for.
func filled(begin, each string) string {
	return begin + strings.Repeat(each, (hostileSize-len(begin))/len(each))
}

// numbered is filled with texts that have a number in them.
func numbered(begin, format string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; ; i++ {
		next := fmt.Sprintf(format, i)
		if b.Len()+len(next) > hostileSize {
			return b.String()
		}
		b.WriteString(next)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	from := rand.NewChaCha8([32]byte{1})
	_, _ = from.Read(b) // never fails
	return b
}

func hostileTexts() map[string]string {
	const (
		common    = `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">`
		filelists = `<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="1">`
		listed    = filelists + `<package pkgid="` + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" + `" name="a" arch="x"><version ver="1" rel="1"/>`
		root      = `<repomd xmlns="http://linux.duke.edu/metadata/repo">`
		mirrors   = `<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><resources>`
		signed    = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
		signature = "-----BEGIN PGP SIGNATURE-----\n\n"
		key       = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"
		stanza    = "Package: a\nVersion: 1\nArchitecture: all\nFilename: a\nSize: 1\nSHA256: " + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	)
	texts := map[string]string{
		// Any format.
		"zeros": filled("", "\x00"), "ones": filled("", "\xff"), "newlines": filled("", "\n"), "carriage returns": filled("", "\r"),
		"blanks": filled("", " "), "letters": filled("", "x"), "digits": filled("", "1"), "slashes": filled("", "/"), "dots": filled("", "../"),
		// Stanzas.
		"tiny stanzas": filled("", "A:1\n\n"), "stanzas": filled("", stanza+"\n"), "one field again": filled(stanza, "Size: 1\n"),
		"ever new fields": numbered("", "F%d:\n"), "ever new fields of stanzas": numbered("", "F%d:\n\n"), "continuation lines": filled("A:\n", " x\n"),
		"colons": filled("", ":"), "lines without a colon": filled("", "x\n"), "continuation without a field": filled("", " \n"),
		"hash lists": filled("Origin: x\nSHA256:\n", " 0 1 a\n"), "ever new files": numbered("Origin: x\nSHA256:\n", " 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef 1 %d\n"),
		"files of sources": numbered("Package: a\nVersion: 1\nDirectory: a\nFiles:\n", " 0123456789abcdef0123456789abcdef 1 f%d\n"),
		"dependencies":     filled(strings.TrimSuffix(stanza, "\n")+"\nDepends: ", "a,"), "alternatives": filled(stanza+"Depends: ", "a|"),
		// Dependencies and versions.
		"relations": filled("", "a (>= 1),"), "only commas": filled("", ","), "architectures": filled("a [", "!x "), "profiles": filled("a ", "<!x>"),
		"parentheses": filled("", "("), "rich": filled("(a", " and a"), "rich within rich": filled("", "(a and "), "tildes": filled("1", "~"), "segments": filled("", "1a"), "carets": filled("1", "^1"), "epochs": filled("", "1:"),
		// XML.
		"elements": filled("", "<a>"), "attributes": numbered("<a", " a%d=''"), "namespaces": numbered("<a", " xmlns:p%d='u'"), "long attribute": filled(`<a b="`, "x"), "references": filled("<a>", "&#x41;"),
		"packages of primary": filled(common, `<package type="rpm"/>`), "names of a package": filled(common+`<package type="rpm">`, `<name>a</name>`),
		"provides": numbered(common+`<package type="rpm"><format><rpm:provides>`, `<rpm:entry name="%d"/>`), "files of primary": numbered(common+`<package type="rpm"><format>`, `<file>/%d</file>`),
		"packages of filelists": filled(filelists, "<package/>"), "files of filelists": numbered(listed, "<file>/%d</file>"), "versions of filelists": filled(listed, `<version ver="1"/>`),
		"data of repomd": filled(root, `<data type="x"/>`), "checksums of repomd": filled(root+`<data type="x">`, `<checksum type="sha256">0</checksum>`),
		"mirrors": numbered(mirrors, "<url>http://a/%d</url>"), "list of mirrors": numbered("", "http://a/%d\n"), "document type": filled("<!DOCTYPE a [", "<!ENTITY a 'b'>"),
		"updates": filled("<updates>", `<update from="x"><id>a</id></update>`), "references of an update": filled(`<updates><update><id>a</id><references>`, `<reference href="x"/>`),
		"groups": filled("<comps>", "<group><id>a</id></group>"), "packages of a group": filled("<comps><group><id>a</id><packagelist>", "<packagereq>a</packagereq>"),
		// YAML.
		"documents": filled("", "---\na: b\n"), "flows": filled("", "["), "sequences": filled("", "- "), "maps": filled("", "? "), "anchors": numbered("", "- &a%d x\n"),
		"aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" + filled("", "c: [*b,*b,*b,*b,*b,*b,*b]\n")[:hostileSize-100], "tags of YAML": filled("", "!!map "), "block text": filled("a: |\n", " x\n"),
		// OpenPGP.
		"signed lines": filled(signed, "x\n"), "dashes": filled(signed, "- -\n"), "signatures": filled(signed+"x\n", signature+"-----END PGP SIGNATURE-----\n"), "headers of armor": filled("-----BEGIN PGP SIGNED MESSAGE-----\n", "Hash: SHA256\n"),
		"key blocks": filled("", key+"-----END PGP PUBLIC KEY BLOCK-----\n"), "base64": filled(key, "AAAA\n"), "marker packets": filled("", "\xca\x03PGP"), "empty keys": filled("", "\xc6\x00"), "empty signatures": filled("", "\xc2\x00"),
		// Programs.
		"interpreter": filled("#!", "x"), "build information": filled("\x7fELF\x02\x01\x01", "\xff Go buildinf:\x08\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06go1.26\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	}
	return texts
}

// arFile lays out an ar archive of names and bodies.
func arFile(members ...string) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", members[i], 0, 0, 0, "100644", len(members[i+1]), members[i+1])
		if len(members[i+1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// tarOf is a tar archive of n members of one header.
func tarOf(t *testing.T, n int, h tar.Header, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h.Size = int64(len(body))
	for range n {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// packed sends zeros through a compressor.
func packed(t *testing.T, zeros int64, tool string, args ...string) []byte {
	t.Helper()
	bin, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("install %s (make deps)", tool)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Stdin = io.LimitReader(zeroReader{}, zeros)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", tool, args, err)
	}
	return out
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// hostileArchives are containers and compressed streams.
func hostileArchives(t *testing.T) map[string][]byte {
	t.Helper()
	control := tarOf(t, 1, tar.Header{Name: "./control", Mode: 0o644, Format: tar.FormatGNU}, "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a\n")
	debOf := func(name, data string) []byte {
		return arFile("debian-binary", "2.0\n", "control.tar", control, name, data)
	}
	dir := tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755, Format: tar.FormatGNU}
	long := tar.Header{Name: strings.Repeat("n/", 2000) + "n", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("l", 4000), Format: tar.FormatGNU}
	const bomb = 40 << 20
	all := map[string][]byte{
		"ar members":              []byte(filled("!<arch>\n", string(arFile("a", ""))[8:])),
		"ar member of 9 GB":       []byte(strings.Replace(string(debOf("data.tar", "x")), fmt.Sprintf("%-10d`\nx", 1), fmt.Sprintf("%-10d`\nx", 9999999999), 1)),
		"deb of many directories": debOf("data.tar.gz", gzipped(t, tarOf(t, 100_000, dir, ""))),
		"deb of long names":       debOf("data.tar.gz", gzipped(t, tarOf(t, 2000, long, ""))),
		"deb of a bomb":           debOf("data.tar.gz", gzipped(t, tarOf(t, 1, tar.Header{Name: "a", Format: tar.FormatGNU}, strings.Repeat("\x00", bomb)))),
		"control of a bomb":       arFile("debian-binary", "2.0\n", "control.tar.gz", gzipped(t, strings.Repeat("\x00", bomb)), "data.tar", control),
		"cpio entries":            []byte(filled("", "070701"+strings.Repeat("0", 88)+"00000002"+"00000000"+"a\x00"+"\x00\x00")),
		"cpio entry of 4 GB":      []byte("070701" + strings.Repeat("0", 48) + "ffffffff" + strings.Repeat("0", 32) + "00000002" + "00000000" + "a\x00\x00\x00"),
		"cpio name of 4 GB":       []byte("070701" + strings.Repeat("0", 88) + "ffffffff" + "00000000"),
	}
	for _, z := range []struct {
		name string
		tool []string
		one  bool // stream a file
	}{
		{"gz", []string{"gzip", "-9c"}, false}, {"xz", []string{"xz", "-9c"}, false}, {"lzma", []string{"xz", "--format=lzma", "-9c"}, true},
		{"bz2", []string{"bzip2", "-9c"}, false}, {"zst", []string{"zstd", "-19", "-qc"}, false},
	} {
		one := packed(t, bomb, z.tool[0], z.tool[1:]...)
		all[z.name+" bomb"] = one
		if !z.one {
			all[z.name+" bombs"] = bytes.Repeat(one, min(hostileSize/len(one), 10_000))
		}
		empty := packed(t, 0, z.tool[0], z.tool[1:]...)
		all["empty "+z.name] = bytes.Repeat(empty, hostileSize/len(empty))
		all["deb of "+z.name] = debOf("data.tar."+z.name, string(one))
	}
	for name, data := range map[string][]byte{
		"lead of rpm":              nil,
		"rpm header of 64 MiB":     rpmHeader(1, 64<<20, nil),
		"rpm header of 4 GiB":      rpmHeader(1<<31, 1<<31, nil),
		"rpm header of many tags":  rpmHeader(32, 1<<19, noise(hostileSize-200)),
		"rpm header of one string": rpmHeader(32, 1<<19, bytes.Repeat([]byte{0, 0, 0, 100, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, (hostileSize-200)/16)),
	} {
		whole := make([]byte, 96+len(data))
		copy(whole, "\xed\xab\xee\xdb\x03")
		whole[79] = 5
		copy(whole[96:], data)
		all[name] = whole
	}
	return all
}

// rpmHeader announces tags and bytes of data.
func rpmHeader(tags, size uint32, rest []byte) []byte {
	b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	b = binary.BigEndian.AppendUint32(b, tags)
	return append(binary.BigEndian.AppendUint32(b, size), rest...)
}

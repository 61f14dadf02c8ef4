package rpmmd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

// file is one of createrepo_c's, of the package repo/rpm/testdata/small.rpm.
func file(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const pkgID = "0a2ad071615148399d2d45dbf9dba39b1507cc288923266955c28229c23c0c04"

func primary(r io.Reader) (all []repo.Package, errs []error) {
	for p, err := range rpmmd.Primary(r, "primary.xml") {
		if err != nil {
			errs = append(errs, err)
		} else {
			all = append(all, p)
		}
	}
	return all, errs
}

func TestPrimary(t *testing.T) {
	t.Parallel()
	got, errs := primary(iotest.OneByteReader(strings.NewReader(file(t, "primary.xml"))))
	want := []repo.Package{{
		Name: "small", Version: "2:1.0~rc.1-1.1", Arch: "noarch", Path: "small-1.0~rc.1-1.1.noarch.rpm",
		Claim: repo.Claim{By: "primary.xml", Line: 3, Size: 6532, Digests: repo.Digests{SHA256: pkgID}},
		Fields: repo.NewFields([]repo.Field{
			{Name: "name", Value: "small"}, {Name: "epoch", Value: "2"}, {Name: "version", Value: "1.0~rc.1"},
			{Name: "release", Value: "1.1"}, {Name: "arch", Value: "noarch"}, {Name: "summary", Value: "A small package"},
			{Name: "description", Value: "A small package for tests."}, {Name: "time-build", Value: "1795395434"},
			{Name: "size-installed", Value: "20"}, {Name: "size-archive", Value: "532"},
			{Name: "license", Value: "Apache-2.0"}, {Name: "group", Value: "Unspecified"}, {Name: "buildhost", Value: "localhost"},
			{Name: "sourcerpm", Value: "small-1.0~rc.1-1.1.src.rpm"}, {Name: "header-range", Value: "4504-6381"},
			{Name: "provides", Value: "config(small) EQ 2:1.0~rc.1-1.1\nsmall EQ 2:1.0~rc.1-1.1"},
			{Name: "requires", Value: "b GE 1:2-3"}, {Name: "recommends", Value: "c"},
			{Name: "files", Value: "/etc/link\n/etc/small.conf\n/usr/bin/small"},
		}...),
	}}
	if diff := cmp.Diff(want, got); diff != "" || errs != nil {
		t.Errorf("wanted (-), got (+):\n%s%v", diff, errs)
	}
}

// TestBadPackage breaks one package of three: the others are still read.
func TestBadPackage(t *testing.T) {
	t.Parallel()
	text := file(t, "primary.xml")
	begin, end := strings.Index(text, "<package "), strings.Index(text, "</package>")+len("</package>")
	one := text[begin:end]
	for _, x := range []struct{ old, new, want string }{
		{`<name>small</name>`, ``, "no <name>"},
		{`<name>small</name>`, `<name>small</name><name>other</name>`, "two <name>"},
		{`<name>small</name>`, "<name>sm\nall</name>", "control character"},
		{`<arch>noarch</arch>`, `<arch></arch>`, "without architecture"},
		{`rel="1.1"`, ``, "without release"},
		{`ver="1.0~rc.1"`, `ver="1/2"`, "slash"},
		{`epoch="2"`, `epoch="x"`, "epoch"},
		{`type="rpm"`, `type="deb"`, `type "deb"`},
		{`pkgid="YES"`, `pkgid="NO"`, `pkgid "NO"`},
		{`type="sha256"`, `type="crc"`, "unknown type"},
		{pkgID, pkgID[1:], "64 hexadecimal digits"},
		{`package="6532"`, `package="-1"`, "not a number"},
		{`package="6532"`, ``, "no size"},
		{`href="small-1.0~rc.1-1.1.noarch.rpm"`, ``, "without href"},
		{`flags="GE"`, `flags="XX"`, `"XX"`},
		{`<rpm:entry name="c"/>`, `<rpm:entry/>`, "without a name"},
		{`<rpm:entry name="c"/>`, `<rpm:entry name="c&#10;d"/>`, "control character"},
		{`start="4504"`, `start="a"`, "not a number"},
		{`start="4504"`, `start="6381"`, "header-range"},
		{`end="6381"`, `end="6533"`, "header-range"},
		{`<format>`, `<format/><format>`, "two <format>"},
		{`<file>/etc/link</file>`, `<file/>`, "without a path"},
		{`<file>/etc/link</file>`, `<file>/etc/li&#9;nk</file>`, "control character"},
		{`<file>/etc/link</file>`, `<file type="pipe">/etc/link</file>`, "not known"},
		{`<rpm:entry name="c"/>`, strings.Repeat(`<rpm:entry name="c"/>`, rpmmd.MaxEntries+1), "more than"},
	} {
		bad := strings.Replace(one, x.old, x.new, 1)
		if bad == one {
			t.Fatalf("%q is not there", x.old)
		}
		all := strings.Replace(text[:begin], `packages="1"`, `packages="3"`, 1) + one + "\n" + bad + "\n" + strings.Replace(one, `href="`, `href="other/`, 1) + text[end:]
		got, errs := primary(strings.NewReader(all))
		var format *repo.FormatError
		if len(got) != 2 || len(errs) != 1 || !errors.As(errs[0], &format) || !strings.Contains(errs[0].Error(), x.want) || !strings.HasPrefix(format.Where, "line ") {
			t.Errorf("%q for %q: %d packages, %v; wanted %q", cut(x.new), x.old, len(got), errs, x.want)
		}
	}
}

func cut(s string) string { return s[:min(len(s), 60)] }

// TestBadXML breaks the XML: the error is the last thing that is yielded.
func TestBadXML(t *testing.T) {
	t.Parallel()
	text := file(t, "primary.xml")
	for _, x := range []struct{ old, new, want string }{
		{text, ``, "no root element"},
		{`<metadata `, `<other `, "root element is <other>"},
		{`xmlns="http://linux.duke.edu/metadata/common"`, ``, "wanted <metadata>"},
		{`packages="1"`, `packages="2"`, "1 packages follow"},
		{`</metadata>`, ``, "XML"},
		{`</metadata>`, `</metadata><metadata/>`, "second root"},
		{`</metadata>`, `</metadata>x`, "outside of the root"},
		{`encoding="UTF-8"`, `encoding="latin1"`, "latin1"},
		{`<metadata `, `<!DOCTYPE metadata [<!ENTITY e SYSTEM "file:///etc/passwd">]><metadata `, "not allowed"},
		{`A small package<`, `&e;<`, "XML"},
		{`A small package<`, "\xff<", "XML"},
		{`A small package<`, strings.Repeat("x", rpmmd.MaxToken+1) + "<", "longer than"},
		{`A small package<`, strings.Repeat("<a>", rpmmd.MaxDepth) + strings.Repeat("</a>", rpmmd.MaxDepth) + "<", "deeper than"},
		{`<name>`, `<name` + strings.Repeat(` a="b"`, rpmmd.MaxAttributes+1) + `>`, "attributes"},
		{`</name>`, `</nam>`, "XML"},
	} {
		bad := strings.Replace(text, x.old, x.new, 1)
		if bad == text {
			t.Fatalf("%q is not there", x.old)
		}
		_, errs := primary(strings.NewReader(bad))
		var format *repo.FormatError
		if len(errs) != 1 || !errors.As(errs[0], &format) || !strings.Contains(errs[0].Error(), x.want) {
			t.Errorf("%q for %q: %v; wanted %q", cut(x.new), x.old, errs, x.want)
		}
	}
	for n := range len(strings.TrimSpace(text)) {
		if _, errs := primary(strings.NewReader(text[:n])); len(errs) == 0 {
			t.Errorf("cut off after %d bytes: no error", n)
		}
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, errs := primary(io.MultiReader(strings.NewReader(file(t, "primary.xml")[:800]), iotest.ErrReader(broken)))
	var format *repo.FormatError
	if len(errs) != 1 || !errors.Is(errs[0], broken) || errors.As(errs[0], &format) {
		t.Errorf("%v", errs)
	}
}

func TestFilelists(t *testing.T) {
	t.Parallel()
	text := file(t, "filelists.xml")
	read := func(text string) (all []repo.FilelistEntry, errs []error) {
		for x, err := range rpmmd.Filelists(strings.NewReader(text)) {
			if err != nil {
				errs = append(errs, err)
			} else {
				all = append(all, x)
			}
		}
		return all, errs
	}
	got, errs := read(text)
	want := []repo.FilelistEntry{{PkgID: pkgID, Name: "small", Version: "2:1.0~rc.1-1.1", Arch: "noarch", Files: 3}}
	if diff := cmp.Diff(want, got); diff != "" || errs != nil {
		t.Errorf("wanted (-), got (+):\n%s%v", diff, errs)
	}
	for _, x := range []struct{ old, new, want string }{
		{pkgID, "xyz", "not a digest"},
		{`name="small"`, ``, "without name"},
		{`<version epoch="2" ver="1.0~rc.1" rel="1.1"/>`, ``, "0 <version>"},
	} {
		got, errs := read(strings.Replace(text, x.old, x.new, 1))
		if len(got) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), x.want) {
			t.Errorf("%q: %v, %v; wanted %q", x.old, got, errs, x.want)
		}
	}
}

func TestParseRepomd(t *testing.T) {
	t.Parallel()
	text := file(t, "repomd.xml")
	got, err := rpmmd.ParseRepomd(strings.NewReader(text), "repodata/repomd.xml")
	if err != nil {
		t.Fatal(err)
	}
	const open = "40a49caf9274a1fac7ade90abaa4647eeb654b8fed782f0491211ed6c44f7d5d"
	const packed = "155a64015fc6fa085a71b6999ee8cfb12c3c27003b0df50c7b31e8fb9a664f67"
	want := repo.RepomdData{
		Type: "primary", Location: "repodata/" + packed + "-primary.xml.gz",
		Claim: repo.Claim{By: "repodata/repomd.xml", Line: 4, Size: 650, Digests: repo.Digests{SHA256: packed}},
		Open:  &repo.Claim{By: "repodata/repomd.xml", Line: 4, Size: 1446, Digests: repo.Digests{SHA256: open}},
		Time:  time.Unix(1795395434, 0).UTC(),
	}
	if diff := cmp.Diff(want, got.Data[0]); diff != "" || len(got.Data) != 3 || got.Revision != "1795395434" {
		t.Errorf("wanted (-), got (+):\n%s%+v", diff, got)
	}
	for _, x := range []struct {
		old, new, want string
		data           int // that are left; -1 for no answer
	}{
		{`type="primary"`, ``, "no type", 2},
		{packed + "<", "x<", "hexadecimal", 2},
		{`<size>650`, `<size>6x`, "not a number", 2},
		{`<size>650</size>`, `<size>650</size><size>1</size>`, "two <size>", 2},
		{`href="repodata/` + packed, `x="`, "no location", 2},
		{`</repomd>`, ``, "XML", -1},
		{`metadata/repo"`, `metadata/x"`, "root element", -1},
	} {
		bad := strings.Replace(text, x.old, x.new, 1)
		if bad == text {
			t.Fatalf("%q is not there", x.old)
		}
		got, err := rpmmd.ParseRepomd(strings.NewReader(bad), "repomd.xml")
		var format *repo.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v; wanted %q", x.old, err, x.want)
		}
		if (got == nil) != (x.data < 0) || got != nil && len(got.Data) != x.data {
			t.Errorf("%q: %+v; wanted %d data elements", x.old, got, x.data)
		}
	}
}

func FuzzRepomd(f *testing.F) {
	f.Add([]byte(file(f, "repomd.xml")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if md, err := rpmmd.ParseRepomd(bytes.NewReader(data), "x"); md == nil && err == nil {
			t.Error("neither answer nor error")
		}
	})
}

func FuzzPrimary(f *testing.F) {
	f.Add([]byte(file(f, "primary.xml")))
	f.Fuzz(func(t *testing.T, data []byte) {
		for p, err := range rpmmd.Primary(bytes.NewReader(data), "x") {
			if err == nil && (p.Name == "" || p.Path == "" || p.Claim.Digests.IsZero()) {
				t.Errorf("%+v", p)
			}
		}
	})
}

func FuzzFilelists(f *testing.F) {
	f.Add([]byte(file(f, "filelists.xml")))
	f.Fuzz(func(t *testing.T, data []byte) {
		for x, err := range rpmmd.Filelists(bytes.NewReader(data)) {
			if err == nil && (x.Name == "" || x.PkgID == "") {
				t.Errorf("%+v", x)
			}
		}
	})
}

// TestTimestampBound: a time that no report can write is a fault of its data
// element.
func TestTimestampBound(t *testing.T) {
	t.Parallel()
	for stamp, want := range map[string]bool{"1700000000": true, "1700000000.25": true, "253402300799": true, "253402300800": false, "9223372036854775807": false} {
		text := `<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><checksum type="sha256">` + strings.Repeat("ab", 32) +
			`</checksum><location href="p.xml"/><timestamp>` + stamp + `</timestamp></data></repomd>`
		root, err := rpmmd.ParseRoot(strings.NewReader(text), "repomd.xml")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(root.Data) == 1 && len(root.Faults) == 0; got != want {
			t.Errorf("%s: taken %v, want %v: %v", stamp, got, want, root.Faults)
		}
	}
}

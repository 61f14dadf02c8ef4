package rpmmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

const comps = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <name xml:lang="de">Kern</name>
    <packagelist>
      <packagereq type="mandatory">small</packagereq>
      <packagereq type="optional">other</packagereq>
    </packagelist>
  </group>
  <category><id>apps</id><name>Applications</name><grouplist><groupid>core</groupid></grouplist></category>
  <environment><id>minimal</id><name>Minimal</name><grouplist><groupid>core</groupid></grouplist></environment>
  <langpacks><match name="a" install="a-%s"/></langpacks>
</comps>
`

const modules = `---
document: modulemd
version: 2
data:
  name: nodejs
  stream: "10"
  context: deadbeef
  summary: >-
    --- is no marker here
...
# a comment
---
document: modulemd-defaults
version: 1
data:
  module: nodejs
  stream: "10"
`

const updateinfo = `<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="a@example.org" status="final" type="security" version="1">
    <id>EX-2026-1</id>
    <title>small update</title>
    <issued date="2026-11-01 10:00:00"/>
    <severity>Important</severity>
    <references><reference href="https://example.org/1" id="CVE-2026-1" type="cve" title="x"/></references>
    <pkglist><collection short="x"><name>X</name>
      <package name="small" version="1.0" release="2" epoch="1" arch="noarch" src="small.src.rpm"><filename>small-1.0-2.noarch.rpm</filename></package>
    </collection></pkglist>
  </update>
</updates>
`

const other = `<?xml version="1.0" encoding="UTF-8"?>
<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="1">
<package pkgid="` + pkgID + `" name="small" arch="noarch">
  <version epoch="0" ver="1" rel="1"/>
  <changelog author="A &lt;a@example.org&gt; - 1-1" date="1700000000">- first</changelog>
</package>
</otherdata>
`

const prestodelta = `<prestodelta><newpackage name="a" epoch="0" version="1" release="1" arch="x"><delta/></newpackage></prestodelta>`
const susedata = `<susedata xmlns="http://linux.duke.edu/metadata/susedata" packages="1"><package pkgid="x" name="a" arch="x"/></susedata>`
const filelistsExt = `<filelists-ext xmlns="http://linux.duke.edu/metadata/filelists-ext" packages="1"><package pkgid="` + pkgID +
	`" name="a" arch="x"><version epoch="0" ver="1" rel="1"/><checksum type="sha256"/><file hash="x">/a</file></package></filelists-ext>`

// TestVerify breaks each kind of file: what is wrong is said, with its line,
// and the other entries are still counted.
func TestVerify(t *testing.T) {
	t.Parallel()
	advisory := updateinfo[strings.Index(updateinfo, "  <update from"):strings.Index(updateinfo, "</updates>")]
	for _, x := range []struct {
		typ, text, old, new string
		entries             int
		want                string // of the fault; empty for none
	}{
		{"other", other, "", "", 1, ""},
		{"other", other, `date="1700000000"`, `date="x"`, 0, "line 3: package small: changelog date"},
		{"other", other, `packages="1"`, `packages="2"`, 1, "1 packages follow"},
		{"other", other, `</changelog>`, ``, 0, "closed by"},
		{"filelists_ext", filelistsExt, "", "", 1, ""},
		{"filelists_ext", filelistsExt, `name="a"`, "", 0, "without name"},
		{"updateinfo", updateinfo, "", "", 1, ""},
		{"updateinfo", updateinfo, "<id>EX-2026-1</id>", "", 0, "line 3: an advisory without id"},
		{"updateinfo", updateinfo, advisory, advisory + advisory, 1, "line 13: advisory EX-2026-1: the advisory is listed twice"},
		{"updateinfo", updateinfo, `version="1.0" release`, `version="" release`, 0, `advisory EX-2026-1: package "small": package without version`},
		{"updateinfo", updateinfo, "small-1.0-2.noarch.rpm", "a&#9;b", 0, "control character"},
		{"updateinfo", updateinfo, "<updates>", "<!DOCTYPE updates><updates>", 0, "document type"},
		{"group", comps, "", "", 3, ""},
		{"group_gz", comps, "", "", 3, ""},
		{"group", comps, "<id>core</id>", "", 2, "line 4: group without id"},
		{"group", comps, "<langpacks>", "<group><id>core</id></group><langpacks>", 3, `group "core" is listed twice`},
		{"group", comps, `"comps.dtd">`, `"comps.dtd" [<!ENTITY a "b">]>`, 0, "declarations inside"},
		{"group", comps, `>Core<`, `>&a;<`, 0, "stands for nothing"},
		{"modules", modules, "", "", 2, ""},
		{"modules", modules, "name: nodejs", "name: [", 1, "line 1: YAML"},
		{"modules", modules, "document: modulemd-defaults", "", 1, "line 12: YAML: no document"},
		{"modules", modules, "version: 2", "version: x", 1, "is not a number"},
		{"modules", modules, "version: 2", "", 1, "no version"},
		{"modules", modules, "version: 2", "version: 2\nversion: 2", 1, "twice"},
		{"modules", modules, "---\ndocument: modulemd-defaults", "--- [a]\n--- !x\ndocument: modulemd-defaults", 2, "no mapping"},
		{"modules", modules, "nodejs", strings.Repeat("x", rpmmd.MaxModuleBytes), 1, "document of more than"},
		{"modules", modules, "nodejs", strings.Repeat("[", 65), 1, "opening brackets"},
		{"modules", modules, "stream: \"10\"\n  context", "stream: *x\n  context", 1, "anchor"},
		{"prestodelta", prestodelta, "", "", 1, ""},
		{"prestodelta", prestodelta, "<delta/>", "<delta>", 0, "closed by"},
		{"prestodelta", prestodelta, "<prestodelta>", "<x>", 0, "wanted <prestodelta>"},
		{"susedata", susedata, "", "", 1, ""},
		{"susedata.de", susedata, "", "", 1, ""},
		{"primary_db", "SQLite format 3\x00...", "", "", 0, ""},
		{"primary_db", "SQLite", "", "", 0, "not an SQLite"},
		{"productid", "-----BEGIN", "", "", 0, ""},
	} {
		text := x.text
		if x.old != "" {
			if text = strings.Replace(text, x.old, x.new, 1); text == x.text {
				t.Fatalf("%q is not there", x.old)
			}
		}
		var faults []string
		n, err := rpmmd.Verify(x.typ, iotest.HalfReader(strings.NewReader(text)), "file", func(p repo.Problem) {
			if p.Kind != repo.Malformed {
				t.Errorf("%s: %+v", x.typ, p)
			}
			faults = append(faults, p.String())
		})
		all := strings.Join(faults, "\n")
		if err != nil || n < x.entries || x.want == "" && (all != "" || n != x.entries) || !strings.Contains(all, x.want) {
			t.Errorf("%s, %.60q for %q: %d entries, %v, %v; wanted %d and %q", x.typ, x.new, x.old, n, faults, err, x.entries, x.want)
		}
		if x.old != "" || !rpmmd.Readable(x.typ) {
			continue
		}
		broken := errors.New("broken")
		cut := io.MultiReader(strings.NewReader(text[:min(len(text), 10)]), iotest.ErrReader(broken))
		if _, err := rpmmd.Verify(x.typ, cut, "file", func(repo.Problem) {}); x.want == "" && !errors.Is(err, broken) {
			t.Errorf("%s: the reader's error became %v", x.typ, err)
		}
	}
}

func TestUpdateinfo(t *testing.T) {
	t.Parallel()
	want := rpmmd.Advisory{
		ID: "EX-2026-1", Type: "security", Status: "final", Severity: "Important", Title: "small update", Issued: "2026-11-01 10:00:00",
		References: []rpmmd.Reference{{Type: "cve", ID: "CVE-2026-1", Href: "https://example.org/1"}},
		Packages:   []rpmmd.AdvisoryPackage{{Name: "small", Version: "1:1.0-2", Arch: "noarch", Filename: "small-1.0-2.noarch.rpm"}},
	}
	for got, err := range rpmmd.Updateinfo(strings.NewReader(updateinfo)) {
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("wanted (-), got (+):\n%s%v", diff, err)
		}
	}
}

func TestGroupsAndModules(t *testing.T) {
	t.Parallel()
	var groups []rpmmd.Group
	for g, err := range rpmmd.Groups(strings.NewReader(comps)) {
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	if diff := cmp.Diff([]rpmmd.Group{
		{Kind: "group", ID: "core", Name: "Core", Packages: []string{"small", "other"}},
		{Kind: "category", ID: "apps", Name: "Applications", Packages: []string{"core"}},
		{Kind: "environment", ID: "minimal", Name: "Minimal", Packages: []string{"core"}},
	}, groups); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
	var all []rpmmd.Module
	for m, err := range rpmmd.Modules(strings.NewReader(modules)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	if diff := cmp.Diff([]rpmmd.Module{{"modulemd", 2, "nodejs", "10"}, {"modulemd-defaults", 1, "nodejs", "10"}}, all); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
}

// TestStop: a caller may stop at any entry.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, err := range rpmmd.Groups(strings.NewReader(comps)) {
		stopped(t, err)
		break
	}
	for _, err := range rpmmd.Modules(strings.NewReader(modules)) {
		stopped(t, err)
		break
	}
	for _, err := range rpmmd.Updateinfo(strings.NewReader(updateinfo)) {
		stopped(t, err)
		break
	}
	for _, err := range rpmmd.Primary(strings.NewReader(file(t, "primary.xml")), "x") {
		stopped(t, err)
		break
	}
}

func stopped(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestParseRoot: what only some repositories say.
func TestParseRoot(t *testing.T) {
	t.Parallel()
	text := file(t, "repomd.xml")
	tags := `<tags><content>binary</content><repo>obsrepository://x</repo><distro cpeid="cpe:/o:x">X</distro></tags><data`
	zck := `<header-checksum type="sha256">` + pkgID + `</header-checksum><header-size>7</header-size><database_version>10</database_version><timestamp`
	extended := strings.Replace(strings.Replace(text, "<data", tags, 1), "<timestamp", zck, 1)
	got, err := rpmmd.ParseRoot(strings.NewReader(extended), "r")
	if err != nil || got.Faults != nil {
		t.Fatal(err, got)
	}
	header := &repo.Claim{By: "r", Line: 4, Size: 7, Digests: repo.Digests{SHA256: pkgID}}
	if diff := cmp.Diff([]rpmmd.DataDetails{{Header: header, DatabaseVersion: 10}, {}, {}}, got.Details); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
	if diff := cmp.Diff([]any{[]string{"binary"}, []string{"obsrepository://x"}, []rpmmd.Distro{{"cpe:/o:x", "X"}}}, []any{got.Content, got.Repo, got.Distro}); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
	begin, end := strings.Index(text, "  <data type=\"primary\""), strings.Index(text, "</data>")+len("</data>")
	for _, x := range []struct {
		old, new, want string
		data           int
	}{
		{`href="repodata/`, `href="../repodata/`, "leads out", 2},
		{`href="repodata/`, `href="/repodata/`, "absolute", 2},
		{`href="repodata/`, `href="https://example.org/repodata/`, "URL scheme", 2},
		{text[begin:end], text[begin:end] + text[begin:end], `data "primary": a second one`, 4},
		{text[begin:end], "", `no data of type "primary"`, 2},
		{`type="primary"`, `type="x-primary"`, `no data of type "primary"`, 3},
	} {
		got, err := rpmmd.ParseRoot(strings.NewReader(strings.Replace(text, x.old, x.new, 1)), "r")
		if err != nil || len(got.Data) != x.data || len(got.Faults) != 1 || !strings.Contains(got.Faults[0].Error(), x.want) || len(got.Details) != len(got.Data) {
			t.Errorf("%.60q: %v, %+v; wanted %q", x.new, err, got, x.want)
		}
	}
	for _, x := range []struct{ old, new, want string }{
		{"<revision>", strings.Repeat(`<data type="x"/>`, rpmmd.MaxData) + "<revision>", "data elements"},
		{"<revision>", "<tags>" + strings.Repeat("<repo>x</repo>", 101) + "</tags><revision>", "tags"},
	} {
		if got, err := rpmmd.ParseRoot(strings.NewReader(strings.Replace(text, x.old, x.new, 1)), "r"); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%.60q: %v, %v", x.new, got, err)
		}
	}
}

// TestRepeatedPackage: one package at two places is none twice, at one place
// it is.
func TestRepeatedPackage(t *testing.T) {
	t.Parallel()
	text := strings.Replace(file(t, "primary.xml"), `packages="1"`, `packages="2"`, 1)
	begin, end := strings.Index(text, "<package "), strings.Index(text, "</package>")+len("</package>")
	one := text[begin:end]
	if got, errs := primary(strings.NewReader(text[:begin] + one + one + text[end:])); len(got) != 1 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "listed twice") {
		t.Errorf("%v, %v", got, errs)
	}
	if got, errs := primary(strings.NewReader(text[:begin] + one + strings.Replace(one, `href="`, `href="x/`, 1) + text[end:])); len(got) != 2 || errs != nil {
		t.Errorf("%v, %v", got, errs)
	}
}

// TestPrefixes: the names count, not how a document spells their namespaces.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	text := file(t, "primary.xml")
	want, _ := primary(strings.NewReader(text))
	text = strings.NewReplacer("rpm:", "q:", "xmlns:rpm", "xmlns:q").Replace(text)
	if got, errs := primary(strings.NewReader(text)); len(errs) > 0 || !cmp.Equal(want, got) {
		t.Errorf("%v: %s", errs, cmp.Diff(want, got))
	}
	// Elements of other namespaces are not ours.
	foreign := strings.Replace(text, "<name>", `<name xmlns="urn:x">evil</name><name>`, 1)
	if got, errs := primary(strings.NewReader(foreign)); len(errs) > 0 || !cmp.Equal(want, got) {
		t.Errorf("%v: %s", errs, cmp.Diff(want, got))
	}
}

func TestTooManyPackages(t *testing.T) {
	t.Parallel()
	head := `<filelists xmlns="http://linux.duke.edu/metadata/filelists">`
	r := io.MultiReader(strings.NewReader(head), bytes.NewReader(bytes.Repeat([]byte("<package/>"), rpmmd.MaxPackages+1)))
	var last error
	n := 0
	for _, err := range rpmmd.Filelists(r) {
		last = err
		n++
	}
	if n != rpmmd.MaxPackages+1 || !strings.Contains(fmt.Sprint(last), "more than 1048576 packages") {
		t.Errorf("%d: %v", n, last)
	}
}

func TestTooLargePackage(t *testing.T) {
	t.Parallel()
	head := `<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="1"><package pkgid="` + pkgID + `" name="a" arch="x"><version ver="1" rel="1"/>`
	text := head + strings.Repeat("<file>/usr/share/a/long/name/of/a/file</file>", rpmmd.MaxPackageBytes/40) + "</package></filelists>"
	n, err := rpmmd.Verify("filelists", strings.NewReader(text), "x", func(p repo.Problem) {
		if !strings.Contains(p.Text, "bytes, more than") {
			t.Error(p)
		}
	})
	if n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func FuzzVerify(f *testing.F) {
	for typ, text := range map[string]string{
		"other": other, "filelists_ext": filelistsExt, "updateinfo": updateinfo, "group": comps, "modules": modules, "prestodelta": prestodelta,
		"susedata": susedata, "primary": file(f, "primary.xml"), "filelists": file(f, "filelists.xml"),
	} {
		f.Add(typ, []byte(text))
		f.Add(typ, []byte(text[:len(text)/2]))
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		n, err := rpmmd.Verify(typ, bytes.NewReader(data), "x", func(p repo.Problem) {
			if p.Text == "" || p.Kind != repo.Malformed {
				t.Errorf("%+v", p)
			}
		})
		if err != nil || n > len(data) {
			t.Errorf("%d entries of %d bytes, %v", n, len(data), err)
		}
	})
}

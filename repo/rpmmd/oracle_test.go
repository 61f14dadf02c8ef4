package rpmmd_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

// run runs a tool that has to be there, and returns what it prints.
func run(t *testing.T, dir string, stdin []byte, argv ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Fatalf("install %s (make deps): %v", argv[0], err)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, stderr.Bytes())
	}
	return out
}

// entriesOf reads a whole repository, and returns the number of entries by
// type. Anything wrong fails the test.
func entriesOf(t *testing.T, dir string) map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read
	root, err := rpmmd.ParseRoot(f, "repodata/repomd.xml")
	if err != nil || root.Faults != nil {
		t.Fatal(err, root)
	}
	got := make(map[string]int)
	for i, d := range root.Data {
		if !rpmmd.KnownType(d.Type) {
			t.Errorf("%s is not known", d.Type)
		}
		if strings.HasSuffix(d.Type, "_zck") && root.Details[i].Header == nil {
			t.Errorf("%s without the header's checksum", d.Type)
		}
		if strings.HasSuffix(d.Type, "_db") && root.Details[i].DatabaseVersion != 10 {
			t.Errorf("%s of version %d", d.Type, root.Details[i].DatabaseVersion)
		}
		packed, err := os.ReadFile(filepath.Join(dir, d.Location))
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(packed)) != d.Claim.Size || d.Claim.Digests.IsZero() {
			t.Errorf("%s: %d bytes, %+v", d.Type, len(packed), d.Claim)
		}
		if !rpmmd.Readable(d.Type) {
			got[d.Type] = -1
			continue
		}
		var r io.Reader = bytes.NewReader(packed)
		if kind := compress.ByName(d.Location); kind != compress.None {
			z, err := compress.NewReader(r, kind, 1<<26)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = z.Close() }() // read
			r = z
		}
		got[d.Type], err = rpmmd.Verify(d.Type, r, d.Location, func(p repo.Problem) { t.Errorf("%s: %v", d.Type, p) })
		if err != nil {
			t.Errorf("%s: %v", d.Type, err)
		}
	}
	return got
}

// TestAgainstCreaterepo reads what createrepo_c writes with each of its options
// that change the metadata.
func TestAgainstCreaterepo(t *testing.T) {
	t.Parallel()
	base := map[string]int{"primary": 2, "filelists": 2, "other": 2}
	with := func(more ...any) map[string]int {
		m := map[string]int{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1].(int)
		}
		return m
	}
	dbs := []any{"primary_db", 0, "filelists_db", 0, "other_db", 0}
	for name, x := range map[string]struct {
		args []string
		want map[string]int
	}{
		"as it comes":  {[]string{}, with(dbs...)},
		"no database":  {[]string{"--no-database"}, base},
		"xz":           {[]string{"--xz"}, with(dbs...)},
		"bz2":          {[]string{"--no-database", "--general-compress-type=bz2"}, base},
		"sha512":       {[]string{"--no-database", "--checksum=sha512", "--repomd-checksum=sha512"}, base},
		"sha1, simple": {[]string{"--no-database", "--checksum=sha1", "--simple-md-filenames"}, base},
		"tags":         {[]string{"--no-database", "--distro=cpe:/o:x:y,Name", "--content=binary", "--repo=obsrepository://x/y", "--revision=r1"}, base},
		"groups":       {[]string{"--no-database", "--groupfile=" + filepath.Join(additions(t), "comps.xml")}, with("group", 3, "group_gz", 3)},
		"base":         {[]string{"--no-database", "--baseurl=https://example.org/x", "--location-prefix=sub"}, base},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := packages(t)
			run(t, dir, nil, append(append([]string{"createrepo_c", "--quiet"}, x.args...), ".")...)
			if diff := cmp.Diff(x.want, entriesOf(t, dir)); diff != "" {
				t.Errorf("wanted (-), got (+):\n%s", diff)
			}
			// Once more over what is there.
			run(t, dir, nil, append(append([]string{"createrepo_c", "--quiet", "--update", "--retain-old-md=5"}, x.args...), ".")...)
			if diff := cmp.Diff(x.want, entriesOf(t, dir)); diff != "" {
				t.Errorf("after --update: wanted (-), got (+):\n%s", diff)
			}
		})
	}
}

// packages returns a folder with a package under two names.
func packages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"small.rpm", "again.rpm"} {
		data, err := os.ReadFile("../rpm/testdata/small.rpm")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// additions returns a folder with files to add to a repository.
func additions(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"comps.xml": comps, "modules.yaml": modules, "updateinfo.xml": updateinfo} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAgainstModifyrepoAndMergerepo(t *testing.T) {
	t.Parallel()
	dir := packages(t)
	run(t, dir, nil, "createrepo_c", "--quiet", "--no-database", ".")
	more := additions(t)
	run(t, more, nil, "modifyrepo_c", "--mdtype=modules", "modules.yaml", filepath.Join(dir, "repodata"))
	run(t, more, nil, "modifyrepo_c", "--mdtype=updateinfo", "--compress-type=xz", "updateinfo.xml", filepath.Join(dir, "repodata"))
	run(t, more, nil, "modifyrepo_c", "--mdtype=group", "--no-compress", "comps.xml", filepath.Join(dir, "repodata"))
	want := map[string]int{"primary": 2, "filelists": 2, "other": 2, "modules": 2, "updateinfo": 1, "group": 3}
	if diff := cmp.Diff(want, entriesOf(t, dir)); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
}

// TestAgainstMergerepo: mergerepo_c takes the package that both have once.
func TestAgainstMergerepo(t *testing.T) {
	t.Parallel()
	args := []string{"mergerepo_c", "--no-database", "--all"}
	for range 2 {
		dir := packages(t)
		if err := os.Remove(filepath.Join(dir, "again.rpm")); err != nil {
			t.Fatal(err)
		}
		run(t, dir, nil, "createrepo_c", "--quiet", "--no-database", ".")
		args = append(args, "--repo="+dir)
	}
	merged := t.TempDir()
	run(t, merged, nil, append(args, "--outputdir="+merged)...)
	got := entriesOf(t, merged)
	for _, typ := range []string{"primary", "filelists", "other"} {
		if got[typ] != 1 {
			t.Errorf("merged: %v", got)
		}
	}
}

// document is primary.xml as encoding/xml reads it: another reader than ours.
type document struct {
	Packages []struct {
		Name    string `xml:"name"`
		Arch    string `xml:"arch"`
		Version struct {
			Epoch   string `xml:"epoch,attr"`
			Version string `xml:"ver,attr"`
			Release string `xml:"rel,attr"`
		} `xml:"version"`
		Checksum    string `xml:"checksum"`
		Summary     string `xml:"summary"`
		Description string `xml:"description"`
		Packager    string `xml:"packager"`
		URL         string `xml:"url"`
		Time        struct {
			Build int64 `xml:"build,attr"`
		} `xml:"time"`
		Size struct {
			Installed int64 `xml:"installed,attr"`
			Archive   int64 `xml:"archive,attr"`
		} `xml:"size"`
		Location struct {
			Href string `xml:"href,attr"`
		} `xml:"location"`
		Format struct {
			License   string `xml:"license"`
			Vendor    string `xml:"vendor"`
			Group     string `xml:"group"`
			BuildHost string `xml:"buildhost"`
			SourceRPM string `xml:"sourcerpm"`
			Range     struct {
				Start int64 `xml:"start,attr"`
				End   int64 `xml:"end,attr"`
			} `xml:"header-range"`
			Provides    list `xml:"provides"`
			Requires    list `xml:"requires"`
			Conflicts   list `xml:"conflicts"`
			Obsoletes   list `xml:"obsoletes"`
			Suggests    list `xml:"suggests"`
			Enhances    list `xml:"enhances"`
			Recommends  list `xml:"recommends"`
			Supplements list `xml:"supplements"`
			Files       []struct {
				Type string `xml:"type,attr"`
				Path string `xml:",chardata"`
			} `xml:"file"`
		} `xml:"format"`
	} `xml:"package"`
}

type list struct {
	Entries []struct {
		Name    string `xml:"name,attr"`
		Flags   string `xml:"flags,attr"`
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"ver,attr"`
		Release string `xml:"rel,attr"`
	} `xml:"entry"`
}

func (l list) metadata() (all []rpmmd.Entry) {
	for _, e := range l.Entries {
		all = append(all, rpmmd.Entry{Name: e.Name, Flags: e.Flags, Epoch: e.Epoch, Version: e.Version, Release: e.Release})
	}
	return all
}

// TestAgainstEncodingXML: the fields of an index are those of the same
// [rpmmd.Metadata], by another XML reader.
func TestAgainstEncodingXML(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"small": file(t, "primary.xml"), "generated": string(generated(t, 500))} {
		var doc document
		if err := xml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		got, errs := primary(strings.NewReader(text))
		if len(errs) > 0 || len(got) != len(doc.Packages) {
			t.Fatalf("%s: %d packages, wanted %d; %v", name, len(got), len(doc.Packages), errs)
		}
		for i, p := range doc.Packages {
			f := p.Format
			m := rpmmd.Metadata{
				Name: p.Name, Arch: p.Arch, Epoch: p.Version.Epoch, Version: p.Version.Version, Release: p.Version.Release,
				Summary: p.Summary, Description: p.Description, Packager: p.Packager, URL: p.URL, BuildTime: p.Time.Build,
				InstalledSize: p.Size.Installed, ArchiveSize: p.Size.Archive, License: f.License, Vendor: f.Vendor, Group: f.Group,
				BuildHost: f.BuildHost, SourceRPM: f.SourceRPM, HeaderStart: f.Range.Start, HeaderEnd: f.Range.End,
				Provides: f.Provides.metadata(), Requires: f.Requires.metadata(), Conflicts: f.Conflicts.metadata(), Obsoletes: f.Obsoletes.metadata(),
				Suggests: f.Suggests.metadata(), Enhances: f.Enhances.metadata(), Recommends: f.Recommends.metadata(), Supplements: f.Supplements.metadata(),
			}
			for _, x := range f.Files {
				m.Files = append(m.Files, rpmmd.FileEntry{Type: x.Type, Path: x.Path})
			}
			want := repo.Package{
				Name: p.Name, Version: m.EVR(), Arch: p.Arch, Path: p.Location.Href, Claim: got[i].Claim, Fields: m.Fields(),
			}
			if diff := cmp.Diff(want, got[i]); diff != "" || got[i].Claim.Digests.SHA256 != p.Checksum || m.Check() != nil {
				t.Fatalf("%s: package %d: wanted (-), got (+):\n%s", name, i, diff)
			}
		}
	}
}

// TestAgainstLibsolv: libsolv reads the same packages and dependencies.
func TestAgainstLibsolv(t *testing.T) {
	t.Parallel()
	text := generated(t, 300)
	solv := filepath.Join(t.TempDir(), "primary.solv")
	if err := os.WriteFile(solv, run(t, ".", text, "rpmmd2solv"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := solvables(string(run(t, ".", nil, "dumpsolv", solv)))
	got := make([]map[string]string, 0, len(want))
	for p, err := range rpmmd.Primary(bytes.NewReader(text), "primary.xml") {
		if err != nil {
			t.Fatal(err)
		}
		// What libsolv takes for granted it does not print.
		seconds := p.Fields.Value("time-build")
		x := map[string]string{
			"name": p.Name, "evr": p.Version, "arch": p.Arch, "checksum": p.Claim.Digests.SHA256 + " (sha256)",
			"downloadsize": strconv.FormatInt(p.Claim.Size, 10), "installsize": p.Fields.Value("size-installed"), "buildtime": seconds,
			"summary": p.Fields.Value("summary"), "license": p.Fields.Value("license"),
		}
		for _, kind := range []string{"provides", "requires", "obsoletes"} {
			var all []string
			for d := range strings.Lines(p.Fields.Value(kind)) {
				d = strings.TrimSuffix(d, "\n")
				d = strings.NewReplacer(" EQ ", " = ", " GE ", " >= ", " LT ", " < ").Replace(d)
				all = append(all, strings.Replace(d, " 0:", " ", 1))
			}
			x[kind] = sorted(all)
		}
		got = append(got, x)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("libsolv (-), ours (+):\n%.4000s", diff)
	}
}

func sorted(all []string) string {
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// solvables reads what dumpsolv prints.
func solvables(text string) (all []map[string]string) {
	var x map[string]string
	var key string
	lists := make(map[string][]string)
	flush := func() {
		if x == nil {
			return
		}
		for _, kind := range []string{"provides", "requires", "obsoletes"} {
			x[kind] = sorted(lists[kind])
		}
		all = append(all, x)
		lists = make(map[string][]string)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "solvable ") && strings.HasSuffix(line, ":") {
			flush()
			x = make(map[string]string)
			continue
		}
		if x == nil {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "solvable:"); ok {
			var value string
			key, value, _ = strings.Cut(rest, ":")
			switch key {
			case "name", "evr", "arch", "checksum", "downloadsize", "installsize", "buildtime", "summary", "license":
				x[key] = strings.TrimPrefix(value, " ")
			}
			continue
		}
		if dep, ok := strings.CutPrefix(line, "  "); ok {
			// Debian's libsolv prints "<" as dpkg writes it, and rich
			// dependencies without the outer parentheses.
			dep = strings.Replace(dep, " << ", " < ", 1)
			if a, b, rich := strings.Cut(dep, " IF "); rich {
				dep = "(" + a + " if " + b + ")"
			}
			switch {
			case strings.HasPrefix(dep, "solvable:"): // a marker: prerequisites, file provides
			case key == "provides" || key == "requires" || key == "obsoletes":
				lists[key] = append(lists[key], dep)
			}
			continue
		}
		key = ""
	}
	flush()
	return all
}

// hostile returns inputs of a megabyte that are made to be slow or large.
func hostile() map[string]string {
	const mega = 1 << 20
	head := `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"><package type="rpm">`
	fill := func(s string) string { return strings.Repeat(s, mega/len(s)) }
	var attributes, spaces strings.Builder
	for i := 0; attributes.Len() < mega; i++ {
		fmt.Fprintf(&attributes, " a%d=''", i)
		fmt.Fprintf(&spaces, "<a xmlns:p%d='u'/>", i)
	}
	return map[string]string{
		"nesting": fill("<a>"), "attributes": "<a" + attributes.String() + "/>", "text": head + "<name>" + fill("x"), "references": head + "<name>" + fill("&amp;"),
		"entities": head + "<name>" + fill("&#x41;"), "ampersands": head + "<name>" + fill("&"), "packages": head + "</package>" + fill("<package/>"),
		"declarations": head + spaces.String(), "comments": fill("<!---->"), "instructions": fill("<?a?>"), "open comment": "<!--" + fill("-x"), "quotes": `<a b="` + fill("'"),
		"files": head + "<format>" + fill("<file>/bin/</file>"), "provides": head + "<format><rpm:provides>" + fill("<rpm:entry name='b'/><rpm:entry name='a'/>"),
		"cdata": head + "<name>" + fill("<![CDATA[x]]>"), "open cdata": head + "<name><![CDATA[" + fill("]]"), "line ends": head + "<name>" + fill("\r"), "end tags": head + fill("</a"),
		"lower": fill("<"), "brackets": fill("["), "dashes": fill("- "), "anchors": "a: &a [x]\n" + fill("b: *a\n"), "documents": fill("---\na\n"), "flow": "{" + fill("a,"),
		"aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b]\n", "nested yaml": fill("a:\n - "), "quoted": `a: "` + fill(`\x41`),
	}
}

// TestHostile: whatever a megabyte holds, every reader comes to an end, and
// what it hands out is bounded by the input.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range []string{"primary", "filelists", "other", "updateinfo", "modules", "group", "prestodelta", "susedata", "primary_db"} {
				faults := 0
				n, err := rpmmd.Verify(typ, strings.NewReader(text), typ, func(repo.Problem) { faults++ })
				if err != nil || faults == 0 || n+faults > len(text) {
					t.Errorf("%s: %d entries, %d faults, %v", typ, n, faults, err)
				}
			}
			if _, err := rpmmd.ParseRoot(strings.NewReader(text), "x"); !isFormat(err) {
				t.Errorf("repomd: %v", err)
			}
		})
	}
}

func isFormat(err error) bool {
	var format *repo.FormatError
	return errors.As(err, &format)
}

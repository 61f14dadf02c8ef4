package apt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
)

const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

// renderPackages writes what is yielded, one line each.
func renderPackages(r io.Reader) []string {
	var got []string
	for p, err := range Packages(r, "Packages") {
		odd, isOdd := errors.AsType[*Oddity](err)
		switch {
		case isOdd:
			got = append(got, fmt.Sprintf("odd %v dpkg=%v", err, odd.Dpkg))
		case err != nil:
			got = append(got, "bad "+err.Error())
		default:
			got = append(got, fmt.Sprintf("%s on line %d", p, p.Claim.Line))
		}
	}
	return got
}

func TestPackagesOddities(t *testing.T) {
	t.Parallel()
	const good = "Package: a\nVersion: 1\nArchitecture: all\nFilename: ./a.deb\nSize: 1\nMD5sum: " + emptyMD5 + "\n"
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"Latin-1", good + "Maintainer: Zo\xeb\n", []string{`odd line 7: not UTF-8: "Maintainer: Zo\xeb", in the stanza of "a 1 all" dpkg=false`, "a 1 all on line 1"}},
		{"last of two", good + "version: 2\n", []string{`odd line 7: field "version" is there twice, first on line 2: apt takes the last, dpkg refuses it, in the stanza of "a 2 all" dpkg=true`, "a 2 all on line 1"}},
		{"two faults", good + " \nMaintainer: \x01\n", []string{
			`odd line 7: blank line that is not empty: dpkg refuses it, apt reads on, in the stanza of "a 1 all" dpkg=true`,
			`odd line 8: control character 0x1: "Maintainer: \x01", in the stanza of "a 1 all" dpkg=false`, "a 1 all on line 1",
		}},
		{"on the next line", strings.ReplaceAll(good, ": ", ":\n "), []string{"a 1 all on line 1"}},
		{"relations", good + "Depends: b (>= 1),\n c (> 2) | d,\n ${misc:Depends}\nProvides: e (>= 1)\n", []string{
			`odd line 9: Depends of "a 1 all": want the name of a package at "${misc:Depends}" dpkg=true`,
			`odd line 10: Provides of "a 1 all": only an exact version is allowed in this field at "e (>= 1)" dpkg=true`, "a 1 all on line 1",
		}},
		{"empty lines at the start", "\n\r\n" + good, []string{"bad line 1: 2 empty lines at the start, which apt takes for a stanza without fields and refuses", "a 1 all on line 3"}},
		{"one empty line at the start", "\n" + good, []string{"a 1 all on line 2"}},
	} {
		if diff := cmp.Diff(tc.want, renderPackages(strings.NewReader(tc.in))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.name, diff)
		}
	}
}

// bigIndex has stanzas of many forms, over several pieces.
func bigIndex(stanzas int) string {
	var b strings.Builder
	for i := range stanzas {
		fmt.Fprintf(&b, "Package: p%d\nVersion: %d\nArchitecture: all\nFilename: ./p%d.deb\nSize: %d\nMD5sum: %s\nDescription: %s\n", i, i, i, i, emptyMD5, strings.Repeat("x", i%3000))
		switch i % 100 {
		case 3:
			b.WriteString("Version: 7\n")
		case 5:
			b.WriteString("no colon\n")
		case 7:
			b.WriteString("Depends: a |\n")
		case 9:
			b.WriteString("\r\n\n\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestPackagesInPieces holds the pieces against the whole read in one go.
func TestPackagesInPieces(t *testing.T) {
	t.Parallel()
	in := bigIndex(3000)
	if len(in) < 10*pieceSize {
		t.Fatalf("%d bytes are too few", len(in))
	}
	var want []string
	for s, err := range deb822.IndexStanzas(strings.NewReader(in)) {
		if err == nil {
			want = append(want, fmt.Sprintf("%s %s all on line %d", s.Fields.Value("Package"), s.Fields.Value("Version"), s.Line))
		}
	}
	whole := renderPackages(strings.NewReader(in))
	var packages []string
	kinds := map[string]int{}
	for _, l := range whole {
		kind, _, _ := strings.Cut(l, " ")
		if kinds[kind]++; kind != "odd" && kind != "bad" {
			packages = append(packages, l)
		}
	}
	if diff := cmp.Diff(want, packages); diff != "" {
		t.Errorf("(-in one go +in pieces)\n%s", diff)
	}
	if kinds["odd"] != 60 || kinds["bad"] != 30 {
		t.Errorf("%d odd, %d bad", kinds["odd"], kinds["bad"])
	}
	if diff := cmp.Diff(whole, renderPackages(iotest.HalfReader(strings.NewReader(in)))); diff != "" {
		t.Errorf("in small reads\n%s", diff)
	}
	if diff := cmp.Diff(whole, renderPackages(strings.NewReader(strings.ReplaceAll(in, "\n", "\r\n")))); diff != "" {
		t.Errorf("with CRLF\n%s", diff)
	}
}

// TestPackagesWithoutEnd has no empty line within what is the bound of a
// stanza.
func TestPackagesWithoutEnd(t *testing.T) {
	t.Parallel()
	in := "Package: a\n" + strings.Repeat(" "+strings.Repeat("x", 1000)+"\n", deb822.MaxStanza/900) + "\n" + bigIndex(3)
	got := renderPackages(strings.NewReader(in))
	if len(got) != 4 || got[0] != "bad line 8373: stanza is longer than 8388608 bytes" || !strings.HasPrefix(got[1], "p0 0 all") {
		t.Errorf("%.1000q", got)
	}
}

// TestPackagesStop leaves the loop early, and must not read on or hang.
func TestPackagesStop(t *testing.T) {
	t.Parallel()
	in := strings.NewReader(bigIndex(3000))
	n := 0
	for range Packages(in, "Packages") { //nolint:errcheck // any verdict will do
		if n++; n == 100 {
			break
		}
	}
	if n != 100 || in.Len() == 0 {
		t.Errorf("%d packages, %d bytes not read", n, in.Len())
	}
}

func TestPackagesTruncated(t *testing.T) {
	t.Parallel()
	in := bigIndex(1000)
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
		var last error
		n := 0
		for _, err := range Packages(io.MultiReader(strings.NewReader(in[:len(in)/2]), iotest.ErrReader(broken)), "Packages") {
			n++
			last = err
		}
		if _, bad := errors.AsType[*repo.FormatError](last); bad || !errors.Is(last, broken) || n < 400 {
			t.Errorf("%d results, then %v; want the reader's error %v", n, last, broken)
		}
	}
}

func TestMaxPackages(t *testing.T) {
	t.Parallel()
	n := 0
	var last error
	for _, err := range Packages(strings.NewReader(strings.Repeat("A: 1\n\n", MaxPackages+5)), "Packages") {
		n++
		last = err
	}
	if n != MaxPackages+1 {
		t.Errorf("%d results, want %d", n, MaxPackages+1)
	}
	wantFormat(t, last, "line 2000001: more than 1000000 packages")
}

func TestParseIndexPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]IndexPath{
		"Packages":                                       {Kind: PackagesIndex, Stem: "Packages"},
		"Packages.gz":                                    {Kind: PackagesIndex, Stem: "Packages"},
		"amd64/Packages.xz":                              {Kind: PackagesIndex, Stem: "amd64/Packages"},
		"Sources.zst":                                    {Kind: SourcesIndex, Stem: "Sources"},
		"main/binary-arm64/Packages.xz":                  {Kind: PackagesIndex, Stem: "main/binary-arm64/Packages", Component: "main", Arch: "arm64"},
		"updates/main/binary-all/Packages":               {Kind: PackagesIndex, Stem: "updates/main/binary-all/Packages", Component: "updates/main", Arch: "all"},
		"main/source/Sources.gz":                         {Kind: SourcesIndex, Stem: "main/source/Sources", Component: "main"},
		"main/Contents-amd64.gz":                         {Kind: ContentsIndex, Stem: "main/Contents-amd64", Component: "main", Arch: "amd64"},
		"Contents-all":                                   {Kind: ContentsIndex, Stem: "Contents-all", Arch: "all"},
		"main/Contents-udeb-arm64.gz":                    {Kind: ContentsIndex, Stem: "main/Contents-udeb-arm64", Component: "main", Arch: "udeb-arm64"},
		"main/i18n/Translation-pt_BR.bz2":                {Kind: TranslationIndex, Stem: "main/i18n/Translation-pt_BR", Component: "main", Language: "pt_BR"},
		"main/binary-arm64/Release":                      {Stem: "main/binary-arm64/Release"},
		"main/dep11/icons-64x64.tar.gz":                  {Stem: "main/dep11/icons-64x64.tar.gz"},
		"main/binary-arm64/Packages.diff/Index":          {Stem: "main/binary-arm64/Packages.diff/Index"},
		"main/debian-installer/binary-amd64/Packages.gz": {Kind: PackagesIndex, Stem: "main/debian-installer/binary-amd64/Packages", Component: "main/debian-installer", Arch: "amd64"},
	} {
		if diff := cmp.Diff(want, ParseIndexPath(path)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

func TestByHashPath(t *testing.T) {
	t.Parallel()
	var e repo.ReleaseEntry
	e.Path = "main/binary-amd64/Packages.xz"
	if path, ok := ByHashPath(e); ok {
		t.Errorf("%q without a hash", path)
	}
	for _, step := range []struct {
		algorithm repo.Algorithm
		want      string
	}{
		{repo.MD5, "main/binary-amd64/by-hash/MD5Sum/aa"}, {repo.SHA1, "main/binary-amd64/by-hash/SHA1/aa"},
		{repo.SHA256, "main/binary-amd64/by-hash/SHA256/aa"}, {repo.SHA384, "main/binary-amd64/by-hash/SHA256/aa"},
		{repo.SHA512, "main/binary-amd64/by-hash/SHA512/aa"},
	} {
		e.Digests.Set(step.algorithm, "aa")
		if path, ok := ByHashPath(e); !ok || path != step.want {
			t.Errorf("with %s: %q, %v; want %q", step.algorithm, path, ok, step.want)
		}
	}
	e.Path = "Packages"
	if path, _ := ByHashPath(e); path != "by-hash/SHA512/aa" {
		t.Errorf("flat: %q", path)
	}
}

func BenchmarkPackages(b *testing.B) {
	in := bigIndex(20_000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range Packages(bytes.NewReader([]byte(in)), "Packages") { //nolint:errcheck // any verdict will do
			n++
		}
		if n < 20_000 {
			b.Fatalf("%d results", n)
		}
	}
}

// TestPackagesMemory holds what is kept of an index against its size. It runs
// alone, as it measures the heap.
func TestPackagesMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const stanzas = 20_000
	var b strings.Builder
	for i := range stanzas {
		fmt.Fprintf(&b, "Package: p%d\nVersion: %d\nArchitecture: all\nFilename: pool/p%d.deb\nSize: %d\nMD5sum: %s\nSHA256: %s\nDescription: %s\n\n", i, i, i, i, emptyMD5, emptySHA256, strings.Repeat("x", 400))
	}
	in := strings.NewReader(b.String())
	before := heap()
	all := make([]repo.Package, 0, stanzas)
	for p, err := range Packages(in, "Packages") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	got, limit := heap()-before, in.Size()*13/10+250*stanzas
	if len(all) != stanzas || got > limit {
		t.Errorf("%d packages take %d bytes, want at most %d", len(all), got, limit)
	}
	runtime.KeepAlive(all)
}

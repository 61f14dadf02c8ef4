package apt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/flat/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantFormat(t *testing.T, err error, text string) {
	t.Helper()
	if _, ok := errors.AsType[*repo.FormatError](err); !ok || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%T), want a *repo.FormatError with %q", err, err, text)
	}
}

func count(d repo.Digests) int {
	n := 0
	for range d.All() {
		n++
	}
	return n
}

// TestParseReleaseOBS reads a Release as OBS writes it.
func TestParseReleaseOBS(t *testing.T) {
	t.Parallel()
	got, err := ParseRelease(bytes.NewReader(testdata(t, "Release")), "Release")
	if err != nil {
		t.Fatal(err)
	}
	want := &repo.Release{
		Origin:        "obs://build.opensuse.org/isv:kubernetes:core:stable:v1.28/deb",
		Label:         "isv:kubernetes:core:stable:v1.28",
		Archive:       "deb",
		Codename:      "deb",
		Architectures: []string{"amd64", "arm64", "s390x", "ppc64el"},
		Date:          time.Date(2024, 10, 23, 4, 37, 5, 0, time.UTC),
		Entries: []repo.ReleaseEntry{
			{Path: "Packages", Claim: repo.Claim{By: "Release", Line: 9, Size: 121373, Digests: repo.Digests{
				MD5:    "ff02d8523d0762f0bf79ac7e3e53d80c",
				SHA1:   "1e8c994eae458652bb8622da9df264c2d2b158fb",
				SHA256: "829604900d3613e46adaaa46001bfc6ba668e3676c3b10e6f240e2415597b4c8",
			}}},
			{Path: "Packages.gz", Claim: repo.Claim{By: "Release", Line: 10, Size: 21316, Digests: repo.Digests{
				MD5:    "8391c267cd89349ed2a2b290d58382ed",
				SHA1:   "6f8c391cc1325daf9344e61ea267b48a5d40bf01",
				SHA256: "221913ef784e3a194d12fa67e3beecb831565b968ccde5ed64d81d5de346ce2f",
			}}},
		},
	}
	fields := got.Fields
	got.Fields = repo.Fields{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d, _ := fields.Get("description"); d != "Kubernetes v1.28 (Stable) (deb)" {
		t.Errorf("Description %q", d)
	}
}

func TestParseReleaseFaults(t *testing.T) {
	t.Parallel()
	const (
		md5  = "d41d8cd98f00b204e9800998ecf8427e"
		sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	)
	for _, tc := range []struct {
		name, in string
		want     []string // faults
		entries  string   // "path size line digests"
	}{
		{"merged", "MD5Sum:\n " + md5 + " 1 a\n " + md5 + " 2 b\nSHA1:\n " + sha1 + " 2 b\n", nil, "a 1 2 1, b 2 3 2, "},
		{"on the field's line", "MD5Sum: " + md5 + " 1 a\n", nil, "a 1 1 1, "},
		{"upper case, dot", "md5sum:\n " + strings.ToUpper(md5) + "   1 ./a\n", nil, "a 1 2 1, "},
		{"two sizes", "MD5Sum:\n " + md5 + " 1 a\nSHA1:\n " + sha1 + " 2 a\n", []string{`line 4: "a" has 2 bytes here and 1 bytes on line 2`}, "a 1 2 1, "},
		{"twice", "MD5Sum:\n " + md5 + " 1 a\n " + md5 + " 1 a\n", []string{`line 3: "a" is listed twice under md5`}, "a 1 2 1, "},
		{"short digest", "SHA1:\n " + md5 + " 1 a\n " + sha1 + " 1 b\n", []string{`line 2: sha1: want 40 hexadecimal digits, got "` + md5 + `"`}, "b 1 3 1, "},
		{"not hexadecimal", "MD5Sum:\n x" + md5[1:] + " 1 a\n", []string{`line 2: md5: want 32 hexadecimal digits, got "x` + md5[1:] + `"`}, ""},
		{"negative size", "MD5Sum:\n " + md5 + " -1 a\n", []string{`line 2: want a size in bytes, got "-1"`}, ""},
		{"signed size", "MD5Sum:\n " + md5 + " +1 a\n", []string{`line 2: want a size in bytes, got "+1"`}, ""},
		{"two words", "MD5Sum:\n " + md5 + " 1\n", []string{`line 2: want "digest size path", got " ` + md5 + ` 1": apt refuses the file`}, ""},
		{"leaves the root", "MD5Sum:\n " + md5 + " 1 ../a\n", []string{`line 2: path "../a" leads out of the repository`}, ""},
		{"by hash", "Acquire-By-Hash: perhaps\n", []string{`line 1: Acquire-By-Hash: want yes or no, got "perhaps"`}, ""},
		{"date", "A: 1\nDate: yesterday\n", []string{`line 2: Date: "yesterday" is neither an RFC 2822 date nor one of asctime`}, ""},
		{"not in UTC", "Valid-Until: Wed, 02 Oct 2024 04:37:05 +0200\n", []string{`line 1: Valid-Until: "Wed, 02 Oct 2024 04:37:05 +0200" is not in UTC, as apt wants`}, ""},
		{"second stanza", "A: 1\n\nB: 2\n", []string{"line 3: a second stanza, of which apt reads nothing (tolerated)"}, ""},
		{"second stanza bad", "A: 1\n\nB\n", []string{"line 3: a second stanza, of which apt reads nothing (tolerated)"}, ""},
		{"field twice", "A: 1\nA: 2\n", []string{`line 2: field "A" is there twice, first on line 1: apt takes the last, dpkg refuses it (tolerated)`}, ""},
		{"Latin-1", "A: \xe9\n", []string{`line 1: not UTF-8: "A: \xe9" (tolerated)`}, ""},
		{"tabs", "MD5Sum:\n\t" + md5 + "\t1\ta\n \t" + md5 + " \t 2 b\n", nil, "a 1 2 1, b 2 3 1, "},
		{"flag", "NotAutomatic: si\nButAutomaticUpgrades: yes\n", []string{`line 1: NotAutomatic: want yes or no, got "si"`}, ""},
		{"unknown hashes", "SHA999:\n " + md5 + sha1 + " 1 a\nX-Other:\n a b c\n", []string{`line 1: "SHA999" lists hashes of a kind that is not known: not read (tolerated)`}, ""},
		{"SHA384", "SHA384:\n " + md5 + md5 + md5 + " 1 a\n", nil, "a 1 2 1, "},
		{"backslash", "MD5Sum:\n " + md5 + " 1 a\\b\n", []string{`line 2: path "a\\b" has a backslash`}, ""},
		{"absolute", "MD5Sum:\n " + md5 + " 1 /etc/passwd\n", []string{`line 2: path "/etc/passwd" is absolute`}, ""},
		{"address", "MD5Sum:\n " + md5 + " 1 http://example.org/a\n", []string{`line 2: path "http://example.org/a" has a URL scheme`}, ""},
	} {
		got, err := ParseRelease(strings.NewReader(tc.in), "Release")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var faults []string
		for _, f := range got.Faults {
			tolerated := ""
			if f.Tolerated {
				tolerated = " (tolerated)"
			}
			faults = append(faults, f.String()+tolerated)
		}
		if diff := cmp.Diff(tc.want, faults); diff != "" {
			t.Errorf("%s: faults (-want +got)\n%s", tc.name, diff)
		}
		entries := ""
		for _, e := range got.Entries {
			entries += fmt.Sprintf("%s %d %d %d, ", e.Path, e.Size, e.Line, count(e.Digests))
		}
		if entries != tc.entries {
			t.Errorf("%s: entries %q, want %q", tc.name, entries, tc.entries)
		}
	}
}

func TestParseReleaseErrors(t *testing.T) {
	t.Parallel()
	for in, text := range map[string]string{
		"":                   "Release: no fields",
		"<html>\n</html>":    `Release: line 1: stanza ends in a line without a colon: "<html>\n</html>"`,
		"\x1f\x8b\x08\x00\n": "Release: line 1: stanza ends in a line without a colon",
		" a\n":               "Release: line 1: stanza without a field",
	} {
		_, err := ParseRelease(strings.NewReader(in), "Release")
		wantFormat(t, err, text)
	}
	broken := errors.New("connection reset")
	_, err := ParseRelease(io.MultiReader(strings.NewReader("A: 1\n"), iotest.ErrReader(broken)), "Release")
	if _, bad := errors.AsType[*repo.FormatError](err); bad || !errors.Is(err, broken) {
		t.Errorf("%v, want the reader's error", err)
	}
}

func TestParseReleaseBounds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("MD5Sum:\n")
	for i := range MaxEntries + 5 {
		fmt.Fprintf(&b, " d41d8cd98f00b204e9800998ecf8427e 0 %d\n", i)
	}
	got, err := ParseRelease(strings.NewReader(b.String()), "Release")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Entries) != MaxEntries || len(got.Faults) != 1 || !strings.Contains(got.Faults[0].Text, "more than 100000 files") {
		t.Errorf("%d entries, faults %v", len(got.Entries), got.Faults)
	}
}

func TestPackagesOBS(t *testing.T) {
	t.Parallel()
	var first repo.Package
	n := 0
	for p, err := range Packages(bytes.NewReader(testdata(t, "Packages")), "Packages") {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 1 {
			first = p
		}
		if d, ok := p.Fields.Get("Description"); !ok || d == "" {
			t.Errorf("%s has no description", p)
		}
	}
	if n != 12 {
		t.Errorf("%d packages, want 12", n)
	}
	first.Fields = repo.Fields{}
	want := repo.Package{
		Name: "cri-tools", Version: "1.28.0-1.1", Arch: "amd64", Path: "amd64/cri-tools_1.28.0-1.1_amd64.deb",
		Claim: repo.Claim{By: "Packages", Line: 1, Size: 19642432, Digests: repo.Digests{
			MD5:    "7d943f27b9f876a23fd5f7a027356c42",
			SHA1:   "b7d9faf46026a538e3170a240d9670cdbcf63e59",
			SHA256: "ed2590d2460f1a5647692c7973ae330402f51d7fb3309a9268e527d473039cfa",
		}},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPackagesErrors(t *testing.T) {
	t.Parallel()
	const good = "Package: a\nVersion: 1\nArchitecture: all\nFilename: ./a.deb\nSize: 1\nMD5sum: d41d8cd98f00b204e9800998ecf8427e\n"
	for _, tc := range []struct{ name, old, new, err string }{
		{"no name", "Package: a\n", "", `line 2: no field Package in the stanza of "1 all"`},
		{"empty name", "Package: a\n", "Package:\n", "line 2: no field Package"},
		{"no version", "Version: 1\n", "", `line 2: no field Version in the stanza of "a  all"`},
		{"no architecture", "Architecture: all\n", "", "line 2: no field Architecture"},
		{"no file", "Filename: ./a.deb\n", "", "line 2: no field Filename"},
		{"no size", "Size: 1\n", "", "line 2: no field Size"},
		{"no digest", "MD5sum: d41d8cd98f00b204e9800998ecf8427e\n", "", "line 2: no digest in the stanza of"},
		{"option as name", "Package: a", "Package: --force", `line 2: Package: "--force" has '-'`},
		{"bad version", "Version: 1", "Version: 1-", "line 3: Version: version \"1-\": revision is empty"},
		{"bad architecture", "all", "../x", "line 4: Architecture"},
		{"folded file", "./a.deb", "a\n b", "line 5: Filename of \"a 1 all\" has more than one line"},
		{"bad size", "Size: 1", "Size: 1k", `line 6: Size of "a 1 all": want a size in bytes, got "1k"`},
		{"huge size", "Size: 1", "Size: 99999999999999999999", "want a size in bytes"},
		{"bad digest", "d41d", "d41", `line 7: MD5sum of "a 1 all": md5: want 32`},
		{"second digest bad", "Size: 1\n", "Size: 1\nSHA256: 00\n", `line 7: SHA256 of "a 1 all"`},
	} {
		in := "\n" + strings.Replace(good, tc.old, tc.new, 1) + "\n" + good
		var errs []error
		var names []string
		for p, err := range Packages(strings.NewReader(in), "Packages") {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			names = append(names, p.Name+" "+p.Path)
		}
		if len(errs) != 1 || len(names) != 1 || names[0] != "a a.deb" {
			t.Errorf("%s: %v, %v; want one error and the good package", tc.name, errs, names)
			continue
		}
		wantFormat(t, errs[0], tc.err)
	}
}

func TestPackagesReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	n := 0
	for _, err := range Packages(io.MultiReader(bytes.NewReader(testdata(t, "Packages")[:3000]), iotest.ErrReader(broken)), "Packages") {
		n++
		if err != nil && !errors.Is(err, broken) {
			t.Errorf("%v, want the reader's error", err)
		}
	}
	if n < 2 {
		t.Errorf("%d results, want packages and then the error", n)
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add(testdata(f, "Release"))
	f.Add([]byte("Date: Wed, 02 Oct 2024 04:37:05 UTC\nSHA256:\n 00 1 a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRelease(bytes.NewReader(data), "Release")
		if err != nil {
			wantFormat(t, err, "Release: ")
			return
		}
		for _, e := range r.Entries {
			if e.Size < 0 || e.Digests.IsZero() || e.Line < 1 {
				t.Errorf("bad entry %+v", e)
			}
		}
	})
}

func FuzzPackages(f *testing.F) {
	f.Add(testdata(f, "Packages"))
	f.Add([]byte("Package: a\nVersion: 1\nArchitecture: all\nFilename: a\nSize: 1\nSHA1: 0\n"))
	f.Add([]byte("\n\nPackage: a\nPackage: b\nVersion: 1\nArchitecture: all\nFilename: a\nSize: 1\nMD5sum: d41d8cd98f00b204e9800998ecf8427e\nDepends: b |\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for p, err := range Packages(bytes.NewReader(data), "Packages") {
			if err != nil {
				wantFormat(t, err, "line ")
				continue
			}
			if p.Name == "" || p.Version == "" || p.Arch == "" || p.Claim.Size < 0 || p.Claim.Digests.IsZero() {
				t.Errorf("bad package %+v", p)
			}
		}
	})
}

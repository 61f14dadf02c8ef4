package apt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	emptySHA1   = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

const goodSource = `Package: a
Binary: a, a-doc
Version: 1-1
Build-Depends: debhelper-compat (= 13), b [!i386] <!nocheck>
Directory: pool/main/a/a
Files:
 ` + emptyMD5 + ` 10 a_1-1.dsc
 ` + emptyMD5 + ` 20 a_1.orig.tar.xz
Checksums-Sha1:
 ` + emptySHA1 + ` 10 a_1-1.dsc
 ` + emptySHA1 + ` 20 a_1.orig.tar.xz
Checksums-Sha256:
 ` + emptySHA256 + ` 10 a_1-1.dsc
 ` + emptySHA256 + ` 20 a_1.orig.tar.xz
`

func TestSources(t *testing.T) {
	t.Parallel()
	digests := repo.Digests{MD5: emptyMD5, SHA1: emptySHA1, SHA256: emptySHA256}
	n := 0
	for p, err := range Sources(strings.NewReader("\n"+goodSource), "Sources") {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if p.Fields.Value("Binary") != "a, a-doc" {
			t.Errorf("fields %v", p.Fields)
		}
		p.Fields = repo.Fields{}
		want := repo.SourcePackage{
			Name: "a", Version: "1-1", Directory: "pool/main/a/a", By: "Sources", Line: 2,
			Files: []repo.ReleaseEntry{
				{Path: "pool/main/a/a/a_1-1.dsc", Claim: repo.Claim{By: "Sources", Line: 8, Size: 10, Digests: digests}},
				{Path: "pool/main/a/a/a_1.orig.tar.xz", Claim: repo.Claim{By: "Sources", Line: 9, Size: 20, Digests: digests}},
			},
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	if n != 1 {
		t.Errorf("%d packages, want 1", n)
	}
}

func TestSourcesErrors(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range MaxSourceFiles + 1 {
		fmt.Fprintf(&many, " %s 1 f%d\n", emptyMD5, i)
	}
	for _, tc := range []struct{ name, old, new, err string }{
		{"no name", "Package: a\n", "", "line 1: no field Package"},
		{"no version", "Version: 1-1\n", "", "line 1: no field Version"},
		{"no directory", "Directory: pool/main/a/a\n", "", "line 1: no field Directory"},
		{"bad name", "Package: a", "Package: a/b", "line 1: Package: "},
		{"bad version", "1-1\nBuild", "1-\nBuild", "line 3: Version: "},
		{"two lines", "pool/main/a/a", "pool\n x", `line 5: Directory of "a 1-1" has more than one line`},
		{"slash", " 10 a_1-1.dsc\nC", " 10 ../a_1-1.dsc\nC", `line 7: Files of "a 1-1": "../a_1-1.dsc" is not the name of a file`},
		{"dots", " 20 a_1.orig.tar.xz\nChecksums-Sha1", " 20 ..\nChecksums-Sha1", `line 8: Files of "a 1-1": ".." is not`},
		{"two words", " 20 a_1.orig.tar.xz\nChecksums-Sha1", " a_1.orig.tar.xz\nChecksums-Sha1", `want "digest size name", got`},
		{"bad size", " 20 a_1.orig.tar.xz\nChecksums-Sha1", " 2x a_1.orig.tar.xz\nChecksums-Sha1", `want a size in bytes, got "2x"`},
		{"other size", emptySHA1 + " 20", emptySHA1 + " 21", `line 11: Checksums-Sha1 of "a 1-1": "a_1.orig.tar.xz" has 21 bytes here and 20 bytes on line 8`},
		{"bad digest", emptySHA256 + " 20", emptySHA1 + " 20", "line 14: Checksums-Sha256 of"},
		{"twice", "Checksums-Sha1:\n", "Checksums-Sha1:\n " + emptySHA1 + " 10 a_1-1.dsc\n", `line 11: Checksums-Sha1 of "a 1-1": "a_1-1.dsc" is listed twice`},
		{"too many", "Files:\n", "Files:\n" + many.String(), "more than 1024 files"},
	} {
		if tc.name == "slash" {
			tc.old, tc.new = " 10 a_1-1.dsc\n "+emptyMD5, " 10 ../a_1-1.dsc\n "+emptyMD5
		}
		in := strings.Replace(goodSource, tc.old, tc.new, 1)
		if in == goodSource {
			t.Errorf("%s: nothing was changed", tc.name)
		}
		var errs []error
		n := 0
		for _, err := range Sources(strings.NewReader(in+"\n"+goodSource), "Sources") {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			n++
		}
		if len(errs) != 1 || n != 1 {
			t.Errorf("%s: %v, %d packages; want one error and the good package", tc.name, errs, n)
			continue
		}
		wantFormat(t, errs[0], tc.err)
	}
}

func TestSourcesOddities(t *testing.T) {
	t.Parallel()
	in := strings.Replace(goodSource, "<!nocheck>", "<nocheck", 1)
	var got []string
	for p, err := range Sources(strings.NewReader(in), "Sources") {
		if odd, ok := errors.AsType[*Oddity](err); ok {
			got = append(got, odd.Error())
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Name)
	}
	want := []string{`line 4: Build-Depends of "a 1-1": want names and a '>' at "<nocheck"`, "a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSourceIndexers reads back what dpkg-scansources and apt-ftparchive write.
func TestSourceIndexers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src := filepath.Join(dir, "work", "hello-1.0")
	write(t, filepath.Join(src, "debian/control"), []byte("Source: hello\nSection: misc\nPriority: optional\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13), gcc:native <!cross>\nStandards-Version: 4.6.2\n\nPackage: hello\nArchitecture: any\nDescription: d\n"))
	write(t, filepath.Join(src, "debian/changelog"), []byte("hello (1:1.0-1) unstable; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Wed, 02 Oct 2024 04:37:05 +0000\n"))
	write(t, filepath.Join(src, "debian/source/format"), []byte("3.0 (quilt)\n"))
	write(t, filepath.Join(src, "hello.c"), []byte("int main(){}\n"))
	run(t, filepath.Dir(src), nil, "tar", "-czf", "hello_1.0.orig.tar.gz", "--exclude=debian", "hello-1.0")
	run(t, filepath.Dir(src), nil, "dpkg-source", "-b", "hello-1.0")
	pool := filepath.Join(dir, "tree", "pool")
	for _, name := range []string{"hello_1.0-1.dsc", "hello_1.0.orig.tar.gz", "hello_1.0-1.debian.tar.xz"} {
		data, err := os.ReadFile(filepath.Join(dir, "work", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(pool, name), data)
	}
	tree := filepath.Dir(pool)
	for _, index := range [][]string{
		{"dpkg-scansources", "."}, {"dpkg-scansources", "pool"}, {"apt-ftparchive", "sources", "."}, {"apt-ftparchive", "sources", "pool"},
	} {
		n := 0
		for p, err := range Sources(bytes.NewReader(run(t, tree, nil, index[0], index[1:]...)), "Sources") {
			if err != nil {
				t.Errorf("%v: %v", index, err)
				continue
			}
			n++
			if p.Name != "hello" || p.Version != "1:1.0-1" || p.Directory != "pool" || len(p.Files) != 3 {
				t.Errorf("%v: %+v", index, p)
			}
			for _, f := range p.Files {
				checkClaim(t, filepath.Join(tree, f.Path), f.Claim)
			}
		}
		if n != 1 {
			t.Errorf("%v: %d packages, want 1", index, n)
		}
	}
}

func FuzzSources(f *testing.F) {
	f.Add([]byte(goodSource))
	f.Add([]byte("Package: a\nVersion: 1\nDirectory: .\nFiles: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for p, err := range Sources(bytes.NewReader(data), "Sources") {
			if err != nil {
				wantFormat(t, err, "line ")
				continue
			}
			if p.Name == "" || p.Version == "" || len(p.Files) == 0 {
				t.Errorf("bad package %+v", p)
			}
			for _, e := range p.Files {
				if e.Digests.IsZero() || e.Size < 0 || e.Line < p.Line || !strings.HasPrefix(e.Path, p.Directory) {
					t.Errorf("bad file %+v", e)
				}
			}
		}
	})
}

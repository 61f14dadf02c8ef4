package sidebyside

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Numbers of packages in the generated repositories; the largest holds two
// gigabytes.
const (
	few  = 1_000
	some = 10_000
	many = 100_000
	// primaryPackages are those of the primary.xml that is parsed.
	primaryPackages = 50_000
)

// data is the folder of what is measured on. Each part is made once; a part
// whose recipe has changed is made again.
type data struct {
	dir string
}

// newData finds the folder.
func newData(b *testing.B) data {
	b.Helper()
	dir := os.Getenv("PKGVERIFY_BENCH")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			b.Fatal(err)
		}
		dir = filepath.Join(cache, "pkgverify", "bench")
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	// What a run that was killed has left; one at a time uses the folder.
	left, err := filepath.Glob(filepath.Join(dir, "fresh-*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		b.Fatal(err)
	}
	return data{dir}
}

// part returns the path of a part, made by produce when it is not there. recipes
// are the files of this package that say how it is made.
func (d data) part(b *testing.B, name string, produce func(path string), recipes ...string) string {
	b.Helper()
	hash := sha256.New()
	for _, recipe := range recipes {
		text, err := os.ReadFile(recipe)
		if err != nil {
			b.Fatal(err)
		}
		hash.Write(text)
	}
	want := fmt.Sprintf("%x\n", hash.Sum(nil))
	path, stamp := filepath.Join(d.dir, name), filepath.Join(d.dir, name+".stamp")
	if got, err := os.ReadFile(stamp); err == nil && string(got) == want {
		return path
	}
	fmt.Fprintf(os.Stderr, "making %s\n", path)
	if err := os.RemoveAll(path); err != nil {
		b.Fatal(err)
	}
	produce(path)
	if err := os.WriteFile(stamp, []byte(want), 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

const treeRecipe, generated = "testdata/tree.sh", "generated_test.go"

// keys returns the folder of the signing key.
func (d data) keys(b *testing.B) string {
	b.Helper()
	return d.part(b, "keys", func(path string) { run(b, nil, "sh", treeRecipe, "key", path) })
}

func (d data) key(b *testing.B) string {
	b.Helper()
	return filepath.Join(d.keys(b), "key.asc")
}

// tree returns the folder of the repository of two gigabytes.
func (d data) tree(b *testing.B) string {
	b.Helper()
	keys := d.keys(b)
	return d.part(b, "tree", func(path string) { run(b, nil, "sh", treeRecipe, "tree", path, keys) }, treeRecipe)
}

// debian returns the Packages list of Debian's main, as apt keeps it.
func (d data) debian(b *testing.B) string {
	b.Helper()
	return d.part(b, "debian-Packages", func(path string) {
		targets := func() string {
			_, out := run(b, nil, "apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages", "Component: main", "Codename: bookworm")
			return strings.TrimSpace(string(out))
		}
		if targets() == "" {
			run(b, nil, "apt-get", "update")
		}
		largest, size := "", int64(0)
		for _, list := range strings.Fields(targets()) {
			info, err := os.Stat(list)
			if err == nil && info.Size() > size {
				largest, size = list, info.Size()
			}
		}
		if largest == "" {
			b.Fatal("apt has no list of bookworm's main: run apt-get update on Debian 12")
		}
		_, text := run(b, nil, "/usr/lib/apt/apt-helper", "cat-file", largest)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			b.Fatal(err)
		}
	})
}

// debs returns the folder of the generated deb repositories: one below it for
// each size, by number.
func (d data) debs(b *testing.B) string {
	b.Helper()
	debian, keys := d.debian(b), d.keys(b)
	return d.part(b, "small", func(path string) {
		role(b, "small-debs", path, debian, fmt.Sprint(few), fmt.Sprint(some), fmt.Sprint(many))
		for _, n := range []int{few, some, many} {
			dir := filepath.Join(path, fmt.Sprint(n))
			script(b, dir, `gzip -9nk Packages && apt-ftparchive -o APT::FTPArchive::SHA512=false release . > ../Release && mv ../Release .`)
			run(b, nil, "sh", treeRecipe, "sign-deb", dir, keys)
		}
		checkDebs(b, filepath.Join(path, fmt.Sprint(few)))
	}, generated)
}

// checkDebs holds the first of the generated debs against dpkg-deb, and their
// list against apt-ftparchive.
func checkDebs(b *testing.B, dir string) {
	b.Helper()
	script(b, dir, `
		list() { apt-sortpkgs "$1" | grep -E '^(Package|Version|Architecture|Depends|Description|Filename|Size|MD5sum|SHA1|SHA256):'; }
		for deb in pool/000/a*.deb; do
			dpkg-deb --fsys-tarfile "$deb" | tar -tf - | grep -q /filler || exit 1
		done
		apt-ftparchive -o APT::FTPArchive::SHA512=false packages pool/000 > ../theirs
		list ../theirs | sort > ../theirs.fields
		list Packages | sort > ../ours.fields
		cmp ../theirs.fields ../ours.fields
		rm ../theirs*  ../ours.fields`)
}

// rpmIndex returns the folder of rpm metadata of n packages.
func (d data) rpmIndex(b *testing.B, n int) string {
	b.Helper()
	debian, keys := d.debian(b), d.keys(b)
	return d.part(b, fmt.Sprintf("rpm-md-%d", n), func(path string) {
		role(b, "rpm-index", path, debian, fmt.Sprint(n))
		run(b, nil, "sh", treeRecipe, "sign-rpm", path, keys)
	}, generated)
}

// primary returns a primary.xml of n packages, not compressed.
func (d data) primary(b *testing.B, n int) string {
	b.Helper()
	index := d.rpmIndex(b, n)
	return d.part(b, fmt.Sprintf("primary-%d.xml", n), func(path string) {
		script(b, index, `gzip -dc repodata/primary.xml.gz > "$1"`, path)
	}, generated)
}

// role runs a role of this binary that prints nothing.
func role(b *testing.B, name string, args ...string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	run(b, []string{roleVariable + "=" + name}, append([]string{self}, args...)...)
}

// script runs a shell script in dir.
func script(b *testing.B, dir, text string, args ...string) usage {
	b.Helper()
	u, _ := run(b, nil, append([]string{"env", "-C", dir, "sh", "-euc", text, "sh"}, args...)...)
	return u
}

// stanzaCount returns how many packages a Packages list has.
func stanzaCount(b *testing.B, path string) int {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "grep", "-c", "^Package:", path).Output()
	if err != nil {
		b.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(string(bytes.TrimSpace(out)), &n); err != nil {
		b.Fatal(err)
	}
	return n
}

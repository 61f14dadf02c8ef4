package sidebyside

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// found fails unless a mirror of dir has n files like the pattern.
func found(b *testing.B, dir, pattern string, n int) {
	b.Helper()
	script(b, dir, `test "$(find . -type f -name "$1" | wc -l)" -eq "$2"`, pattern, fmt.Sprint(n))
}

// runAptly makes a mirror of the flat repository from nothing.
func runAptly(b *testing.B, d data, web *server, n int) usage {
	b.Helper()
	dir := fresh(b, d)
	config, err := json.Marshal(map[string]any{
		"rootDir": dir, "downloadConcurrency": 4, "architectures": []string{"amd64", "arm64"}, "gpgProvider": "gpg",
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "aptly.conf"), config, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	keyring := keyring(b, d, dir)
	aptly := func(args ...string) usage {
		u, _ := run(b, nil, append([]string{"aptly", "-config=" + filepath.Join(dir, "aptly.conf"), "mirror"}, args...)...)
		return u
	}
	u := aptly("create", "-keyring="+keyring, "bench", web.url+"deb/", "./").add(aptly("update", "-keyring="+keyring, "bench"))
	found(b, filepath.Join(dir, "pool"), "*.deb", n)
	return u
}

// runDebmirror makes a mirror of the same files below dists, from nothing.
func runDebmirror(b *testing.B, d data, web *server, n int) usage {
	b.Helper()
	dir := fresh(b, d)
	address, err := url.Parse(web.url)
	if err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(dir, "debmirror.conf")
	if err := os.WriteFile(config, []byte("1;\n"), 0o644); err != nil { // it is Perl
		b.Fatal(err)
	}
	u, _ := run(b, []string{"HOME=" + dir}, "debmirror", filepath.Join(dir, "mirror"), "--method=http", "--host="+address.Host, "--root=/debian",
		"--dist=stable", "--section=main", "--arch=amd64,arm64", "--nosource", "--keyring="+keyring(b, d, dir),
		"--rsync-extra=none", "--config-file="+config)
	found(b, filepath.Join(dir, "mirror"), "*.deb", n)
	return u
}

// runReposync downloads the rpm repository from nothing and verifies each rpm.
func runReposync(b *testing.B, d data, web *server, n int) usage {
	b.Helper()
	dir := fresh(b, d)
	config := filepath.Join(dir, "dnf.conf")
	if err := os.WriteFile(config, []byte("[main]\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	u, _ := run(b, []string{"HOME=" + dir}, "dnf", "reposync", "--quiet", "--config="+config, "--setopt=reposdir=/dev/null",
		"--setopt=cachedir="+dir+"/cache", "--setopt=logdir="+dir+"/log", "--setopt=persistdir="+dir+"/persist", "--releasever=1",
		"--repofrompath=bench,"+web.url+"rpm/", "--setopt=bench.gpgkey=file://"+d.key(b), "--setopt=bench.repo_gpgcheck=0",
		"--repoid=bench", "--download-path="+dir+"/mirror")
	found(b, filepath.Join(dir, "mirror"), "*.rpm", n)
	run(b, nil, "rpmkeys", "--dbpath", dir+"/rpmdb", "--import", d.key(b))
	return u.add(script(b, dir, `
		find mirror -name '*.rpm' -print0 | xargs -0 -n 4 -P "$1" rpmkeys --dbpath "$2/rpmdb" -K > checked
		test "$(grep -o 'digests signatures OK' checked | wc -l)" -eq "$3"`, processors(), dir, fmt.Sprint(n)))
}

// runTagFile reads three fields of a list with python3-apt.
func runTagFile(b *testing.B, list, n string) usage {
	b.Helper()
	_, out := run(b, nil, "/usr/bin/python3", "testdata/tagfile.py", list, n)
	var u usage
	if err := json.Unmarshal(out, &u); err != nil {
		b.Fatalf("tagfile.py: %v\n%s", err, out)
	}
	return u
}

// runVerify runs cmd/verify, without containers.
func runVerify(b *testing.B, d data, args ...string) usage {
	b.Helper()
	dir := fresh(b, d)
	program := filepath.Join(dir, "verify")
	run(b, nil, "go", "build", "-trimpath", "-o", program, "../../../cmd/verify")
	fingerprint, err := os.ReadFile(filepath.Join(d.keys(b), "fingerprint"))
	if err != nil {
		b.Fatal(err)
	}
	profile := filepath.Join(dir, "profile.yaml")
	if err := os.WriteFile(profile, fmt.Appendf(nil, profileText, string(fingerprint)), 0o644); err != nil {
		b.Fatal(err)
	}
	var versions []string
	for patch := range patches {
		versions = append(versions, fmt.Sprintf("1.26.%d", patch))
	}
	// What the program says of the repository is not the question here: exit
	// code 1 is a verdict, too, and the report must be there.
	return script(b, dir, `"$@" > summary || test $? -eq 1; test -s artifacts/report.json`, append([]string{program,
		"--profile", profile, "--key", d.key(b), "--channel", "main", "--minor", "1.26",
		"--versions", strings.Join(versions, ","), "--suite", "metadata,packages",
		"--engine", "none", "--artifacts", "artifacts"}, args...)...)
}

// patches are the versions that both halves of the tree have (testdata/tree.sh).
const patches = 14

// profileText describes the repository of two gigabytes.
const profileText = `name: bench
title: programs of the Go toolchain
base: https://repo.example.com/
layout: {deb: "deb", rpm: "rpm"}
key: {fingerprint: %s}
architectures: [x86_64, aarch64]
channels:
  - {name: main, folder: main, title: all releases, versions: '^[0-9]+\.[0-9]+\.[0-9]+$'}
packages:
  - name: toolchain
  - name: toolchain-extra
`

// fresh returns a new folder, on the disk that the data is on.
func fresh(b *testing.B, d data) string {
	b.Helper()
	dir, err := os.MkdirTemp(d.dir, "fresh-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

// keyring writes the key as gpgv reads it.
func keyring(b *testing.B, d data, dir string) string {
	b.Helper()
	path := filepath.Join(dir, "keyring.gpg")
	run(b, nil, "gpg", "--batch", "--yes", "--dearmor", "-o", path, d.key(b))
	return path
}

package pgp_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// TestCorpus reads all files below the folder PKGVERIFY_CORPUS with gpg and
// with this package: every key that gpg reads must read the same here. Good
// corpora are Debian's packages distribution-gpg-keys, ubuntu-keyring,
// debian-archive-keyring and debian-keyring, unpacked.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("PKGVERIFY_CORPUS")
	if dir == "" {
		t.Skip("PKGVERIFY_CORPUS names no folder of key files")
	}
	g := newGnuPG(t)
	files, keys := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		want := g.show(path)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		start := time.Now()
		k, err := pgp.ReadKeyring(data)
		if took := time.Since(start); took > time.Second {
			t.Logf("%s: %d bytes took %s", path, len(data), took)
		}
		news := false // gpg reads no key of version 6, and nothing that follows one
		if len(want) == 0 {
			if err == nil && k.Keys()[0].Version != 6 {
				t.Errorf("%s: gpg reads nothing, got %d keys", path, len(k.Keys()))
			}
			return nil
		}
		files++
		if err != nil {
			// The one thing that gpg computes and this package does not.
			if !strings.Contains(err.Error(), "RIPEMD160") {
				t.Errorf("%s: gpg reads %d keys, got %v", path, len(want), err)
			}
			return nil
		}
		got := map[string]string{}
		for _, key := range k.Keys() {
			if key.Version == 6 {
				news = true
			}
			for _, one := range append([]repo.Key{key}, key.Subkeys...) {
				got[one.Fingerprint] = line(one)
			}
		}
		theirs := map[string]string{}
		for _, key := range want {
			keys++
			for _, one := range append([]repo.Key{key}, key.Subkeys...) {
				theirs[one.Fingerprint] = line(one)
			}
		}
		if news {
			maps.DeleteFunc(got, func(fingerprint, _ string) bool { return theirs[fingerprint] == "" })
		}
		if d := cmp.Diff(theirs, got); d != "" {
			t.Errorf("%s (-gpg +got), faults %+v:\n%s", path, k.Faults(), d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d keys in %d files", keys, files)
	if keys == 0 {
		t.Fatalf("no keys below %s", dir)
	}
}

// line puts the facts that gpg --show-keys states too into one line.
func line(k repo.Key) string {
	date := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format(time.RFC3339)
	}
	return strings.Join([]string{
		k.KeyID, k.Algorithm, strconv.Itoa(k.Bits), k.Curve, date(k.Created), date(k.Expires),
		"revoked " + strconv.FormatBool(k.Revoked), "signs " + strconv.FormatBool(k.CanSign),
	}, " ")
}

// show returns the keys that gpg reads in a file.
func (g *gnupg) show(path string) []repo.Key {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "gpg", "--homedir", g.home, "--batch", "--no-tty", "--quiet",
		"--with-colons", "--fixed-list-mode", "--with-subkey-fingerprint", "--show-keys", path)
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return nil
	}
	keys := colons(g.t, string(out))
	state := map[string]string{}
	last := ""
	for line := range strings.Lines(string(out)) {
		switch f := strings.Split(line, ":"); f[0] {
		case "pub", "sub":
			last = f[1]
		case "fpr":
			state[f[9]] = last
		}
	}
	for i := range keys {
		keys[i].Revoked = state[keys[i].Fingerprint] == "r"
		for j := range keys[i].Subkeys {
			// A revoked primary key shows in its subkeys too. A subkey that was
			// revoked and that nothing binds any more is "i", invalid.
			s := state[keys[i].Subkeys[j].Fingerprint]
			keys[i].Subkeys[j].Revoked = s == "i" || s == "r" && !keys[i].Revoked
		}
	}
	return keys
}

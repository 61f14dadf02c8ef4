package rpm_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// TestCorpus reads every package below PKGVERIFY_RPM_CORPUS, such as the test
// data of rpm's own sources, and holds each against rpm and rpmkeys. Keys are
// files that end in .asc, .key, .pub or .gpg.
func TestCorpus(t *testing.T) {
	root := os.Getenv("PKGVERIFY_RPM_CORPUS")
	if root == "" {
		t.Skip("PKGVERIFY_RPM_CORPUS names no folder of packages")
	}
	db := t.TempDir()
	run(t, nil, "rpm", "--dbpath", db, "--initdb")
	ring := pgp.Merge()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch ext := filepath.Ext(path); {
		case err != nil || d.IsDir():
		case ext == ".rpm":
			files = append(files, path)
		case ext == ".asc", ext == ".key", ext == ".pub", ext == ".gpg":
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if _, err := try(t, nil, "rpmkeys", "--dbpath", db, "--import", path); err != nil {
				break
			}
			if key, err := pgp.ReadKeyring(data); err == nil {
				ring = pgp.Merge(ring, key)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		compareCorpus(t, file, db, ring)
	}
	t.Logf("%d packages", len(files))
}

func compareCorpus(t *testing.T, file, db string, ring *pgp.Keyring) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, keysErr := try(t, nil, "rpmkeys", "-Kv", "--dbpath", db, file)
	_, queryErr := try(t, nil, "rpm", "-qp", "--nosignature", "--nodigest", file)
	cheap, cheapErr := rpm.Read(bytes.NewReader(data), ring)
	deep, deepErr := rpm.Options{Payload: true}.Read(bytes.NewReader(data), ring)
	if (cheapErr == nil) != (queryErr == nil) || (cheapErr == nil) != (deepErr == nil) {
		t.Errorf("%s: rpm -qp: %v, Read: %v, with payload: %v", file, queryErr, cheapErr, deepErr)
	}
	if cheapErr != nil || deepErr != nil {
		return
	}
	if got := provenBy(cheap); got != (keysErr == nil) {
		t.Errorf("%s: rpmkeys: %v, Read: %v\n%s\n%v", file, keysErr, got, keys, factLines(cheap))
	}
	if diff := cmp.Diff(rpmkeysLines(keys), factLines(cheap)); diff != "" {
		t.Errorf("%s: rpmkeys (-), Read (+):\n%s", file, diff)
	}
	if n := len(deep.Faults); n > 0 {
		t.Logf("%s: faults: %s", file, faultTexts(deep))
	}
	extracted := extract(t, file)
	if extracted == nil {
		if len(deep.Faults) == 0 {
			t.Errorf("%s: cannot be unpacked, and no fault says so", file)
		}
		return
	}
	sums := make(map[string]string)
	for _, f := range deep.Files {
		if f.Mode.IsRegular() && !f.Ghost {
			sums[strings.TrimPrefix(f.Path, "/")] = f.SHA256
		}
	}
	if diff := cmp.Diff(extracted, sums); diff != "" {
		t.Errorf("%s: rpm2archive (-), Read (+):\n%s", file, diff)
	}
}

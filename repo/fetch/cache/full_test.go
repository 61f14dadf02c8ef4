package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// TestFullDisk lets the writing of a part fail in the middle, by a file that
// is open for reading only. The fetch goes on, and the room is given back.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	want := bytes.Repeat([]byte("x"), 10_000)
	if err := os.WriteFile(filepath.Join(root, "f"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := fetch.New(root, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var warnings []error
	c, err := Open(t.TempDir(), Options{Warn: func(err error) { warnings = append(warnings, err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	sum := sha256.Sum256(want)
	claim := repo.Claim{Size: int64(len(want)), Digests: repo.Digests{SHA256: hex.EncodeToString(sum[:])}}
	d, err := c.Fetch(t.Context(), src, "f", claim, Metadata)
	if err != nil {
		t.Fatal(err)
	}
	part := d.body.part
	writable := part.file
	t.Cleanup(func() { _ = writable.Close() })
	if part.file, err = c.root.Open(part.key.part()); err != nil {
		t.Fatal(err)
	}
	m := fetch.NewMeter(d.Body, 1<<20, nil, repo.SHA256)
	if got, err := io.ReadAll(m); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := errors.Join(d.Commit(m.Content()), d.Close()); err != nil {
		t.Error(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "going on without it") {
		t.Errorf("warnings %v", warnings)
	}
	for _, name := range []string{part.key.part(), part.key.in(bodies)} {
		if _, err := c.root.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := c.Get(claim.Digests, -1); ok {
		t.Error("it is an entry")
	}
}

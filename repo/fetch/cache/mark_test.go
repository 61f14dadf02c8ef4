package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// TestMaxMark reads a mark with white space up to the bound behind it, and
// with more of the mark itself past it.
func TestMaxMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := Open(dir, Options{Warn: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	text := []byte("content")
	sum := sha256.Sum256(text)
	content := repo.Content{Size: int64(len(text)), Digests: repo.Digests{SHA256: hex.EncodeToString(sum[:])}}
	k, ok := keyOf(content.Digests)
	if !ok {
		t.Fatal("no key")
	}
	if err := c.write(k.in(bodies), text); err != nil {
		t.Fatal(err)
	}
	f, info, ok := c.open(k.in(bodies))
	if !ok {
		t.Fatal("no entry")
	}
	defer func() { _ = f.Close() }()
	c.setMark(k, info, content)
	found, err := filepath.Glob(filepath.Join(dir, "*", k.in(marks)))
	if err != nil || len(found) != 1 {
		t.Fatalf("marks %v, %v", found, err)
	}
	mark, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]bool{len(mark): true, maxMark: true, maxMark + 1: false} {
		// The white space goes before the last brace.
		padded := append(bytes.Clone(mark[:len(mark)-1]), bytes.Repeat([]byte(" "), size-len(mark))...)
		if err := os.WriteFile(found[0], append(padded, '}'), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := c.marked(k, info); ok != want || ok && got != content {
			t.Errorf("a mark of %d bytes: %v, %+v; want it to hold: %v", size, ok, got, want)
		}
	}
}

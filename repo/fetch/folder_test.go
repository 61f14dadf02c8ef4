package fetch_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// tree makes a folder "root" with a file in it, and a secret beside it.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for path, text := range map[string]string{
		filepath.Join(dir, "secret"):            "s",
		filepath.Join(root, "core:", "in"):      "x",
		filepath.Join(root, "a b%3A?#", "100%"): "y",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"inside": "core:/in", "dir": "core:", "outside": "../secret", "absolute": filepath.Join(dir, "secret"), "loop": "loop", "nowhere": "none",
	} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestFolder(t *testing.T) {
	t.Parallel()
	root := tree(t)
	for _, address := range []string{root, root + "/", "file://" + root, "file://localhost" + root, "FILE://" + root + "/"} {
		got, resp, err := open(t, address, "core:/in")
		if err != nil || got != "x" || resp.Size != 1 || len(resp.Hops) != 0 || !strings.HasPrefix(resp.URL, "file:///") {
			t.Errorf("%s: got %q, %v", address, got, err)
		}
	}
	odd := filepath.Join(root, "a b%3A?#")
	for _, address := range []string{odd, (&url.URL{Scheme: "file", Path: odd}).String()} {
		got, resp, err := open(t, address, "100%")
		if err != nil || got != "y" || !strings.HasSuffix(resp.URL, "/a%20b%253A%3F%23/100%25") {
			t.Errorf("%s: got %q, %v", address, got, err)
		}
	}
	for _, tt := range []struct {
		path, text string
		kind       error
		says       string
	}{
		{"inside", "x", nil, ""},
		{"dir/in", "x", nil, ""},
		{"none", "", fetch.ErrAbsent, ""},
		{"nowhere", "", fetch.ErrAbsent, ""},
		{"core:/in/below", "", fetch.ErrAbsent, ""},
		{"core:", "", fetch.ErrUnreachable, "folder"},
		{"pipe", "", fetch.ErrUnreachable, "not a regular file"},
		{"outside", "", fetch.ErrUnreachable, "outside the folder"},
		{"absolute", "", fetch.ErrUnreachable, "outside the folder"},
		{"../secret", "", fetch.ErrUnreachable, "outside the folder"},
		{"/etc/passwd", "", fetch.ErrUnreachable, "outside the folder"},
		{"loop", "", fetch.ErrUnreachable, "too many"},
		{strings.Repeat("x", 300), "", fetch.ErrUnreachable, "too long"},
	} {
		got, _, err := open(t, root, tt.path)
		if got != tt.text || !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.path, got, err, tt.text, tt.kind)
		} else if err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v does not say %q", tt.path, err, tt.says)
		}
	}
	if _, _, err := open(t, filepath.Join(root, "no-such-repository"), "InRelease"); !errors.Is(err, fetch.ErrAbsent) {
		t.Errorf("missing folder: got %v, want ErrAbsent", err)
	}
}

// TestFolderIsNotTriedAgain: a disk does not mend within seconds.
func TestFolderIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	root, calls := tree(t), 0
	err := fetch.DefaultPolicy().Do(t.Context(), func() error { calls++; _, _, err := open(t, root, "outside"); return err })
	if calls != 1 || !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestFileThatChanges(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"shrinks": 1, "grows": 1 << 20} {
		root := t.TempDir()
		file := filepath.Join(root, "f")
		if err := os.WriteFile(file, make([]byte, 1000), 0o644); err != nil {
			t.Fatal(err)
		}
		src, err := fetch.New(root, fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := src.Open(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, fetch.ErrUnreachable) || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: got %v", name, err)
		}
		_ = resp.Body.Close()
	}
}

func TestFolderEndsWithTheContext(t *testing.T) {
	t.Parallel()
	src, err := fetch.New(tree(t), fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := src.Open(ctx, "core:/in")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) || !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if _, err := src.Open(ctx, "core:/in"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	first, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("want ErrHeld, got %v", err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := Lock(ctx, path); !errors.Is(err, why) {
		t.Errorf("a lock that is held: want %v, got %v", why, err)
	}
	time.AfterFunc(10*time.Millisecond, func() { release(t, first) })
	again, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Share(path); !errors.Is(err, ErrHeld) {
		t.Errorf("what somebody has alone cannot be shared: got %v", err)
	}
	release(t, again)
	one, err := Share(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Share(path)
	if err != nil {
		t.Fatal(err)
	}
	release(t, one)
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("one still shares it: got %v", err)
	}
	release(t, two)
	if _, err := Share(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is no such file: got %v", err)
	}
	if _, err := Try(filepath.Join(path, "no")); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("a file that cannot be made: got %v", err)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "image")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var u Users
	for range 2 {
		if err := u.Hold(dir, "f"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(dir, "f"); !errors.Is(err, ErrHeld) {
		t.Errorf("it is in use; got %v", err)
	}
	release(t, u.held[dir])
	if err := Remove(dir, "f"); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if err := new(Users).Hold(dir, "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is gone; got %v", err)
	}
}

func release(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

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

func release(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Package filelock lets processes wait for each other by flock(2). The kernel
// lets go of the lock of a process that has died.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// pause is how often a lock that another process holds is asked for.
const pause = 200 * time.Millisecond

// ErrHeld is matched when another process, or another part of this one, holds
// the lock.
var ErrHeld = errors.New("the lock is held")

// Lock takes the lock of a file, which it makes where there is none, waiting
// for whoever has it until ctx ends. The lock is let go when the file that it
// returns is closed, together with all copies of it that child processes have.
func Lock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return f, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("wait for %s, which another process holds: %w", path, context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// Try takes the lock of a file, or fails with [ErrHeld] at once.
func Try(path string) (*os.File, error) {
	return try(path, os.O_CREATE|os.O_RDWR, syscall.LOCK_EX)
}

// Share takes the lock of a file that is there together with others who share
// it, or fails with [ErrHeld] at once when somebody has it alone.
func Share(path string) (*os.File, error) {
	return try(path, os.O_RDONLY, syscall.LOCK_SH)
}

func try(path string, flag, how int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrHeld
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// Users keeps what is in use from being removed: the folders that it holds
// stay held until the process ends, or until it is collected as garbage. The
// zero Users holds nothing.
type Users struct {
	mu   sync.Mutex
	held map[string]*os.File
}

// Hold shares the lock of a file that is in the folder. It fails with
// fs.ErrNotExist when the folder is not there or is being removed.
func (u *Users) Hold(folder, file string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.held[folder] != nil {
		return nil
	}
	f, err := Share(filepath.Join(folder, file))
	if errors.Is(err, ErrHeld) {
		return fmt.Errorf("%s is being removed: %w", folder, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	if u.held == nil {
		u.held = make(map[string]*os.File)
	}
	u.held[folder] = f
	return nil
}

// Remove removes a folder unless somebody holds it by that file, which is
// ErrHeld. What is half removed has another name, which begins with a dot.
func Remove(folder, file string) error {
	f, err := Try(filepath.Join(folder, file))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written to it
	gone := filepath.Join(filepath.Dir(folder), ".removing-"+filepath.Base(folder))
	if err := os.RemoveAll(gone); err != nil { // of one that was killed
		return err
	}
	if err := os.Rename(folder, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

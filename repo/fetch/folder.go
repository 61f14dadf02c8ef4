package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// folder serves the files below a directory. It never leaves it, through ".."
// or a symbolic link: os.Root sees to that.
type folder struct {
	dir  string
	root func() (*os.Root, error)
}

var _ Source = (*folder)(nil)

func newFolder(dir string) *folder {
	return &folder{dir: dir, root: sync.OnceValues(func() (*os.Root, error) { return os.OpenRoot(dir) })}
}

func (f *folder) address(path string) string {
	dir := strings.TrimSuffix(filepath.ToSlash(f.dir), "/")
	return (&url.URL{Scheme: "file", Path: dir + "/" + path}).String()
}

// Open implements Source.
func (f *folder) Open(ctx context.Context, path string) (*Response, error) {
	fail := func(kind, err error) *Error {
		return &Error{URL: f.address(path), Kind: kind, Err: err, lasting: true}
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(ErrUnreachable, err)
	}
	root, err := f.root()
	if err != nil {
		return nil, fail(refusal(err))
	}
	// A pipe or a device is looked at before it is opened: opening it may wait
	// for ever, or do something. Should one come in between, O_NONBLOCK keeps
	// a pipe from waiting, and it is looked at again.
	name := filepath.FromSlash(path)
	info, err := root.Stat(name)
	if err != nil {
		return nil, fail(refusal(err))
	}
	if err := regular(info); err != nil {
		return nil, fail(ErrUnreachable, err)
	}
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail(refusal(err))
	}
	if info, err = file.Stat(); err == nil {
		err = regular(info)
	}
	if err != nil {
		closeQuietly(file)
		return nil, fail(ErrUnreachable, err)
	}
	body := &fileBody{file: file, ctx: ctx, left: info.Size(), fail: func(err error) error { return fail(ErrUnreachable, err) }}
	return &Response{Body: body, Size: info.Size(), URL: f.address(path)}, nil
}

func regular(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("it is a folder")
	default:
		return fmt.Errorf("it is not a regular file: %v", mode.Type())
	}
}

// refusal returns the kind of an error of the file system, and what it means.
func refusal(err error) (kind, text error) {
	var path *fs.PathError
	errno := syscall.Errno(0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrAbsent, nil // as a server answers
	case errors.Is(err, fs.ErrPermission):
		return ErrUnreachable, fmt.Errorf("it may not be read by this user: %w", err)
	case errors.As(err, &path) && !errors.As(path.Err, &errno):
		// os.Root has no exported error for it.
		return ErrUnreachable, fmt.Errorf("it is outside the folder (by a symbolic link or \"..\"), where nothing is read: %w", err)
	}
	return ErrUnreachable, err
}

// fileBody holds a file to the size that it had, and gives read errors their
// kind.
type fileBody struct {
	file *os.File
	ctx  context.Context // of Open
	left int64
	fail func(error) error
}

// Read implements io.Reader.
func (b *fileBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, b.fail(err)
	}
	n, err := b.file.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0, errors.Is(err, io.EOF) && b.left != 0:
		return 0, b.fail(errors.New("its size changed while it was read"))
	case err != nil && !errors.Is(err, io.EOF):
		err = b.fail(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *fileBody) Close() error { return b.file.Close() }

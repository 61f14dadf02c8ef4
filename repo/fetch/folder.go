package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
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

// Open implements Source.
func (f *folder) Open(ctx context.Context, path string) (*Response, error) {
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(f.dir, filepath.FromSlash(path)))}).String()
	fail := func(kind, err error) error { return &Error{URL: address, Kind: kind, Err: err} }
	if err := ctx.Err(); err != nil {
		return nil, fail(ErrUnreachable, err)
	}
	root, err := f.root()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(ErrAbsent, err) // as a server answers for a repository that is not there
	} else if err != nil {
		return nil, fail(ErrUnreachable, err)
	}
	file, err := root.Open(filepath.FromSlash(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(ErrAbsent, nil)
	} else if err != nil {
		return nil, fail(ErrUnreachable, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file: %v", info.Mode().Type())
	}
	if err != nil {
		closeQuietly(file)
		return nil, fail(ErrUnreachable, err)
	}
	return &Response{Body: file, Size: info.Size(), URL: address}, nil
}

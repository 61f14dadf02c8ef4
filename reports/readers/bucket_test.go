package readers

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"cloud.google.com/go/storage"
	"github.com/GoogleCloudPlatform/testgrid/util/gcs"
	"google.golang.org/api/iterator"
)

// bucket is a bucket of Google Cloud Storage in memory, as far as TestGrid's
// updater asks of it.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte // by name
}

var _ gcs.Client = (*bucket)(nil)

// Objects implements gcs.Lister as GCS does: in order, names that go on behind
// the delimiter folded into prefixes.
func (b *bucket) Objects(_ context.Context, prefix gcs.Path, delimiter, start string) gcs.Iterator {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]bool{}
	out := &objects{}
	var names []string
	for name := range b.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, prefix.Object())
		if !ok || name < start {
			continue
		}
		if before, _, more := strings.Cut(rest, delimiter); delimiter != "" && more {
			folder := prefix.Object() + before + delimiter
			if !seen[folder] {
				seen[folder] = true
				out.list = append(out.list, &storage.ObjectAttrs{Bucket: prefix.Bucket(), Prefix: folder})
			}
			continue
		}
		out.list = append(out.list, &storage.ObjectAttrs{Bucket: prefix.Bucket(), Name: name, Size: int64(len(b.objects[name]))})
	}
	return out
}

// objects implements gcs.Iterator.
type objects struct{ list []*storage.ObjectAttrs }

func (o *objects) Next() (*storage.ObjectAttrs, error) {
	if len(o.list) == 0 {
		return nil, iterator.Done
	}
	next := o.list[0]
	o.list = o.list[1:]
	return next, nil
}

func (b *bucket) Open(_ context.Context, path gcs.Path) (io.ReadCloser, *storage.ReaderObjectAttrs, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.objects[path.Object()]
	if !ok {
		return nil, nil, storage.ErrObjectNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), &storage.ReaderObjectAttrs{Size: int64(len(data))}, nil
}

func (b *bucket) Stat(_ context.Context, path gcs.Path) (*storage.ObjectAttrs, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.objects[path.Object()]
	if !ok {
		return nil, storage.ErrObjectNotExist
	}
	return &storage.ObjectAttrs{Bucket: path.Bucket(), Name: path.Object(), Size: int64(len(data))}, nil
}

func (b *bucket) Upload(ctx context.Context, path gcs.Path, data []byte, _ bool, _ string) (*storage.ObjectAttrs, error) {
	b.mu.Lock()
	b.objects[path.Object()] = bytes.Clone(data)
	b.mu.Unlock()
	return b.Stat(ctx, path)
}

func (b *bucket) Copy(ctx context.Context, from, to gcs.Path) (*storage.ObjectAttrs, error) {
	b.mu.Lock()
	data, ok := b.objects[from.Object()]
	b.mu.Unlock()
	if !ok {
		return nil, storage.ErrObjectNotExist
	}
	return b.Upload(ctx, to, data, false, "")
}

package cache

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Prune removes what was not used for longest until no more than maxBytes are
// left, and temporary files that a dead process left. It returns how many bytes
// are left. Other processes may go on meanwhile: what they lose they fetch
// again.
func (c *Cache) Prune(maxBytes int64) (int64, error) {
	if c == nil {
		return 0, nil
	}
	items, total, err := c.items()
	if err != nil {
		return 0, err
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.names[0], b.names[0]))
	})
	stale := time.Now().Add(-staleAfter)
	for _, it := range items {
		if it.temporary && it.used.After(stale) || !it.temporary && total <= maxBytes {
			continue
		}
		for _, name := range it.names {
			if err2 := c.root.Remove(name); err2 != nil && !errors.Is(err2, fs.ErrNotExist) {
				err = errors.Join(err, err2)
			}
		}
		total -= it.size
	}
	return total, err
}

// item is what is removed together: an entry with its mark, or one file.
type item struct {
	names     []string
	size      int64
	used      time.Time
	temporary bool
}

// items lists what is in the cache.
func (c *Cache) items() ([]item, int64, error) {
	files := make(map[string]fs.FileInfo)
	var total int64
	err := fs.WalkDir(c.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // another process took it
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		files[name] = info
		total += info.Size()
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var items []item
	for name, info := range files {
		it := item{names: []string{name}, size: info.Size(), used: info.ModTime()}
		place, rest, _ := strings.Cut(name, "/")
		switch place {
		case bodies:
			// The use of an entry is noted on its mark: touching the entry
			// itself would look as if someone had written to it.
			markName := path.Join(marks, rest)
			if m, ok := files[markName]; ok {
				it.names = append(it.names, markName)
				it.size += m.Size()
				it.used = m.ModTime()
			}
		case marks:
			if _, ok := files[path.Join(bodies, rest)]; ok {
				continue
			}
		case temps:
			it.temporary = true
		}
		items = append(items, it)
	}
	return items, total, nil
}

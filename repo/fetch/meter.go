package fetch

import (
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	// The hash functions that repositories use.
	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"

	"sigs.k8s.io/pkgverify/repo"
)

// Meter counts and hashes what is read through it, in one pass.
type Meter struct {
	r      io.Reader
	n      int64
	limit  int64
	hashes map[repo.Algorithm]hash.Hash
}

// NewMeter returns a meter over r that computes the digests named and ends
// with an error that matches ErrTooLarge when more than limit bytes come.
func NewMeter(r io.Reader, limit int64, algorithms ...repo.Algorithm) *Meter {
	m := &Meter{r: r, limit: limit, hashes: make(map[repo.Algorithm]hash.Hash, len(algorithms))}
	for _, a := range algorithms {
		if h := a.Hash(); h != 0 {
			m.hashes[a] = h.New()
		}
	}
	return m
}

// Read implements io.Reader.
func (m *Meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.n > m.limit {
		return 0, fmt.Errorf("%w of %d bytes", ErrTooLarge, m.limit)
	}
	for _, h := range m.hashes {
		h.Write(p[:n])
	}
	return n, err
}

// Content returns what has been read so far.
func (m *Meter) Content() repo.Content {
	c := repo.Content{Size: m.n, Digests: make(repo.Digests, len(m.hashes))}
	for a, h := range m.hashes {
		c.Digests[a] = hex.EncodeToString(h.Sum(nil))
	}
	return c
}

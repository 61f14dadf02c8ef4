package fetch

import (
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/hashes"
)

// Meter counts and hashes what is read through it, in one pass.
type Meter struct {
	r      io.Reader
	n      int64
	limit  int64
	hashes []metered
	err    error // once the limit is passed
}

// metered is one digest under way.
type metered struct {
	algorithm repo.Algorithm
	hash.Hash
}

// NewMeter returns a meter over r that computes the digests named and ends
// with an error that matches ErrTooLarge when more than limit bytes come. It
// reads one byte more than that of r, and no further.
//
// Set makes the hash functions and may be nil. Close the meter.
func NewMeter(r io.Reader, limit int64, set *hashes.Set, algorithms ...repo.Algorithm) *Meter {
	m := &Meter{r: r, limit: max(0, limit), hashes: make([]metered, 0, len(algorithms))}
	for _, a := range algorithms {
		if h := set.New(a); h != nil {
			m.hashes = append(m.hashes, metered{a, h})
		}
	}
	return m
}

// Close lets go of the hash functions; it does not close the reader.
func (m *Meter) Close() {
	for _, h := range m.hashes {
		hashes.Release(h.Hash)
	}
	m.hashes = nil
}

// Read implements io.Reader.
func (m *Meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if left := m.limit - m.n; int64(len(p)) > left {
		p = p[:left+1]
	}
	n, err := m.r.Read(p)
	if m.n+int64(n) > m.limit {
		n = int(m.limit - m.n)
		m.err = fmt.Errorf("%w of %d bytes", ErrTooLarge, m.limit)
		err = m.err
	}
	m.n += int64(n)
	for _, h := range m.hashes {
		h.Write(p[:n])
	}
	return n, err
}

// Content returns what has been read so far, up to the limit.
func (m *Meter) Content() repo.Content {
	c := repo.Content{Size: m.n}
	for _, h := range m.hashes {
		c.Digests.Set(h.algorithm, hex.EncodeToString(h.Sum(nil)))
	}
	return c
}

// Package hashes makes the hash functions that digests of repositories are
// computed with.
//
// Every apt index still has MD5, and every rpm has one over its payload; apt
// and rpm refuse a file whose MD5 alone is wrong. MD5 is a chain of dependent
// steps that no processor shortens: it costs twice what SHA-256 does and
// is nearly half of all work on a repository. But several files are read at
// once, and vector registers take one step for each of eight files in the time
// of one (github.com/minio/md5-simd; AVX2 or AVX-512, else nothing is gained).
package hashes

import (
	"hash"

	md5simd "github.com/minio/md5-simd"

	// The hash functions that repositories use.
	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"

	"sigs.k8s.io/pkgverify/repo"
)

// LargeFrom is the size in bytes from which on sharing pays: to bring a stream
// to the others costs more than its own MD5 when it is short.
const LargeFrom = 4 << 20

// Set makes hash functions that share work with each other. It may be used by
// several goroutines; each function it makes by one. A nil Set makes ordinary
// ones.
type Set struct{ md5 md5simd.Server }

// NewSet returns a set. Close it when its functions are no longer used.
func NewSet() *Set { return &Set{md5simd.NewServer()} }

// For returns s for a stream of that size, in bytes, or nil, which makes
// ordinary hash functions, when it is too short to share.
func (s *Set) For(size int64) *Set {
	if size < LargeFrom {
		return nil
	}
	return s
}

// Close ends what the set shares.
func (s *Set) Close() { s.md5.Close() }

// New returns a hash function, nil for an unknown algorithm. [Release] it.
func (s *Set) New(a repo.Algorithm) hash.Hash {
	if s != nil && a == repo.MD5 {
		return s.md5.NewHash()
	}
	if h := a.Hash(); h != 0 {
		return h.New()
	}
	return nil
}

// Release gives back what a function holds of its set. It must not be used any
// more.
func Release(h hash.Hash) {
	if shared, ok := h.(md5simd.Hasher); ok {
		shared.Close()
	}
}

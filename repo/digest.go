package repo

import (
	"crypto"
	"strings"
)

// Algorithm names a hash function as it is written in reports: "md5", "sha1",
// "sha224", "sha256", "sha384", "sha512".
type Algorithm string

// The algorithms that repositories use.
const (
	MD5    Algorithm = "md5"
	SHA1   Algorithm = "sha1"
	SHA224 Algorithm = "sha224"
	SHA256 Algorithm = "sha256"
	SHA384 Algorithm = "sha384"
	SHA512 Algorithm = "sha512"
)

// ParseAlgorithm returns the algorithm that a repository's own word names, in
// any case: apt's "MD5Sum" and "SHA256", createrepo's "sha" (which is SHA-1)
// and "sha256".
func ParseAlgorithm(name string) (Algorithm, bool) {
	switch strings.ToLower(name) {
	case "md5", "md5sum":
		return MD5, true
	case "sha", "sha1":
		return SHA1, true
	case "sha224":
		return SHA224, true
	case "sha256":
		return SHA256, true
	case "sha384":
		return SHA384, true
	case "sha512":
		return SHA512, true
	}
	return "", false
}

// Hash returns the hash function, or 0 for an unknown algorithm.
func (a Algorithm) Hash() crypto.Hash {
	switch a {
	case MD5:
		return crypto.MD5
	case SHA1:
		return crypto.SHA1
	case SHA224:
		return crypto.SHA224
	case SHA256:
		return crypto.SHA256
	case SHA384:
		return crypto.SHA384
	case SHA512:
		return crypto.SHA512
	}
	return 0
}

// Strong reports whether a chain of trust may rest on a: SHA-256 or better.
func (a Algorithm) Strong() bool {
	switch a {
	case SHA256, SHA384, SHA512:
		return true
	}
	return false
}

// HexLen returns the length of a's digest in hexadecimal digits, 0 if unknown.
func (a Algorithm) HexLen() int {
	if h := a.Hash(); h != 0 {
		return 2 * h.Size()
	}
	return 0
}

// Digests holds digests of one content, in lower-case hexadecimal.
type Digests map[Algorithm]string

// Disagreement returns the strongest algorithm in which d and o both have a
// digest and differ, and reports whether there is one.
func (d Digests) Disagreement(o Digests) (Algorithm, bool) {
	for _, a := range []Algorithm{SHA512, SHA384, SHA256, SHA224, SHA1, MD5} {
		x, inD := d[a]
		y, inO := o[a]
		if inD && inO && x != y {
			return a, true
		}
	}
	return "", false
}

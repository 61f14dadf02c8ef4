package repo

import (
	"crypto"
	"iter"
	"strings"
)

// Algorithm names a hash function as it is written in reports: "md5", "sha1",
// "sha224", "sha256", "sha384", "sha512", and of rpm 6 "sha3-256", "sha3-512".
type Algorithm string

// The algorithms that repositories use.
const (
	MD5    Algorithm = "md5"
	SHA1   Algorithm = "sha1"
	SHA224 Algorithm = "sha224"
	SHA256 Algorithm = "sha256"
	SHA384 Algorithm = "sha384"
	SHA512 Algorithm = "sha512"
	// SHA3256 and SHA3512 are in the headers of rpm 6 only.
	SHA3256 Algorithm = "sha3-256"
	SHA3512 Algorithm = "sha3-512"
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
	case SHA3256:
		return crypto.SHA3_256
	case SHA3512:
		return crypto.SHA3_512
	}
	return 0
}

// Strong reports whether a chain of trust may rest on a: SHA-256 or better.
func (a Algorithm) Strong() bool {
	switch a {
	case SHA256, SHA384, SHA512, SHA3256, SHA3512:
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

// Digests holds digests of one content, in lower-case hexadecimal; empty where
// there is none. It is comparable, and small enough to be held 100,000 times.
type Digests struct {
	MD5    string `json:"md5,omitempty"`
	SHA1   string `json:"sha1,omitempty"`
	SHA224 string `json:"sha224,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	SHA384 string `json:"sha384,omitempty"`
	SHA512 string `json:"sha512,omitempty"`
}

// of returns where d keeps a's digest, nil for an algorithm that no index uses.
func (d *Digests) of(a Algorithm) *string {
	switch a {
	case MD5:
		return &d.MD5
	case SHA1:
		return &d.SHA1
	case SHA224:
		return &d.SHA224
	case SHA256:
		return &d.SHA256
	case SHA384:
		return &d.SHA384
	case SHA512:
		return &d.SHA512
	}
	return nil
}

// Get returns the digest by a, "" if there is none.
func (d Digests) Get(a Algorithm) string {
	if p := d.of(a); p != nil {
		return *p
	}
	return ""
}

// Set takes the digest by a. It reports false, and does nothing, for an
// algorithm that indexes do not use, such as SHA-3.
func (d *Digests) Set(a Algorithm, digest string) bool {
	p := d.of(a)
	if p != nil {
		*p = digest
	}
	return p != nil
}

// IsZero reports whether there is no digest.
func (d Digests) IsZero() bool { return d == Digests{} }

// All returns the digests that there are, the strongest first.
func (d Digests) All() iter.Seq2[Algorithm, string] {
	return func(yield func(Algorithm, string) bool) {
		for _, a := range byStrength() {
			if x := d.Get(a); x != "" && !yield(a, x) {
				return
			}
		}
	}
}

func byStrength() [6]Algorithm { return [6]Algorithm{SHA512, SHA384, SHA256, SHA224, SHA1, MD5} }

// Disagreement returns the strongest algorithm in which d and o both have a
// digest and differ, and reports whether there is one.
func (d Digests) Disagreement(o Digests) (Algorithm, bool) {
	for a, x := range d.All() {
		if y := o.Get(a); y != "" && x != y {
			return a, true
		}
	}
	return "", false
}

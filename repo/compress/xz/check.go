package xz

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"hash/crc64"
)

// check computes the check that a stream has behind each block (section
// 2.1.1.2). A nil hash is the check None.
type check struct {
	hash.Hash
	little bool // written in little-endian order, other than hash.Hash does
	sum    []byte
}

// newCheck returns the check with the ID of a stream's flags, nil for one that
// the format reserves.
func newCheck(id byte) *check {
	switch id {
	case 0x00:
		return &check{}
	case 0x01:
		return &check{Hash: crc32.NewIEEE(), little: true}
	case 0x04:
		return &check{Hash: crc64.New(crc64.MakeTable(crc64.ECMA)), little: true}
	case 0x0a:
		return &check{Hash: sha256.New()}
	}
	return nil
}

func (c *check) size() int {
	if c.Hash == nil {
		return 0
	}
	return c.Size()
}

func (c *check) reset() {
	if c.Hash != nil {
		c.Reset()
	}
}

func (c *check) write(p []byte) {
	if c.Hash != nil {
		c.Write(p) //nolint:errcheck // a hash never fails
	}
}

// is tells whether want, as the file has it, is the sum of what was written.
func (c *check) is(want []byte) bool {
	if c.Hash == nil {
		return true
	}
	c.sum = c.Sum(c.sum[:0])
	if c.little {
		for i, j := 0, len(c.sum)-1; i < j; i, j = i+1, j-1 {
			c.sum[i], c.sum[j] = c.sum[j], c.sum[i]
		}
	}
	return bytes.Equal(c.sum, want)
}

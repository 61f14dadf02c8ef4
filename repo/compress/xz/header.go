package xz

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
)

const (
	headerMagic = "\xfd7zXZ\x00"
	footerMagic = "YZ"
	headerLen   = 12 // of the stream header and of the footer
	maxHeader   = 256 * 4

	// maxVLILen is how many bytes a number takes at most.
	maxVLILen = 9
	// maxDictCode is the largest dictionary size, 4 GiB - 1.
	maxDictCode = 40
)

// streamHeader reads the header of the next stream.
func (z *Reader) streamHeader() error {
	h := z.scratch[:headerLen]
	if _, err := io.ReadFull(z.in, h); err != nil {
		return noEOF(err)
	}
	if string(h[:6]) != headerMagic {
		return corrupt("stream %d begins with % x, not with the magic number", z.streams+1, h[:6])
	}
	if crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return corrupt("checksum of the header of stream %d", z.streams+1)
	}
	if z.streams++; z.streams > z.limits.Streams {
		return limitf("more than %d streams", z.limits.Streams)
	}
	flags := [2]byte(h[6:8])
	if flags[0] != 0 || flags[1]&0xf0 != 0 {
		return unsupported("stream flags %x", flags)
	}
	if z.check == nil || z.flags != flags {
		if z.check = newCheck(flags[1]); z.check == nil {
			return unsupported("check of kind %d", flags[1])
		}
	}
	z.flags = flags
	z.index.reset()
	return nil
}

// streamEnd reads the index, whose first byte was read, and the footer.
func (z *Reader) streamEnd() error {
	x := indexReader{in: z.in, n: 1, sum: crc32.ChecksumIEEE([]byte{0})}
	count, err := x.vli()
	if err != nil {
		return err
	}
	if count != z.index.count {
		return corrupt("the index has %d blocks, the stream %d", count, z.index.count)
	}
	var said indexHash
	said.reset()
	for range count {
		unpadded, err := x.vli()
		if err != nil {
			return err
		}
		size, err := x.vli()
		if err != nil {
			return err
		}
		said.add(unpadded, size)
	}
	for x.n%4 != 0 {
		b, err := x.byte()
		if err != nil {
			return err
		}
		if b != 0 {
			return corrupt("index padding that is not zero")
		}
	}
	if !said.equal(&z.index) {
		return corrupt("the index is not that of the blocks")
	}
	// The index's own checksum, then the footer.
	tail := z.scratch[:4+headerLen]
	if _, err := io.ReadFull(z.in, tail); err != nil {
		return noEOF(err)
	}
	footer := tail[4:]
	switch {
	case binary.LittleEndian.Uint32(tail) != x.sum:
		return corrupt("checksum of the index")
	case string(footer[10:]) != footerMagic:
		return corrupt("the stream ends with % x, not with the magic number", footer[10:])
	case crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer):
		return corrupt("checksum of the footer")
	case !bytes.Equal(footer[8:10], z.flags[:]):
		return corrupt("the footer's flags are not the header's")
	case (int64(binary.LittleEndian.Uint32(footer[4:]))+1)*4 != x.n+4:
		return corrupt("the footer says another size of the index")
	}
	return nil
}

// padding reads over the zeros between streams, a multiple of four. It returns
// io.EOF at the end of the file.
func (z *Reader) padding() error {
	for n := 0; ; n++ {
		b, err := z.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && n%4 == 0:
			return io.EOF
		case errors.Is(err, io.EOF):
			return corrupt("%d bytes of stream padding, not a multiple of 4", n)
		case err != nil:
			return err
		case b != 0 && n%4 == 0:
			return z.in.UnreadByte()
		case b != 0:
			return corrupt("%d bytes of stream padding, not a multiple of 4", n)
		}
	}
}

// blockHeader is a block's header (section 3.1).
type blockHeader struct {
	len              int
	packed, unpacked int64 // -1 when not given
	window           int64
	stages           []*stage
}

// parseBlockHeader reads a whole header.
func parseBlockHeader(raw []byte) (blockHeader, error) {
	h := blockHeader{len: len(raw), packed: -1, unpacked: -1}
	body := raw[:len(raw)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(raw[len(body):]) {
		return h, corrupt("checksum")
	}
	flags, body := body[1], body[2:]
	if flags&0x3c != 0 {
		return h, unsupported("flags %#x", flags)
	}
	var err error
	number := func() (v uint64) {
		if err == nil {
			v, body, err = readVLI(body)
		}
		return v
	}
	if flags&0x40 != 0 {
		h.packed = int64(number())
		if err == nil && h.packed == 0 {
			return h, corrupt("no compressed data")
		}
	}
	if flags&0x80 != 0 {
		h.unpacked = int64(number())
	}
	n := int(flags&3) + 1
	for i := range n {
		id, size := number(), number()
		if err != nil {
			return h, err
		}
		if id >= 1<<62 || size > uint64(len(body)) {
			return h, corrupt("filter %#x with %d bytes of properties", id, size)
		}
		props := body[:size]
		body = body[size:]
		last := i == n-1
		if last != (id == idLZMA2) {
			return h, unsupported("filter %#x is number %d of %d", id, i+1, n)
		}
		if last {
			if len(props) != 1 || props[0] > maxDictCode {
				return h, unsupported("properties % x of LZMA2", props)
			}
			h.window = dictSize(props[0])
			continue
		}
		s, ok := newStage(id, props)
		if !ok {
			return h, unsupported("filter %#x with properties % x", id, props)
		}
		// The last filter of the header is the first to be undone.
		h.stages = append([]*stage{s}, h.stages...)
	}
	for _, b := range body {
		if b != 0 {
			return h, unsupported("padding that is not zero")
		}
	}
	return h, nil
}

// dictSize decodes LZMA2's property.
func dictSize(code byte) int64 {
	if code == maxDictCode {
		return 1<<32 - 1
	}
	return (2 | int64(code)&1) << (code/2 + 11)
}

// readVLI reads a number (section 1.2) and returns what comes after it.
func readVLI(p []byte) (v uint64, rest []byte, err error) {
	for i := range min(len(p), maxVLILen) {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i]&0x80 != 0 {
			continue
		}
		if p[i] == 0 && i > 0 {
			break
		}
		return v, p[i+1:], nil
	}
	return 0, p, corrupt("bad number")
}

// indexReader reads an index and keeps its size and checksum.
type indexReader struct {
	in  io.ByteReader
	n   int64
	sum uint32
	one [1]byte
}

func (x *indexReader) byte() (byte, error) {
	b, err := x.in.ReadByte()
	if err != nil {
		return 0, noEOF(err)
	}
	x.n++
	x.one[0] = b
	x.sum = crc32.Update(x.sum, crc32.IEEETable, x.one[:])
	return b, nil
}

func (x *indexReader) vli() (uint64, error) {
	var p [maxVLILen]byte
	for i := range p {
		b, err := x.byte()
		if err != nil {
			return 0, err
		}
		p[i] = b
		if b&0x80 == 0 {
			v, _, err := readVLI(p[:i+1])
			return v, err
		}
	}
	return 0, corrupt("bad number in the index")
}

// indexHash stands for the records of an index in constant memory: what the
// blocks were is held against what the index says of them.
type indexHash struct {
	count uint64
	h     hash.Hash
}

func (x *indexHash) reset() {
	x.count = 0
	if x.h == nil {
		x.h = sha256.New()
	}
	x.h.Reset()
}

func (x *indexHash) add(unpadded, size uint64) {
	x.count++
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], unpadded)
	binary.LittleEndian.PutUint64(b[8:], size)
	x.h.Write(b[:]) //nolint:errcheck // a hash never fails
}

func (x *indexHash) equal(y *indexHash) bool {
	return x.count == y.count && bytes.Equal(x.h.Sum(nil), y.h.Sum(nil))
}

package deb

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
)

const blockSize = 512

// tarball reads the tar archive in a member of the container. archive/tar
// reads every dialect; what dpkg makes of the rarer ones is said by the
// callers, and frames sees to it that both take the same end.
type tarball struct {
	m      *member
	z      io.ReadCloser
	frames *frames
	*tar.Reader
}

// openTar opens m, whose name begins with base.
func openTar(p *Package, m *member, base stage, limit int64) (*tarball, error) {
	z, err := m.open(p, base, limit)
	if err != nil {
		return nil, err
	}
	f := &frames{r: z}
	return &tarball{m: m, z: z, frames: f, Reader: tar.NewReader(f)}, nil
}

func (t *tarball) Close() error { return t.z.Close() }

// next returns the next header, or io.EOF.
func (t *tarball) next(p *Package) (*tar.Header, error) {
	h, err := t.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, t.m.wrap(err)
	}
	if t.frames.signed {
		t.frames.signed = false
		p.fault(t.m.where(), "checksum of a tar header is that of signed bytes, which dpkg refuses")
	}
	if err == nil && h.Name == "" {
		return nil, t.m.refuse(nil, "tar header without a name")
	}
	return h, err
}

// finish reads the rest of the archive after its end, which should be zeros
// (GNU tar pads to 10 KiB). dpkg and GNU tar do not look.
func (t *tarball) finish(p *Package) error {
	f := t.frames
	if !f.ended && !f.loose && f.n != f.next {
		return t.m.refuse(nil, "truncated tar archive")
	}
	hidden := false
	for buf := t.m.a.state.buf; ; {
		n, err := f.r.Read(buf)
		f.n += int64(n)
		if !hidden && len(bytes.TrimLeft(buf[:n], "\x00")) > 0 {
			hidden = true
			p.fault(t.m.where(), "data after the end of the tar archive, which dpkg does not see")
		}
		switch {
		case errors.Is(err, io.EOF):
			if f.n == 0 {
				return t.m.refuse(nil, "empty tar archive")
			}
			if f.n%blockSize != 0 {
				p.fault(t.m.where(), "the %d bytes of the tar archive are not blocks of %d", f.n, blockSize)
			}
			return nil
		case err != nil:
			return t.m.wrap(err)
		}
	}
}

// small reads a file of at most limit bytes.
func (t *tarball) small(h *tar.Header, limit int64) ([]byte, error) {
	if h.Size > limit {
		return nil, t.m.refuse(nil, "%s has %d bytes, more than %d", h.Name, h.Size, limit)
	}
	b := make([]byte, h.Size)
	if _, err := io.ReadFull(t.Reader, b); err != nil {
		return nil, t.m.wrap(err)
	}
	return b, nil
}

// frames hands a tar archive on, and looks at the headers that go by. It ends
// the archive after the first block of zeros, as dpkg and GNU tar do:
// archive/tar wants two, and refuses an archive with one.
type frames struct {
	r    io.Reader
	n    int64 // bytes so far
	next int64 // where the next header is
	head [blockSize]byte
	have int // bytes of head
	// ended is set after the block of zeros.
	ended bool
	// loose is set after a header that says in its own way how much follows
	// (PAX, GNU sparse); the end is then archive/tar's.
	loose bool
	// signed is set by a header whose checksum is not that of unsigned bytes.
	signed bool
}

func (f *frames) Read(p []byte) (int, error) {
	if f.ended {
		return 0, io.EOF
	}
	inHead := f.n >= f.next && !f.loose
	switch {
	case inHead:
		p = p[:min(len(p), blockSize-f.have)]
	case !f.loose:
		p = p[:min(int64(len(p)), f.next-f.n)]
	}
	n, err := f.r.Read(p)
	f.n += int64(n)
	if inHead {
		f.have += copy(f.head[f.have:], p[:n])
		if f.have == blockSize {
			f.have = 0
			f.header()
		}
	}
	return n, err
}

// header looks at a whole header, behind which f is.
func (f *frames) header() {
	const sizeAt, sumAt, kindAt, sumEnd = 124, 148, 156, 156
	h := &f.head
	sum := int64(' ' * (sumEnd - sumAt))
	zeros := true
	for i, c := range h {
		zeros = zeros && c == 0
		if i < sumAt || i >= sumEnd {
			sum += int64(c)
		}
	}
	if zeros {
		f.ended = true
		return
	}
	f.signed = f.signed || number(h[sumAt:sumEnd]) != sum
	size := int64(0)
	switch h[kindAt] {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
	case tar.TypeXHeader, tar.TypeXGlobalHeader, tar.TypeGNUSparse:
		f.loose = true
	default:
		size = number(h[sizeAt : sumAt-12])
	}
	if size < 0 || size > MaxData {
		f.loose = true // archive/tar refuses it, or the data ends before
		return
	}
	f.next = f.n + (size+blockSize-1)/blockSize*blockSize
}

// number reads a number of a tar header, octal or base 256; -1 if it is none.
func number(b []byte) int64 {
	if b[0] == 0x80 {
		if len(b) > 8 && strings.Trim(string(b[1:len(b)-8]), "\x00") != "" {
			return -1
		}
		return int64(binary.BigEndian.Uint64(append(make([]byte, 8), b[1:]...)[len(b)-1:]))
	}
	n, err := strconv.ParseInt(strings.Trim(string(b), " \x00"), 8, 64)
	if err != nil {
		if strings.Trim(string(b), " \x00") == "" {
			return 0
		}
		return -1
	}
	return n
}

// Package compress opens the compressed streams that package repositories
// use, with bounds on memory, size and ratio.
//
// It is the one place where the module decompresses. Bytes that are not what
// the format asks for, and bytes beyond a bound, are a [repo.FormatError]; an
// error of the reader underneath is passed on wrapped. A truncated stream and
// bytes after its end are errors. What is recognised and cannot be read is
// [ErrUnsupported], what goes beyond a bound [ErrLimit], both inside a
// FormatError.
//
// # What comes after the end of a stream
//
// Repositories hold one stream a file, and what comes after it is not signed
// content in any client's eyes, so it is refused, with these exceptions, which
// all tools share: several members, streams or frames one after another are
// one file in gzip, xz, bzip2 and zstd; zeros after the last gzip member, and
// multiples of four zeros after an xz stream, are padding. gzip -t warns of
// any other bytes (exit code 2), bzip2 -t too (exit code 0); apt, dpkg-deb and
// rpm, which read gzip with zlib's gzread, do not look at them; xz and zstd
// refuse them. An .lzma file is one stream and nothing else.
//
// # Speed
//
// User seconds for 40 MB of Go programs, against the tools of Debian 12: gzip
// 0.21 (gzip 0.27, the standard library 0.27), zstd 0.08 (zstd 0.12), bzip2
// 3.3 (bzip2 2.3: the standard library is kept, since hardly a package is
// packed so). xz and .lzma are the packages xz and lzma, which see.
package compress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress/lzma"
	"sigs.k8s.io/pkgverify/repo/compress/xz"
)

// Kind is a compression, by the file name extension that dpkg and apt use.
type Kind string

// The kinds. None is no compression. Zchunk is recognised and not read: its
// readers fall back to the plain files beside it.
const (
	None   Kind = ""
	Gzip   Kind = "gz"
	XZ     Kind = "xz"
	LZMA   Kind = "lzma"
	Bzip2  Kind = "bz2"
	Zstd   Kind = "zst"
	Zchunk Kind = "zck"
)

// The bounds. Going past one is a [repo.FormatError] that matches [ErrLimit].
const (
	// MaxRatio is how many times as long as what went in the output may be, once
	// RatioFloor is passed. Indexes stay below 20, programs below
	// 10; only made-up content goes further.
	MaxRatio = 200
	// RatioFloor is how many bytes of output there are before the ratio is looked
	// at, so that a small file full of zeros is not refused. Going past it, the
	// ratio counts.
	RatioFloor = 32 << 20
	// MaxWindow bounds how far back a stream may look, in bytes: 64 MiB is what
	// xz -9 uses, 128 MiB zstd --ultra -22. The memory is taken as output
	// comes, not when a header asks for it: up to 1.5 times the window.
	MaxWindow = 128 << 20
	// MaxStreams bounds the streams of an xz file and the members of a gzip
	// file. Block-wise gzip (bgzf), which has the most, has one for 64 KiB of
	// content: this is reached after 4 GiB.
	MaxStreams = 1 << 16
	// MaxBlocks bounds the blocks of an xz file. With -T xz makes one for three
	// dictionaries of content, so the smallest real ones are of 1 MiB.
	MaxBlocks = 1 << 20

	maxRead    = 1 << 20
	bufferSize = 64 << 10
)

var (
	// ErrUnsupported says that a stream may be sound, but asks for what cannot
	// be read: zchunk, or filters and checks that xz does not define.
	ErrUnsupported = errors.New("recognised and not read")
	// ErrLimit says that a stream goes beyond the caller's limit or one of this
	// package's bounds.
	ErrLimit = errors.New("beyond a limit")
)

// ByName returns the kind that the extension of path names, None for any other.
func ByName(path string) Kind {
	for _, k := range []Kind{Gzip, XZ, LZMA, Bzip2, Zstd, Zchunk} {
		if strings.HasSuffix(path, "."+string(k)) {
			return k
		}
	}
	return None
}

// MagicLen is how many bytes ByMagic needs.
const MagicLen = 6

// ByMagic returns the kind whose magic number begins head, None for any other.
// An .lzma file has none: what begins as encoders begin it, with the default
// properties and a dictionary of a multiple of 64 KiB, is taken as one, as
// file(1) does.
func ByMagic(head []byte) Kind {
	for _, m := range []struct {
		kind  Kind
		magic string
	}{
		{Gzip, "\x1f\x8b"},
		{XZ, "\xfd7zXZ\x00"},
		{Bzip2, "BZh"},
		{Zstd, "\x28\xb5\x2f\xfd"},
		{Zchunk, "\x00ZCK1"},
		{Zchunk, "\x00ZHR1"}, // a detached header
		{LZMA, "\x5d\x00\x00"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	return None
}

// Pool keeps the memory of closed readers for the next ones: buffers, tables
// and windows of up to 1.5 times MaxWindow, until the garbage collector takes
// them. Whoever opens many streams keeps one. Its zero value is ready, and it
// is safe for concurrent use; it must not be copied.
type Pool struct {
	buffers, gzips, xzs, lzmas, zstds sync.Pool
}

// NewReader returns what r holds, decompressed. It hands out at most limit
// bytes: more is an error, and so is a ratio above MaxRatio. Reading to io.EOF
// proves that r ended where the compressed stream ends. Close frees the
// decoder and leaves r alone.
func NewReader(r io.Reader, kind Kind, limit int64) (io.ReadCloser, error) {
	return new(Pool).NewReader(r, kind, limit)
}

// NewReader is the function of that name with the memory of the pool, to which
// Close gives it back.
func (pool *Pool) NewReader(r io.Reader, kind Kind, limit int64) (io.ReadCloser, error) {
	d := &decoder{kind: kind, pool: pool, src: source{r: r}, limit: limit}
	if kind == None {
		d.dec = &d.src
		return d, nil
	}
	d.in = take(&pool.buffers, func() *bufio.Reader { return bufio.NewReaderSize(nil, bufferSize) })
	d.in.Reset(&d.src)
	if _, err := d.in.Peek(1); err != nil {
		d.release()
		return nil, d.fault(err, "empty stream")
	}
	if err := d.open(); err != nil {
		d.release()
		return nil, d.fault(err, "bad stream")
	}
	return d, nil
}

// take returns what the pool has, or a new one.
func take[T any](pool *sync.Pool, fresh func() T) T {
	if v, ok := pool.Get().(T); ok {
		return v
	}
	return fresh()
}

// source is the compressed side. It counts, and remembers an error so that it
// is told apart from one of the decoder, which may have swallowed it.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

type decoder struct {
	kind  Kind
	pool  *Pool
	src   source
	in    *bufio.Reader // nil for None
	dec   io.Reader
	free  func()
	limit int64
	n     int64 // bytes handed out
	err   error // sticky
}

// open starts the decoder. A panic of a library is an error of the stream.
func (d *decoder) open() (err error) {
	defer d.recovered(&err)
	switch d.kind {
	case Gzip:
		z := take(&d.pool.gzips, func() *members { return new(members) })
		d.dec, d.free = z, func() { d.pool.gzips.Put(z) }
		return z.reset(d.in)
	case XZ:
		z := take(&d.pool.xzs, func() *xz.Reader { return new(xz.Reader) })
		d.dec, d.free = z, func() { d.pool.xzs.Put(z) }
		z.Reset(d.in, xz.Limits{Window: MaxWindow, Blocks: MaxBlocks, Streams: MaxStreams})
	case LZMA:
		z := take(&d.pool.lzmas, func() *lzma.Reader { return new(lzma.Reader) })
		d.dec, d.free = z, func() { d.pool.lzmas.Put(z) }
		return z.Reset(d.in, MaxWindow)
	case Bzip2:
		d.dec = bzip2.NewReader(d.in)
	case Zstd:
		z, ok := d.pool.zstds.Get().(*zstd.Decoder)
		if !ok {
			z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxWindow))
			if err != nil {
				return err
			}
		}
		d.dec, d.free = z, func() {
			if z.Reset(nil) == nil {
				d.pool.zstds.Put(z)
			}
		}
		return z.Reset(d.in)
	case Zchunk:
		return fmt.Errorf("%w: zchunk is recognised and not read", ErrUnsupported)
	default:
		err = fmt.Errorf("unknown compression %q", string(d.kind))
	}
	return err
}

// Read implements io.Reader.
func (d *decoder) Read(p []byte) (int, error) {
	if d.err != nil || len(p) == 0 {
		return 0, d.err
	}
	// One byte more than allowed, to see that there is more; and little at a
	// time, so that the ratio is looked at before much has come out.
	p = p[:min(int64(len(p)), maxRead, d.limit-d.n+1)]
	n, err := d.decode(p)
	if d.n+int64(n) > d.limit {
		n = int(d.limit - d.n)
		err = d.format(fmt.Sprintf("more than %d bytes", d.limit), ErrLimit)
	}
	d.n += int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		d.err = d.fault(err, "bad stream")
	case errors.Is(err, io.EOF):
		d.err = d.end()
	}
	if d.in != nil && d.n > RatioFloor && d.n/MaxRatio > d.src.n {
		d.err = d.format(fmt.Sprintf("%d bytes came out of %d: more than %d to 1", d.n, d.src.n, MaxRatio), ErrLimit)
	}
	return n, d.err
}

func (d *decoder) decode(p []byte) (n int, err error) {
	defer d.recovered(&err)
	return d.dec.Read(p)
}

// end returns io.EOF when the stream is whole and nothing comes after it.
func (d *decoder) end() error {
	if d.in == nil {
		return io.EOF
	}
	if d.src.err != nil {
		return d.fault(d.src.err, "")
	}
	if _, err := d.in.Peek(1); err != io.EOF {
		return d.fault(err, "bytes after the end of the stream")
	}
	return io.EOF
}

// Close implements io.Closer. It never fails.
func (d *decoder) Close() error {
	d.release()
	if d.err == nil {
		d.err = errors.New("compress: read after Close")
	}
	return nil
}

func (d *decoder) release() {
	if d.free != nil {
		d.free()
	}
	if d.in != nil {
		d.in.Reset(nil)
		d.pool.buffers.Put(d.in)
	}
	d.free, d.in, d.dec = nil, nil, nil
}

// fault says what err is: the reader's own, or of the format.
func (d *decoder) fault(err error, text string) error {
	if d.src.err != nil {
		return fmt.Errorf("read compressed stream: %w", d.src.err)
	}
	if _, ok := errors.AsType[*repo.FormatError](err); ok {
		return err
	}
	switch {
	case errors.Is(err, io.EOF), err == nil:
		err = nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		text, err = "truncated stream", nil
	case errors.Is(err, xz.ErrUnsupported):
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	case beyond(err):
		err = fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return d.format(text, err)
}

// beyond tells whether err is of one of the decoders' bounds.
func beyond(err error) bool {
	_, window := errors.AsType[*lzma.WindowError](err)
	return window || errors.Is(err, xz.ErrLimit) || errors.Is(err, errMembers) ||
		errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded)
}

func (d *decoder) format(text string, cause error) error {
	name := string(d.kind)
	if d.kind == None {
		name = "plain"
	}
	return &repo.FormatError{Where: fmt.Sprintf("decompressed offset %d", d.n), Text: name + ": " + text, Err: cause}
}

// recovered turns a panic of a decoder into an error: the bytes are hostile,
// not all decoders are ours. The decoder is not used again.
func (d *decoder) recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("decoder panicked: %v", v)
		d.free = nil
	}
}

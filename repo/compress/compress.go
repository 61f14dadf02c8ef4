// Package compress opens the compressed streams that package repositories
// use, with bounds on memory, size and ratio.
//
// It is the one place where the module decompresses. Bytes that are not what
// the format asks for, and bytes beyond a bound, are a [repo.FormatError]; an
// error of the reader underneath is passed on wrapped. A truncated stream and
// bytes after its end are errors.
package compress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"sigs.k8s.io/pkgverify/repo"
)

// Kind is a compression, by the file name extension that dpkg and apt use.
type Kind string

// The kinds. None is no compression.
const (
	None  Kind = ""
	Gzip  Kind = "gz"
	XZ    Kind = "xz"
	Bzip2 Kind = "bz2"
	Zstd  Kind = "zst"
)

const (
	// MaxRatio is how many bytes may come out of one byte that goes in, once
	// RatioFloor bytes have come out. Indexes stay below 20, programs below
	// 10; only made-up content goes further.
	MaxRatio = 200
	// RatioFloor is the output below which the ratio is not looked at, so that
	// a small file full of zeros is not refused.
	RatioFloor = 32 << 20
	// MaxWindow bounds the memory that a stream may ask for to look back:
	// 64 MiB is what xz -9 uses, 128 MiB zstd --ultra -22.
	MaxWindow = 128 << 20
	// MaxWindowTotal bounds the sum of the dictionaries that the blocks of one
	// xz stream ask for, since each block costs an allocation of its own. The
	// blocks of xz -T are three dictionaries long, so it is reached after
	// 6 GiB of content, which no package has.
	MaxWindowTotal = 2 << 30

	maxRead    = 1 << 20
	bufferSize = 64 << 10 // ulikunitz/xz reads byte by byte: 4 MB/s without a buffer
)

// ByName returns the kind that the extension of path names, None for any other.
func ByName(path string) Kind {
	for _, k := range []Kind{Gzip, XZ, Bzip2, Zstd} {
		if strings.HasSuffix(path, "."+string(k)) {
			return k
		}
	}
	return None
}

// MagicLen is how many bytes ByMagic needs.
const MagicLen = 6

// ByMagic returns the kind whose magic number begins head, None for any other.
func ByMagic(head []byte) Kind {
	for _, m := range []struct {
		kind  Kind
		magic string
	}{
		{Gzip, "\x1f\x8b"},
		{XZ, "\xfd7zXZ\x00"},
		{Bzip2, "BZh"},
		{Zstd, "\x28\xb5\x2f\xfd"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	return None
}

// NewReader returns what r holds, decompressed. It hands out at most limit
// bytes: more is an error, and so is a ratio above MaxRatio. Reading to io.EOF
// proves that r ended where the compressed stream ends. Close frees the
// decoder and leaves r alone.
//
// Of xz, filters other than LZMA2 and several streams in one file are refused:
// dpkg-deb, apt-ftparchive and createrepo_c write neither.
func NewReader(r io.Reader, kind Kind, limit int64) (io.ReadCloser, error) {
	d := &decoder{kind: kind, src: &source{r: r}, limit: limit}
	if kind == None {
		d.dec = d.src
		return d, nil
	}
	d.in = bufio.NewReaderSize(d.src, bufferSize)
	if _, err := d.in.Peek(1); err != nil {
		return nil, d.fault(err, "empty stream")
	}
	if err := d.open(); err != nil {
		d.release()
		return nil, d.fault(err, "bad stream")
	}
	return d, nil
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
	src   *source
	in    *bufio.Reader // nil for None
	guard *xzGuard      // nil but for XZ
	dec   io.Reader
	free  func()
	limit int64
	n     int64 // bytes handed out
	err   error // sticky
}

// open starts the decoder. A panic of a library is an error of the stream.
func (d *decoder) open() (err error) {
	defer recoverTo(&err)
	switch d.kind {
	case Gzip:
		d.dec, err = gzip.NewReader(d.in)
	case XZ:
		d.guard = &xzGuard{r: d.in}
		// The smallest dictionary here means the stream's own, which the guard
		// has bounded. With SingleStream the guard need not follow the index.
		d.dec, err = xz.ReaderConfig{DictCap: lzma.MinDictCap, SingleStream: true}.NewReader(d.guard)
	case Bzip2:
		d.dec = bzip2.NewReader(d.in)
	case Zstd:
		var z *zstd.Decoder
		z, err = zstd.NewReader(d.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxWindow))
		if err == nil {
			d.dec, d.free = z, z.Close
		}
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
		err = d.format(fmt.Sprintf("more than %d bytes", d.limit), nil)
	}
	d.n += int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		d.err = d.fault(err, "bad stream")
	case errors.Is(err, io.EOF):
		d.err = d.end()
	}
	if d.in != nil && d.n > RatioFloor && d.n/MaxRatio > d.src.n {
		d.err = d.format(fmt.Sprintf("%d bytes came out of %d: more than %d to 1", d.n, d.src.n, MaxRatio), nil)
	}
	return n, d.err
}

func (d *decoder) decode(p []byte) (n int, err error) {
	defer recoverTo(&err)
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
	// ulikunitz/xz takes the end of input where a block could begin as the
	// end of the stream.
	if d.guard != nil && !d.guard.indexSeen() {
		return d.format("truncated stream", nil)
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
		d.free = nil
	}
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
	}
	return d.format(text, err)
}

func (d *decoder) format(text string, cause error) error {
	name := string(d.kind)
	if d.kind == None {
		name = "plain"
	}
	return &repo.FormatError{Where: fmt.Sprintf("decompressed offset %d", d.n), Text: name + ": " + text, Err: cause}
}

// recoverTo turns a panic of a decoder into an error: the bytes are hostile,
// the libraries are not ours.
func recoverTo(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("decoder panicked: %v", v)
	}
}

package deb822

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

var errLong = errors.New("line too long")

// The buffer begins with firstChunk bytes, which a control file fits into, and
// grows to chunk with what is read.
const (
	firstChunk = 8 << 10
	chunk      = 256 << 10
)

// input cuts r into lines of at most MaxLine bytes.
type input struct {
	r io.Reader
	// buf[pos:] is what was read and not yet returned; it grows to what
	// a line of MaxLine needs.
	buf []byte
	pos int
	n   int // number of the line last returned
	err error
	// open is set when the line last returned had no newline.
	open bool
}

// next returns the next line without its newline, valid until the next call; a
// last line may lack it. It returns errLong for a line that is too long, once
// that is skipped.
func (in *input) next() ([]byte, error) {
	rest := in.buf[in.pos:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 && i <= MaxLine {
		in.pos += i + 1
		in.n++
		return rest[:i], nil
	}
	return in.slow()
}

// slow is next for a line that is not in the buffer, or too long.
func (in *input) slow() ([]byte, error) {
	const longest = MaxLine + len("\r")
	seen := 0 // bytes of the line that hold no newline
	long := false
	for {
		rest := in.buf[in.pos:]
		if i := bytes.IndexByte(rest[seen:], '\n'); i >= 0 {
			i += seen
			in.pos += i + 1
			in.n++
			return checkLong(rest[:i], long)
		}
		if len(rest) > longest {
			long = true
			in.pos += len(rest)
			rest = nil
		}
		seen = len(rest)
		if in.err != nil {
			if !errors.Is(in.err, io.EOF) {
				return nil, in.err
			}
			if seen == 0 && !long {
				return nil, io.EOF
			}
			in.pos += seen
			in.n++
			in.open = true
			return checkLong(rest, long)
		}
		in.fill()
	}
}

func checkLong(line []byte, long bool) ([]byte, error) {
	if long || len(bytes.TrimSuffix(line, []byte("\r"))) > MaxLine {
		return nil, errLong
	}
	return line, nil
}

// fill moves what is left to the buffer's start and reads more.
func (in *input) fill() {
	rest := in.buf[in.pos:]
	switch {
	case in.buf == nil:
		in.buf = make([]byte, 0, firstChunk)
	case len(rest) > cap(in.buf)/2 || len(in.buf) == cap(in.buf) && cap(in.buf) < chunk:
		grown := make([]byte, len(rest), 2*cap(in.buf))
		copy(grown, rest)
		in.buf = grown
	default:
		in.buf = in.buf[:copy(in.buf[:cap(in.buf)], rest)]
	}
	in.pos = 0
	const maxEmpty = 100 // as bufio.Reader, against a reader that never ends
	for range maxEmpty {
		n, err := in.r.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf = in.buf[:len(in.buf)+n]
		in.err = err
		if n > 0 || err != nil {
			return
		}
	}
	in.err = io.ErrNoProgress
}

// plain reports whether b holds printable ASCII only, 8 bytes at a time.
func plain(b []byte) bool {
	const (
		ones   = 0x0101010101010101
		spaces = 0x20 * ones
		high   = 0x80 * ones
	)
	// A byte from 0x80 has its high bit set; one below 0x20 gets it by the
	// subtraction, 0x7f by the addition.
	if len(b) >= 8 {
		var bad uint64
		for i := 0; i+8 <= len(b); i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			bad |= x | (x - spaces) | (x + ones)
		}
		x := binary.LittleEndian.Uint64(b[len(b)-8:])
		bad |= x | (x - spaces) | (x + ones)
		return bad&high == 0
	}
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

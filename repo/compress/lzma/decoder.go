package lzma

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrCorrupt says that the bytes are not what an encoder writes.
	ErrCorrupt = errors.New("corrupt LZMA data")
	// ErrHeader says that the bytes do not begin like an .lzma file.
	ErrHeader = errors.New("not an .lzma header")
)

// WindowError says that a stream asks to look farther back than it may.
type WindowError struct {
	Wanted, Max int64 // bytes
}

// Error implements error.
func (e *WindowError) Error() string {
	return fmt.Sprintf("dictionary of %d bytes, more than %d", e.Wanted, e.Max)
}

const (
	// pieceSize is how much Next hands out at most: it stays in a core's
	// cache until it is hashed.
	pieceSize = 64 << 10
	// firstWindow is how large a window begins; it doubles as output grows.
	firstWindow = 2*bufFront + pieceSize + maxOvershoot
	// minDict is the smallest dictionary: liblzma rounds smaller ones up.
	minDict = 4096
	// maxChunk is the largest compressed LZMA2 chunk.
	maxChunk = 64 << 10
	// sizeUnknown in an .lzma header says that an end marker will follow.
	sizeUnknown = 1<<64 - 1
	// maxAloneSize and the shape of the dictionary size tell .lzma files from
	// others, which have no magic number. xz and file(1) have the same rules.
	maxAloneSize = 1 << 38
	// AloneHeaderLen is the length of the header of an .lzma file, in bytes.
	AloneHeaderLen = 13
)

// Decoder decodes one LZMA2 or .lzma stream after another. It is good for
// another stream after any error, and keeps its memory for it. Its zero value is ready for Reset2 and
// ResetAlone. It is not safe for concurrent use.
type Decoder struct {
	core
	r    *bufio.Reader
	next func() (bool, error) // decodes a piece; false at the end

	piece     int   // where in buf begins what Next will return
	windowLen int   // len(buf) when it need not grow any more
	used      int64 // bytes taken from r

	// LZMA2
	chunk     []byte // the compressed chunk, and padding behind it
	left      int    // bytes of output of this chunk to come
	stored    bool   // this chunk is not compressed
	needReset bool   // the next chunk must reset the dictionary
	needProps bool   // the next LZMA chunk must set properties

	// .lzma
	size  int64 // bytes of output to come, -1 when that is not known
	ended bool
	tail  [4 * maxSymbolIn]byte
}

// Reset2 begins the LZMA2 stream that r is at. dictSize is how far back it
// may look, in bytes. Memory is taken as output comes, not before.
func (d *Decoder) Reset2(r *bufio.Reader, dictSize int64) {
	d.begin(r, dictSize)
	d.next = d.next2
	d.left, d.needReset, d.needProps = 0, true, true
}

func (d *Decoder) begin(r *bufio.Reader, dictSize int64) {
	d.r, d.used = r, 0
	d.dictSize = (max(int(dictSize), minDict) + 15) &^ 15 // as liblzma rounds it
	// Half a dictionary of room: so each byte is moved twice at most.
	d.windowLen = 2*bufFront + d.dictSize + max(d.dictSize/2, pieceSize) + maxOvershoot
	d.resetDict()
}

func (d *Decoder) resetDict() {
	if d.buf == nil {
		d.buf = make([]byte, firstWindow)
	}
	d.start, d.pos, d.piece = bufFront, bufFront, bufFront
	clear(d.buf[:bufFront])
}

// Used returns how many bytes were taken from the reader.
func (d *Decoder) Used() int64 { return d.used }

// Next returns the next bytes of output, which are good until the next call,
// or io.EOF when the stream has ended. The reader is then just behind it.
func (d *Decoder) Next() ([]byte, error) {
	for {
		d.makeRoom()
		d.piece = d.pos
		more, err := d.next()
		if d.pos > d.piece || err != nil {
			return d.buf[d.piece:d.pos], err
		}
		if !more {
			return nil, io.EOF
		}
	}
}

// makeRoom sees to it that output can go on: all of it was handed out.
func (d *Decoder) makeRoom() {
	if len(d.buf)-d.pos >= pieceSize+maxOvershoot {
		return
	}
	if len(d.buf) < d.windowLen {
		larger := make([]byte, min(2*len(d.buf), d.windowLen))
		copy(larger, d.buf[:d.pos])
		d.buf = larger
		if len(d.buf)-d.pos >= pieceSize+maxOvershoot {
			return
		}
	}
	// By multiples of 16, as positions count modulo 16 in the model; and with
	// the byte before the oldest.
	shift := (d.pos - min(d.pos-d.start, d.dictSize) - bufFront) &^ 15
	copy(d.buf, d.buf[shift:d.pos])
	d.pos -= shift
	d.start = max(d.start-shift, bufFront)
}

// next2 decodes the next piece of an LZMA2 stream.
func (d *Decoder) next2() (bool, error) {
	if d.left == 0 {
		if more, err := d.chunkHeader(); !more || err != nil {
			return false, err
		}
	}
	n := min(d.left, pieceSize)
	if d.stored {
		if _, err := io.ReadFull(d.r, d.buf[d.pos:d.pos+n]); err != nil {
			return false, noEOF(err)
		}
		d.used += int64(n)
		d.pos += n
		d.left -= n
		return true, nil
	}
	from := d.pos
	d.outStop = d.pos + n
	d.outEnd = d.pos + d.left
	st := d.run()
	d.left -= d.pos - from
	switch {
	case st != statusStop, d.inPos > d.inStop, d.left > 0 && d.pos < d.outStop:
		return false, ErrCorrupt
	case d.left == 0 && (!d.finish() || d.inPos != d.inStop):
		return false, ErrCorrupt
	}
	return true, nil
}

// chunkHeader reads the header of an LZMA2 chunk, and the chunk if it is
// compressed. It returns false at the end of the stream.
func (d *Decoder) chunkHeader() (bool, error) {
	control, err := d.r.ReadByte()
	if err != nil {
		return false, noEOF(err)
	}
	d.used++
	if control == 0 {
		return false, nil
	}
	if control >= 0xe0 || control == 1 {
		d.needProps, d.needReset = true, false
		d.resetDict()
	} else if d.needReset {
		return false, ErrCorrupt
	}
	if control < 0x80 {
		if control > 2 {
			return false, ErrCorrupt
		}
		h, err := d.header(2)
		if err != nil {
			return false, err
		}
		d.stored, d.left = true, int(h[0])<<8+int(h[1])+1
		return true, nil
	}
	n := 4
	if control >= 0xc0 {
		n = 5
	} else if d.needProps {
		return false, ErrCorrupt
	}
	h, err := d.header(n)
	if err != nil {
		return false, err
	}
	d.stored, d.left = false, int(control&0x1f)<<16+int(h[0])<<8+int(h[1])+1
	size := int(h[2])<<8 + int(h[3]) + 1
	switch {
	case control >= 0xc0:
		p, ok := parseProperties(h[4])
		if !ok {
			return false, ErrCorrupt
		}
		d.needProps = false
		d.reset(p)
	case control >= 0xa0:
		d.reset(d.props)
	}
	return true, d.load(size)
}

// header reads n bytes of a chunk's header. They are good until the next read.
func (d *Decoder) header(n int) ([]byte, error) {
	h, err := d.r.Peek(n)
	if err != nil {
		return nil, noEOF(err)
	}
	d.used += int64(n)
	_, err = d.r.Discard(n)
	return h, err
}

// load reads a compressed chunk of size bytes and starts the range decoder.
func (d *Decoder) load(size int) error {
	if need := size + 2*maxSymbolIn; len(d.chunk) < need {
		d.chunk = make([]byte, min(max(need, 2*len(d.chunk)), maxChunk+2*maxSymbolIn))
	}
	if size < rangeInit {
		return ErrCorrupt
	}
	if _, err := io.ReadFull(d.r, d.chunk[:size]); err != nil {
		return noEOF(err)
	}
	clear(d.chunk[size : size+2*maxSymbolIn])
	d.used += int64(size)
	d.in, d.inPos, d.inStop = d.chunk, 0, size
	if !d.initRange() {
		return ErrCorrupt
	}
	return nil
}

// noEOF returns err as that of a stream that ends too early.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

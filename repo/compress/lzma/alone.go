package lzma

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// ResetAlone begins the .lzma file (LZMA_alone) that r is at, which may look
// back maxDict bytes. Like xz it takes only dictionaries of 2^n or
// 2^n + 2^(n-1) bytes, since the format has no magic number: others are
// ErrHeader. r needs a buffer of at least 4096 bytes.
func (d *Decoder) ResetAlone(r *bufio.Reader, maxDict int64) error {
	h, err := r.Peek(AloneHeaderLen)
	if err != nil {
		return noEOF(err)
	}
	p, ok := parseProperties(h[0])
	dict := binary.LittleEndian.Uint32(h[1:])
	size := binary.LittleEndian.Uint64(h[5:])
	if !ok || !plainDict(dict) || size > maxAloneSize && size != sizeUnknown {
		return ErrHeader
	}
	if int64(dict) > maxDict {
		return &WindowError{int64(dict), maxDict}
	}
	if _, err := r.Discard(AloneHeaderLen); err != nil {
		return err
	}
	d.begin(r, int64(dict))
	d.next = d.nextAlone
	d.size = int64(size) // -1 for sizeUnknown
	d.ended = false
	d.reset(p)
	d.used += AloneHeaderLen

	d.in, err = r.Peek(rangeInit)
	if err != nil {
		return noEOF(err)
	}
	d.inPos = 0
	if !d.initRange() {
		return ErrCorrupt
	}
	return d.take()
}

// plainDict tells whether encoders of .lzma files choose such a size.
func plainDict(n uint32) bool {
	if n == 0 || n == 1<<32-1 {
		return n != 0
	}
	low := n & -n
	return n == low || n == low*3
}

// take tells the reader what was used of d.in.
func (d *Decoder) take() error {
	d.used += int64(d.inPos)
	_, err := d.r.Discard(d.inPos)
	return err
}

// input points d.in at what the reader has buffered, and returns how many bytes
// of it are of the stream. At the end of the file the rest is padding.
func (d *Decoder) input() (int, error) {
	in, err := d.r.Peek(2 * maxSymbolIn) // fills the buffer when there is less
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	d.inPos = 0
	if err == nil {
		d.in, err = d.r.Peek(d.r.Buffered())
		d.inStop = len(d.in) - maxSymbolIn
		return len(d.in), err
	}
	clear(d.tail[:])
	copy(d.tail[:], in)
	d.in, d.inStop = d.tail[:], len(in)
	return len(in), nil
}

// nextAlone decodes the next piece of an .lzma file.
func (d *Decoder) nextAlone() (bool, error) {
	if d.ended {
		return false, nil
	}
	given, err := d.input()
	if err != nil {
		return false, err
	}
	from := d.pos
	st := statusStop
	switch {
	case d.size < 0:
		d.outStop, d.outEnd = d.pos+pieceSize, d.pos+pieceSize+maxMatch
		st = d.run()
	case d.size > 0:
		d.outStop, d.outEnd = d.pos+int(min(pieceSize, d.size)), d.pos+int(d.size)
		st = d.run()
	case d.finish():
		d.ended = true
	default:
		// An end marker may follow the last byte, and nothing else.
		d.outStop, d.outEnd = d.pos+1, d.pos
		st = d.run()
	}
	if st == statusEnd {
		d.ended = true
		if d.size > 0 || !d.finish() {
			return false, ErrCorrupt
		}
	}
	n := int64(d.pos - from)
	switch {
	case st == statusBad, d.size >= 0 && n > d.size:
		return false, ErrCorrupt
	case d.inPos > given:
		return false, io.ErrUnexpectedEOF
	}
	if d.size >= 0 {
		d.size -= n
	}
	return true, d.take()
}

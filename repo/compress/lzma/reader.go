package lzma

import (
	"bufio"
)

// Reader reads one .lzma file after another and keeps its memory for the next.
// Its zero value is ready for Reset. It is not safe for concurrent use.
type Reader struct {
	dec   Decoder
	piece []byte
	err   error
}

// Reset begins the file that in is at, as [Decoder.ResetAlone] does.
func (z *Reader) Reset(in *bufio.Reader, maxDict int64) error {
	z.piece, z.err = nil, z.dec.ResetAlone(in, maxDict)
	return z.err
}

// Read implements io.Reader. After io.EOF the reader underneath is just behind
// the stream.
func (z *Reader) Read(p []byte) (int, error) {
	for len(z.piece) == 0 {
		if z.err != nil || len(p) == 0 {
			return 0, z.err
		}
		z.piece, z.err = z.dec.Next()
	}
	n := copy(p, z.piece)
	z.piece = z.piece[n:]
	return n, nil
}

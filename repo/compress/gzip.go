package compress

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

var errMembers = fmt.Errorf("more than %d gzip members", MaxStreams)

// members reads a gzip file: one member after another, then zeros, if any.
type members struct {
	in  *bufio.Reader
	one gzip.Reader
	n   int
}

func (m *members) reset(in *bufio.Reader) error {
	m.in, m.n = in, 0
	return m.next()
}

// next begins a member.
func (m *members) next() error {
	if m.n++; m.n > MaxStreams {
		return errMembers
	}
	if err := m.one.Reset(m.in); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	m.one.Multistream(false)
	return nil
}

// Read implements io.Reader. It returns io.EOF where the file ends.
func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.one.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 {
			return n, nil // the reader says io.EOF again
		}
		switch b, err := m.in.Peek(1); {
		case err != nil:
			return 0, err
		case b[0] == 0:
			return 0, m.padding()
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// padding reads zeros to the end of the file.
func (m *members) padding() error {
	for {
		b, err := m.in.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return errors.New("bytes after the end of the stream")
		}
	}
}

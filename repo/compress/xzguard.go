package compress

import (
	"fmt"
	"io"
)

// xzGuard passes the first stream of an xz file through to the decoder and
// follows its framing (The .xz File Format 1.2.0, sections 2 and 3; LZMA2
// chunks as liblzma's lzma2_decoder.c reads them), because ulikunitz/xz
// allocates whatever dictionary a block header asks for, up to 4 GiB, for
// every block again. Whether the bytes are right is for the decoder to say:
// the guard bounds the dictionaries and knows whether the index was reached.
type xzGuard struct {
	r     io.Reader
	state xzState
	// skip bytes pass before the next byte that matters.
	skip int64
	// part is what was read so far of a header, need how long it is.
	part []byte
	need int

	check   int   // length of the check after a block
	data    int64 // compressed bytes of this block so far
	windows int64 // sum of the dictionaries so far
}

type xzState int

const (
	xzStreamHeader xzState = iota
	xzBlockSize            // the byte that begins a block header or the index
	xzBlockHeader
	xzControl // the byte that begins an LZMA2 chunk
	xzChunk   // the rest of a chunk's header
	xzIndex   // nothing more is looked at
)

func (g *xzGuard) indexSeen() bool { return g.state == xzIndex }

// Read implements io.Reader.
func (g *xzGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if gerr := g.follow(p[:n]); gerr != nil {
		// Nothing of p may reach the decoder, or it would allocate first.
		return 0, gerr
	}
	return n, err
}

func (g *xzGuard) follow(p []byte) error {
	for len(p) > 0 && g.state != xzIndex {
		if g.skip > 0 {
			n := min(g.skip, int64(len(p)))
			g.skip -= n
			p = p[n:]
			continue
		}
		if g.need == 0 {
			g.need = 1
			if g.state == xzStreamHeader {
				g.need = 12
			}
		}
		n := min(g.need-len(g.part), len(p))
		g.part = append(g.part, p[:n]...)
		p = p[n:]
		if len(g.part) < g.need {
			continue
		}
		h := g.part
		g.part, g.need = g.part[:0], 0
		if err := g.step(h); err != nil {
			return err
		}
	}
	return nil
}

// step takes one whole header h and says what comes next.
func (g *xzGuard) step(h []byte) error {
	switch g.state {
	case xzStreamHeader:
		g.check = xzCheckLen(h[7])
		g.state = xzBlockSize
	case xzBlockSize:
		if h[0] == 0 {
			g.state = xzIndex
			return nil
		}
		g.state, g.need = xzBlockHeader, 4*int(h[0])+3 // (size+1)*4, less this byte
	case xzBlockHeader:
		window, err := xzWindow(h)
		if err != nil {
			return err
		}
		if g.windows += window; g.windows > MaxWindowTotal {
			return fmt.Errorf("the blocks ask for %d bytes of dictionary, more than %d together", g.windows, int64(MaxWindowTotal))
		}
		g.data, g.state = 0, xzControl
	case xzControl:
		g.data++
		switch c := h[0]; {
		case c == 0: // end of the block's data
			pad := (4 - g.data%4) % 4
			g.skip, g.state = pad+int64(g.check), xzBlockSize
		case c == 1 || c == 2: // stored: size
			g.state, g.need = xzChunk, 2
		case c >= 0xc0: // sizes and properties
			g.state, g.need = xzChunk, 5
		case c >= 0x80: // sizes
			g.state, g.need = xzChunk, 4
		default:
			return fmt.Errorf("LZMA2 control byte %#x", c)
		}
	case xzChunk:
		size := h
		if len(h) > 2 {
			size = h[2:4]
		}
		n := int64(size[0])<<8 + int64(size[1]) + 1
		g.data += int64(len(h)) + n
		g.skip, g.state = n, xzControl
	}
	return nil
}

// xzWindow reads the dictionary size from a block header without its first
// byte: flags, optional sizes, then one filter, which must be LZMA2.
func xzWindow(h []byte) (int64, error) {
	const (
		hasCompressed, hasUncompressed = 0x40, 0x80
		lzma2                          = 0x21
		maxBits                        = 40
	)
	flags, h := h[0], h[1:]
	for _, f := range []byte{hasCompressed, hasUncompressed} {
		if flags&f == 0 {
			continue
		}
		n := 0
		for n < len(h) && h[n]&0x80 != 0 {
			n++
		}
		if n >= len(h) || n >= 9 {
			return 0, fmt.Errorf("xz block header: bad size")
		}
		h = h[n+1:]
	}
	if flags&0x3f != 0 || len(h) < 3 || h[0] != lzma2 || h[1] != 1 {
		return 0, fmt.Errorf("xz block header: filters other than LZMA2 cannot be read")
	}
	bits := h[2]
	if bits > maxBits {
		return 0, fmt.Errorf("xz block header: dictionary size code %d", bits)
	}
	size := (2 | int64(bits)&1) << (bits/2 + 11)
	if size > MaxWindow {
		return 0, fmt.Errorf("xz block asks for a dictionary of %d bytes, more than %d", size, int64(MaxWindow))
	}
	return size, nil
}

// xzCheckLen is the length of the check that a stream flag names (section 2.1.1.2).
func xzCheckLen(flag byte) int {
	if flag &= 0x0f; flag == 0 {
		return 0
	}
	return 4 << ((flag - 1) / 3)
}

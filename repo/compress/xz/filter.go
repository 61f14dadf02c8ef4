package xz

import "encoding/binary"

// The filter IDs of The .xz File Format 1.2.1, section 5.3.
const (
	idDelta = 0x03
	idLZMA2 = 0x21
)

// converter changes bytes in place, as the comment on BCJ says.
type converter func(p []byte, pos uint32) int

// stage is a filter in a block's chain.
type stage struct {
	convert converter
	pos     uint32 // of buf in the content
	buf     []byte // done bytes that were handed out, then those that wait
	done    int
}

// push converts p, which follows what was pushed before, and returns what is
// done, good until the next push. The last bytes stay as they are when no
// instruction fits in.
func (s *stage) push(p []byte, last bool) []byte {
	s.pos += uint32(s.done)
	n := copy(s.buf, s.buf[s.done:])
	s.buf = append(s.buf[:n], p...)
	s.done = s.convert(s.buf, s.pos)
	if last {
		s.done = len(s.buf)
	}
	return s.buf[:s.done]
}

// newStage returns the filter that a block header names. ok is false when
// there is no such filter, or not with these properties.
func newStage(id uint64, props []byte) (s *stage, ok bool) {
	if id == idDelta {
		if len(props) != 1 {
			return nil, false
		}
		d := &delta{less1: props[0]}
		return &stage{convert: d.code}, true
	}
	var align uint32
	s = &stage{}
	switch id {
	case 0x04:
		s.convert, align = newX86().code, 1
	case 0x05:
		s.convert, align = powerpc, 4
	case 0x06:
		s.convert, align = ia64, 16
	case 0x07:
		s.convert, align = arm, 4
	case 0x08:
		s.convert, align = armThumb, 2
	case 0x09:
		s.convert, align = sparc, 4
	case 0x0a:
		s.convert, align = arm64, 4
	case 0x0b:
		s.convert, align = riscv, 2
	default:
		return nil, false
	}
	switch len(props) {
	case 0:
	case 4:
		s.pos = binary.LittleEndian.Uint32(props)
	default:
		return nil, false
	}
	return s, s.pos%align == 0
}

// delta adds to each byte the one that came before it by a distance of 1 to 256.
type delta struct {
	less1   uint8 // the distance, less one
	at      uint8 // where in history the next byte goes
	history [256]byte
}

func (d *delta) code(p []byte, _ uint32) int {
	for i := range p {
		p[i] += d.history[d.at-d.less1-1]
		d.history[d.at] = p[i]
		d.at++
	}
	return len(p)
}

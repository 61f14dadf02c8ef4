package xz

import "encoding/binary"

// The branch filters (BCJ, The .xz File Format 1.2.1, section 5.3.2) turn the
// absolute targets of branches, which an encoder made of relative ones so that
// they repeat, back into relative ones. Each works on p in place, whose first
// byte is pos bytes into the program, and returns how many bytes are done; the
// rest, shorter than an instruction, is handed in again with what follows.

// x86Filter undoes the x86 filter: the targets of CALL (E8) and JMP (E9) whose
// highest byte is 00 or FF, unless bytes just before look like opcodes, too.
type x86Filter struct {
	// last is where the last opcode was, mask which of the bytes behind it may
	// have been of one.
	last uint32
	mask uint32
}

func newX86() *x86Filter { return &x86Filter{last: ^uint32(4)} }

func (f *x86Filter) code(p []byte, pos uint32) int {
	if len(p) < 5 {
		return 0
	}
	if pos-f.last > 5 {
		f.last = pos - 5
	}
	sign := func(b byte) bool { return b == 0 || b == 0xff }
	i := 0
	for i <= len(p)-5 {
		if p[i]&0xfe != 0xe8 {
			i++
			continue
		}
		at := pos + uint32(i)
		gap := at - f.last
		f.last = at
		if gap > 5 {
			f.mask = 0
		} else {
			for range gap {
				f.mask = f.mask & 0x77 << 1
			}
		}
		top := p[i+4]
		if m := f.mask >> 1; !sign(top) || m >= 0x10 || x86Refused>>(m&7)&1 != 0 {
			i++
			f.mask |= 1
			if sign(top) {
				f.mask |= 0x10
			}
			continue
		}
		target := binary.LittleEndian.Uint32(p[i+1:])
		for {
			target -= at + 5
			if f.mask == 0 {
				break
			}
			shift := 24 - 8*x86Byte[f.mask>>1&7]
			if !sign(byte(target >> shift)) {
				break
			}
			target ^= 1<<(shift+8) - 1
		}
		// Bit 24 is the sign of what is left.
		target = target&0x1ffffff | -(target>>24&1)<<24
		binary.LittleEndian.PutUint32(p[i+1:], target)
		i += 5
		f.mask = 0
	}
	return i
}

// x86Refused has a bit for each mask with which a branch is left alone,
// x86Byte the byte of the target that a mask says to look at.
const x86Refused = 1<<3 | 1<<5 | 1<<6 | 1<<7

var x86Byte = [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}

// powerpc: bl with a relative target, big endian.
func powerpc(p []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(p); i += 4 {
		v := binary.BigEndian.Uint32(p[i:])
		if v&0xfc000003 == 0x48000001 {
			binary.BigEndian.PutUint32(p[i:], 0x48000001|(v-pos-uint32(i))&0x03fffffc)
		}
	}
	return i
}

// arm: bl, always executed.
func arm(p []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(p); i += 4 {
		if p[i+3] == 0xeb {
			v := binary.LittleEndian.Uint32(p[i:])
			v = (v<<2 - (pos + uint32(i) + 8)) >> 2
			binary.LittleEndian.PutUint32(p[i:], 0xeb000000|v&0x00ffffff)
		}
	}
	return i
}

// armThumb: bl, in two halves.
func armThumb(p []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(p); i += 2 {
		high, low := binary.LittleEndian.Uint16(p[i:]), binary.LittleEndian.Uint16(p[i+2:])
		if high&0xf800 == 0xf000 && low&0xf800 == 0xf800 {
			v := uint32(high&0x7ff)<<11 | uint32(low&0x7ff)
			v = (v<<1 - (pos + uint32(i) + 4)) >> 1
			binary.LittleEndian.PutUint16(p[i:], 0xf000|uint16(v>>11)&0x7ff)
			binary.LittleEndian.PutUint16(p[i+2:], 0xf800|uint16(v)&0x7ff)
			i += 2
		}
	}
	return i
}

// sparc: call with a target of 23 bits, signed.
func sparc(p []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(p); i += 4 {
		v := binary.BigEndian.Uint32(p[i:])
		if v>>22 == 0x100 || v>>22 == 0x1ff {
			v = (v<<2 - (pos + uint32(i))) >> 2
			v = (-(v>>22&1)<<22)&0x3fffffff | v&0x3fffff | 0x40000000
			binary.BigEndian.PutUint32(p[i:], v)
		}
	}
	return i
}

// ia64: br.call in the slots that the template of a bundle of 16 bytes names.
func ia64(p []byte, pos uint32) int {
	slots := [32]byte{16: 4, 17: 4, 18: 6, 19: 6, 22: 7, 23: 7, 24: 4, 25: 4, 28: 4, 29: 4}
	i := 0
	for ; i+16 <= len(p); i += 16 {
		mask := slots[p[i]&0x1f]
		for slot := range uint(3) {
			if mask>>slot&1 == 0 {
				continue
			}
			bit := 5 + slot*41
			b := p[i+int(bit/8):]
			shift := bit % 8
			var whole uint64
			for k := range 6 {
				whole |= uint64(b[k]) << (8 * k)
			}
			v := whole >> shift
			if v>>37&0xf != 5 || v>>9&7 != 0 {
				continue
			}
			target := uint32(v>>13&0xfffff) | uint32(v>>36&1)<<20
			target = (target<<4 - (pos + uint32(i))) >> 4
			v &^= 0x8fffff << 13
			v |= uint64(target&0xfffff)<<13 | uint64(target&0x100000)<<16
			whole = whole&(1<<shift-1) | v<<shift
			for k := range 6 {
				b[k] = byte(whole >> (8 * k))
			}
		}
	}
	return i
}

// arm64: bl, and adrp within 512 MiB.
func arm64(p []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(p); i += 4 {
		v := binary.LittleEndian.Uint32(p[i:])
		pc := pos + uint32(i)
		switch {
		case v>>26 == 0x25:
			v = 0x94000000 | (v-pc>>2)&0x03ffffff
		case v&0x9f000000 == 0x90000000:
			page := v>>29&3 | v>>3&0x1ffffc
			if (page+0x20000)&0x1c0000 != 0 {
				continue
			}
			page -= pc >> 12
			v = v&0x9000001f | page&3<<29 | page&0x3fffc<<3 | -(page&0x20000)&0xe00000
		default:
			continue
		}
		binary.LittleEndian.PutUint32(p[i:], v)
	}
	return i
}

// riscv: jal to ra or t0, and auipc with the instruction that uses its result.
func riscv(p []byte, pos uint32) int {
	i := 0
	for ; i+8 <= len(p); i += 2 {
		v := binary.LittleEndian.Uint32(p[i:])
		pc := pos + uint32(i)
		switch {
		case v&0xff == 0xef && v&0x0d00 == 0:
			// The encoder wrote the target in big-endian order.
			b1, b2, b3 := v>>8&0xff, v>>16&0xff, v>>24
			t := b1&0xf0<<13 | b2<<9 | b3<<1
			t -= pc
			// imm[20|10:1|11|19:12]
			imm := t>>20&1<<31 | t>>1&0x3ff<<21 | t>>11&1<<20 | t>>12&0xff<<12
			binary.LittleEndian.PutUint32(p[i:], v&0xfff|imm)
			i += 2
		case v&0x7f != 0x17:
		case v&0xe80 != 0: // rd is neither x0 nor x2: what the encoder made look like no pair
			second := binary.LittleEndian.Uint32(p[i+4:])
			if (v<<8^(second-3))&0xf8003 != 0 {
				i += 4
				continue
			}
			t := v&0xfffff000 + second>>20
			binary.LittleEndian.PutUint32(p[i:], 0x17|2<<7|second<<12)
			binary.LittleEndian.PutUint32(p[i+4:], t)
			i += 6
		default: // rd is x0, which is not the encoder's, or x2, which may be
			rd := v >> 27
			if v>>7&0x1f != 2 || v>>12&3 != 3 || rd&0x1d == 0 {
				i += 2
				continue
			}
			t := binary.BigEndian.Uint32(p[i+4:]) - pc
			binary.LittleEndian.PutUint32(p[i:], 0x17|rd<<7|(t+0x800)&0xfffff000)
			binary.LittleEndian.PutUint32(p[i+4:], v>>12|t<<20)
			i += 6
		}
	}
	return i
}

package lzma

// bit decodes one bit with the probability *p. It does not branch on the bit:
// half of the bits of literals cannot be foreseen, and a branch foreseen
// wrongly costs more than the few operations here. rng must be normalised.
func bit(p *uint16, rng, code uint32) (newRng, newCode, b uint32) {
	v := uint32(*p)
	bound := (rng >> 11) * v
	zero := uint32((int64(code) - int64(bound)) >> 63) // all ones when the bit is 0
	// 0: v += (2048-v)>>5; 1: v -= v>>5, in one expression.
	*p = uint16(v - uint32(int32(v-zero&(2048-31))>>5))
	return rng - bound + zero&(2*bound-rng), code - bound + zero&bound, zero + 1
}

// runGeneric decodes symbols until one of core's stops. It is the reference
// of the assembly, and what runs where there is none.
func (c *core) runGeneric() status {
	var (
		in, buf    = c.in, c.buf
		ip, pos    = c.inPos, c.pos
		rng, code  = c.rng, c.code
		rep0       = c.rep[0]
		state      = c.state
		probs      = &c.probs
		b          uint32
		result     = statusStop
		length     int
		lenBase    int
		lc, lpMask = c.lc & 7, c.lpMask
		pbMask     = c.pbMask & (maxPosStates - 1)
	)
loop:
	for pos < c.outStop && ip <= c.inStop {
		posState := uint32(pos) & pbMask
		if rng < topValue {
			rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
		}
		p := &probs[probIsMatch+state<<4+posState]
		if bound := (rng >> 11) * uint32(*p); code < bound {
			rng = bound
			*p += (2048 - *p) >> 5
			prev := uint32(buf[pos-1])
			base := probLiteral + 0x300*((uint32(pos)&lpMask)<<lc+prev>>(8-lc))
			lit := (*[0x300]uint16)(probs[base : base+0x300])
			sym := uint32(1)
			if state < 7 {
				state = max(state, 3) - 3
				for range 8 {
					if rng < topValue {
						rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
					}
					rng, code, b = bit(&lit[sym], rng, code)
					sym = sym<<1 | b
				}
			} else {
				state -= 3 + (state/10)*3
				match := uint32(buf[pos-int(rep0)-1])
				offs := uint32(0x100)
				for range 8 {
					if rng < topValue {
						rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
					}
					match <<= 1
					rng, code, b = bit(&lit[offs+match&offs+sym], rng, code)
					sym = sym<<1 | b
					offs &= match ^ (b - 1)
				}
			}
			buf[pos] = byte(sym)
			pos++
			continue
		} else {
			rng -= bound
			code -= bound
			*p -= *p >> 5
		}
		if rng < topValue {
			rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
		}
		rng, code, b = bit(&probs[probIsRep+state], rng, code)
		if b == 0 { // a match with a distance of its own
			c.rep[3], c.rep[2], c.rep[1] = c.rep[2], c.rep[1], rep0
			lenBase = probLen
		} else {
			if uint(rep0) >= uint(min(pos-c.start, c.dictSize)) {
				result = statusBad
				break
			}
			if rng < topValue {
				rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
			}
			rng, code, b = bit(&probs[probIsRepG0+state], rng, code)
			if rng < topValue {
				rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
			}
			if b == 0 {
				rng, code, b = bit(&probs[probIsRep0Long+state<<4+posState], rng, code)
				if b == 0 { // one byte
					if state < 7 {
						state = 9
					} else {
						state = 11
					}
					buf[pos] = buf[pos-int(rep0)-1]
					pos++
					continue
				}
			} else {
				rng, code, b = bit(&probs[probIsRepG1+state], rng, code)
				if b == 0 {
					rep0, c.rep[1] = c.rep[1], rep0
				} else {
					if rng < topValue {
						rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
					}
					rng, code, b = bit(&probs[probIsRepG2+state], rng, code)
					if b == 0 {
						rep0, c.rep[1], c.rep[2] = c.rep[2], rep0, c.rep[1]
					} else {
						rep0, c.rep[1], c.rep[2], c.rep[3] = c.rep[3], rep0, c.rep[1], c.rep[2]
					}
				}
			}
			if state < 7 {
				state = 8
			} else {
				state = 11
			}
			lenBase = probRepLen
		}

		// The length.
		if rng < topValue {
			rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
		}
		rng, code, b = bit(&probs[lenBase+lenChoice], rng, code)
		if b == 0 {
			m := uint32(1)
			tree := (*[8]uint16)(probs[lenBase+lenLow+int(posState)*8:])
			for range 3 {
				if rng < topValue {
					rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
				}
				rng, code, b = bit(&tree[m&7], rng, code)
				m = m<<1 | b
			}
			length = minMatch + int(m) - 8
		} else {
			if rng < topValue {
				rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
			}
			rng, code, b = bit(&probs[lenBase+lenChoice2], rng, code)
			if b == 0 {
				m := uint32(1)
				tree := (*[8]uint16)(probs[lenBase+lenMid+int(posState)*8:])
				for range 3 {
					if rng < topValue {
						rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
					}
					rng, code, b = bit(&tree[m&7], rng, code)
					m = m<<1 | b
				}
				length = minMatch + 8 + int(m) - 8
			} else {
				m := uint32(1)
				tree := (*[256]uint16)(probs[lenBase+lenHigh:])
				for range 8 {
					if rng < topValue {
						rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
					}
					rng, code, b = bit(&tree[m&255], rng, code)
					m = m<<1 | b
				}
				length = minMatch + 16 + int(m) - 256
			}
		}

		if lenBase == probLen { // the distance
			if state < 7 {
				state = 7
			} else {
				state = 10
			}
			tree := (*[64]uint16)(probs[probPosSlot+64*min(length-minMatch, 3):])
			m := uint32(1)
			for range 6 {
				if rng < topValue {
					rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
				}
				rng, code, b = bit(&tree[m&63], rng, code)
				m = m<<1 | b
			}
			slot := m - 64
			rep0 = slot
			if slot >= 4 {
				n := slot>>1 - 1
				rep0 = (2 | slot&1) << n
				if slot < 14 {
					tree := (*[64]uint16)(probs[probPosSpecial+rep0-slot:])
					m := uint32(1)
					for i := range n {
						if rng < topValue {
							rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
						}
						rng, code, b = bit(&tree[m&63], rng, code)
						m = m<<1 | b
						rep0 += b << i
					}
				} else {
					var direct uint32
					for range n - 4 {
						if rng < topValue {
							rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
						}
						rng >>= 1
						code -= rng
						mask := uint32(int32(code) >> 31)
						code += rng & mask
						direct = direct<<1 + mask + 1
					}
					rep0 += direct << 4
					tree := (*[16]uint16)(probs[probAlign:])
					m := uint32(1)
					for i := range 4 {
						if rng < topValue {
							rng, code, ip = rng<<8, code<<8|uint32(in[ip]), ip+1
						}
						rng, code, b = bit(&tree[m&15], rng, code)
						m = m<<1 | b
						rep0 += b << i
					}
					if rep0 == 1<<32-1 {
						result = statusEnd
						break loop
					}
				}
			}
		}
		dist := int(rep0) + 1
		if dist > pos-c.start || dist > c.dictSize || length > c.outEnd-pos {
			result = statusBad
			break
		}
		copyMatch(buf, pos, dist, length)
		pos += length
	}
	c.inPos, c.pos = ip, pos
	c.rng, c.code = rng, code
	c.rep[0], c.state = rep0, state
	return result
}

// copyMatch writes the n bytes at pos that repeat those dist before.
func copyMatch(buf []byte, pos, dist, n int) {
	for n > dist {
		copy(buf[pos:pos+dist], buf[pos-dist:pos])
		pos += dist
		n -= dist
		dist *= 2 // what was written repeats, too
	}
	copy(buf[pos:pos+n], buf[pos-dist:])
}

package lzma

// The layout of the probabilities, in one array so that the loop needs one
// base address. The names are those of the LZMA specification.
const (
	numStates    = 12
	maxPosStates = 1 << 4 // pb is at most 4

	probIsMatch    = 0
	probIsRep0Long = probIsMatch + numStates*maxPosStates
	probIsRep      = probIsRep0Long + numStates*maxPosStates
	probIsRepG0    = probIsRep + 16
	probIsRepG1    = probIsRepG0 + 16
	probIsRepG2    = probIsRepG1 + 16
	probPosSlot    = probIsRepG2 + 16     // 4 trees of 64
	probPosSpecial = probPosSlot + 4*64   // 115 used
	probAlign      = probPosSpecial + 128 // 16
	probLen        = probAlign + 16
	probRepLen     = probLen + lenProbs
	probLiteral    = probRepLen + lenProbs
	numProbs       = probLiteral + 0x300<<maxLcLp

	// A length coder: the choices, then 16 trees of 8, 16 trees of 8, a tree
	// of 256.
	lenChoice  = 0
	lenChoice2 = 1
	lenLow     = 8
	lenMid     = lenLow + maxPosStates*8
	lenHigh    = lenMid + maxPosStates*8
	lenProbs   = lenHigh + 256

	// maxLcLp is how many bits of literal context LZMA2 and liblzma's reader
	// of .lzma allow.
	maxLcLp = 4

	// rangeInit is how many bytes the range decoder begins with.
	rangeInit = 5
	probInit  = 1 << 10
	topValue  = 1 << 24

	minMatch = 2
	maxMatch = 273

	// maxSymbolIn is more input than one symbol can take: its 48 bits shift
	// in at most a byte each, and one more is shifted in before the next.
	maxSymbolIn = 64
	// maxOvershoot is how far beyond outStop a symbol writes: one match, and
	// the rest of the last block of a copy made in blocks.
	maxOvershoot = maxMatch + 64
	// bufFront is the room before the first byte of a window: the byte before
	// it is the context of the first literal, and must be zero.
	bufFront = 16
)

// status is why run came back.
type status int

const (
	statusStop status = iota // inStop or outStop was reached, at a symbol's border
	statusEnd                // the end marker was read
	statusBad                // no encoder writes this
)

// core is the state of one LZMA stream between two symbols, and what run may
// read and write. Its fields are read by the assembly, too.
//
// run needs: inStop+maxSymbolIn <= len(in), outStop+maxOvershoot <= len(buf),
// outEnd >= outStop, bufFront <= start <= pos.
type core struct {
	in     []byte
	inPos  int
	inStop int // no symbol begins behind this offset of in

	buf      []byte // the window, and where output goes
	pos      int    // where in buf the next byte goes
	outStop  int    // no symbol begins at or behind this offset of buf
	outEnd   int    // no match may reach beyond this offset of buf
	start    int    // offset in buf of the oldest byte that may be copied
	dictSize int    // no byte farther back than this may be copied

	rng, code uint32
	rep       [4]uint32
	state     uint32
	lc        uint32
	lpMask    uint32
	pbMask    uint32
	props     properties

	probs [numProbs]uint16
}

// reset begins a new LZMA state with the given properties.
func (c *core) reset(p properties) {
	c.props = p
	c.lc, c.lpMask, c.pbMask = p.lc, 1<<p.lp-1, 1<<p.pb-1
	c.rep = [4]uint32{}
	c.state = 0
	probs := c.probs[:probLiteral+0x300<<(p.lc+p.lp)]
	probs[0] = probInit
	for n := 1; n < len(probs); n *= 2 {
		copy(probs[n:], probs[:n])
	}
}

// initRange starts the range decoder with the five bytes at inPos. The first
// is always zero.
func (c *core) initRange() bool {
	b := c.in[c.inPos:]
	if b[0] != 0 {
		return false
	}
	c.rng = 1<<32 - 1
	c.code = uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
	c.inPos += rangeInit
	return true
}

// finish shifts in the byte that the last symbol left owing, and reports
// whether the range decoder is where an encoder ends.
func (c *core) finish() bool {
	c.normalise()
	return c.code == 0
}

func (c *core) normalise() {
	if c.rng < topValue {
		c.rng <<= 8
		c.code = c.code<<8 | uint32(c.in[c.inPos])
		c.inPos++
	}
}

// properties are the three numbers of LZMA's properties byte.
type properties struct{ lc, lp, pb uint32 }

func parseProperties(b byte) (p properties, ok bool) {
	if b > (4*5+4)*9+8 {
		return p, false
	}
	p = properties{lc: uint32(b % 9), lp: uint32(b / 9 % 5), pb: uint32(b / 45)}
	return p, p.lc+p.lp <= maxLcLp
}

package deb822

import "strings"

// blockSize is how much memory stanzas share. It begins smaller, so that a
// control file does not take that much.
const (
	firstBlock = 4 << 10
	blockSize  = 64 << 10
)

// block collects the text of stanzas one after another in one piece of memory,
// which a new one replaces when it is full. A Builder hands out what it holds
// without a copy, and stays as it is as long as it need not grow.
type block struct {
	strings.Builder
	start int // where the stanza begins
	next  int // size of the next piece
}

// begin begins a stanza.
func (b *block) begin() { b.start = b.Len() }

// len returns the length of the stanza so far.
func (b *block) len() int { return b.Len() - b.start }

// stanza returns the text of the stanza.
func (b *block) stanza() string { return b.String()[b.start:] }

// reserve makes room for n more bytes.
func (b *block) reserve(n int) {
	if b.Cap()-b.Len() < n {
		b.move(n)
	}
}

// move takes the stanza to a new piece with room for n more bytes.
func (b *block) move(n int) {
	text := b.stanza()
	b.next = min(max(2*b.next, firstBlock), blockSize)
	b.Reset()
	b.Grow(max(b.next, 2*len(text)+n))
	b.WriteString(text)
	b.start = 0
}

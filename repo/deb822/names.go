package deb822

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// maxNames bounds the names that are kept from stanza to stanza. Going past it
// forgets them all.
const maxNames = 2 * MaxFields

// names knows the names of fields that were seen. Its hashes are seeded, so
// that nobody can make an index in which all names collide. Nearly always a
// name follows another that it followed before: then it costs one comparison.
type names struct {
	seed  uint64
	round uint32 // the stanza
	last  int32
	list  []name
	slots [4 * maxNames]int32 // places in list, by hash, from 1; 0 is free
	want  []string
}

// name is one name, in one of its cases.
type name struct {
	text []byte
	next int32 // the name that came after it the last time
	same int32 // the first in list that differs at most in case
	want int32 // its place among the wanted fields, -1 if it is not wanted
	good bool  // follows deb822(5)
	// round and field say which field of which stanza had the name last; they
	// are of use in the first of the same names only.
	round uint32
	field int32
}

func newNames(want []string) *names {
	t := &names{seed: rand.Uint64(), want: want}
	t.clear()
	return t
}

func (t *names) clear() {
	t.list = append(t.list[:0], name{})
	t.slots = [len(t.slots)]int32{}
}

// begin forgets the fields of the last stanza.
func (t *names) begin() {
	if t.round++; t.round == 0 || len(t.list) > maxNames {
		t.clear()
		t.round = 1
	}
	t.last = 0
}

// find returns the entry of a name; the first in list stands for none. There
// must be at most MaxFields calls in a stanza.
func (t *names) find(text []byte) *name {
	last := &t.list[t.last]
	i := last.next
	if i == 0 || !bytes.Equal(t.list[i].text, text) {
		i = t.lookup(text)
		t.list[t.last].next = i
	}
	t.last = i
	return &t.list[i]
}

// use records that the field has the name, and returns the field of the same
// stanza that had it before, or -1.
func (t *names) use(n *name, field int) int {
	first := &t.list[n.same]
	before := -1
	if first.round == t.round {
		before = int(first.field)
	}
	first.round, first.field = t.round, int32(field)
	return before
}

func (t *names) lookup(text []byte) int32 {
	same := int32(0)
	at := hash(t.seed, text)
	for ; ; at++ {
		i := t.slots[at%uint64(len(t.slots))]
		if i == 0 {
			break
		}
		known := t.list[i].text
		if bytes.Equal(known, text) {
			return i
		}
		if same == 0 && equalFold(known, text) {
			same = t.list[i].same
		}
	}
	i := int32(len(t.list))
	t.slots[at%uint64(len(t.slots))] = i
	n := name{text: bytes.Clone(text), same: i, want: -1, good: goodName(text)}
	if same != 0 {
		n.same = same
	}
	for w, s := range t.want {
		if equalFold([]byte(s), text) {
			n.want = int32(w)
		}
	}
	t.list = append(t.list, n)
	return i
}

// goodName follows deb822(5): printable ASCII without space and colon, not
// beginning with "#" or "-".
func goodName(text []byte) bool {
	if len(text) == 0 || text[0] == '#' || text[0] == '-' {
		return false
	}
	for _, c := range text {
		if c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return true
}

// hash is the same for names that differ in the case of ASCII letters.
func hash(seed uint64, text []byte) uint64 {
	const lower = 0x2020202020202020
	h := seed ^ uint64(len(text))
	for len(text) > 8 {
		h = mix(h, binary.LittleEndian.Uint64(text)|lower)
		text = text[8:]
	}
	var last uint64
	for _, c := range text {
		last = last<<8 | uint64(c|0x20)
	}
	return mix(h, last)
}

func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// equalFold compares as apt and dpkg do: ASCII letters in any case.
func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if d := b[i]; c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

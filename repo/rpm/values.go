package rpm

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// find returns the first entry of a tag.
func (h *Header) find(tag uint32) (entry, bool) {
	i, ok := slices.BinarySearchFunc(h.entries, tag, func(e entry, tag uint32) int { return cmp.Compare(e.tag, tag) })
	if !ok {
		return entry{}, false
	}
	return h.entries[i], true
}

func (h *Header) data(e entry) []byte { return h.store[e.offset : e.offset+e.length] }

// Has reports whether there is a tag.
func (h *Header) Has(tag uint32) bool {
	_, ok := h.find(tag)
	return ok
}

// Count returns how many values a tag has, 0 if it is not there.
func (h *Header) Count(tag uint32) int {
	e, _ := h.find(tag)
	return int(e.count)
}

// Bytes returns a binary value, nil if there is none. It is a part of the
// header: a caller must not change it.
func (h *Header) Bytes(tag uint32) []byte {
	if e, ok := h.find(tag); ok && e.kind == typeBinary {
		return h.data(e)
	}
	return nil
}

// Text returns the first string of a tag, "" if there is none. Of a text in
// several languages that is the untranslated one.
func (h *Header) Text(tag uint32) string {
	if e, ok := h.find(tag); ok && isString(e.kind) {
		text, _, _ := strings.Cut(string(h.data(e)), "\x00")
		return text
	}
	return ""
}

// Strings returns the strings of a tag, nil if there are none. They share one
// piece of memory, so a caller that keeps a few should clone them.
func (h *Header) Strings(tag uint32) []string {
	e, ok := h.find(tag)
	if !ok || !isString(e.kind) {
		return nil
	}
	text := string(h.data(e))
	all := make([]string, e.count)
	for i := range all {
		all[i], text, _ = strings.Cut(text, "\x00")
	}
	return all
}

// Number returns the first number of a tag, 0 if there is none.
func (h *Header) Number(tag uint32) uint64 {
	if n := h.numbers(tag); n.len() > 0 {
		return n.at(0)
	}
	return 0
}

// Numbers returns the numbers of a tag, nil if there are none.
func (h *Header) Numbers(tag uint32) []uint64 {
	n := h.numbers(tag)
	if n.len() == 0 {
		return nil
	}
	all := make([]uint64, n.len())
	for i := range all {
		all[i] = n.at(i)
	}
	return all
}

// numbers are those of a tag, not yet read.
type numbers struct {
	data []byte
	size int
}

func (h *Header) numbers(tag uint32) numbers {
	e, ok := h.find(tag)
	if !ok || isString(e.kind) || e.kind == typeBinary {
		return numbers{}
	}
	return numbers{h.data(e), typeSize(e.kind)}
}

func (n numbers) len() int { return len(n.data) / max(n.size, 1) }

func (n numbers) at(i int) uint64 {
	b := n.data[i*n.size:]
	switch n.size {
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	return uint64(b[0])
}

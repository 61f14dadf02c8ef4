package pgp

import (
	"encoding/binary"
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
)

// Packet types (RFC 9580 section 5).
const (
	tagSignature     = 2
	tagSecretKey     = 5
	tagPublicKey     = 6
	tagSecretSubkey  = 7
	tagMarker        = 10
	tagTrust         = 12
	tagUserID        = 13
	tagPublicSubkey  = 14
	tagUserAttribute = 17
	tagPadding       = 21
	// firstNonCritical is the first packet type that a reader may always skip,
	// firstPrivate the first of those for private use.
	firstNonCritical = 40
	firstPrivate     = 60
)

// rawPacket is a packet as it stands: its type and its body.
type rawPacket struct {
	tag    byte
	body   []byte
	offset int // of its header, in the binary form
}

// where names the place of p for an error.
func (p rawPacket) where() string { return fmt.Sprintf("offset %d", p.offset) }

// each calls f with the packets of data, which is binary, until one fails.
func each(data []byte, f func(rawPacket) error) error {
	for off := 0; off < len(data); {
		p, next, err := nextPacket(data, off)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// nextPacket reads the packet whose header is at off (RFC 9580 section 4.2).
// Partial and indeterminate lengths are for data packets, which belong in
// neither a key ring nor a detached signature.
func nextPacket(data []byte, off int) (rawPacket, int, error) {
	p := rawPacket{offset: off}
	b := data[off:]
	if b[0]&0x80 == 0 {
		return p, 0, malformed(off, "wanted an OpenPGP packet, got octet %#02x", b[0])
	}
	var head, octets int // sizes of the header, and of the length in it
	var length uint64
	if b[0]&0x40 == 0 {
		p.tag = b[0] >> 2 & 0x0f
		if b[0]&3 == 3 {
			return p, 0, malformed(off, "packet of type %d without a length", p.tag)
		}
		octets = 1 << (b[0] & 3)
		if len(b) < 1+octets {
			return p, 0, malformed(off, "packet header cut short")
		}
		for _, c := range b[1 : 1+octets] {
			length = length<<8 | uint64(c)
		}
		head = 1 + octets
	} else {
		p.tag = b[0] & 0x3f
		n, size, ok := newLength(b[1:])
		if !ok {
			return p, 0, malformed(off, "packet of type %d: length cut short or partial", p.tag)
		}
		length, head = uint64(n), 1+size
	}
	if length > MaxPacket {
		return p, 0, malformed(off, "packet of %d bytes, more than %d", length, MaxPacket)
	}
	end := head + int(length)
	if end > len(b) {
		return p, 0, malformed(off, "packet of %d bytes, %d are there", length, len(b)-head)
	}
	p.body = b[head:end]
	return p, off + end, nil
}

// newLength reads the length of a new-format packet, and how many octets it
// took. It reports false for a length cut short and for a partial one.
func newLength(b []byte) (n uint32, size int, ok bool) {
	switch {
	case len(b) == 0:
		return 0, 0, false
	case b[0] < 192:
		return uint32(b[0]), 1, true
	case b[0] < 224 && len(b) >= 2:
		return uint32(b[0]-192)<<8 + uint32(b[1]) + 192, 2, true
	case b[0] == 255 && len(b) >= 5:
		return binary.BigEndian.Uint32(b[1:]), 5, true
	}
	return 0, 0, false
}

// malformed returns a format error at an offset of the binary form.
func malformed(off int, format string, args ...any) *repo.FormatError {
	return &repo.FormatError{Where: fmt.Sprintf("offset %d", off), Text: fmt.Sprintf(format, args...)}
}

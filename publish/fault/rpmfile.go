package fault

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Tags and types of rpm headers (rpm, include/rpm/rpmtag.h).
const (
	tagSignatures    = 62   // HEADERSIGNATURES, the region of a signature header
	tagImmutable     = 63   // HEADERIMMUTABLE, the region of a header
	tagRSAHeader     = 268  // RSAHEADER: over the header
	tagSHA1Header    = 269  // SHA1HEADER
	tagSHA256Header  = 273  // SHA256HEADER
	tagSize          = 1000 // SIZE of header and payload
	tagPGP           = 1002 // PGP: over header and payload
	tagPayloadDigest = 5092
	tagPayloadAlgo   = 5093
	tagPayloadAlt    = 5097

	typeInt32  = 4
	typeString = 6
	typeBinary = 7
)

// errRPM says that a file is not the rpm that it should be.
var errRPM = errors.New("not an rpm of our own")

// rpmTag is one entry of a header.
type rpmTag struct {
	tag, kind, count uint32
	data             []byte
}

// rpmHeader is a header without its region entry, which is written anew.
type rpmHeader []rpmTag

// rpmFile is an rpm taken apart (rpm, docs/manual/format.md).
type rpmFile struct {
	lead      []byte
	signature rpmHeader
	// header is the header as it was written, payload what follows.
	header, payload []byte
}

const (
	leadSize  = 96
	introSize = 16
	entrySize = 16
)

func parseRPM(data []byte) (*rpmFile, error) {
	if len(data) < leadSize {
		return nil, fmt.Errorf("%w: %d bytes", errRPM, len(data))
	}
	f := &rpmFile{lead: data[:leadSize]}
	signature, size, err := parseHeader(data[leadSize:])
	if err != nil {
		return nil, err
	}
	f.signature = signature
	rest := data[leadSize:]
	size = (size + 7) / 8 * 8
	if len(rest) < size {
		return nil, fmt.Errorf("%w: no header", errRPM)
	}
	rest = rest[size:]
	if _, size, err = parseHeader(rest); err != nil {
		return nil, err
	}
	f.header, f.payload = rest[:size], rest[size:]
	return f, nil
}

func (f *rpmFile) bytes() []byte {
	out := append(slices.Clone(f.lead), f.signature.bytes(tagSignatures)...)
	out = append(out, make([]byte, -len(out)&7)...) // a multiple of 8 (the lead is one)
	return append(append(out, f.header...), f.payload...)
}

// parseHeader reads a header and returns its size.
func parseHeader(data []byte) (rpmHeader, int, error) {
	if len(data) < introSize || !bytes.HasPrefix(data, []byte{0x8e, 0xad, 0xe8, 0x01}) {
		return nil, 0, fmt.Errorf("%w: no header magic", errRPM)
	}
	entries, size := int(binary.BigEndian.Uint32(data[8:])), int(binary.BigEndian.Uint32(data[12:]))
	begin := introSize + entries*entrySize
	if entries > len(data)/entrySize || size > len(data) || begin+size > len(data) {
		return nil, 0, fmt.Errorf("%w: %d tags, %d bytes of values in %d bytes", errRPM, entries, size, len(data))
	}
	store := data[begin : begin+size]
	var h rpmHeader
	for i := range entries {
		e := data[introSize+i*entrySize:]
		t := rpmTag{tag: binary.BigEndian.Uint32(e), kind: binary.BigEndian.Uint32(e[4:]), count: binary.BigEndian.Uint32(e[12:])}
		if t.tag == tagSignatures || t.tag == tagImmutable {
			continue
		}
		offset := int(binary.BigEndian.Uint32(e[8:]))
		n, err := valueSize(t, store, offset)
		if err != nil {
			return nil, 0, err
		}
		t.data = store[offset : offset+n]
		h = append(h, t)
	}
	return h, begin + size, nil
}

// valueSize returns how many bytes a tag's value has.
func valueSize(t rpmTag, store []byte, offset int) (int, error) {
	if offset > len(store) {
		return 0, fmt.Errorf("%w: tag %d lies at %d of %d bytes", errRPM, t.tag, offset, len(store))
	}
	n := int(t.count) * unit(t.kind)
	if t.kind >= typeString && t.kind != typeBinary { // strings, each with a zero at its end
		n = 0
		for range t.count {
			end := bytes.IndexByte(store[offset+n:], 0)
			if end < 0 {
				return 0, fmt.Errorf("%w: tag %d has no end", errRPM, t.tag)
			}
			n += end + 1
		}
	}
	if n > len(store)-offset {
		return 0, fmt.Errorf("%w: tag %d has %d bytes at %d of %d", errRPM, t.tag, n, offset, len(store))
	}
	return n, nil
}

// unit is the size and the alignment of one value of a type: 1 for characters,
// bytes, strings and binaries, more for the integers.
func unit(kind uint32) int {
	switch kind {
	case 3:
		return 2
	case typeInt32:
		return 4
	case 5:
		return 8
	}
	return 1
}

// bytes writes the header with a region that covers all of it.
func (h rpmHeader) bytes(region uint32) []byte {
	h = slices.SortedStableFunc(slices.Values(h), func(a, b rpmTag) int { return cmp.Compare(a.tag, b.tag) })
	var index, store []byte
	for _, t := range h {
		for len(store)%unit(t.kind) != 0 {
			store = append(store, 0)
		}
		index = appendEntry(index, t.tag, t.kind, uint32(len(store)), t.count)
		store = append(store, t.data...)
	}
	// The region's value is an entry itself, whose offset leads back over all
	// entries (rpm, lib/header.c).
	entries := uint32(len(h) + 1)
	first := appendEntry(nil, region, typeBinary, uint32(len(store)), entrySize)
	store = appendEntry(store, region, typeBinary, -entries*entrySize, entrySize)
	out := []byte{0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0}
	out = binary.BigEndian.AppendUint32(out, entries)
	out = binary.BigEndian.AppendUint32(out, uint32(len(store)))
	return slices.Concat(out, first, index, store)
}

func appendEntry(to []byte, tag, kind, offset, count uint32) []byte {
	for _, v := range []uint32{tag, kind, offset, count} {
		to = binary.BigEndian.AppendUint32(to, v)
	}
	return to
}

// without returns the header without some tags.
func (h rpmHeader) without(tags ...uint32) rpmHeader {
	return slices.DeleteFunc(slices.Clone(h), func(t rpmTag) bool { return slices.Contains(tags, t.tag) })
}

// with returns the header with a tag, in the place of one that is there.
func (h rpmHeader) with(tag, kind uint32, data []byte) rpmHeader {
	count := uint32(1)
	if kind == typeBinary {
		count = uint32(len(data))
	}
	return append(h.without(tag), rpmTag{tag, kind, count, data})
}

func (h rpmHeader) withString(tag uint32, text string) rpmHeader {
	return h.with(tag, typeString, append([]byte(text), 0))
}

// change changes the tags of the header.
func (f *rpmFile) change(edit func(h rpmHeader) rpmHeader) error {
	h, _, err := parseHeader(f.header)
	if err != nil {
		return err
	}
	f.header = edit(h).bytes(tagImmutable)
	return nil
}

// sign makes the signature header anew, with signatures over the header, and
// over header and payload.
func (f *rpmFile) sign(s *signer, m manner, at time.Time) error {
	whole := slices.Concat(f.header, f.payload)
	overHeader, err := s.detached(f.header, m, at)
	if err != nil {
		return err
	}
	overAll, err := s.detached(whole, m, at)
	if err != nil {
		return err
	}
	f.signature = rpmHeader{}.
		withString(tagSHA256Header, fmt.Sprintf("%x", sha256.Sum256(f.header))).
		with(tagSize, typeInt32, binary.BigEndian.AppendUint32(nil, uint32(len(whole)))).
		with(tagRSAHeader, typeBinary, overHeader).
		with(tagPGP, typeBinary, overAll)
	return nil
}

// changePayload decompresses the payload, changes it, and compresses it again.
func (f *rpmFile) changePayload(change func(data []byte) ([]byte, error)) error {
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer decoder.Close()
	data, err := decoder.DecodeAll(f.payload, nil)
	if err != nil {
		return fmt.Errorf("%w: payload: %w", errRPM, err)
	}
	if data, err = change(data); err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	f.payload = encoder.EncodeAll(data, nil)
	return encoder.Close()
}

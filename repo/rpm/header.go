package rpm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	leadSize  = 96
	introSize = 16 // magic, number of tags, size of the data
	indexSize = 16 // one tag: tag, type, offset, count
)

// Values of the lead that rpm checks (lib/rpmlead.c).
const (
	leadMagic             = "\xed\xab\xee\xdb"
	leadHeaderSignature   = 5
	leadOldest, leadNewer = 3, 4
	headerMagic           = "\x8e\xad\xe8\x01\x00\x00\x00\x00"
)

// source reads a stream and knows how far it is.
type source struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	return n, err
}

// firstTake is how much is made room for before any of it has come.
const firstTake = 64 << 10

// take appends the next n bytes to b. Memory grows with what arrives, not with
// what is announced.
func (s *source) take(b []byte, n int, what string) ([]byte, error) {
	for step := firstTake; n > 0; step *= 2 {
		want := min(n, step)
		b = slices.Grow(b, want)
		got, err := io.ReadFull(s, b[len(b):len(b)+want])
		b = b[:len(b)+got]
		n -= got
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return b, &repo.FormatError{Where: offset(s.n), Text: fmt.Sprintf("rpm ends inside of %s: %d bytes are missing", what, n)}
		case err != nil:
			return b, fmt.Errorf("%s: reading rpm: %w", offset(s.n), err)
		}
	}
	return b, nil
}

func offset(n int64) string { return fmt.Sprintf("offset %d", n) }

// kind is what tells the two headers apart.
type kind struct {
	what     string
	region   uint32
	maxTags  uint32
	maxStore uint32
	exact    bool // a region spans the header, and types are checked
}

func signatureKind() kind {
	return kind{"the signature header", tagHeaderSignatures, MaxSignatureTags, MaxSignatureStore, false}
}

func mainKind() kind {
	return kind{"the main header", tagHeaderImmutable, MaxTags, MaxStore, true}
}

// readLead reads and checks the lead.
func readLead(s *source) error {
	lead, err := s.take(nil, leadSize, "the lead")
	if err != nil {
		return err
	}
	if string(lead[:4]) != leadMagic {
		return &repo.FormatError{Where: offset(0), Text: fmt.Sprintf("not an rpm: wanted magic %x, got %x", leadMagic, lead[:4])}
	}
	if lead[4] < leadOldest || lead[4] > leadNewer {
		return &repo.FormatError{Where: offset(4), Text: fmt.Sprintf("lead of rpm format %d is not supported, wanted %d or %d", lead[4], leadOldest, leadNewer)}
	}
	if t := binary.BigEndian.Uint16(lead[78:]); t != leadHeaderSignature {
		return &repo.FormatError{Where: offset(78), Text: fmt.Sprintf("lead: signature type %d, wanted %d", t, leadHeaderSignature)}
	}
	return nil
}

// Header is one header structure of an rpm, which is known to be sane: each
// value is of a known type and lies inside of the data.
type Header struct {
	start   int64  // in the file
	raw     []byte // the whole, without padding behind it
	store   []byte // the data, a part of raw
	entries []entry
	region  bool
	doubles []uint32 // tags that are there more than once
}

// entry is one tag and where its data is in the store.
type entry struct{ tag, kind, offset, count, length uint32 }

// Start and End are the offsets of the header in the file.
func (h *Header) Start() int64 { return h.start }

// End is the offset of what follows.
func (h *Header) End() int64 { return h.start + int64(len(h.raw)) }

// readHeader reads and checks one header, as rpm's hdrblobRead does.
func readHeader(s *source, k kind) (*Header, error) {
	h := &Header{start: s.n}
	var err error
	if h.raw, err = s.take(nil, introSize, k.what); err != nil {
		return nil, err
	}
	if string(h.raw[:8]) != headerMagic {
		return nil, &repo.FormatError{Where: offset(h.start), Text: fmt.Sprintf("%s: wanted magic %x, got %x", k.what, headerMagic, h.raw[:8])}
	}
	count, size := binary.BigEndian.Uint32(h.raw[8:]), binary.BigEndian.Uint32(h.raw[12:])
	if count == 0 || count > k.maxTags {
		return nil, &repo.FormatError{Where: offset(h.start + 8), Text: fmt.Sprintf("%s: %d tags, wanted 1 to %d", k.what, count, k.maxTags)}
	}
	if size == 0 || size > k.maxStore {
		return nil, &repo.FormatError{Where: offset(h.start + 12), Text: fmt.Sprintf("%s: %d bytes of data, wanted 1 to %d", k.what, size, k.maxStore)}
	}
	if h.raw, err = s.take(h.raw, int(count*indexSize+size), k.what); err != nil {
		return nil, err
	}
	h.store = h.raw[introSize+count*indexSize:]
	if err := h.verify(k, h.raw[introSize:introSize+count*indexSize]); err != nil {
		return nil, err
	}
	slices.SortStableFunc(h.entries, func(a, b entry) int { return cmp.Compare(a.tag, b.tag) })
	for i := 1; i < len(h.entries); i++ {
		if t := h.entries[i].tag; t == h.entries[i-1].tag {
			h.doubles = append(h.doubles, t)
		}
	}
	h.doubles = slices.Compact(h.doubles)
	return h, nil
}

func readEntry(b []byte) entry {
	u := binary.BigEndian.Uint32
	return entry{tag: u(b), kind: u(b[4:]), offset: u(b[8:]), count: u(b[12:])}
}

// verify checks the index against the store as rpm does: hdrblobVerifyRegion,
// hdrblobVerifyInfo, and, of hdrblobImport, that the store holds nothing but
// the values.
func (h *Header) verify(k kind, index []byte) error {
	total := len(index) / indexSize
	begin, regionEnd := 0, 0
	if first := readEntry(index); first.tag == k.region {
		end, err := h.verifyRegion(k, first, total)
		if err != nil {
			return err
		}
		begin, regionEnd, h.region = 1, end, true
	}
	h.entries = make([]entry, 0, total-begin)
	last, packed := 0, 0
	for i := begin; i < total; i++ {
		t := readEntry(index[i*indexSize:])
		// rpm 4 takes tags for signed numbers; rpm 6 would pass these.
		if int32(t.tag) < tagI18NTable {
			return h.wrong(k, i, "tag %d is reserved", int32(t.tag))
		}
		// Tags of the signature header mean other things there.
		if want, known := tagType(t.tag); known && k.exact && h.region && want != t.kind && !(isString(want) && isString(t.kind)) {
			return h.wrong(k, i, "tag %d is of type %d, wanted %d", t.tag, t.kind, want)
		}
		length, text := valueLength(t, h.store)
		if text != "" {
			return h.wrong(k, i, "tag %d: %s", t.tag, text)
		}
		if int(t.offset) < last {
			return h.wrong(k, i, "tag %d: data at %d overlaps what ends at %d", t.tag, t.offset, last)
		}
		last = int(t.offset) + length
		if h.region && int(t.offset) < regionEnd && last > regionEnd-indexSize {
			return h.wrong(k, i, "tag %d: data overlaps the region's trailer", t.tag)
		}
		t.length = uint32(length)
		packed += -packed&(typeSize(t.kind)-1) + length
		h.entries = append(h.entries, t)
	}
	if h.region {
		packed += indexSize
	}
	if packed != len(h.store) {
		return h.wrong(k, 0, "values take %d bytes of the %d bytes of data", packed, len(h.store))
	}
	return nil
}

// verifyRegion checks the region tag and its trailer, and returns where the
// region ends in the store.
func (h *Header) verifyRegion(k kind, t entry, total int) (int, error) {
	if t.kind != typeBinary || t.count != indexSize {
		return 0, h.wrong(k, 0, "region of type %d and size %d, wanted %d and %d", t.kind, t.count, typeBinary, indexSize)
	}
	end := uint64(t.offset) + indexSize
	if end > uint64(len(h.store)) {
		return 0, h.wrong(k, 0, "region's trailer at %d is outside of the data", t.offset)
	}
	trailer := readEntry(h.store[t.offset:])
	if k.region == tagHeaderSignatures && trailer.tag == tagHeaderImage {
		trailer.tag = tagHeaderSignatures // as some old packages have it
	}
	inside := -int64(int32(trailer.offset)) // bytes of the index; the sign is rpm's
	if trailer.tag != k.region || trailer.kind != typeBinary || trailer.count != indexSize ||
		inside < 0 || inside%indexSize != 0 || inside > int64(total)*indexSize {
		return 0, h.wrong(k, 0, "region's trailer is wrong: tag %d, type %d, offset %d, count %d",
			trailer.tag, trailer.kind, int32(trailer.offset), trailer.count)
	}
	if k.exact && (inside != int64(total)*indexSize || end != uint64(len(h.store))) {
		return 0, h.wrong(k, 0, "region of %d tags and %d bytes, the header has %d and %d", inside/indexSize, end, total, len(h.store))
	}
	return int(end), nil
}

// typeSize is the size of one value, to which it is also aligned.
func typeSize(kind uint32) int {
	switch kind {
	case typeInt16:
		return 2
	case typeInt32:
		return 4
	case typeInt64:
		return 8
	}
	return 1
}

// valueLength returns how long a value is, or what is wrong with it.
func valueLength(t entry, store []byte) (int, string) {
	if t.kind < typeChar || t.kind > typeI18NString {
		return 0, fmt.Sprintf("type %d is not known", t.kind)
	}
	if uint64(t.offset) >= uint64(len(store)) {
		return 0, fmt.Sprintf("offset %d is outside of %d bytes", t.offset, len(store))
	}
	data := store[t.offset:]
	if t.count == 0 || uint64(t.count) > uint64(len(data)) {
		return 0, fmt.Sprintf("%d values in %d bytes", t.count, len(data))
	}
	if t.kind != typeBinary && t.count > maxArray {
		return 0, fmt.Sprintf("%d values, more than %d", t.count, maxArray)
	}
	size := typeSize(t.kind)
	if int(t.offset)%size != 0 {
		return 0, fmt.Sprintf("offset %d is not aligned to %d", t.offset, size)
	}
	if !isString(t.kind) {
		if length := int(t.count) * size; length <= len(data) {
			return length, ""
		}
		return 0, fmt.Sprintf("%d values of %d bytes in %d bytes", t.count, size, len(data))
	}
	if t.kind == typeString && t.count != 1 {
		return 0, fmt.Sprintf("%d strings where one belongs", t.count)
	}
	length := 0
	for range t.count {
		n := bytes.IndexByte(data[length:], 0)
		if n < 0 {
			return 0, "string without an end"
		}
		length += n + 1
	}
	return length, ""
}

// wrong reports the i-th tag.
func (h *Header) wrong(k kind, i int, format string, args ...any) error {
	return &repo.FormatError{
		Where: offset(h.start + introSize + int64(i)*indexSize),
		Text:  k.what + ": " + fmt.Sprintf(format, args...),
	}
}

package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sigs.k8s.io/pkgverify/repo"
)

// Bounds of the headers. rpm's own are in lib/header.c: 65535 tags and 256 MiB
// (hdrblobVerifyLengths), for the signature header 32 tags and 64 MiB.
const (
	// MaxTags bounds the tags of the main header; rpm 4.20 and 6 know some
	// four hundred.
	MaxTags = 1024
	// MaxStore bounds the main header's data. A package of a hundred thousand
	// files needs some 20 MiB; the library's own bound is 32 MiB.
	MaxStore = 32 << 20
	// MaxSignatureTags is rpm's own.
	MaxSignatureTags = 32
	// MaxSignatureStore leaves room for the signatures of single files (IMA),
	// which are the only large thing there.
	MaxSignatureStore = 8 << 20
	// MaxElements bounds the values of all tags of a header, which become Go
	// values many times their size; binary data does not count.
	MaxElements = 2 << 20
	// maxArray is rpm's HEADER_ARRAY_MAX, the values of one tag.
	maxArray = 0xfffff
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

// take returns the next n bytes. Memory grows with what arrives, not with n.
func (s *source) take(n int64, what string) ([]byte, error) {
	var b bytes.Buffer
	got, err := io.CopyN(&b, s.r, n)
	s.n += got
	if errors.Is(err, io.EOF) {
		return nil, &repo.FormatError{Where: offset(s.n), Text: fmt.Sprintf("rpm ends inside of %s: wanted %d bytes, got %d", what, n, got)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading rpm: %w", offset(s.n), err)
	}
	return b.Bytes(), nil
}

func offset(n int64) string { return fmt.Sprintf("offset %d", n) }

// header is one header structure that is known to be sane.
type header struct {
	start int64  // in the file
	raw   []byte // the whole, without padding behind it
	tags  map[uint32]bool
}

func (h *header) end() int64 { return h.start + int64(len(h.raw)) }

// kind is what tells the two headers apart.
type kind struct {
	what     string
	region   uint32
	maxTags  uint32
	maxStore uint32
	exact    bool // the region must be there and span the header
	typeOf   func(uint32) (uint32, bool)
}

func signatureKind() kind {
	return kind{"the signature header", tagHeaderSignatures, MaxSignatureTags, MaxSignatureStore, false, signatureType}
}

// mainKind asks for the immutable region, which rpm 4.0 brought in 2000 and
// which signatures rely on; rpm itself still reads packages without.
func mainKind() kind {
	return kind{"the main header", tagHeaderImmutable, MaxTags, MaxStore, true, mainType}
}

// readLead reads and checks the lead, and returns it.
func readLead(s *source) ([]byte, error) {
	lead, err := s.take(leadSize, "the lead")
	if err != nil {
		return nil, err
	}
	if string(lead[:4]) != leadMagic {
		return nil, &repo.FormatError{Where: offset(0), Text: fmt.Sprintf("not an rpm: wanted magic %x, got %x", leadMagic, lead[:4])}
	}
	if lead[4] < leadOldest || lead[4] > leadNewer {
		return nil, &repo.FormatError{Where: offset(4), Text: fmt.Sprintf("rpm format %d is not supported, wanted %d or %d", lead[4], leadOldest, leadNewer)}
	}
	if t := binary.BigEndian.Uint16(lead[78:]); t != leadHeaderSignature {
		return nil, &repo.FormatError{Where: offset(78), Text: fmt.Sprintf("lead: signature type %d, wanted %d", t, leadHeaderSignature)}
	}
	return lead, nil
}

// readHeader reads and checks one header.
func readHeader(s *source, k kind) (*header, error) {
	h := &header{start: s.n, tags: make(map[uint32]bool)}
	intro, err := s.take(introSize, k.what)
	if err != nil {
		return nil, err
	}
	if string(intro[:8]) != headerMagic {
		return nil, &repo.FormatError{Where: offset(h.start), Text: fmt.Sprintf("%s: wanted magic %x, got %x", k.what, headerMagic, intro[:8])}
	}
	count, size := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	if count == 0 || count > k.maxTags {
		return nil, &repo.FormatError{Where: offset(h.start + 8), Text: fmt.Sprintf("%s: %d tags, wanted 1 to %d", k.what, count, k.maxTags)}
	}
	if size == 0 || size > k.maxStore {
		return nil, &repo.FormatError{Where: offset(h.start + 12), Text: fmt.Sprintf("%s: %d bytes of data, wanted 1 to %d", k.what, size, k.maxStore)}
	}
	body, err := s.take(int64(count)*indexSize+int64(size), k.what)
	if err != nil {
		return nil, err
	}
	h.raw = append(intro, body...)
	return h, h.verify(k, body[:count*indexSize], body[count*indexSize:])
}

// tagInfo is one entry of a header's index.
type tagInfo struct{ tag, kind, offset, count uint32 }

func readTagInfo(b []byte) tagInfo {
	u := binary.BigEndian.Uint32
	return tagInfo{u(b), u(b[4:]), u(b[8:]), u(b[12:])}
}

// verify checks the index against the store: hdrblobVerifyRegion and
// hdrblobVerifyInfo, and that no tag is there twice (rpm would take either).
func (h *header) verify(k kind, index, store []byte) error {
	total := len(index) / indexSize
	first := readTagInfo(index)
	regionEnd := len(store)
	begin := 0
	switch {
	case first.tag == k.region:
		end, err := h.verifyRegion(k, first, total, store)
		if err != nil {
			return err
		}
		regionEnd, begin = end, 1
	case k.exact:
		return h.wrong(k, 0, "first tag is %d, wanted the region %d", first.tag, k.region)
	}
	last, elements := 0, 0
	for i := begin; i < total; i++ {
		t := readTagInfo(index[i*indexSize:])
		if t.tag < tagI18NTable {
			return h.wrong(k, i, "tag %d is reserved", t.tag)
		}
		if h.tags[t.tag] {
			return h.wrong(k, i, "tag %d is there twice", t.tag)
		}
		h.tags[t.tag] = true
		if want, known := k.typeOf(t.tag); known && want != t.kind && !(isString(want) && isString(t.kind)) {
			return h.wrong(k, i, "tag %d is of type %d, wanted %d", t.tag, t.kind, want)
		}
		if t.kind != typeBinary {
			if elements += int(min(t.count, maxArray+1)); t.count > maxArray || elements > MaxElements {
				return h.wrong(k, i, "tag %d: too many values: %d, in all %d", t.tag, t.count, elements)
			}
		}
		length, text := valueLength(t, store)
		if text != "" {
			return h.wrong(k, i, "tag %d: %s", t.tag, text)
		}
		if int(t.offset) < last {
			return h.wrong(k, i, "tag %d: data at %d overlaps what ends at %d", t.tag, t.offset, last)
		}
		last = int(t.offset) + length
		if begin == 1 && int(t.offset) < regionEnd && last > regionEnd-indexSize {
			return h.wrong(k, i, "tag %d: data overlaps the region's trailer", t.tag)
		}
	}
	return nil
}

// verifyRegion checks the region tag and its trailer, and returns where the
// region ends in the store.
func (h *header) verifyRegion(k kind, t tagInfo, total int, store []byte) (int, error) {
	if t.kind != typeBinary || t.count != indexSize {
		return 0, h.wrong(k, 0, "region of type %d and size %d, wanted %d and %d", t.kind, t.count, typeBinary, indexSize)
	}
	end := uint64(t.offset) + indexSize
	if end > uint64(len(store)) {
		return 0, h.wrong(k, 0, "region's trailer at %d is outside of the data", t.offset)
	}
	trailer := readTagInfo(store[t.offset:])
	if k.region == tagHeaderSignatures && trailer.tag == tagHeaderImage {
		trailer.tag = tagHeaderSignatures // as some old packages have it
	}
	inside := -int64(int32(trailer.offset)) // bytes of the index; the sign is rpm's
	if trailer.tag != k.region || trailer.kind != typeBinary || trailer.count != indexSize ||
		inside < 0 || inside%indexSize != 0 || inside > int64(total)*indexSize {
		return 0, h.wrong(k, 0, "region's trailer is wrong: tag %d, type %d, offset %d, count %d",
			trailer.tag, trailer.kind, int32(trailer.offset), trailer.count)
	}
	if k.exact && (inside != int64(total)*indexSize || end != uint64(len(store))) {
		return 0, h.wrong(k, 0, "region of %d tags and %d bytes, the header has %d and %d", inside/indexSize, end, total, len(store))
	}
	return int(end), nil
}

// valueLength returns how long a value is, or what is wrong with it.
func valueLength(t tagInfo, store []byte) (int, string) {
	if uint64(t.offset) >= uint64(len(store)) {
		return 0, fmt.Sprintf("offset %d is outside of %d bytes", t.offset, len(store))
	}
	data := store[t.offset:]
	if t.count == 0 || uint64(t.count) > uint64(len(data)) {
		return 0, fmt.Sprintf("%d values in %d bytes", t.count, len(data))
	}
	size := 1
	switch t.kind {
	case typeChar, typeInt8, typeBinary:
	case typeInt16:
		size = 2
	case typeInt32:
		size = 4
	case typeInt64:
		size = 8
	case typeString, typeStringArray, typeI18NString:
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
	default:
		return 0, fmt.Sprintf("type %d is not known", t.kind)
	}
	if int(t.offset)%size != 0 {
		return 0, fmt.Sprintf("offset %d is not aligned to %d", t.offset, size)
	}
	if length := int(t.count) * size; length <= len(data) {
		return length, ""
	}
	return 0, fmt.Sprintf("%d values of %d bytes in %d bytes", t.count, size, len(data))
}

// wrong reports the i-th tag.
func (h *header) wrong(k kind, i int, format string, args ...any) error {
	return &repo.FormatError{
		Where: offset(h.start + introSize + int64(i)*indexSize),
		Text:  k.what + ": " + fmt.Sprintf(format, args...),
	}
}

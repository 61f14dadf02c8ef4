package compress

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
)

// refused holds an error to be a FormatError with a text that matches ErrLimit,
// or nil if there is none to be.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	wantFormat(t, err, want)
	if !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
}

// padded is a gzip file of length bytes: zeros, and before them members of
// nothing with extra fields that are as long as need be.
func padded(t *testing.T, zeros, length int) []byte {
	t.Helper()
	pack := func(extra, zeros int) []byte {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		z.Extra = make([]byte, extra)
		if _, err := io.CopyN(z, zeroes{}, int64(zeros)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	all := pack(1, zeros)
	empty := len(pack(1, 0)) - 1
	missing := length - len(all)
	members := missing/50_000 + 1 // an extra field has up to 65535 bytes
	for ; members > 0; members-- {
		all = append(pack(missing/members-empty, 0), all...)
		missing = length - len(all)
	}
	return all
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestMaxRatio goes to the ratio, and past it by as little as a few bytes of
// input make.
func TestMaxRatio(t *testing.T) {
	t.Parallel()
	const size = RatioFloor + 8<<20
	const most = size / MaxRatio
	for length, want := range map[int]string{most: "", most - 1: "more than 200 to 1"} {
		data := padded(t, size, length)
		if len(data) != length {
			t.Fatalf("%d bytes of gzip, want %d", len(data), length)
		}
		n, err := copyAll(data, Gzip)
		refused(t, err, want)
		if n != size {
			t.Errorf("%d bytes, want %d", n, size)
		}
	}
}

// TestRatioFloor unpacks zeros up to the floor, where no ratio counts.
func TestRatioFloor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size int64
		want string
	}{{RatioFloor, ""}, {RatioFloor + 1, "more than 200 to 1"}} {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(z, zeroes{}, tt.size); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = copyAll(b.Bytes(), Gzip)
		refused(t, err, tt.want)
	}
}

func copyAll(data []byte, kind Kind) (int64, error) {
	d, err := NewReader(bytes.NewReader(data), kind, plenty)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	return io.Copy(io.Discard, d)
}

// TestMaxWindow asks for a window as large as may be, and for the next size
// that the format has.
func TestMaxWindow(t *testing.T) {
	t.Parallel()
	xz := func(code byte) []byte {
		z := pack(t, []byte("small"), "xz", "-c")
		z[12+4] = code // in the block header
		head := z[12 : 12+12]
		binary.LittleEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
		return z
	}
	alone := func(dict uint32) []byte {
		z := pack(t, []byte("small"), "xz", "--format=lzma", "-c")
		binary.LittleEndian.PutUint32(z[1:], dict)
		return z
	}
	zstd := func(descriptor byte) []byte {
		// A frame with that window, and one raw block of five bytes.
		return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 5<<3 | 1, 0, 0}, "small"...)
	}
	for _, tt := range []struct {
		name     string
		kind     Kind
		at, past []byte
		want     string
	}{
		{"xz", XZ, xz(30), xz(31), "dictionary of 201326592 bytes, more than 134217728"},
		{"lzma", LZMA, alone(MaxWindow), alone(MaxWindow * 3 / 2), "dictionary of 201326592 bytes, more than 134217728"},
		{"zstd", Zstd, zstd(17 << 3), zstd(17<<3 | 1), "window size exceeded"},
	} {
		got, err := readAll(bytes.NewReader(tt.at), tt.kind, plenty)
		if err != nil || string(got) != "small" {
			t.Errorf("%s: a window of %d bytes: %q, %v", tt.name, MaxWindow, got, err)
		}
		_, err = readAll(bytes.NewReader(tt.past), tt.kind, plenty)
		t.Run(tt.name, func(t *testing.T) { refused(t, err, tt.want) })
	}
}

// TestMaxBlocks reads an xz file of as many blocks as may be, none of which
// holds a byte, and one of one more.
func TestMaxBlocks(t *testing.T) {
	t.Parallel()
	_, err := copyAll(emptyBlocks(MaxBlocks), XZ)
	refused(t, err, "")
	_, err = copyAll(emptyBlocks(MaxBlocks+1), XZ)
	refused(t, err, "more than 1048576 blocks")
}

// emptyBlocks makes an xz file of blocks without content (the .xz file format,
// sections 2 to 4).
func emptyBlocks(n int) []byte {
	sum := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	flags := []byte{0, 0} // no check
	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = append(out, sum(flags)...)
	head := []byte{2, 0, 0x21, 1, 0, 0, 0, 0} // 12 bytes; LZMA2 with 4 KiB
	head = append(head, sum(head)...)
	block := append(head, 0, 0, 0, 0) // the end of LZMA2, and padding
	out = append(out, bytes.Repeat(block, n)...)
	index := binary.AppendUvarint([]byte{0}, uint64(n))
	index = append(index, bytes.Repeat([]byte{byte(len(head) + 1), 0}, n)...)
	index = append(index, make([]byte, -len(index)&3)...)
	index = append(index, sum(index)...)
	out = append(out, index...)
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	foot = append(foot, flags...)
	out = append(out, sum(foot)...)
	return append(append(out, foot...), "YZ"...)
}

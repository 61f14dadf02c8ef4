package rpm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// TestMaxTags reads a main header of as many tags as may be, and of one more.
func TestMaxTags(t *testing.T) {
	t.Parallel()
	read := func(more int) (int, error) {
		tags := map[uint32]any{}
		for i := range more {
			tags[1<<20+uint32(i)] = []byte{1}
		}
		data := sample{tags: tags}.bytes()
		main := bytes.LastIndex(data, []byte("\x8e\xad\xe8\x01"))
		_, err := rpm.Read(bytes.NewReader(data), nil)
		return int(binary.BigEndian.Uint32(data[main+8:])), err
	}
	usual, err := read(0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := read(rpm.MaxTags - usual); n != rpm.MaxTags || err != nil {
		t.Errorf("%d tags: %v", n, err)
	}
	n, err := read(rpm.MaxTags - usual + 1)
	if format := (*repo.FormatError)(nil); !errors.As(err, &format) || !strings.Contains(err.Error(), "65536 tags, wanted 1 to 65535") {
		t.Errorf("%d tags: %v", n, err)
	}
}

// TestMaxPayload unpacks payloads up to a bound that is lowered, and one byte
// past it; a header that claims the bound itself is only read.
func TestMaxPayload(t *testing.T) {
	t.Parallel()
	s := sample{files: sampleFiles()}
	unpacked := int64(len(s.entries()))
	for limit, want := range map[int64]string{unpacked: "", unpacked - 1: "more than "} {
		p, err := rpm.Options{Payload: true}.WithMaxPayload(limit).Read(bytes.NewReader(s.bytes()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := faultTexts(p); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("a bound of %d for %d bytes: faults %q", limit, unpacked, got)
		}
	}
	large := sample{
		files: []sampleFile{{path: "/large", mode: 0o100644, data: "begin"}}, stripped: true,
		tags: map[uint32]any{1028: nil, 5008: []uint64{rpm.MaxPayload}, 1009: nil, 5009: []uint64{rpm.MaxPayload}},
	}
	p, err := readDeep(large.bytes())
	if err != nil || p.Files[0].Size != rpm.MaxPayload || !strings.Contains(faultTexts(p), "archive ends inside of a file") {
		t.Errorf("a claim of %d bytes: %v", int64(rpm.MaxPayload), err)
	}
}

// TestMaxLink reads links as long as may be, and longer by one and by more
// than is compared.
func TestMaxLink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		length, header int // of the target in the payload, and in the header
		want           string
	}{
		{rpm.MaxLink, rpm.MaxLink, ""},
		{rpm.MaxLink + 1, rpm.MaxLink + 1, "longer than 4096 bytes"},
		{2 * rpm.MaxLink, rpm.MaxLink + 1, "longer than 4096 bytes"},
	} {
		target := strings.Repeat("x", tt.length)
		p, err := readDeep(sample{
			files: []sampleFile{{path: "/bin/link", mode: 0o120777, data: target}},
			tags:  map[uint32]any{1036: []string{target[:tt.header]}},
		}.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got := faultTexts(p); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("a link of %d bytes: faults %q, want %q", tt.length, got, tt.want)
		}
	}
}

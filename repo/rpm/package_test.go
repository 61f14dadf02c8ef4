package rpm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// small is a package of rpmbuild, signed by small.asc in all ways of rpm 4.
func small(t testing.TB) ([]byte, *pgp.Keyring) {
	t.Helper()
	data, err := os.ReadFile("testdata/small.rpm")
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile("testdata/small.asc")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	return data, ring
}

func TestSmall(t *testing.T) {
	t.Parallel()
	data, ring := small(t)
	// A reader that gives one byte at a time: the library would read nothing.
	p, err := rpm.Read(iotest.OneByteReader(bytes.NewReader(data)), ring)
	if !accepted(p, err) {
		t.Fatalf("%+v, %v", p, err)
	}
	if p.Name != "small" || p.Version != "2:1.0~rc.1-1.1" || p.Arch != "noarch" || p.Source {
		t.Errorf("%+v", p)
	}
	tags := make(map[int]string)
	for _, s := range p.Signatures {
		tags[s.Tag] = s.Over
	}
	if tags[268] != "rpm header" || tags[1002] != "rpm header and payload" || len(tags) != 2 {
		t.Errorf("signatures %v", tags)
	}
	parts := make(map[int]string)
	for _, d := range p.SelfDigests {
		parts[d.Tag] = string(d.Algorithm) + " " + d.Part
	}
	for tag, want := range map[int]string{269: "sha1 header", 273: "sha256 header", 1004: "md5 header and payload", 5092: "sha256 payload"} {
		if parts[tag] != want {
			t.Errorf("digest %d is %q, wanted %q", tag, parts[tag], want)
		}
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	data, ring := small(t)
	whole, err := rpm.Read(bytes.NewReader(data), ring)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		p, err := rpm.Read(bytes.NewReader(data[:n]), ring)
		var format *repo.FormatError
		switch {
		case int64(n) < whole.HeaderEnd && !errors.As(err, &format):
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		case int64(n) >= whole.HeaderEnd && (err != nil || len(p.Faults) == 0 || accepted(p, err)):
			t.Fatalf("%d of %d bytes: %+v, %v", n, len(data), p, err)
		}
	}
}

// TestFlipped changes each byte in turn. None may be accepted unless it is of
// the lead, which nothing covers and rpm does not read, or of the signature
// header, where only values that are verified count.
func TestFlipped(t *testing.T) {
	t.Parallel()
	data, ring := small(t)
	whole, err := rpm.Read(bytes.NewReader(data), ring)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 0x81
		p, err := rpm.Read(bytes.NewReader(changed), ring)
		if int64(i) >= whole.HeaderStart && accepted(p, err) {
			t.Errorf("byte %d changed: %+v", i, p)
		}
	}
	runtime.ReadMemStats(&after)
	const most = 1 << 20 // bytes for one package of some ten thousand
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(len(data)); each > most {
		t.Errorf("%d bytes allocated for a package of %d", each, len(data))
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	data, ring := small(t)
	broken := errors.New("broken")
	for _, n := range []int{0, 50, 100, 3000, len(data) - 1} {
		_, err := rpm.Read(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), ring)
		var format *repo.FormatError
		if !errors.Is(err, broken) || errors.As(err, &format) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestHostile changes one thing in the headers of a good package.
func TestHostile(t *testing.T) {
	t.Parallel()
	good, ring := small(t)
	p, err := rpm.Read(bytes.NewReader(good), ring)
	if err != nil {
		t.Fatal(err)
	}
	const sig = 96
	main := int(p.HeaderStart)
	count := int(binary.BigEndian.Uint32(good[main+8:]))
	store := main + 16 + count*16
	// index returns where the main header has a tag.
	index := func(tag uint32) int {
		for i := range count {
			if at := main + 16 + i*16; binary.BigEndian.Uint32(good[at:]) == tag {
				return at
			}
		}
		t.Fatalf("no tag %d", tag)
		return 0
	}
	put := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) }
	}
	dirIndex := store + int(binary.BigEndian.Uint32(good[index(1116)+8:]))
	name := store + int(binary.BigEndian.Uint32(good[index(1000)+8:]))
	for _, x := range []struct {
		what   string
		change func([]byte)
		want   string
	}{
		{"no rpm", func(b []byte) { b[0] = 0 }, "not an rpm"},
		{"lead of rpm 2", func(b []byte) { b[4] = 2 }, "not supported"},
		{"lead's signature type", func(b []byte) { b[79] = 1 }, "signature type 1"},
		{"signature magic", func(b []byte) { b[sig] = 0 }, "the signature header: wanted magic"},
		{"signature tags", put(sig+8, 33), "33 tags"},
		{"signature data", put(sig+12, 512<<20), "536870912 bytes of data"},
		{"main magic", func(b []byte) { b[main+7] = 1 }, "the main header: wanted magic"},
		{"main tags", put(main+8, 1<<31), "2147483648 tags"},
		{"no tags", put(main+8, 0), "0 tags"},
		{"main data", put(main+12, 1<<31), "2147483648 bytes of data"},
		{"much data that is not there", put(main+12, rpm.MaxStore), "rpm ends inside"},
		{"no region", put(main+16, 64), "tag 64 is reserved"},
		{"region's type", put(main+20, 4), "region of type 4"},
		{"region's offset", put(main+24, 1<<30), "outside of the data"},
		{"region's trailer", func(b []byte) { b[p.HeaderEnd-16] = 1 }, "trailer is wrong"},
		{"reserved tag", put(index(1000), 99), "reserved"},
		{"type of a tag", put(index(1003)+4, 3), "of type 3, wanted 4"},
		{"unknown type", put(index(1124)+4, 77), "tag 1124 is of type 77, wanted 6"},
		{"unknown type of an unknown tag", func(b []byte) { put(index(1124), 4000)(b); put(index(1124)+4, 10)(b) }, "type 10 is not known"},
		{"count 0", put(index(1003)+12, 0), "0 values"},
		{"two strings in one", put(index(1000)+12, 2), "2 strings"},
		{"count of an array", put(index(1117)+12, 1<<20), "1048576 values in"},
		{"offset", put(index(1001)+8, 1<<28), "outside of"},
		{"overlap", put(index(1001)+8, 0), "overlaps"},
		{"alignment", put(index(1003)+8, binary.BigEndian.Uint32(good[index(1003)+8:])+1), "aligned"},
		{"fewer modes than files", put(index(1030)+12, 1), "values take"},
		{"fewer versions than requires", put(index(1050)+12, 1), "values take"},
		{"folder index", put(dirIndex, 9), "folder number 9"},
		{"negative folder index", put(dirIndex, 1<<31), "folder number"},
		{"no name", put(index(1000), 1500), "without name"},
		{"control character in the name", func(b []byte) { b[name] = '\n' }, "control character"},
	} {
		bad := bytes.Clone(good)
		x.change(bad)
		got, err := rpm.Read(bytes.NewReader(bad), ring)
		var format *repo.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %+v, %v; wanted %q", x.what, got, err, x.want)
		}
	}
}

// FuzzRPM reads in both depths, which must agree on what the headers say.
func FuzzRPM(f *testing.F) {
	data, ring := small(f)
	f.Add(data)
	f.Add(data[:200])
	six, err := os.ReadFile("testdata/v6.rpm")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(six)
	for _, s := range []sample{
		{files: sampleFiles(), plain: true},
		{files: sampleFiles(), stripped: true, plain: true},
		{files: sampleFiles(), tail: []byte("tail")},
		{tags: deps(1049, 1048, 1050, "(a and (b or c))"), plain: true},
		{files: sampleFiles(), archive: []byte("07070X00000063\x00\x00"), plain: true},
	} {
		f.Add(s.bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := rpm.Read(bytes.NewReader(data), ring)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		deep, deepErr := rpm.Options{Payload: true, Header: true}.Read(bytes.NewReader(data), ring)
		if (err == nil) != (deepErr == nil) {
			t.Fatalf("%v, with payload %v", err, deepErr)
		}
		if err != nil {
			return
		}
		if p.Fields != deep.Fields || len(p.Files) != len(deep.Files) || len(p.SelfDigests) > len(deep.SelfDigests) || p.FaultCount > deep.FaultCount {
			t.Errorf("%+v, with payload %+v", p, deep)
		}
		if _, err := deep.Header.Files(); err != nil && len(deep.Files) == 0 {
			t.Log(err) // lists that only this reads
		}
	})
}

package payload

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

func TestLinkedFlags(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string][]repo.Field{
		"":                                  nil,
		"-s -w":                             nil,
		"-X a.b=c":                          {{Name: "a.b", Value: "c"}},
		"-X=a.b=c=d --X e.f=":               {{Name: "a.b", Value: "c=d"}, {Name: "e.f"}},
		`-X 'a.b=c d' "-X=e.f=it's"`:        {{Name: "a.b", Value: "c d"}, {Name: "e.f", Value: "it's"}},
		"-X a.b=1 -s -X a.b=2":              {{Name: "a.b", Value: "2"}},
		"-X sigs.k8s.io/x/version.v=v1\t-w": {{Name: "sigs.k8s.io/x/version.v", Value: "v1"}},
		"-X":                                nil,
		"-X a=b":                            nil,
		"-X a.b":                            nil,
		"-X 'a.b=c":                         nil,
	} {
		if diff := cmp.Diff(want, linked(flags)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", flags, diff)
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for text, want := range map[string]bool{
		"v1.26.15": true, "1.2.3": true, "v1.26.0-alpha.1.23+abcdef0123-dirty": true, "v1.0.0+meta": true, "1.2.3-rc_1": true,
		commit: true, "2023-01-18T19:15:26Z": true, "2023-01-18T19:15:26+01:00": true, "2023-01-18T19:15:26.5Z": true,
		"1.2": false, "v1.2": false, "1.2.3.4": false, "1..3": false, "1.2.3-": false, "1.2.3+": false, "1.2.3 ": false, "x1.2.3": false,
		commit[1:]: false, commit + "0": false, "0123456789ABCDEF0123456789abcdef01234567": false,
		"2023-01-18": false, "2023-13-18T19:15:26Z": false, "1.2.3-" + strings.Repeat("x", MaxLinkString): false,
		"1234567890.2.3": false,
	} {
		s := stringScan{in: []region{{0, 1 << 20}}, begins: newBeginTable()}
		b := append([]byte(text), make([]byte, 64)...)
		s.window(window{b: b, last: true})
		if got := len(s.found()) == 1 && s.found()[0] == text; got != want {
			t.Errorf("%q: %q", text, s.found())
		}
	}
}

// TestLinkStringsAreBounded reads more link strings than are kept.
func TestLinkStringsAreBounded(t *testing.T) {
	t.Parallel()
	s := stringScan{in: []region{{0, 1 << 20}}, begins: newBeginTable()}
	var b []byte
	for i := range 4 * MaxLinkStrings {
		b = binary.AppendUvarint(append(b, "1.2."...), 0)[:len(b)+4]
		b = append(b, []byte{byte('0' + i/1000), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)}...)
		b = append(b, make([]byte, 8)...)
	}
	s.window(window{b: b, last: true})
	if got := len(s.found()); got != MaxLinkStrings {
		t.Errorf("%d strings, want %d", got, MaxLinkStrings)
	}
}

// header64 is an ELF file of programs and nothing else.
func header64(t testing.TB, phoff, shoff uint64, phnum, shnum uint16, rest []byte) []byte {
	t.Helper()
	b := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	for _, v := range []any{uint16(2), uint16(62), uint32(1), uint64(0), phoff, shoff, uint32(0), uint16(64), uint16(56), phnum, uint16(64), shnum, uint16(0)} {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return append(b, rest...)
}

// segment64 is a program header.
func segment64(kind, flags uint32, off, size uint64) []byte {
	b := make([]byte, 56)
	binary.LittleEndian.PutUint32(b, kind)
	binary.LittleEndian.PutUint32(b[4:], flags)
	binary.LittleEndian.PutUint64(b[8:], off)
	binary.LittleEndian.PutUint64(b[32:], size)
	return b
}

// hostile returns ELF files that no linker makes.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	const all = 1<<64 - 1
	magic := "\xff Go buildinf:\x08\x02" + strings.Repeat("\x00", 16)
	segments := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	return map[string][]byte{
		"tables beyond the end":        header64(t, 1<<40, 1<<41, 9, 9, nil),
		"tables at the end of numbers": header64(t, all-10, all, 0xffff, 0xffff, nil),
		"tables over the header":       header64(t, 1, 1, 0xffff, 0xffff, make([]byte, 1<<20)),
		"no end of sections":           header64(t, 0, 64, 0, 0, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0}, 1<<16)),
		"segments of everything":       header64(t, 64, 0, 1000, 0, bytes.Repeat(segment64(1, 4, 0, all), 5000)),
		"segment at the end of numbers": header64(t, 64, 0, 3, 0, segments(segment64(1, 6, all, all), segment64(1, 6, 1<<62, 1<<62),
			segment64(2, 6, all, all))),
		"dynamic without end": header64(t, 64, 0, 1, 0, append(segment64(2, 6, 0, all), bytes.Repeat([]byte{1}, 1<<20)...)),
		"build information everywhere": header64(t, 64, 0, 1, 0, append(segment64(1, 6, 0, all),
			append(make([]byte, 8), strings.Repeat(magic+"\x03go1"+strings.Repeat("\x00", 12), 1<<14)...)...)),
		"endless build information": header64(t, 64, 0, 1, 0, append(segment64(1, 6, 0, all),
			append(make([]byte, 8), magic+"\x03go1\xff\xff\xff\x7f"+strings.Repeat("x", 3<<20)...)...)),
		"version of 2^63 bytes": header64(t, 64, 0, 1, 0, append(segment64(1, 6, 0, all),
			append(make([]byte, 8), magic+strings.Repeat("\xff", 9)+"\x01"+strings.Repeat("x", 1000)...)...)),
		"interpreter of everything": header64(t, 64, 0, 1, 0, append(segment64(3, 4, 0, all), make([]byte, 1<<18)...)),
		"strings everywhere": header64(t, 64, 0, 1, 0, append(segment64(1, 4, 0, all),
			strings.Repeat("1.2.3\x00\x00\x001.2.3-"+strings.Repeat("x", 122), 1<<13)...)),
	}
}

func TestHostile(t *testing.T) {
	t.Parallel()
	i := NewInspector()
	for name, data := range hostile(t) {
		_, size, p, err := i.File(bytes.NewReader(data), 0o755)
		if err != nil || size != int64(len(data)) || p == nil || p.ELF == nil || len(i.elf.segments) > MaxSegments || len(i.elf.starts) > MaxSections {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
}

// TestOldBuildInfo reads the form of before Go 1.18: the version is not known.
func TestOldBuildInfo(t *testing.T) {
	t.Parallel()
	data := header64(t, 64, 0, 1, 0, append(segment64(1, 6, 0, 1<<20),
		append(make([]byte, 8), "\xff Go buildinf:\x08\x00"+strings.Repeat("\x01", 16)+strings.Repeat("\x00", 64)...)...))
	_, _, p, err := NewInspector().File(bytes.NewReader(data), 0o755)
	if err != nil || p == nil || p.Go == nil || p.Go.GoVersion != "" {
		t.Errorf("%v, %+v", err, p)
	}
}

func FuzzFile(f *testing.F) {
	for _, data := range hostile(f) {
		f.Add(data[:min(len(data), 4096)])
	}
	f.Add([]byte("#!/bin/sh\n"))
	f.Add([]byte("\x7fELF\x01\x02\x01"))
	if b, err := os.ReadFile("/proc/self/exe"); err == nil {
		f.Add(b[:1<<16])
	}
	i := NewInspector()
	f.Fuzz(func(t *testing.T, data []byte) {
		_, size, p, err := i.File(bytes.NewReader(data), 0o755)
		if err != nil || size != int64(len(data)) {
			t.Fatalf("%d bytes of %d, %v", size, len(data), err)
		}
		if p == nil {
			return
		}
		if len(p.Interpreter) > MaxInterpreter+1 || len(p.LinkStrings) > MaxLinkStrings {
			t.Errorf("%+v", p)
		}
		again, _, q, err := NewInspector().File(bytes.NewReader(data), 0o755)
		if err != nil || again == "" || !cmp.Equal(p, q) {
			t.Errorf("a new inspector says otherwise\n%s", cmp.Diff(p, q))
		}
	})
}

// BenchmarkFile reads Go programs with and without a look inside: the
// difference is what the facts cost.
func BenchmarkFile(b *testing.B) {
	name, err := exec.LookPath("go")
	if err != nil {
		b.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	r := bytes.NewReader(nil)
	for _, bench := range []struct {
		name   string
		noScan bool
	}{{"hash", true}, {"facts", false}} {
		b.Run(bench.name, func(b *testing.B) {
			i := NewInspector()
			i.noScan = bench.noScan
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(data)
				if _, _, _, err := i.File(r, 0o755); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package xz

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	ulikunitz "github.com/ulikunitz/xz"
)

func pack(t testing.TB, data []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "xz", append([]string{"-c"}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xz %v: %v %s: install xz-utils (make deps)", args, err, &errs)
	}
	return out
}

// program returns n bytes of this test's own program, with branches of amd64,
// and made ones of the other machines.
func program(t testing.TB, n int) []byte {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 64<<10); err != nil {
		t.Fatal(err)
	}
	// A call of each machine, at each alignment that it has.
	calls := []string{
		"\x48\x12\x34\x01", "\x03\xf0\x00\xeb", "\x12\xf0\x34\xf9", "\x40\x01\x02\x03", "\x7f\xff\xf0\x03",
		"\x12\x34\x00\x94", "\x21\x10\x00\x90", "\x1d\xff\xff\xf0", "\xe8\x01\x02\x03\x00", "\xe9\xe8\xff\xe8\xff\xff\xff",
	}
	for i := n / 2; i+16 <= n && i < n/2+64<<10; i += 16 {
		copy(b[i:], calls[i/16%len(calls)])
	}
	// ia64's br.call in all slots of a bundle: opcode 5, b0, some target.
	call := uint64(5<<37 | 0x12345<<13)
	for i := n / 4; i+16 <= n/2 && i < n/4+16<<10; i += 16 {
		low, high := uint64(16+i/16%14), call<<23|call>>18
		low |= call<<5 | call<<46
		binary.LittleEndian.PutUint64(b[i:], low)
		binary.LittleEndian.PutUint64(b[i+8:], high)
	}
	return b
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	contents := map[string][]byte{
		"empty": nil, "a byte": {7}, "text": bytes.Repeat([]byte("Package: kubectl\nVersion: 1.28.0-1.1\n"), 3000),
		"zeros": make([]byte, 3<<20), "program": program(t, 400_000), "odd": program(t, 65_539),
	}
	var args [][]string
	for _, s := range []string{
		"-0", "-3", "-6", "-9e", "--check=none", "--check=crc32", "--check=sha256", "-T2 --block-size=100000", "--block-size=1000 -1",
		"--block-list=1000,20000,0", "--lzma2=lc=0,lp=4,pb=4", "--lzma2=lc=4,lp=0,pb=0", "--lzma2=dict=4KiB", "--lzma2=nice=273,mf=bt2",
		"--delta=dist=1 --lzma2", "--delta=dist=256 --lzma2=dict=64KiB", "--x86 --delta=dist=4 --arm64 --lzma2",
		"--x86 --lzma2", "--x86=start=123 --lzma2", "--powerpc --lzma2", "--powerpc=start=4096 --lzma2", "--ia64 --lzma2", "--ia64=start=16 --lzma2",
		"--arm --lzma2", "--arm=start=44 --lzma2", "--armthumb --lzma2", "--armthumb=start=2 --lzma2", "--sparc --lzma2", "--arm64 --lzma2", "--arm64=start=4294963200 --lzma2",
	} {
		args = append(args, strings.Fields(s))
	}
	for name, want := range contents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, a := range args {
				z := pack(t, want, a...)
				if got, err := decode(z); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v: %d bytes, %v", a, len(got), err)
				}
				if i%5 == 0 {
					var r Reader
					r.Reset(bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(z)), 4096), testLimits)
					if err := iotest.TestReader(&r, want); err != nil && len(want) < 200_000 {
						t.Errorf("%v: %v", a, err)
					}
				}
			}
		})
	}
}

// verdict tells whether xz takes the file without a warning, which it has for a
// check that it does not know.
func verdict(t *testing.T, path string, data []byte) (ok bool) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "xz", "-tq", path).Run() == nil
}

// TestVerdict cuts and breaks small files at each offset: the verdict must be
// that of xz -t.
func TestVerdict(t *testing.T) {
	t.Parallel()
	text := []byte("Package: kubectl\nPackage: kubeadm\nPackage: kubelet\n")
	one := pack(t, text, "--check=crc32")
	files := map[string][]byte{
		"crc32":   one,
		"none":    pack(t, text, "--check=none"),
		"sizes":   pack(t, text, "-T2", "--block-size=30"),
		"filters": pack(t, text, "--check=crc64", "--x86", "--delta=dist=3", "--lzma2"),
		"streams": bytes.Join([][]byte{one, make([]byte, 8), one, make([]byte, 4)}, nil),
	}
	for name, z := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.xz")
			hold := func(what string, at int, data []byte) {
				_, err := decode(data)
				if want := verdict(t, path, data); (err == nil) != want && !errors.Is(err, ErrLimit) {
					t.Errorf("%s at %d: %v, xz takes it: %v", what, at, err, want)
				}
			}
			for n := range len(z) + 1 {
				hold("cut", n, z[:n])
			}
			for n := range z {
				bad := bytes.Clone(z)
				bad[n] ^= 1 << (n % 8)
				hold("bit", n, bad)
			}
			for n := 1; n <= 8; n++ {
				hold("zeros", n, append(bytes.Clone(z), make([]byte, n)...))
			}
			hold("garbage", len(z), append(bytes.Clone(z), "garbage, long enough"...))
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	one := pack(t, []byte("some content"), "--block-size=4")
	for _, tc := range []struct {
		name   string
		data   []byte
		limits Limits
		ok     bool
	}{
		{"all that is asked for", one, Limits{8 << 20, 3, 1}, true},
		{"window", one, Limits{8<<20 - 1, 3, 1}, false},
		{"blocks", one, Limits{8 << 20, 2, 1}, false},
		{"streams", append(bytes.Clone(one), one...), Limits{8 << 20, 6, 1}, false},
		{"two streams", append(bytes.Clone(one), one...), Limits{8 << 20, 6, 2}, true},
	} {
		var z Reader
		z.Reset(bufio.NewReader(bytes.NewReader(tc.data)), tc.limits)
		_, err := io.Copy(io.Discard, &z)
		if (err == nil) != tc.ok || !tc.ok && !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestMemory sees to it that a header costs nothing: memory is taken as output
// comes.
func TestMemory(t *testing.T) {
	t.Parallel()
	z := pack(t, []byte("small"))
	z[12+4] = 30 // 128 MiB
	head := z[12 : 12+12]
	binary.LittleEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if got, err := decode(z); err != nil || string(got) != "small" {
				b.Fatal(string(got), err)
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 512<<10 {
		t.Errorf("%d bytes allocated for five of content", n)
	}
}

// TestReuse reads broken and sound files with one Reader.
func TestReuse(t *testing.T) {
	t.Parallel()
	var z Reader
	big := pack(t, program(t, 300_000), "-6")
	small := pack(t, []byte("small"), "--check=sha256")
	for i := range 20 {
		data := [][]byte{big, small, big[:len(big)/2], small[:30]}[i%4]
		z.Reset(bufio.NewReader(bytes.NewReader(data)), testLimits)
		got, err := io.ReadAll(&z)
		if want := []int{300_000, 5}; i%4 < 2 && (err != nil || len(got) != want[i%4]) || i%4 >= 2 && err == nil {
			t.Errorf("file %d: %d bytes, %v", i, len(got), err)
		}
	}
}

// FuzzXZ holds the reader against another one: what both take must be the same.
func FuzzXZ(f *testing.F) {
	paths, err := filepath.Glob("testdata/xz-utils/*.xz")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 2000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var z Reader
		z.Reset(bufio.NewReader(bytes.NewReader(data)), Limits{Window: 1 << 20, Blocks: 100, Streams: 10})
		got, err := io.ReadAll(io.LimitReader(&z, 4<<20))
		if err != nil {
			return
		}
		other, err := ulikunitz.NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		want, err := io.ReadAll(io.LimitReader(other, 4<<20))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, the other reader has %d or others", len(got), len(want))
		}
	})
}

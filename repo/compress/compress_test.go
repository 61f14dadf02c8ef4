package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sigs.k8s.io/pkgverify/repo"
)

const plenty = 1 << 30

// pack compresses data with the tool that users have.
func pack(t testing.TB, data []byte, tool string, args ...string) []byte {
	t.Helper()
	bin, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("install %s (make deps)", tool)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Stdin = bytes.NewReader(data)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v %s", tool, args, err, &errs)
	}
	return out
}

type packing struct {
	name string
	kind Kind
	tool string
	args []string
}

func packings() []packing {
	return []packing{
		{"gzip", Gzip, "gzip", []string{"-9nc"}},
		{"xz", XZ, "xz", []string{"-c", "-6"}},
		{"xz no check", XZ, "xz", []string{"-c", "--check=none"}},
		{"xz crc32", XZ, "xz", []string{"-c", "--check=crc32"}},
		{"xz sha256", XZ, "xz", []string{"-c", "--check=sha256"}},
		{"xz blocks", XZ, "xz", []string{"-c", "-T2", "--block-size=20000"}},
		{"lzma no check", LZMA, "xz", []string{"-c", "--format=lzma"}},
		{"bzip2", Bzip2, "bzip2", []string{"-c"}},
		{"zstd", Zstd, "zstd", []string{"-q", "-c", "-19"}},
		{"zstd no check", Zstd, "zstd", []string{"-q", "-c", "--no-check"}},
	}
}

// smallPackings is packings with a small dictionary for xz, whose allocation
// is what opening a stream costs, and with small blocks.
func smallPackings() []packing {
	all := packings()
	for i, p := range all {
		if p.kind == XZ {
			all[i].args = append(p.args, "--lzma2=preset=0,dict=4KiB")
		}
		if p.name == "xz blocks" {
			all[i].args = append(all[i].args, "--block-size=300")
		}
	}
	return all
}

// sample is half noise, half repetition, so that LZMA2 both stores and packs.
func sample(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n)
	for len(b) < n/2 {
		b = append(b, byte(rnd.Uint32()))
	}
	for len(b) < n {
		b = append(b, "Package: kubectl\nVersion: 1.28.0-1.1\n"...)
	}
	return b[:n]
}

func readAll(r io.Reader, kind Kind, limit int64) ([]byte, error) {
	d, err := NewReader(r, kind, limit)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

func wantFormat(t *testing.T, err error, text string) {
	t.Helper()
	if _, ok := errors.AsType[*repo.FormatError](err); !ok || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%T), want a *repo.FormatError with %q", err, err, text)
	}
}

func TestNewReader(t *testing.T) {
	t.Parallel()
	want := sample(150_000)
	for _, p := range packings() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			z := pack(t, want, p.tool, p.args...)
			if k := ByMagic(z[:MagicLen]); k != p.kind {
				t.Errorf("ByMagic = %q, want %q", k, p.kind)
			}
			for name, r := range map[string]io.Reader{
				"whole": bytes.NewReader(z), "a byte at a time": iotest.OneByteReader(bytes.NewReader(z)), "data with EOF": iotest.DataErrReader(bytes.NewReader(z)),
			} {
				if got, err := readAll(r, p.kind, int64(len(want))); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
				}
			}
			got, err := readAll(bytes.NewReader(z), p.kind, int64(len(want))-1)
			wantFormat(t, err, "more than 149999 bytes")
			if len(got) != len(want)-1 {
				t.Errorf("%d bytes before the limit was noticed, want all that are allowed", len(got))
			}
			for _, tail := range []string{"x", "trailing garbage, longer than a header", "\n"} {
				_, err = readAll(strings.NewReader(string(z)+tail), p.kind, plenty)
				wantFormat(t, err, "")
			}
			broken := errors.New("connection reset")
			_, err = readAll(io.MultiReader(bytes.NewReader(z[:len(z)/2]), iotest.ErrReader(broken)), p.kind, plenty)
			if _, ok := errors.AsType[*repo.FormatError](err); ok || !errors.Is(err, broken) {
				t.Errorf("error %v, want the reader's own", err)
			}
		})
	}
}

func TestEmptyContent(t *testing.T) {
	t.Parallel()
	for _, p := range packings() {
		z := pack(t, nil, p.tool, p.args...)
		if got, err := readAll(bytes.NewReader(z), p.kind, 0); err != nil || len(got) != 0 {
			t.Errorf("%s of nothing: %d bytes, %v", p.name, len(got), err)
		}
		_, err := readAll(strings.NewReader(""), p.kind, plenty)
		wantFormat(t, err, "empty stream")
	}
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	want := sample(800)
	for _, p := range smallPackings() {
		z := pack(t, want, p.tool, p.args...)
		for n := range len(z) {
			_, err := readAll(bytes.NewReader(z[:n]), p.kind, plenty)
			if _, ok := errors.AsType[*repo.FormatError](err); !ok {
				t.Errorf("%s cut at %d of %d: error %v (%T), want a *repo.FormatError", p.name, n, len(z), err, err)
			}
		}
	}
}

func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	want := sample(800)
	for _, p := range smallPackings() {
		z := pack(t, want, p.tool, p.args...)
		for n := range z {
			bad := bytes.Clone(z)
			bad[n] ^= 1 << (n % 8)
			got, err := readAll(bytes.NewReader(bad), p.kind, 1<<20)
			unchecked := strings.HasSuffix(p.name, "no check")
			if err == nil && !unchecked && !bytes.Equal(got, want) {
				t.Errorf("%s with byte %d changed: other content and no error", p.name, n)
			}
		}
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	bomb := pack(t, make([]byte, RatioFloor+8<<20), "xz", "-c", "-1")
	got, err := readAll(bytes.NewReader(bomb), XZ, plenty)
	wantFormat(t, err, "more than 200 to 1")
	if len(got) < RatioFloor || len(got) > RatioFloor+1<<20 {
		t.Errorf("stopped after %d bytes, want soon after %d", len(got), RatioFloor)
	}
	small := pack(t, make([]byte, 4<<20), "xz", "-c", "-1")
	if _, err := readAll(bytes.NewReader(small), XZ, plenty); err != nil {
		t.Errorf("4 MiB of zeros: %v", err)
	}
}

func TestXZWindow(t *testing.T) {
	t.Parallel()
	z := pack(t, []byte("small"), "xz", "-c")
	z[12+4] = 31 // 192 MiB, in the block header
	head := z[12 : 12+12]
	binary.LittleEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
	_, err := readAll(bytes.NewReader(z), XZ, plenty)
	wantFormat(t, err, "dictionary of 201326592 bytes, more than 134217728")
	if !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
}

func TestZstdWindow(t *testing.T) {
	t.Parallel()
	z := pack(t, sample(1000), "zstd", "-qc", "--no-check")
	// A frame header without a size and with a window of 256 MiB, then the
	// blocks of the other.
	fhd := z[4]
	skip := 5 + 1<<(fhd>>6)
	if fhd&0x20 == 0 {
		skip++
	} else if fhd>>6 == 0 {
		skip = 6
	}
	z = append([]byte("\x28\xb5\x2f\xfd\x00\x90"), z[skip:]...)
	_, err := readAll(bytes.NewReader(z), Zstd, plenty)
	wantFormat(t, err, "window")
	if !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
}

// TestSeveral reads streams one after another, as the tools do.
func TestSeveral(t *testing.T) {
	t.Parallel()
	want := sample(5000)
	for _, p := range packings() {
		z := pack(t, want, p.tool, p.args...)
		several := bytes.Repeat(z, 3)
		if p.kind == Zstd {
			several = slices.Concat(z, []byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), z, z) // a skippable frame
		}
		got, err := readAll(iotest.OneByteReader(bytes.NewReader(several)), p.kind, plenty)
		if p.kind == LZMA {
			wantFormat(t, err, "bytes after the end")
		} else if err != nil || !bytes.Equal(got, bytes.Repeat(want, 3)) {
			t.Errorf("%s: %d bytes, %v", p.name, len(got), err)
		}
	}
}

// TestPadding adds bytes after the end. gzip -t must take what is taken here.
func TestPadding(t *testing.T) {
	t.Parallel()
	z := pack(t, sample(100), "gzip", "-c")
	path := filepath.Join(t.TempDir(), "x.gz")
	for _, tail := range []string{"", "\x00", strings.Repeat("\x00", 100_000), "\x00x", "x", "\x1f\x8b", "\x1f\x8b\x08garbage"} {
		data := append(bytes.Clone(z), tail...)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tool := exec.CommandContext(t.Context(), "gzip", "-t", path).Run()
		_, err := readAll(bytes.NewReader(data), Gzip, plenty)
		if (err == nil) != (tool == nil) {
			t.Errorf("%d bytes %.5q: %v, gzip -t: %v", len(tail), tail, err, tool)
		}
	}
}

func TestMaxStreams(t *testing.T) {
	t.Parallel()
	z := pack(t, nil, "gzip", "-nc")
	if _, err := readAll(bytes.NewReader(bytes.Repeat(z, MaxStreams)), Gzip, plenty); err != nil {
		t.Errorf("%d members: %v", MaxStreams, err)
	}
	_, err := readAll(bytes.NewReader(bytes.Repeat(z, MaxStreams+1)), Gzip, plenty)
	wantFormat(t, err, "more than 65536 gzip members")
	if !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	odd := pack(t, []byte("small"), "xz", "-c")
	odd[7] = 2 // a check that the format reserves
	binary.LittleEndian.PutUint32(odd[8:], crc32.ChecksumIEEE(odd[6:8]))
	for _, z := range []string{"\x00ZCK1rest", "\x00ZHR1rest", string(odd)} {
		_, err := readAll(strings.NewReader(z), ByMagic([]byte(z)), plenty)
		wantFormat(t, err, "")
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("%.5q: %v, want ErrUnsupported", z, err)
		}
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Kind{
		"Packages.gz": Gzip, "a/control.tar.xz": XZ, "data.tar.bz2": Bzip2, "primary.xml.zst": Zstd, "Packages": None, "gz": None, "x.lzma": LZMA, "primary.xml.zck": Zchunk,
	} {
		if got := ByName(name); got != want {
			t.Errorf("ByName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	d, err := NewReader(strings.NewReader("abc"), None, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n, err := d.Read(make([]byte, 3)); n != 0 || err == nil {
		t.Errorf("Read after Close: %d, %v", n, err)
	}
}

func TestUnknownKind(t *testing.T) {
	t.Parallel()
	_, err := NewReader(strings.NewReader("abc"), Kind("lz4"), 10)
	wantFormat(t, err, `unknown compression "lz4"`)
}

func FuzzNewReader(f *testing.F) {
	for i, p := range packings() {
		f.Add(uint8(i), pack(f, sample(600), p.tool, p.args...))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		kinds := []Kind{Gzip, XZ, Bzip2, Zstd, None, LZMA, Zchunk}
		kind := kinds[int(which)%len(kinds)]
		const limit = 1 << 20
		got, err := readAll(bytes.NewReader(data), kind, limit)
		if len(got) > limit {
			t.Errorf("%d bytes came out, more than the limit", len(got))
		}
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*repo.FormatError](err); !ok {
			t.Errorf("%s: %v (%T), want a *repo.FormatError", kind, err, err)
		}
	})
}

func BenchmarkNewReader(b *testing.B) {
	data := sample(8 << 20)
	for _, p := range packings() {
		b.Run(fmt.Sprint(p.name), func(b *testing.B) {
			z := pack(b, data, p.tool, p.args...)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				d, err := NewReader(bytes.NewReader(z), p.kind, plenty)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, d); err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
		})
	}
}

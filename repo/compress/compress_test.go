package compress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
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
	want := sample(1000)
	for _, tc := range []struct{ dict, err string }{
		{"128MiB", ""}, {"192MiB", "more than 134217728"}, {"1GiB", "more than 134217728"},
	} {
		z := pack(t, want, "xz", "-c", "--lzma2=preset=0,dict=4KiB")
		// The header's dictionary is what counts, and xz needs ten times as
		// much to compress with it: write it in by hand.
		z = withDict(t, z, tc.dict)
		got, err := readAll(bytes.NewReader(z), XZ, plenty)
		if tc.err != "" {
			wantFormat(t, err, tc.err)
		} else if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dictionary of %s: %v", tc.dict, err)
		}
	}
	var many bytes.Buffer
	z := withDict(t, pack(t, want, "xz", "-c", "--block-size=10", "--lzma2=preset=0,dict=4KiB"), "128MiB")
	many.Write(z)
	_, err := readAll(&many, XZ, plenty)
	wantFormat(t, err, "together")

	_, err = readAll(bytes.NewReader(pack(t, want, "xz", "-c", "--x86", "--lzma2")), XZ, plenty)
	wantFormat(t, err, "filters other than LZMA2")
}

func TestByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Kind{
		"Packages.gz": Gzip, "a/control.tar.xz": XZ, "data.tar.bz2": Bzip2, "primary.xml.zst": Zstd, "Packages": None, "gz": None, "x.lzma": None,
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
		kinds := []Kind{Gzip, XZ, Bzip2, Zstd, None}
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

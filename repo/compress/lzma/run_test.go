package lzma

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pack compresses data with xz.
func pack(t testing.TB, data []byte, args ...string) []byte {
	t.Helper()
	bin, err := exec.LookPath("xz")
	if err != nil {
		t.Fatal("install xz-utils (make deps)")
	}
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"-c"}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xz %v: %v", args, err)
	}
	return out
}

// sample holds literals, matches near and far, repeated ones and runs.
func sample(n int) []byte {
	var b []byte
	seed := uint32(1)
	for len(b) < n {
		seed = seed*1664525 + 1013904223
		k := int(seed>>8) % 40
		switch seed >> 30 {
		case 0:
			for range k {
				seed = seed*1664525 + 1013904223
				b = append(b, byte(seed>>24))
			}
		case 1:
			b = append(b, bytes.Repeat([]byte{byte(seed >> 16)}, 3*k)...)
		case 2:
			b = append(b, "Package: kubectl\nVersion: 1.28.0-1.1\n"[:min(k, 37)]...)
		default:
			if len(b) > 400 {
				from := int(seed>>4) % (len(b) - 300)
				b = append(b, b[from:from+5*k]...)
			}
		}
	}
	return b[:n]
}

// runBoth decodes data as a raw LZMA stream with run and with runGeneric in
// pieces and demands the same state after each.
func runBoth(t *testing.T, prop byte, dict uint16, step uint8, data []byte) (out []byte, st status) {
	t.Helper()
	p, ok := parseProperties(prop)
	if !ok || len(data) < rangeInit {
		return nil, statusBad
	}
	const window = 1 << 17
	start := func() *core {
		c := &core{in: append(bytes.Clone(data), make([]byte, 2*maxSymbolIn)...), inStop: len(data)}
		c.buf = make([]byte, window+maxOvershoot)
		c.pos, c.start, c.dictSize = bufFront, bufFront, int(dict)+1
		c.reset(p)
		return c
	}
	a, b := start(), start()
	if !a.initRange() || !b.initRange() {
		return nil, statusBad
	}
	for a.pos < window && a.inPos <= a.inStop {
		for _, c := range []*core{a, b} {
			c.outStop = min(c.pos+int(step)+1, window)
			c.outEnd = c.outStop + maxMatch
		}
		sa, sb := a.run(), b.runGeneric()
		if sa != sb || a.pos != b.pos {
			t.Fatalf("run: %v at %d, runGeneric: %v at %d", sa, a.pos, sb, b.pos)
		}
		if sa != statusBad && (a.rng != b.rng || a.code != b.code || a.rep != b.rep || a.state != b.state || a.inPos != b.inPos || a.probs != b.probs) {
			t.Fatalf("other state at %d", a.pos)
		}
		if !bytes.Equal(a.buf[:a.pos], b.buf[:b.pos]) {
			t.Fatalf("other output before %d: %s", a.pos, cmp.Diff(a.buf[:a.pos], b.buf[:b.pos]))
		}
		if st = sa; st != statusStop {
			break
		}
	}
	return a.buf[bufFront:a.pos], st
}

func TestRunIsRunGeneric(t *testing.T) {
	t.Parallel()
	want := sample(100_000)
	for _, opts := range []string{"", "preset=9e,nice=273", "lc=0,lp=0,pb=0", "lc=0,lp=4,pb=4", "lc=4,lp=0,pb=1", "lc=1,lp=3", "preset=0", "mf=hc3,mode=fast"} {
		z := pack(t, want, "--format=lzma", "--lzma1="+opts+",dict=64KiB")
		for _, step := range []uint8{0, 200, 255} {
			got, st := runBoth(t, z[0], 65535, step, z[AloneHeaderLen:])
			if st != statusEnd || !bytes.Equal(got, want) {
				t.Errorf("%s, %d at a time: status %v, %d bytes", opts, step, st, len(got))
			}
		}
	}
}

func FuzzRun(f *testing.F) {
	z := pack(f, sample(3000), "--format=lzma")
	f.Add(byte(0x5d), uint16(65535), uint8(255), z[AloneHeaderLen:])
	f.Add(byte(0x5d), uint16(40), uint8(3), z[AloneHeaderLen:])
	f.Add(byte(0x00), uint16(4095), uint8(100), []byte("\x00broken from the first bit on, and long enough to decode to something"))
	f.Fuzz(func(t *testing.T, prop byte, dict uint16, step uint8, data []byte) {
		runBoth(t, prop, dict, step, data)
	})
}

// FuzzAlone demands that no input does harm, and that what is accepted ends
// where the reader is.
func FuzzAlone(f *testing.F) {
	f.Add(pack(f, sample(3000), "--format=lzma"))
	f.Add(pack(f, nil, "--format=lzma"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) > AloneHeaderLen {
			alone(bytes.NewReader(data)) //nolint:errcheck // any verdict will do
		}
	})
}

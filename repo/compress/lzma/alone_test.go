package lzma

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/iotest"
)

func TestAlone(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 300, 70_000, 500_000} {
		want := sample(n)
		z := pack(t, want, "--format=lzma", "--lzma1=preset=6,dict=64KiB")
		known := bytes.Clone(z) // the size is known, and an end marker follows
		binary.LittleEndian.PutUint64(known[5:], uint64(n))
		for name, data := range map[string][]byte{"unknown size": z, "known size": known} {
			for how, r := range map[string]io.Reader{
				"whole": bytes.NewReader(data), "a byte at a time": iotest.OneByteReader(bytes.NewReader(data)),
			} {
				if got, err := alone(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %s, %s: %d bytes, %v", n, name, how, len(got), err)
				}
			}
		}
	}
}

// TestAloneVerdict cuts and breaks a small file at each offset: the verdict
// must be that of xz -t.
func TestAloneVerdict(t *testing.T) {
	t.Parallel()
	z := pack(t, sample(120), "--format=lzma", "--lzma1=preset=6,dict=64KiB")
	path := filepath.Join(t.TempDir(), "x.lzma")
	hold := func(what string, at int, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		want := exec.CommandContext(t.Context(), "xz", "-tq", path).Run()
		_, err := alone(bytes.NewReader(data))
		if _, window := errors.AsType[*WindowError](err); (err == nil) != (want == nil) && !window {
			t.Errorf("%s at %d: %v, xz: %v", what, at, err, want)
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
	hold("tail", len(z), append(bytes.Clone(z), 0))
}

func TestAloneWindow(t *testing.T) {
	t.Parallel()
	z := pack(t, nil, "--format=lzma")
	for dict, ok := range map[uint32]bool{1 << 12: true, 3 << 20: true, 128 << 20: true, 192 << 20: false, 1<<32 - 1: false} {
		binary.LittleEndian.PutUint32(z[1:], dict)
		_, err := alone(bytes.NewReader(z))
		w, window := errors.AsType[*WindowError](err)
		if (err == nil) != ok || window == ok || window && w.Wanted != int64(dict) {
			t.Errorf("dictionary of %d: %v", dict, err)
		}
	}
	binary.LittleEndian.PutUint32(z[1:], 5<<20+1)
	if _, err := alone(bytes.NewReader(z)); !errors.Is(err, ErrHeader) {
		t.Errorf("odd dictionary: %v", err)
	}
}

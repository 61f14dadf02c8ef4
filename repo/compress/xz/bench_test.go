package xz

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"
)

// BenchmarkXZ decodes a tar of this toolchain's programs, or the file that
// XZ_BENCH names. Compare its user time with that of xz:
//
//	XZ_BENCH=big.tar.xz go test -run - -bench XZ -cpu 1 ./repo/compress/xz
//	time xz -dc big.tar.xz >/dev/null
//
// The tag purego leaves the assembly out.
func BenchmarkXZ(b *testing.B) {
	packed := benchFile(b)
	var z Reader
	in := bufio.NewReaderSize(nil, 64<<10)
	for b.Loop() {
		in.Reset(bytes.NewReader(packed))
		z.Reset(in, testLimits)
		n, err := io.Copy(io.Discard, &z)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

// benchFile returns an xz file of programs.
func benchFile(b *testing.B) []byte {
	b.Helper()
	if path := os.Getenv("XZ_BENCH"); path != "" {
		packed, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		return packed
	}
	goBin, err := exec.LookPath("go")
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "xz", "-6", "-c", goBin)
	packed, err := cmd.Output()
	if err != nil {
		b.Fatalf("install xz-utils (make deps): %v", err)
	}
	return packed
}

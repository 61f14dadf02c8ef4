package compress

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// withDict rewrites the dictionary size in every block header of z, an xz
// stream whose only filter is LZMA2, and leaves the index as it is: header
// sizes do not change.
func withDict(t *testing.T, z []byte, dict string) []byte {
	t.Helper()
	code := map[string]byte{"128MiB": 30, "192MiB": 31, "1GiB": 36}[dict]
	if code == 0 {
		t.Fatalf("no code for a dictionary of %s", dict)
	}
	z = append([]byte(nil), z...)
	found := 0
	for i := 12; i+12 <= len(z); i++ {
		// A block header's size and flags, and the filter with its property.
		n := (int(z[i]) + 1) * 4
		if z[i] == 0 || n > 32 || i+n > len(z) || crc32.ChecksumIEEE(z[i:i+n-4]) != binary.LittleEndian.Uint32(z[i+n-4:]) {
			continue
		}
		for k := i + 2; k+2 < i+n-4; k++ {
			if z[k] == 0x21 && z[k+1] == 1 {
				z[k+2] = code
				binary.LittleEndian.PutUint32(z[i+n-4:], crc32.ChecksumIEEE(z[i:i+n-4]))
				found++
				break
			}
		}
	}
	if found == 0 {
		t.Fatal("no block header found")
	}
	return z
}

func TestXZCheckLen(t *testing.T) {
	t.Parallel()
	// The .xz File Format 1.2.0, section 2.1.1.2.
	want := []int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	for flag, n := range want {
		if got := xzCheckLen(byte(flag)); got != n {
			t.Errorf("check %#x: %d bytes, want %d", flag, got, n)
		}
	}
}

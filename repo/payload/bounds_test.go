package payload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

const (
	buildMagic = "\xff Go buildinf:\x08\x02" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	frame      = "0123456789abcdef"
)

// buildText is Go build information with settings, of size bytes in all.
func buildText(t *testing.T, size int) []byte {
	t.Helper()
	const head = "path\texample.org/x\nbuild\t-k="
	b := append([]byte(buildMagic), "\x06go1.26"...)
	filler := size - len(b) - 3 - len(frame+head+"\n"+frame)
	b = binary.AppendUvarint(b, uint64(len(frame+head+"\n"+frame)+filler))
	b = append(b, frame+head...)
	b = append(b, bytes.Repeat([]byte("v"), filler)...)
	b = append(b, "\n"+frame...)
	if len(b) != size {
		t.Fatalf("build information of %d bytes, want %d", len(b), size)
	}
	return b
}

// TestMaxBuildInfo reads build information as long as may be, and a byte
// longer: of that only the toolchain is told.
func TestMaxBuildInfo(t *testing.T) {
	t.Parallel()
	for past, path := range map[int]string{0: "example.org/x", 1: ""} {
		data := header64(t, 64, 0, 1, 0, append(segment64(1, 6, 0, 1<<62), append(make([]byte, 8), buildText(t, MaxBuildInfo+past)...)...))
		_, _, p, err := NewInspector().File(bytes.NewReader(data), 0o755)
		if err != nil || p == nil || p.Go == nil || p.Go.GoVersion != "go1.26" || p.Go.Path != path {
			t.Errorf("%d bytes past the bound: %v, %+v; want the path %q", past, err, p, path)
		}
	}
}

// TestMaxBuildInfos looks at places that begin like build information: as many
// as are taken in data, and half of that elsewhere, and more.
func TestMaxBuildInfos(t *testing.T) {
	t.Parallel()
	const step = 64
	place := append([]byte(buildMagic+"\x06go1.26"), make([]byte, step-len(buildMagic)-7)...)
	for _, tt := range []struct {
		name   string
		inData bool
		n      int
		want   int
	}{
		{"data", true, MaxBuildInfos, MaxBuildInfos},
		{"more data", true, MaxBuildInfos + 1, MaxBuildInfos},
		{"elsewhere", false, MaxBuildInfos / 2, MaxBuildInfos / 2},
		{"more elsewhere", false, MaxBuildInfos, MaxBuildInfos / 2},
	} {
		s := goScan{in: []region{{0, 1 << 20}}}
		if tt.inData {
			s.data = s.in
		}
		s.window(window{b: bytes.Repeat(place, tt.n), last: true})
		if len(s.seen) != tt.want {
			t.Errorf("%s: %d of %d places, want %d", tt.name, len(s.seen), tt.n, tt.want)
		}
		for i, c := range s.seen {
			if c.off != int64(i*step) {
				t.Errorf("%s: place %d is at %d: not the first ones", tt.name, i, c.off)
			}
		}
	}
}

// TestMaxSettings reads as many settings as are kept, and one more.
func TestMaxSettings(t *testing.T) {
	t.Parallel()
	for past := range 2 {
		n := MaxSettings + past
		var text, flags strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "build\tk%d=%d\n", i, i)
			fmt.Fprintf(&flags, "-X a.b%d=%d ", i, i)
		}
		g := parseBuild("go1.26", frame+"path\tx\n"+text.String()+frame)
		if len(g.Settings) != MaxSettings || g.Settings[MaxSettings-1].Value != fmt.Sprint(MaxSettings-1) {
			t.Errorf("%d settings of %d, want the first %d", len(g.Settings), n, MaxSettings)
		}
		set := linked(flags.String())
		if len(set) != MaxSettings || set[MaxSettings-1].Value != fmt.Sprint(MaxSettings-1) {
			t.Errorf("%d -X values of %d, want the first %d", len(set), n, MaxSettings)
		}
	}
}

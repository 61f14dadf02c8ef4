package xz

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testLimits are wide enough for all that is sound here.
var testLimits = Limits{Window: 128 << 20, Blocks: 1 << 20, Streams: 1 << 10}

func decode(data []byte) ([]byte, error) {
	var z Reader
	z.Reset(bufio.NewReader(bytes.NewReader(data)), testLimits)
	return io.ReadAll(&z)
}

// TestXZUtils holds the reader against the files that xz's own tests read:
// their names say what a decoder must answer.
func TestXZUtils(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/xz-utils/*.xz")
	if err != nil || len(paths) < 69 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(data)
		kind, _, _ := strings.Cut(name, "-")
		switch kind {
		case "good":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "bad":
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %d bytes, %v, want it corrupt or truncated", name, len(got), err)
			}
		case "unsupported":
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %d bytes, %v, want it unsupported", name, len(got), err)
			}
		default:
			t.Errorf("%s: no verdict in the name", name)
		}
	}
}

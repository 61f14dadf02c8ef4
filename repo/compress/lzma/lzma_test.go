package lzma

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

const testDict = 128 << 20

// drain returns all that d decodes.
func drain(d *Decoder) (out []byte, err error) {
	for {
		p, err := d.Next()
		out = append(out, p...)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func alone(r io.Reader) ([]byte, error) {
	var d Decoder
	in := bufio.NewReader(r)
	if err := d.ResetAlone(in, testDict); err != nil {
		return nil, err
	}
	out, err := drain(&d)
	if err != nil {
		return out, err
	}
	if _, err := in.Peek(1); !errors.Is(err, io.EOF) {
		return out, errors.New("bytes after the end")
	}
	return out, nil
}

// TestXZUtils holds the decoder against the files that xz's own tests read:
// their names say what a decoder must answer.
func TestXZUtils(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/xz-utils/*.lzma")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		good := strings.HasPrefix(name, "good-")
		if _, err := alone(bytes.NewReader(data)); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package deb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
)

// TestMaxData has the header of a file claim as much as data.tar may hold, and
// a byte more, which nobody waits for. The bound itself is lowered to go to it.
func TestMaxData(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{MaxData: "truncated", MaxData + 1: "file of 8589934593 bytes, more than 8589934592"} {
		claim := block{name: "./a", size: fmt.Sprintf("%012o", size)} // two blocks of zeros follow
		_, err := Read(bytes.NewReader(pack(controlTar(t), claim.String()+end())), Options{Payload: true})
		wantFormat(t, err, want)
	}
	text := tarFile(t, file("./a", strings.Repeat("x", 100_000)))
	for limit, want := range map[int64]string{int64(len(text)): "", int64(len(text)) - 1: fmt.Sprintf("more than %d bytes", len(text)-1)} {
		a := &archive{state: newState(), streams: new(compress.Pool), src: &source{r: bytes.NewReader(arFile(arMember{"data.tar", text})[len(arMagic):])}}
		m, err := a.next()
		if err != nil {
			t.Fatal(err)
		}
		p := &Package{}
		got, err := openTar(p, m, stageData, limit)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = got.next(p)
		}
		if errors.Is(err, io.EOF) {
			err = got.finish(p)
		}
		if want == "" && err != nil {
			t.Errorf("limit of %d bytes: %v", limit, err)
		} else if want != "" {
			wantFormat(t, err, want)
		}
	}
}

// TestSparse reads files of a tebibyte without content, as GNU tar stores them.
// dpkg takes neither form, and reading them would take a night.
func TestSparse(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("tar")
	if err != nil {
		t.Fatal("install tar (make deps)")
	}
	dir := t.TempDir()
	big, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 40
	if err := big.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := big.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--format=gnu"},
		{"--format=pax", "--sparse-version=0.0"},
		{"--format=pax", "--sparse-version=0.1"},
		{"--format=pax", "--sparse-version=1.0"},
	} {
		cmd := exec.CommandContext(t.Context(), bin, append(args, "-S", "-c", "-C", dir, "./big")...)
		tarball, err := cmd.Output()
		if err != nil {
			t.Fatalf("tar %v: %v", args, err)
		}
		data := pack(controlTar(t), string(tarball))
		p, err := Read(bytes.NewReader(data), Options{Payload: true})
		if err != nil {
			t.Errorf("%v: %v", args, err)
			continue
		}
		want := repo.PayloadFile{Path: "/big", Size: size}
		if len(p.Files) != 1 || p.Files[0].Path != want.Path || p.Files[0].Size != want.Size || p.Files[0].SHA256 != "" {
			t.Errorf("%v: %+v, want %+v", args, p.Files, want)
		}
		wantFault(t, p, "which dpkg does not unpack")
		name := filepath.Join(t.TempDir(), "x.deb")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if ok, text := unpacks(t, name); ok {
			t.Errorf("%v: dpkg unpacks it: %s", args, text)
		}
	}
}

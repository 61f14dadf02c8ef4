package sums_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/sums"
)

const (
	a256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	b256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)

var a512 = strings.Repeat("0123456789abcdef", 8)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       sums.List
		err        string
	}{
		{"a digest alone", a256, sums.List{{Algorithm: repo.SHA256, Digest: a256, Line: 1}}, ""},
		{"in capitals, with line ends of Windows", strings.ToUpper(a256) + "\r\n", sums.List{{Algorithm: repo.SHA256, Digest: a256, Line: 1}}, ""},
		{"sha512", a512 + "\n", sums.List{{Algorithm: repo.SHA512, Digest: a512, Line: 1}}, ""},
		{"list", "# releases\n\n" + a256 + "  a\n" + b256 + " *b c\n", sums.List{
			{Name: "a", Algorithm: repo.SHA256, Digest: a256, Line: 3}, {Name: "b c", Algorithm: repo.SHA256, Digest: b256, Line: 4}}, ""},
		{"one blank", a256 + " a\n", sums.List{{Name: "a", Algorithm: repo.SHA256, Digest: a256, Line: 1}}, ""},
		{"tagged", "SHA256 (x (1) = y) = " + a256 + "\n", sums.List{{Name: "x (1) = y", Algorithm: repo.SHA256, Digest: a256, Line: 1}}, ""},
		{"escaped", `\` + a256 + `  a\\b\nc` + "\n", sums.List{{Name: "a\\b\nc", Algorithm: repo.SHA256, Digest: a256, Line: 1}}, ""},
		{"weak beside strong", strings.Repeat("0", 32) + "  a\n" + a256 + "  a\n", sums.List{{Name: "a", Algorithm: repo.SHA256, Digest: a256, Line: 2}}, ""},
		{"weak alone", strings.Repeat("0", 32) + "  a\n", nil, "no SHA-256 or better"},
		{"empty", "", nil, "no SHA-256 or better"},
		{"a page", "<?xml version='1.0'?><Error>NoSuchKey</Error>", nil, "line 1: \"<?xml"},
		{"too short", a256[1:], nil, "is no checksum"},
		{"no hexadecimal", "g" + a256[1:], nil, "is no checksum"},
		{"tag of another length", "SHA512 (a) = " + a256, nil, "is no checksum"},
		{"long line", strings.Repeat("x", sums.MaxLine+1), nil, "more than 8192 bytes"},
		{"large", strings.Repeat(a256+"\n", sums.MaxSize/65+1), nil, "goes on after 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := sums.Read(strings.NewReader(tt.text))
			if format := (*repo.FormatError)(nil); tt.err != "" && (!errors.As(err, &format) || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			} else if tt.err == "" && err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReaderFails: an error of the reader is passed on as it is.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if _, err := sums.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	list := sums.List{
		{Name: "bin/linux/amd64/kubelet", Algorithm: repo.SHA256, Digest: a256, Line: 1},
		{Name: "bin/linux/arm64/kubelet", Algorithm: repo.SHA256, Digest: b256, Line: 2},
		{Name: "kubectl", Algorithm: repo.SHA256, Digest: a256, Line: 3},
		{Name: "./kubectl", Algorithm: repo.SHA512, Digest: a512, Line: 4},
	}
	for _, tt := range []struct {
		name  string
		hints []string
		want  repo.Digests
		err   error
	}{
		{"kubectl", nil, repo.Digests{SHA256: a256, SHA512: a512}, nil},
		{"kubelet", []string{"arm64"}, repo.Digests{SHA256: b256}, nil},
		{"kubelet", nil, repo.Digests{}, sums.ErrAmbiguous},
		{"kubelet", []string{"s390x"}, repo.Digests{}, sums.ErrAmbiguous},
		{"kubeadm", nil, repo.Digests{}, sums.ErrNone},
	} {
		got, err := list.Of(tt.name, tt.hints...)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s %v: got %+v, %v; want %+v, %v", tt.name, tt.hints, got, err, tt.want, tt.err)
		}
	}
	alone := sums.List{{Algorithm: repo.SHA256, Digest: a256}}
	if got, err := alone.Of("anything"); err != nil || got.SHA256 != a256 {
		t.Errorf("a digest alone: %+v, %v", got, err)
	}
}

// TestCoreutils reads what sha256sum and sha512sum write, in both forms, of
// names that they escape too.
func TestCoreutils(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"kubelet", "with blank", "back\\slash", "new\nline", "(paren) = x"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"sha256sum"}, {"sha256sum", "--binary"}, {"sha256sum", "--tag"}, {"sha512sum"}, {"sha512sum", "--tag"}} {
		tool, err := exec.LookPath(args[0])
		if err != nil {
			t.Fatalf("install coreutils (make deps): %v", err)
		}
		cmd := exec.CommandContext(t.Context(), tool, append(args[1:], append([]string{"--"}, names...)...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		list, err := sums.Read(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		for _, name := range names {
			got, err := list.Of(name)
			if err != nil {
				t.Errorf("%v: %q: %v", args, name, err)
			}
			if want := fmt.Sprintf("%x", sha256.Sum256([]byte(name))); got.SHA256 != "" && got.SHA256 != want {
				t.Errorf("%v: %q: got %s, want %s", args, name, got.SHA256, want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{a256, a256 + "  a\n", "SHA256 (a) = " + a256, `\` + a256 + `  a\nb`, "# x\n", "<html>"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := sums.Read(bytes.NewReader(data))
		if (err == nil) == (len(list) == 0) {
			t.Fatalf("%d entries, error %v", len(list), err)
		}
		for _, e := range list {
			if !e.Algorithm.Strong() || len(e.Digest) != e.Algorithm.HexLen() || strings.Trim(e.Digest, "0123456789abcdef") != "" {
				t.Errorf("bad entry %+v", e)
			}
		}
	})
}

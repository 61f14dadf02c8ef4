package cpio_test

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
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/cpio"
)

// entry makes an entry of the formats that describe themselves.
func entry(magic, name, data string, sum uint32) string {
	s := fmt.Sprintf("%s%08X%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", magic,
		0xab, 0o100644, 1, 2, 3, 4, len(data), 5, 6, 7, 8, len(name)+1, sum, name)
	s += strings.Repeat("\x00", -len(s)&3) + data
	return s + strings.Repeat("\x00", -len(s)&3)
}

func trailer() string { return entry("070701", "TRAILER!!!", "", 0) }

// read reads a whole archive; sizes are those of stripped entries.
func read(r io.Reader, sizes ...int64) (all []cpio.Entry, data []string, err error) {
	c := cpio.NewReader(r)
	for {
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			return all, data, nil
		}
		if err != nil {
			return all, data, err
		}
		if e.Format == cpio.Stripped && int(e.Index) < len(sizes) {
			c.SetSize(sizes[e.Index])
		}
		b, err := io.ReadAll(c)
		if err != nil {
			return all, data, err
		}
		all, data = append(all, *e), append(data, string(b))
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	archive := entry("070701", "./a", "abc", 0) + entry("070702", "./b", "\x01\xff", 0x100) +
		"07070X00000001\x00\x00" + "12345" + "\x00\x00\x00" + "07070X00000000\x00\x00" + trailer() + strings.Repeat("\x00", 300)
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(archive), "a byte at a time": iotest.OneByteReader(strings.NewReader(archive)), "data with EOF": iotest.DataErrReader(strings.NewReader(archive)),
	} {
		all, data, err := read(r, 0, 5)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]string{"abc", "\x01\xff", "12345", ""}, data); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		own := cpio.Entry{
			Format: cpio.Newc, Name: "./a", Size: 3, Mode: 0o100644, Inode: 0xab, UID: 1, GID: 2, Links: 3, ModTime: 4,
			DevMajor: 5, DevMinor: 6, RdevMajor: 7, RdevMinor: 8,
		}
		crc := own
		crc.Format, crc.Name, crc.Size, crc.WantedSum, crc.Offset = cpio.CRC, "./b", 2, 0x100, 120
		if diff := cmp.Diff([]cpio.Entry{
			own, crc, {Format: cpio.Stripped, Index: 1, Size: 5, Offset: 240}, {Format: cpio.Stripped, Offset: 264},
		}, all, cmpopts.IgnoreUnexported(cpio.Entry{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if all[1].SumMismatch() {
			t.Error("sum is wrong")
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := entry("070701", "./a", "abc", 0)
	for what, x := range map[string]struct{ archive, want string }{
		"nothing":             {"", "ends where a header belongs"},
		"no trailer":          {good, "ends where a header belongs"},
		"cut magic":           {good + "0707", "ends where a header belongs"},
		"cut header":          {good[:50], "ends where a header belongs"},
		"cut name":            {good[:112], "ends where a name belongs"},
		"cut data":            {good[:118], "ends inside of a file: 1 bytes are missing"},
		"cut padding":         {good[:119], "ends where padding belongs"},
		"cut stripped":        {"07070X0000", "ends where a header belongs"},
		"magic":               {"070703" + good[6:], "wanted the magic"},
		"portable":            {"070707" + good[6:], "old portable format"},
		"binary":              {"\xc7\x71" + good[2:], "wanted the magic"},
		"number":              {strings.Replace(good, "000081a4", "  0x81a4", 1), "not 8 hexadecimal digits"},
		"stripped number":     {"07070X0000000g\x00\x00", "not 8 hexadecimal digits"},
		"no name":             {strings.Replace(good, "00000004"+"00000000./a", "00000000"+"00000000./a", 1), "name of 0 bytes"},
		"long name":           {entry("070701", strings.Repeat("a", cpio.MaxName), "", 0), "name of 4097 bytes"},
		"name without end":    {strings.Replace(good, "./a\x00", "./ab", 1), "one NUL"},
		"NUL inside a name":   {strings.Replace(good, "./a\x00", ".\x00a\x00", 1), "one NUL"},
		"data in the trailer": {entry("070701", "TRAILER!!!", "x", 0), "trailer has 1 bytes"},
		"after the trailer":   {trailer() + "\x00\x00x", "data after the end"},
		"long tail":           {trailer() + strings.Repeat("\x00", cpio.MaxTail+8192), "after the end of the archive"},
		"too many":            {strings.Repeat("07070X00000000\x00\x00", cpio.MaxEntries+1), "more than 1048576 entries"},
	} {
		_, _, err := read(strings.NewReader(x.archive))
		var format *repo.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, wanted %q", what, err, x.want)
		}
	}
	broken := errors.New("broken")
	for n := range len(good) {
		_, _, err := read(io.MultiReader(strings.NewReader(good[:n]), iotest.ErrReader(broken)))
		var format *repo.FormatError
		if !errors.Is(err, broken) || errors.As(err, &format) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	all, _, err := read(strings.NewReader(entry("070702", "./a", "abc", 7) + trailer()))
	if err != nil || !all[0].SumMismatch() {
		t.Errorf("wrong sum: %+v, %v", all, err)
	}
	if all, _, err := read(strings.NewReader("07070Xffffffff\x00\x00")); err != nil || len(all) != 0 {
		t.Errorf("end of rpm's own: %v, %v", all, err)
	}
}

// TestErrorsStay asks again after an error.
func TestErrorsStay(t *testing.T) {
	t.Parallel()
	c := cpio.NewReader(strings.NewReader(entry("070701", "a", "abc", 0)[:114]))
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	_, first := io.ReadAll(c)
	_, second := c.Read(make([]byte, 1))
	if _, err := c.Next(); first == nil || !errors.Is(second, first) || !errors.Is(err, first) {
		t.Errorf("%v, %v, %v", first, second, err)
	}
}

// TestAgainstCPIO reads what GNU cpio writes, with every kind of file.
func TestAgainstCPIO(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("cpio")
	if err != nil {
		t.Fatal("install cpio (make deps)")
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"a": "", "b": "data", "c long name with blanks": strings.Repeat("x", 100_001)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "b"), filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("b", filepath.Join(dir, "e")); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"newc", "crc"} {
		cmd := exec.CommandContext(t.Context(), path, "-o", "--quiet", "-H", format)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader("a\nb\nc long name with blanks\nd\ne\n.\n")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		all, data, err := read(bytes.NewReader(out))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		got := make(map[string]string)
		for i, e := range all {
			if e.SumMismatch() {
				t.Errorf("%s: %s: wrong sum", format, e.Name)
			}
			got[e.Name] = fmt.Sprintf("%o %d", e.Mode&0o170777, len(data[i]))
		}
		list := exec.CommandContext(t.Context(), path, "-it", "--quiet")
		list.Stdin = bytes.NewReader(out)
		names, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(names), "\n"); n != len(all) {
			t.Errorf("%s: %d entries, cpio lists %d", format, len(all), n)
		}
		// One of the hard links has the data.
		if got["b"] == got["d"] {
			t.Errorf("%s: hard links %s and %s", format, got["b"], got["d"])
		}
		delete(got, "b")
		delete(got, "d")
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"a": "100640 0", "c long name with blanks": "100640 100001", "e": "120777 1", ".": fmt.Sprintf("40%o 0", info.Mode().Perm()),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func FuzzCPIO(f *testing.F) {
	good := entry("070701", "./a", "abc", 0) + entry("070702", "./b", "\x01\xff", 0x100) + "07070X00000001\x00\x0012345\x00\x00\x00" + trailer()
	f.Add([]byte(good))
	f.Add([]byte(good[:130]))
	f.Add([]byte(trailer() + "\x00"))
	f.Add([]byte("07070Xffffffff\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, content, err := read(bytes.NewReader(data), 3, 5)
		again, contentAgain, errAgain := read(iotest.HalfReader(bytes.NewReader(data)), 3, 5)
		if (err == nil) != (errAgain == nil) || len(all) != len(again) {
			t.Fatalf("%v, then %v", err, errAgain)
		}
		total := 0
		for i := range content {
			if content[i] != contentAgain[i] {
				t.Fatalf("entry %d differs", i)
			}
			total += len(content[i])
		}
		if total > len(data) {
			t.Fatalf("%d bytes out of %d", total, len(data))
		}
	})
}

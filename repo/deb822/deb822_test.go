package deb822

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

// read renders what Stanzas yields, one line each.
func read(r io.Reader) []string {
	var got []string
	for s, err := range Stanzas(r) {
		if err != nil {
			got = append(got, fmt.Sprintf("%d error %v", s.Line, err))
			continue
		}
		line := fmt.Sprint(s.Line)
		for i, f := range s.Fields {
			line += fmt.Sprintf(" %d:%s=%q", s.Lines[i], f.Name, f.Value)
		}
		got = append(got, line)
	}
	return got
}

func TestStanzas(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxLine)
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"only empty lines", "\n\r\n\n", nil},
		{"one", "Package: a\nVersion: 1\n", []string{`1 1:Package="a" 2:Version="1"`}},
		{"two, apart by several lines", "A: 1\n\n\n\nB: 2\n", []string{`1 1:A="1"`, `5 5:B="2"`}},
		{"no final newline", "A: 1", []string{`1 1:A="1"`}},
		{"CRLF", "A: 1\r\nB: 2\r\n x\r\n\r\nC: 3\r\n", []string{`1 1:A="1" 2:B="2\n x"`, `5 5:C="3"`}},
		{"case kept", "pAcKaGe: a\n", []string{`1 1:pAcKaGe="a"`}},
		{"folded", "D: short  \n long\t\n .\n\t tab\nE:\n only\n", []string{`1 1:D="short\n long\n .\n\t tab" 5:E="\n only"`}},
		{"colons in the value", "A: b: c:d\n", []string{`1 1:A="b: c:d"`}},
		{"no space after the colon", "A:b\nC:\n", []string{`1 1:A="b" 2:C=""`}},
		{"space before the colon", "A : b\n", []string{`1 1:A="b"`}},
		{"UTF-8", "Maintainer: Zoë\n", []string{`1 1:Maintainer="Zoë"`}},
		{"twice", "A: 1\nB: 2\na: 3\n\nC: 1\n", []string{`1 error line 3: field "a" is there twice, first on line 1`, `5 5:C="1"`}},
		{"no colon", "A: 1\nB\nC: 2\n\nD: 3\n", []string{`1 error line 2: want "Field: value", got "B"`, `5 5:D="3"`}},
		{"continuation first", " a\nA: 1\n\nB: 2", []string{`1 error line 1: continuation line before any field: " a"`, `4 4:B="2"`}},
		{"blank line inside", "A: 1\n \t\nB: 2\n", []string{`1 error line 2: blank line that is not empty: dpkg refuses it, apt reads on`}},
		{"comment", "A: 1\n# no\nB: 2\n", []string{`1 error line 2: comment: only source packages may have them`}},
		{"no name", ": 1\n", []string{`1 error line 1: bad field name ""`}},
		{"dash", "-A: 1\n", []string{`1 error line 1: bad field name "-A"`}},
		{"space in the name", "A B: 1\n", []string{`1 error line 1: bad field name "A B"`}},
		{"byte order mark", "\ufeffA: 1\n", []string{`1 error line 1: bad field name "` + `\ufeffA"`}},
		{"Latin-1", "A: Zo\xeb\n", []string{`1 error line 1: not UTF-8: "A: Zo\xeb"`}},
		{"NUL", "A: \x00\n", []string{`1 error line 1: control character 0x0: "A: \x00"`}},
		{"CR inside", "A: b\rc\n", []string{`1 error line 1: control character 0xd: "A: b\rc"`}},
		{"line too long", "A: " + long + "\nB: 1\n\nC: 2\n", []string{`1 error line 1: line is longer than 1048576 bytes`, `4 4:C="2"`}},
		{"line just right", "A:" + long[2:] + "\r\n", []string{`1 1:A="` + long[2:] + `"`}},
		{"stanza too long", "A:\n" + strings.Repeat(" "+long[1:]+"\n", 8) + "\nC: 2\n", []string{`1 error line 9: stanza is longer than 8388608 bytes`, `11 11:C="2"`}},
		{"too many fields", manyFields(MaxFields+1) + "\nC: 2\n", []string{`1 error line 513: more than 512 fields in a stanza`, `515 515:C="2"`}},
		{"fields just right", manyFields(3), []string{`1 1:F0="0" 2:F1="1" 3:F2="2"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, read(strings.NewReader(tc.in))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, read(iotest.HalfReader(strings.NewReader(tc.in)))); diff != "" {
				t.Errorf("in small reads (-want +got)\n%s", diff)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "F%d: %d\n", i, i)
	}
	return b.String()
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	var last error
	n := 0
	for _, err := range Stanzas(io.MultiReader(strings.NewReader("A: 1\n\nB: 2\nC"), iotest.ErrReader(broken))) {
		n++
		last = err
	}
	if _, bad := errors.AsType[*repo.FormatError](last); n != 2 || bad || !errors.Is(last, broken) {
		t.Errorf("%d stanzas, then %v; want 2 and the reader's error", n, last)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"A: 1\n\nB: 2\n", "bad\n\nB: 2\n"} {
		n := 0
		for _, err := range Stanzas(strings.NewReader(in)) {
			n++
			_ = err // the second text begins with a bad stanza
			break
		}
		if n != 1 {
			t.Errorf("%d stanzas after a break, want 1", n)
		}
	}
}

func TestLineOf(t *testing.T) {
	t.Parallel()
	for s, err := range Stanzas(strings.NewReader("\nA: 1\n x\nB: 2\n")) {
		if err != nil {
			t.Fatal(err)
		}
		if a, b, c := s.LineOf("a"), s.LineOf("B"), s.LineOf("C"); a != 2 || b != 4 || c != 2 {
			t.Errorf("LineOf = %d, %d, %d; want 2, 4, 2", a, b, c)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"kubectl": true, "cri-tools": true, "g++": true, "0ad": true, "libc6.1": true, "a_b": true,
		"": false, "-o": false, "a b": false, "a/b": false, "ä": false, "+a": false, strings.Repeat("a", 256): false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
}

func FuzzStanzas(f *testing.F) {
	for _, s := range []string{"A: 1\n\nB: 2\n c\n", "A\n\n\r\nB:\r\n", " x", "# c\nA: 1", "A: 1\nA: 2\n\n\n", "\xff: \x00\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Count(in, "\n") + 1
		before := 0
		for s, err := range Stanzas(strings.NewReader(in)) {
			if s.Line <= before || s.Line > lines {
				t.Errorf("stanza on line %d after one on line %d, of %d lines", s.Line, before, lines)
			}
			before = s.Line
			if err != nil {
				if _, ok := errors.AsType[*repo.FormatError](err); !ok {
					t.Errorf("%v (%T), want a *repo.FormatError", err, err)
				}
				continue
			}
			if len(s.Fields) == 0 || len(s.Fields) != len(s.Lines) {
				t.Errorf("%d fields, %d lines", len(s.Fields), len(s.Lines))
			}
			// What was read reads the same when it is written again.
			var again strings.Builder
			for _, f := range s.Fields {
				fmt.Fprintf(&again, "%s:%s\n", f.Name, f.Value)
			}
			for s2, err := range Stanzas(strings.NewReader(again.String())) {
				if diff := cmp.Diff(s.Fields, s2.Fields); err != nil || diff != "" {
					t.Errorf("written again: %v\n%s", err, diff)
				}
			}
		}
	})
}

package deb822

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

// render writes what is yielded, one line each.
func render(all iter.Seq2[Stanza, error]) []string {
	var got []string
	for s, err := range all {
		if err != nil {
			got = append(got, fmt.Sprintf("%d error %v", s.Line, err))
			continue
		}
		line := fmt.Sprint(s.Line)
		for n, f := range s.Lines() {
			line += fmt.Sprintf(" %d:%s=%q", n, f.Name, f.Value)
		}
		for _, f := range s.Faults {
			line += fmt.Sprintf("; %v dpkg=%v", f.Err(), f.Dpkg)
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
		want     []string // as apt
		dpkg     []string // as dpkg, where it differs
	}{
		{"empty", "", nil, nil},
		{"only empty lines", "\n\r\n\n", nil, nil},
		{"one", "Package: a\nVersion: 1\n", []string{`1 1:Package="a" 2:Version="1"`}, nil},
		{"two, apart by several lines", "AA: 1\n\n\n\nBB: 2\n", []string{`1 1:AA="1"`, `5 5:BB="2"`}, nil},
		{"no final newline", "AA: 1", []string{`1 1:AA="1"`}, []string{"1 error line 1: no newline at the end of the last line"}},
		{"CRLF", "AA: 1\r\nBB: 2\r\n x\r\n", []string{`1 1:AA="1" 2:BB="2\n x"`}, nil},
		{"CRLF between", "AA: 1\r\n\r\nCC: 3\r\n", []string{`1 1:AA="1"`, `3 3:CC="3"`}, []string{"1 error line 2: line of a carriage return only", `3 3:CC="3"`}},
		{"several CRs", "AA: 1\n\r\r\nBB: 2\n", []string{`1 1:AA="1"`, `3 3:BB="2"`}, []string{"1 error line 2: line of a carriage return only", `3 3:BB="2"`}},
		{"case kept", "pAcKaGe: a\n", []string{`1 1:pAcKaGe="a"`}, nil},
		{"folded", "DD: short  \n long\t\n .\n\t tab\nEE:\n only\n", []string{`1 1:DD="short\n long\n .\n\t tab" 5:EE="\n only"`}, nil},
		{"colons in the value", "AA: b: c:d\n", []string{`1 1:AA="b: c:d"`}, nil},
		{"no space after the colon", "AA:b\nCC:\n", []string{`1 1:AA="b" 2:CC=""`}, nil},
		{"space before the colon", "AA : b\n", []string{`1 1:AA="b"`}, nil},
		{"UTF-8", "Maintainer: Zoë\n", []string{`1 1:Maintainer="Zoë"`}, nil},
		{"one letter", "A: b\n", []string{`1 1:A="b"`}, []string{`1 error line 1: field name "A" is too short for dpkg`}},
		{"twice", "AA: 1\nBB: 2\naa: 3\n\nCC: 1\n",
			[]string{`1 2:BB="2" 3:aa="3"; line 3: field "aa" is there twice, first on line 1: apt takes the last, dpkg refuses it dpkg=true`, `5 5:CC="1"`},
			[]string{`1 error line 3: field "aa" is there twice, first on line 1: apt takes the last, dpkg refuses it`, `5 5:CC="1"`}},
		{"no colon", "AA: 1\nBB\nCC: 2\n\nDD: 3\n",
			[]string{"1 1:AA=\"1\" 3:BB\nCC=\"2\"; line 2: want \"Field: value\", got \"BB\": apt takes it for the start of the next name dpkg=true; line 3: bad field name \"BB\\nCC\" dpkg=true", `5 5:DD="3"`},
			[]string{`1 error line 2: want "Field: value", got "BB": apt takes it for the start of the next name`, `5 5:DD="3"`}},
		{"no colon to the end", "AA: 1\nBB\n cc\n\nDD: 3\n", []string{`1 error line 2: stanza ends in a line without a colon: "BB\n cc"`, `5 5:DD="3"`},
			[]string{`1 error line 2: want "Field: value", got "BB": apt takes it for the start of the next name`, `5 5:DD="3"`}},
		{"continuation first", " a\nAA: 1\n\nBB: 2\n",
			[]string{`1 2:AA="1"; line 1: continuation line before any field: " a" dpkg=true`, `4 4:BB="2"`},
			[]string{`1 error line 1: continuation line before any field: " a"`, `4 4:BB="2"`}},
		{"nothing but a continuation", " a\n", []string{"1 error line 1: stanza without a field"}, []string{`1 error line 1: continuation line before any field: " a"`}},
		{"blank line inside", "AA: 1\n \t\nBB: 2\n",
			[]string{`1 1:AA="1" 3:BB="2"; line 2: blank line that is not empty: dpkg refuses it, apt reads on dpkg=true`},
			[]string{"1 error line 2: blank line that is not empty: dpkg refuses it, apt reads on"}},
		{"blank line inside a value", "AA: 1\n \t\n  \n x\nBB: 2\n",
			[]string{`1 1:AA="1\n\n\n x" 5:BB="2"; line 2: blank line that is not empty: dpkg refuses it, apt reads on dpkg=true; line 3: blank line that is not empty: dpkg refuses it, apt reads on dpkg=true`},
			[]string{"1 error line 2: blank line that is not empty: dpkg refuses it, apt reads on"}},
		{"comment", "AA: 1\n# no\n\nBB: 2\n", []string{`1 error line 2: stanza ends in a line without a colon: "# no"`, `4 4:BB="2"`},
			[]string{`1 error line 2: want "Field: value", got "# no": apt takes it for the start of the next name`, `4 4:BB="2"`}},
		{"no colon in a long text", strings.Repeat("no colon here\n", 1000) + "\nBB: 2\n", []string{"1 error line 293: no colon in 4101 bytes", `1002 1002:BB="2"`},
			[]string{`1 error line 1: want "Field: value", got "no colon here": apt takes it for the start of the next name`, `1002 1002:BB="2"`}},
		{"comment with a colon", "AA: 1\n# no: 2\nBB: 2\n",
			[]string{`1 1:AA="1" 2:# no="2" 3:BB="2"; line 2: comment, which apt and dpkg take for a field: "# no" dpkg=true`},
			[]string{`1 error line 2: comment, which apt and dpkg take for a field: "# no"`}},
		{"no name", ": 1\n", []string{`1 1:="1"; line 1: bad field name "" dpkg=true`}, []string{`1 error line 1: bad field name ""`}},
		{"dash", "-AA: 1\n", []string{`1 1:-AA="1"; line 1: bad field name "-AA" dpkg=true`}, []string{`1 error line 1: bad field name "-AA"`}},
		{"space in the name", "A B: 1\n", []string{`1 1:A B="1"; line 1: bad field name "A B" dpkg=true`}, []string{`1 error line 1: bad field name "A B"`}},
		{"byte order mark", "\ufeffAA: 1\n", []string{"1 1:\ufeffAA=\"1\"; line 1: bad field name \"\\ufeffAA\" dpkg=false"}, nil},
		{"armour", "-----BEGIN PGP SIGNED MESSAGE-----\n\nAA: 1\n", []string{`1 error line 1: stanza ends in a line without a colon: "-----BEGIN PGP SIGNED MESSAGE-----"`, `3 3:AA="1"`},
			[]string{`1 error line 1: want "Field: value", got "-----BEGIN PGP SIGNED MESSAGE-----": apt takes it for the start of the next name`, `3 3:AA="1"`}},
		{"Latin-1", "AA: Zo\xeb\n", []string{"1 1:AA=\"Zo\\xeb\"; line 1: not UTF-8: \"AA: Zo\\xeb\" dpkg=false"}, nil},
		{"NUL", "AA: a\x00b\n", []string{"1 1:AA=\"a\ufffdb\"; line 1: control character 0x0: \"AA: a\\x00b\" dpkg=false"}, nil},
		{"CR inside", "AA: b\rc\n", []string{`1 1:AA="b\rc"; line 1: control character 0xd: "AA: b\rc" dpkg=false`}, nil},
		{"line too long", "AA: " + long + "\nBB: 1\n\nCC: 2\n", []string{`1 error line 1: line is longer than 1048576 bytes`, `4 4:CC="2"`}, nil},
		{"last line too long", "AA: " + long, []string{`1 error line 1: line is longer than 1048576 bytes`}, nil},
		{"line just right", "AA:" + long[3:] + "\r\n", []string{`1 1:AA="` + long[3:] + `"`}, nil},
		{"stanza too long", "AA:\n" + strings.Repeat(" "+long[1:]+"\n", 8) + "\nCC: 2\n", []string{`1 error line 9: stanza is longer than 8388608 bytes`, `11 11:CC="2"`}, nil},
		{"too many fields", manyFields(MaxFields+1) + "\nCC: 2\n", []string{`1 error line 513: more than 512 fields in a stanza`, `515 515:CC="2"`}, nil},
		{"fields just right", manyFields(3), []string{`1 1:F0="0" 2:F1="1" 3:F2="2"`}, nil},
	} {
		if tc.dpkg == nil {
			tc.dpkg = tc.want
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for how, got := range map[string][]string{
				"":                render(IndexStanzas(strings.NewReader(tc.in))),
				"in small reads":  render(IndexStanzas(iotest.HalfReader(strings.NewReader(tc.in)))),
				"in memory":       render(NewIndexReader().StanzasOf([]byte(tc.in), 0)),
				"last read is it": render(IndexStanzas(iotest.DataErrReader(strings.NewReader(tc.in)))),
			} {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got)\n%s", how, diff)
				}
			}
			if diff := cmp.Diff(tc.dpkg, render(Stanzas(strings.NewReader(tc.in)))); diff != "" {
				t.Errorf("as dpkg (-want +got)\n%s", diff)
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

func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	in := "AA:\n" + strings.Repeat(" \xe9\n", 100)
	for s, err := range IndexStanzas(strings.NewReader(in)) {
		if err != nil || len(s.Faults) != MaxFaults {
			t.Errorf("%d faults, %v; want %d", len(s.Faults), err, MaxFaults)
		}
	}
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	var last error
	n := 0
	for _, err := range Stanzas(io.MultiReader(strings.NewReader("AA: 1\n\nBB: 2\nC"), iotest.ErrReader(broken))) {
		n++
		last = err
	}
	if _, bad := errors.AsType[*repo.FormatError](last); n != 2 || bad || !errors.Is(last, broken) {
		t.Errorf("%d stanzas, then %v; want 2 and the reader's error", n, last)
	}
}

// idle is a reader that never says anything.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestIdleReader(t *testing.T) {
	t.Parallel()
	for _, err := range IndexStanzas(idle{}) {
		if !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%v, want %v", err, io.ErrNoProgress)
		}
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"AA: 1\n\nBB: 2\n", "bad\n\nBB: 2\n"} {
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
	for in, want := range map[string][3]int{
		"\nA: 1\n x\nB: 2\n":           {2, 4, 2},
		"\n x\nA: 1\nB: 2\n":           {3, 4, 2},
		"A: 0\nB: 1\n y\nA: 1\nC: 2\n": {4, 2, 5},
	} {
		for s, err := range IndexStanzas(strings.NewReader(in)) {
			if err != nil {
				t.Fatal(err)
			}
			if got := [3]int{s.LineOf("a"), s.LineOf("B"), s.LineOf("C")}; got != want {
				t.Errorf("%q: lines %d, want %d", in, got, want)
			}
		}
	}
}

func TestIndexReader(t *testing.T) {
	t.Parallel()
	x := NewIndexReader("Version", "package", "Size")
	var got []string
	for range 2 {
		for s, err := range x.StanzasOf([]byte("Package: a\nVERSION: 1\n\nSize:\n 2\n\nbad\n\npackage: b\nPackage: c\n"), 10) {
			if err != nil {
				got = append(got, err.Error())
				continue
			}
			got = append(got, fmt.Sprintf("%d %q", s.Line, s.Values))
		}
	}
	want := []string{`11 ["1" "a" ""]`, `14 ["" "" "\n 2"]`, `line 17: stanza ends in a line without a colon: "bad"`, `19 ["" "c" ""]`}
	if diff := cmp.Diff(append(want, want...), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNames asks for many names, so that those of earlier stanzas are
// forgotten.
func TestNames(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	const stanzas, fields = 40, 100
	for s := range stanzas {
		for f := range fields {
			fmt.Fprintf(&b, "Field-%d-%d: x\nField-%d: y\n", s, f, f)
		}
		fmt.Fprintf(&b, "FIELD-%d-7: z\nfield-9: z\n\n", s)
	}
	n := 0
	for s, err := range IndexStanzas(strings.NewReader(b.String())) {
		if err != nil || s.Fields.Len() != 2*fields || len(s.Faults) != 2 {
			t.Fatalf("stanza %d: %d fields, faults %v, %v", n, s.Fields.Len(), s.Faults, err)
		}
		if v := s.Fields.Value(fmt.Sprintf("field-%d-7", n)) + s.Fields.Value("Field-9") + s.Fields.Value("Field-8"); v != "zzy" {
			t.Fatalf("stanza %d: values %q", n, v)
		}
		n++
	}
	if n != stanzas {
		t.Errorf("%d stanzas, want %d", n, stanzas)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		text := []byte(strings.Repeat("a", length))
		if !plain(text) {
			t.Errorf("%d letters are not plain", length)
		}
		for i := range text {
			for c := range 256 {
				text[i] = byte(c)
				if got, want := plain(text), c >= ' ' && c < 0x7f; got != want {
					t.Errorf("byte %#x at %d of %d: plain %v", c, i, length, got)
				}
			}
			text[i] = 'a'
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
	for _, s := range []string{
		"A: 1\n\nB: 2\n c\n", "A\n\n\r\nB:\r\n", " x", "# c\nA: 1", "A: 1\nA: 2\n\n\n", "\xff: \x00\n", " \n\nA:\n \nB:1\n x\na:2",
		"Package: a\nVersion: 1\nDescription: short\n long\n .\n more\n\nPackage: b\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Count(in, "\n") + 1
		before := 0
		var whole []string
		for s, err := range IndexStanzas(strings.NewReader(in)) {
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
			if s.Fields.Len() == 0 || len(s.Faults) > MaxFaults {
				t.Errorf("%d fields, %d faults", s.Fields.Len(), len(s.Faults))
			}
			for line := range s.Lines() {
				if line < s.Line || line > lines {
					t.Errorf("field on line %d of stanza on line %d", line, s.Line)
				}
			}
			whole = append(whole, s.Fields.String())
		}
		// However it is read, it is the same; what dpkg takes, apt does.
		if diff := cmp.Diff(render(IndexStanzas(strings.NewReader(in))), render(IndexStanzas(iotest.OneByteReader(strings.NewReader(in))))); diff != "" {
			t.Errorf("byte by byte:\n%s", diff)
		}
		strict := 0
		for s, err := range Stanzas(strings.NewReader(in)) {
			if err != nil {
				continue
			}
			for strict < len(whole) && whole[strict] != s.Fields.String() {
				strict++
			}
			if strict == len(whole) {
				t.Errorf("%q is good for dpkg only", s.Fields)
			}
		}
	})
}

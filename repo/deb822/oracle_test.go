package deb822

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagFile prints what apt's own reader finds in a file: for each stanza a list
// of names and values, each byte as the code point of its number.
const tagFile = `
import apt_pkg, json, sys
out = []
with apt_pkg.TagFile(sys.argv[1], bytes=True) as f:
    for s in f:
        keys = dict.fromkeys(k.decode("latin-1").lower() if isinstance(k, bytes) else k.lower() for k in s.keys())
        out.append([[k, s[k].decode("latin-1")] for k in keys])
print(json.dumps(out))
`

// aptStanzas asks python3-apt, which belongs to Debian's own python3.
func aptStanzas(t *testing.T, in string) [][][2]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Packages")
	if err := os.WriteFile(file, []byte(in), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", tagFile, file)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("install python3-apt (make deps): %v: %s", err, errs.String())
	}
	var stanzas [][][2]string
	if err := json.Unmarshal(out, &stanzas); err != nil {
		t.Fatal(err)
	}
	return stanzas
}

// TestIndexStanzasAgreesWithApt holds every stanza that is not refused against
// apt's. CRLF is not among them: python3-apt ends at a stanza that ends in
// CRLF, which apt-get itself takes.
func TestIndexStanzasAgreesWithApt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in string }{
		{"plain", "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n"},
		{"folded", "Package: a\nDescription: short  \n long\t\n .\n\t tab\nDepends:\n b,\n c\n"},
		{"empty value", "Package: a\nDepends:\nSuggests: \nVersion: 1\n"},
		{"several CRs", "Package: a\n\r\r\nPackage: b\n"},
		{"no final newline", "Package: a\nVersion: 1"},
		{"line without colon", "Package: a\nfoo\nBar: x\nVersion: 1\n"},
		{"lines without colon", "Package: a\nfoo\n bar\nbaz: x\nVersion: 1\n"},
		{"no space after the colon", "Package:a\nVersion:1\n"},
		{"case", "pAcKaGe: a\nVERSION: 1\n"},
		{"known field twice", "Package: a\nVersion: 1\nversion: 2\n"},
		{"unknown field twice", "Package: a\nX-What: 1\nx-wHAT: 2\nX-What: 3\n"},
		{"blank line of spaces", "Package: a\n  \nVersion: 1\n\nPackage: b\n"},
		{"stanzas run together", "Package: a\nVersion: 1\n \nPackage: b\n"},
		{"continuation first", " x\nPackage: a\n"},
		{"comment with a colon", "Package: a\n# no: x\nVersion: 1\n"},
		{"odd names", "Package: a\n-X: 1\nA B: 2\n: 3\nVersion: 1\n"},
		{"Latin-1", "Package: a\nMaintainer: Zo\xeb\n"},
		{"control characters", "Package: a\nMaintainer: b\x01\x7fc\rd\n"},
		{"colons", "Package: a\nHomepage: https://example.org:80/\n"},
		{"empty lines between", "Package: a\n\n\n\n\nPackage: b\n\n\n"},
		{"long line", "Package: a\nProvides: " + strings.Repeat("b, ", 100_000) + "c\nVersion: 1\n"},
		{"many fields", "Package: a\n" + manyFields(400)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got [][][2]string
			for s, err := range IndexStanzas(strings.NewReader(tc.in)) {
				if err != nil {
					t.Fatal(err)
				}
				var fields [][2]string
				for name, value := range s.Fields.All() {
					// apt's values begin with the first word, also of a next line.
					fields = append(fields, [2]string{strings.ToLower(name), latin1(strings.TrimLeft(value, "\n "))})
				}
				got = append(got, fields)
			}
			want := aptStanzas(t, tc.in)
			for i := range want {
				for j := range want[i] {
					want[i][j][1] = clean(want[i][j][1])
				}
			}
			if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
				t.Errorf("(-apt +IndexStanzas)\n%s", diff)
			}
		})
	}
}

// latin1 makes each byte the code point of its number.
func latin1(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// clean takes the white space off line ends, which apt keeps inside of values.
func clean(value string) string {
	lines := strings.Split(value, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	return strings.Join(lines, "\n")
}

// sorted has the last of doubles at the place of the first, as apt's keys.
func sorted(stanzas [][][2]string) []map[string]string {
	var all []map[string]string
	for _, s := range stanzas {
		fields := make(map[string]string)
		for _, f := range s {
			fields[f[0]] = f[1]
		}
		all = append(all, fields)
	}
	return all
}

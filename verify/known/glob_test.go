package known

import (
	"regexp"
	"strings"
	"testing"
)

// pattern writes a glob as a regular expression: the oracle.
func pattern(glob string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	quoted := false
	for _, r := range glob {
		switch {
		case quoted:
			b.WriteString(regexp.QuoteMeta(string(r)))
			quoted = false
		case r == '\\':
			quoted = true
		case r == '*':
			b.WriteString(".*")
		case r == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if quoted {
		b.WriteString(`\\`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"", ""}, {"", "x"}, {"?", "ü"}, {"a*b*c", "a-b-b-c"}, {"a**c", "ac"}, {`\*`, "*"}, {`\*`, "x"}, {`x\`, `x\`},
		{"*/stable/1.28 kubelet 1.28.5 s390x*", "deb/stable/1.28 kubelet 1.28.5 s390x"}, {"[a]", "a"}, {"a*", "a\nb"}, {"*a", "aaab"},
		{strings.Repeat("a*", 100) + "b", strings.Repeat("a", 200)},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, glob, text string) {
		if len(glob) > MaxSubject || strings.ToValidUTF8(glob, "") != glob || strings.ToValidUTF8(text, "") != text {
			return
		}
		g := parseGlob(glob)
		if got, want := g.fits(text), pattern(glob).MatchString(text); got != want {
			t.Errorf("%q and %q: %t, as a regular expression %t", glob, text, got, want)
		}
		// A text that fits is begun by each of its prefixes.
		if g.fits(text) {
			for i := range text {
				if !g.begins(text[:i]) {
					t.Errorf("%q fits %q and cannot begin with %q", glob, text, text[:i])
				}
			}
		}
	})
}

func TestGlobBegins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		glob, prefix string
		want         bool
	}{
		{"deb/stable/1.28 kubelet*", "deb/stable/1.28", true},
		{"*/1.28 kubelet", "rpm/stable/1.28", true},
		{"deb/stable/1.2? *", "deb/stable/1.28", true},
		{"deb/*", "rpm/stable/1.28", false},
		{"deb/stable/1.2", "deb/stable/1.28", false},
		{"deb/stable/1.28 x", "deb/stable/1.28 y", false},
	} {
		if got := parseGlob(tt.glob).begins(tt.prefix); got != tt.want {
			t.Errorf("%q begins with %q: %t", tt.glob, tt.prefix, got)
		}
	}
}

package repopath

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

func TestClean(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a/", MaxLen/2-1) + "ab"
	for _, tc := range []struct{ in, want, err string }{
		{in: "amd64/kubectl_1.28.0-1.1_amd64.deb", want: "amd64/kubectl_1.28.0-1.1_amd64.deb"},
		{in: "./amd64/x.deb", want: "amd64/x.deb"},
		{in: "././x.deb", want: "x.deb"},
		{in: "a..b/..c", want: "a..b/..c"},
		{in: "a%2e%2e/b?c#d", want: "a%2e%2e/b?c#d"},
		{in: "1:2.deb", want: "1:2.deb"},
		{in: "a/b:c", want: "a/b:c"},
		{in: "é.deb", want: "é.deb"},
		{in: long, want: long},
		{in: long + "c", err: "4097 bytes, more than 4096"},
		{in: "", err: "empty segment"},
		{in: "./", err: "empty segment"},
		{in: "..", err: "leads out"},
		{in: "a/../b", err: "leads out"},
		{in: "./../b", err: "leads out"},
		{in: "a//b", err: "empty segment"},
		{in: "a/./b", err: "empty segment"},
		{in: ".//etc/passwd", err: "empty segment"},
		{in: "a/", err: "empty segment"},
		{in: "/etc/passwd", err: "is absolute"},
		{in: `a\..\b`, err: "backslash"},
		{in: "a\x00b", err: "control character"},
		{in: "a\nb", err: "control character"},
		{in: "a\u0085b", err: "control character"},
		{in: "\xff", err: "not UTF-8"},
		{in: "http://other/x.deb", err: "URL scheme"},
		{in: "./file:x", err: "URL scheme"},
		{in: "x+y.z-1:b", err: "URL scheme"},
	} {
		got, err := Clean(tc.in)
		if tc.err == "" {
			if err != nil || got != tc.want {
				t.Errorf("Clean(%q) = %q, %v; want %q", tc.in, got, err, tc.want)
			}
			continue
		}
		if _, ok := errors.AsType[*repo.FormatError](err); !ok || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("Clean(%q) = %q, %v; want a FormatError with %q", tc.in, got, err, tc.err)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a/b", "./a", "../a", "a/../../b", "/x", "x:y", `\\h\s`, "a//b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Clean(s)
		if err != nil {
			return
		}
		if !filepath.IsLocal(c) {
			t.Errorf("Clean(%q) = %q, which leaves the root", s, c)
		}
		if again, err := Clean(c); err != nil || again != c {
			t.Errorf("Clean(%q) = %q, but Clean of that = %q, %v", s, c, again, err)
		}
	})
}

package metalink_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/metalink"
)

// TestBounds goes to each bound, and one past it.
func TestBounds(t *testing.T) {
	t.Parallel()
	into := func(at, text string) string { return strings.Replace(good, at, text+at, 1) }
	metalinkOf := func(s string) error { _, err := metalink.Parse(strings.NewReader(s)); return err }
	list := func(s string) error { _, err := metalink.ParseMirrorlist(strings.NewReader(s)); return err }
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d=''", i)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		most  int
		text  func(n int) string
		parse func(string) error
		past  string
	}{
		"bytes": {metalink.MaxBytes, func(n int) string {
			n -= len(good)
			return good + strings.Repeat("<!---->\n", n/8) + strings.Repeat(" ", n%8)
		}, metalinkOf, "more than 4194304 bytes"},
		"files":        {metalink.MaxFiles, func(n int) string { return into(" </files>", strings.Repeat(`<file name="x"/>`, n-1)) }, metalinkOf, "more than 64 files"},
		"alternates":   {metalink.MaxAlternates, func(n int) string { return into("   </mm0:alternates>", strings.Repeat("<mm0:alternate/>", n-1)) }, metalinkOf, "more than 256 alternates"},
		"URLs":         {metalink.MaxURLs, func(n int) string { return into("   </resources>", strings.Repeat("<url/>", n-3)) }, metalinkOf, "more than 4096 URLs"},
		"depth":        {metalink.MaxDepth, func(n int) string { return into(" </files>", strings.Repeat("<a>", n-2)+strings.Repeat("</a>", n-2)) }, metalinkOf, "deeper than 16"},
		"attributes":   {metalink.MaxAttributes, func(n int) string { return into(" </files>", "<a"+attributes(n)+"/>") }, metalinkOf, "more than 32 attributes"},
		"token":        {metalink.MaxToken, func(n int) string { return into(" </files>", "<a>"+strings.Repeat("x", n)+"</a>") }, metalinkOf, "longer than 65536 bytes"},
		"list":         {metalink.MaxBytes, func(n int) string { return strings.Repeat("\n", n) }, list, "more than 4194304 bytes"},
		"URLs of list": {metalink.MaxURLs, func(n int) string { return strings.Repeat("http://a/\n", n) }, list, "more than 4096 URLs"},
		"line":         {metalink.MaxLine, func(n int) string { return strings.Repeat("x", n-1) + "\n" }, list, "longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := tt.parse(tt.text(tt.most)); err != nil {
				t.Errorf("%d: %v", tt.most, err)
			}
			err := tt.parse(tt.text(tt.most + 1))
			if format := (*repo.FormatError)(nil); !errors.As(err, &format) || !strings.Contains(err.Error(), tt.past) {
				t.Errorf("%d: %v, want a FormatError with %q", tt.most+1, err, tt.past)
			}
		})
	}
}

// TestMaxURL reads lists with a URL that is as long as may be, and longer.
func TestMaxURL(t *testing.T) {
	t.Parallel()
	for past, want := range map[int]int{0: 1, 1: 0} {
		url := "http://a/" + strings.Repeat("x", metalink.MaxURL-len("http://a/")+past)
		got, err := metalink.ParseMirrorlist(strings.NewReader(url + "\n"))
		if err != nil || len(got.URLs) != want || len(got.Faults) != 1-want {
			t.Errorf("a URL of %d bytes: %v, %d URLs, faults %v", len(url), err, len(got.URLs), got.Faults)
		}
		m, err := metalink.Parse(strings.NewReader(strings.Replace(good, "https://mirror.example.org/fedora/repodata/repomd.xml", "https"+url[4:len(url)-1], 1)))
		if err != nil || len(m.Files[0].Resources) != 2+want {
			t.Errorf("a URL of %d bytes in a metalink: %v, %d URLs", len(url), err, len(m.Files[0].Resources))
		}
	}
}

package xmlstream

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// TestDefaultLimits goes to each bound, and one past it.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d=''", i)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		most int
		text func(n int) string
		past string
	}{
		"depth":      {DefaultDepth, func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }, "deeper than 64"},
		"attributes": {DefaultAttributes, func(n int) string { return "<a" + attributes(n) + "/>" }, "more than 64 attributes"},
		"text":       {DefaultToken, func(n int) string { return "<a>" + strings.Repeat("x", n) + "</a>" }, "longer than 1048576 bytes"},
		"tag":        {DefaultToken, func(n int) string { return `<a b="` + strings.Repeat("x", n-len(`<a b=""/>`)) + `"/>` }, "longer than 1048576 bytes"},
		"comment":    {DefaultToken, func(n int) string { return `<a><!--` + strings.Repeat("x", n-len(`<!---->`)) + `--></a>` }, "longer than 1048576 bytes"},
		"reference":  {maxReference, func(n int) string { return "<a>&#" + strings.Repeat("0", n-3) + "65;</a>" }, "without the ';'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := func(n int) error {
				d := NewDecoder(strings.NewReader(tt.text(n)), Limits{})
				for {
					if _, err := d.Next(); err != nil {
						return err
					}
				}
			}
			if err := read(tt.most); !errors.Is(err, io.EOF) {
				t.Errorf("%d: %v, want it read to its end", tt.most, err)
			}
			err := read(tt.most + 1)
			if format := (*repo.FormatError)(nil); !errors.As(err, &format) || !strings.Contains(err.Error(), tt.past) {
				t.Errorf("%d: %v, want a FormatError with %q", tt.most+1, err, tt.past)
			}
		})
	}
}

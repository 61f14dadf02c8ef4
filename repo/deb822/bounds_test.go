package deb822

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// TestStanzaBounds goes to each bound of a stanza, and one past it; the stanza
// after it is read all the same.
func TestStanzaBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		most int
		text func(n int) string
		past string
	}{
		"line": {MaxLine, func(n int) string { return "A: " + strings.Repeat("x", n-3) + "\n" }, "line is longer than 1048576 bytes"},
		"stanza": {MaxStanza, func(n int) string {
			const line = 1 << 16
			return "A:\n" + strings.Repeat(" "+strings.Repeat("x", line-2)+"\n", n/line-1) + " " + strings.Repeat("x", n%line+line-3-2) + "\n"
		}, "stanza is longer than 8388608 bytes"},
		"fields":      {MaxFields, manyFields, "more than 512 fields"},
		"half a name": {maxHalf, func(n int) string { return strings.Repeat("x", n) + "\n: value\n" }, "no colon in 4097 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, past := range []int{0, 1} {
				text := tt.text(tt.most + past)
				var errs []error
				for s, err := range IndexStanzas(strings.NewReader(text + "\nLast: one\n")) {
					if errs = append(errs, err); err == nil && s.Fields.Len() == 0 {
						t.Error("a stanza without fields")
					}
				}
				if len(errs) != 2 || errs[1] != nil {
					t.Fatalf("%d stanzas, %v; want 2 of which the last is read", len(errs), errs)
				}
				format := (*repo.FormatError)(nil)
				switch {
				case past == 0 && errs[0] != nil:
					t.Errorf("at %d: %v", tt.most, errs[0])
				case past == 1 && (!errors.As(errs[0], &format) || !strings.Contains(errs[0].Error(), tt.past)):
					t.Errorf("past %d: %v, want a FormatError with %q", tt.most, errs[0], tt.past)
				}
			}
		})
	}
}

// TestMaxNames has stanzas bring ever new names: those of earlier ones are
// forgotten as soon as there are too many, and found again in their own stanza.
func TestMaxNames(t *testing.T) {
	t.Parallel()
	n := newNames(nil)
	most := 0
	for stanza := range 4 * maxNames / MaxFields {
		n.begin()
		for field := range MaxFields {
			text := fmt.Appendf(nil, "F-%d-%d", stanza, field)
			if before := n.use(n.find(text), field); before >= 0 {
				t.Fatalf("%s is said to be field %d too", text, before)
			}
		}
		most = max(most, len(n.list))
		if before := n.use(n.find(fmt.Appendf(nil, "F-%d-0", stanza)), MaxFields); before != 0 {
			t.Fatalf("stanza %d: its first field is said to be %d", stanza, before)
		}
	}
	// A stanza may go past the bound, and the next one begins anew.
	if least := maxNames; most <= least || most > maxNames+MaxFields+1 {
		t.Errorf("up to %d names are kept, want more than %d and at most %d", most, least, maxNames+MaxFields+1)
	}
}

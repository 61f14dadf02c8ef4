package rpmmd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

func wantFormat(t *testing.T, err error, want string) {
	t.Helper()
	if format := (*repo.FormatError)(nil); !errors.As(err, &format) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want a FormatError with %q", err, want)
	}
}

// TestMaxModules reads as many documents as may be, and one more.
func TestMaxModules(t *testing.T) {
	t.Parallel()
	read := func(n int) (good int, last error) {
		const document = "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: a}\n"
		// All but the first are no mappings, which costs less.
		for _, err := range Modules(strings.NewReader(document + strings.Repeat("--- a\n", n-1))) {
			last = err
			good++
		}
		return good, last
	}
	n, err := read(MaxModules)
	if wantFormat(t, err, "no mapping"); n != MaxModules {
		t.Errorf("%d documents, want %d", n, MaxModules)
	}
	n, err = read(MaxModules + 1)
	if wantFormat(t, err, "more than 65536 documents"); n != MaxModules+1 {
		t.Errorf("%d documents, want the reading to end after %d", n, MaxModules)
	}
}

// TestModuleBounds goes to the bounds of one document, and one past them. The
// document behind it is read all the same.
func TestModuleBounds(t *testing.T) {
	t.Parallel()
	const head = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: a\n"
	for name, tt := range map[string]struct {
		most int
		text func(n int) string
		past string
	}{
		"bytes": {MaxModuleBytes, func(n int) string {
			return head + strings.Repeat("#\n", (n-len(head))/2) + strings.Repeat("\n", (n-len(head))%2)
		}, "document of more than 1048576 bytes"},
		"flow": {maxModuleFlow, func(n int) string { return head + "  x: " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }, "65 opening brackets, more than 64"},
	} {
		for _, past := range []int{0, 1} {
			var errs []error
			for _, err := range Modules(strings.NewReader(tt.text(tt.most+past) + head)) {
				errs = append(errs, err)
			}
			if len(errs) != 2 || errs[1] != nil {
				t.Fatalf("%s: %v, want two documents of which the last is read", name, errs)
			}
			if past == 0 && errs[0] != nil {
				t.Errorf("%s: at %d: %v", name, tt.most, errs[0])
			} else if past == 1 {
				wantFormat(t, errs[0], tt.past)
			}
		}
	}
}

// TestRootBounds goes to the bounds of repomd.xml, and one past them.
func TestRootBounds(t *testing.T) {
	t.Parallel()
	root := func(inside string) error {
		_, err := ParseRoot(strings.NewReader(`<repomd xmlns="`+spaceRepo+`">`+inside+`</repomd>`), "r")
		return err
	}
	for name, tt := range map[string]struct {
		most int
		text func(n int) string
		past string
	}{
		"data":         {MaxData, func(n int) string { return strings.Repeat(`<data type="x"/>`, n) }, "more than 100 data elements"},
		"repo tags":    {maxTags, func(n int) string { return "<tags>" + strings.Repeat("<repo>x</repo>", n) + "</tags>" }, "more than 100 tags of one kind"},
		"content tags": {maxTags, func(n int) string { return "<tags>" + strings.Repeat("<content>x</content>", n) + "</tags>" }, "more than 100 tags of one kind"},
		"distro tags":  {maxTags, func(n int) string { return "<tags>" + strings.Repeat("<distro>x</distro>", n) + "</tags>" }, "more than 100 tags of one kind"},
		"tags in two places": {maxTags, func(n int) string {
			return fmt.Sprintf("<tags>%s</tags><tags>%s</tags>", strings.Repeat("<repo>x</repo>", n-10), strings.Repeat("<repo>x</repo>", 10))
		}, "more than 100 tags of one kind"},
	} {
		if err := root(tt.text(tt.most)); err != nil {
			t.Errorf("%s: at %d: %v", name, tt.most, err)
		}
		wantFormat(t, root(tt.text(tt.most+1)), tt.past)
	}
}

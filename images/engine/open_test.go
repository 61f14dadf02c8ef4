package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFirstOf: the first that works is taken and says why not those before it; what
// the user chose is taken or nothing is.
func TestFirstOf(t *testing.T) {
	t.Parallel()
	works := func(name string) func(context.Context) (Engine, Info, error) {
		return func(context.Context) (Engine, Info, error) { return &OCI{}, Info{Name: name}, nil }
	}
	fails := func(why string) func(context.Context) (Engine, Info, error) {
		return func(context.Context) (Engine, Info, error) { return nil, Info{}, errors.New(why) }
	}
	for _, tc := range []struct {
		name   string
		all    []candidate
		want   string
		passed []string
		err    string
	}{
		{"the first", []candidate{{works("a"), false}, {works("b"), false}}, "a", nil, ""},
		{"the last", []candidate{{fails("no a"), false}, {fails("no b"), false}, {works("c"), false}}, "c", []string{"no a", "no b"}, ""},
		{"chosen and there", []candidate{{fails("no a"), false}, {works("b"), true}}, "b", []string{"no a"}, ""},
		{"chosen and not there", []candidate{{fails("no a"), false}, {fails("no b"), true}, {works("c"), false}}, "", nil, "no b"},
		{"none", []candidate{{fails("no a"), false}, {fails("no b"), false}}, "", nil, "no a\nno b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e, info, err := firstOf(t.Context(), tc.all)
			if info.Name != tc.want || (e == nil) != (tc.want == "") || (err == nil) != (tc.err == "") {
				t.Errorf("got %+v, %v", info, err)
			}
			if diff := cmp.Diff(tc.passed, info.Passed); diff != "" {
				t.Errorf("passed (-want +got):\n%s", diff)
			}
			if err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

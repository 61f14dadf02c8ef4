package verify_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/verify"
)

func TestRange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bounds  string
		in, out []string
	}{
		{"", []string{"1.0.0", "any thing"}, nil},
		{"1.26.0", []string{"1.26.0"}, []string{"1.26.1", "1.26.0-rc.1", "1.26.0 x"}},
		{">= 1.24.0 < 1.24.2", []string{"1.24.0", "1.24.1", "1.24.2-rc.0"}, []string{"1.23.9", "1.24.0-rc.1", "1.24.2", "1.24.10"}},
		{"> 1.9.0 <= 1.10.0", []string{"1.9.1", "1.10.0"}, []string{"1.9.0", "1.10.1", "1.2.0"}},
	} {
		r, err := verify.ParseRange(tt.bounds)
		if err != nil {
			t.Errorf("%q: %v", tt.bounds, err)
			continue
		}
		for _, v := range tt.in {
			if !r.Contains(v) {
				t.Errorf("%q does not contain %s", tt.bounds, v)
			}
		}
		for _, v := range tt.out {
			if r.Contains(v) {
				t.Errorf("%q contains %s", tt.bounds, v)
			}
		}
	}
	for _, bad := range []string{">=", "< 1.0.0 >=", "!= 1.0.0", ">= x y"} {
		if _, err := verify.ParseRange(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

package checks_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// oneCase changes a sound repository and says what one check must make of it.
type oneCase struct {
	name   string
	format repo.Format
	change func(*verify.Expectation, *verify.Facts)
	status verify.Status
	// says and got must be in the message, and in Got or a line of evidence, of
	// the one finding; both are empty for a pass.
	says, got string
}

// runCases runs one check on each case.
func runCases(t *testing.T, id string, cases []oneCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			if r.RPM != nil {
				r.RPM.Filelists = listed(r.Packages)
			}
			tt.change(e, r)
			res := runCheck(t, id, e, r)
			if res.Status != tt.status {
				t.Fatalf("%s, want %s: %+v", res.Status, tt.status, res.Findings)
			}
			if tt.says == "" {
				if len(res.Findings) > 0 {
					t.Errorf("findings: %+v", res.Findings)
				}
				return
			}
			if len(res.Findings) != 1 {
				t.Fatalf("%d findings, want one cause: %+v", len(res.Findings), res.Findings)
			}
			f := res.Findings[0]
			if !strings.Contains(f.Message, tt.says) {
				t.Errorf("says %q, want %q in it", f.Message, tt.says)
			}
			if details := f.Got + "\n" + strings.Join(f.Evidence, "\n"); !strings.Contains(details, tt.got) {
				t.Errorf("details %q, want %q in them", details, tt.got)
			}
			if (res.Status == verify.Fail || res.Status == verify.Warn) && (f.Hint == "" || f.URL == "" || f.Want+f.Got+strings.Join(f.Evidence, "") == "") {
				t.Errorf("%q does not say where, what was wanted and got, or what to do", f.Message)
			}
		})
	}
}

func runCheck(t *testing.T, id string, e *verify.Expectation, r *verify.Facts) verify.Result {
	t.Helper()
	for _, c := range checks.Catalogue() {
		if c.ID == id {
			return c.OnRepository(e, r)
		}
	}
	t.Fatalf("no check %s", id)
	return verify.Result{}
}

package debver

import (
	_ "embed"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

//go:embed testdata/order
var orderTable string

// parseCases are the strings over which Parse and dpkg must agree.
func parseCases() []string {
	return []string{
		"1.0", "1.0-1", "1:2:3", "2147483647:1", "+1:1", "1.0-1-2", "1~", "01:2", "1", "0", "1.2+b-3~x",
		"1.0-", "a1", "1.0_2", "4294967296:1", "2147483648:1", "99999999999999999999:1", "1 0", ":1", "x:1", "1x:1", "-1:1",
		"1:", "", "-1", "1-", "1.0-a_b", "1:1-", "1:-1", "0x1:2", "~1", "1é", "1.0-é", "1.0-1:2", "1:1-1:2", "1,0", "1/0", "1\t0",
		"1..", "1--1", "1-+", "1_", "1_0:1",
	}
}

func dpkg(t *testing.T) string {
	t.Helper()
	p, err := exec.LookPath("dpkg")
	if err != nil {
		t.Fatal("install dpkg (make deps)")
	}
	return p
}

func TestParseAgreesWithDpkg(t *testing.T) {
	t.Parallel()
	bin := dpkg(t)
	for _, s := range parseCases() {
		v, err := Parse(s)
		out, dpkgErr := exec.CommandContext(t.Context(), bin, "--validate-version", "--", s).CombinedOutput()
		if (err == nil) != (dpkgErr == nil) || Valid(s) != (err == nil) {
			t.Errorf("Parse(%q) = %+v, %v; Valid %v; dpkg says %v %s", s, v, err, Valid(s), dpkgErr, out)
		}
		_, warning, laxErr := ParseLax(s)
		if got := strings.Contains(string(out), "warning:"); (warning != nil) != got || (laxErr != nil) != (dpkgErr != nil && !got) {
			t.Errorf("ParseLax(%q): warning %v, error %v; dpkg says %s", s, warning, laxErr, out)
		}
		if _, ok := errors.AsType[*repo.FormatError](err); err != nil && !ok {
			t.Errorf("Parse(%q): %T, want a *repo.FormatError", s, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Version{
		"1.28.0-1.1":    {Upstream: "1.28.0", Revision: "1.1"},
		"1:2:3-4-5":     {Epoch: 1, Upstream: "2:3-4", Revision: "5"},
		"1.30.0~rc.1":   {Upstream: "1.30.0~rc.1"},
		"0:1":           {Upstream: "1"},
		"2147483647:1a": {Epoch: 2147483647, Upstream: "1a"},
	} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", s, got, err, want)
		}
		if strings.HasPrefix(s, "0:") {
			continue
		}
		if got := want.String(); got != s {
			t.Errorf("%+v.String() = %q, want %q", want, got, s)
		}
	}
	if _, err := Parse(strings.Repeat("1", MaxLen+1)); err == nil {
		t.Error("a version longer than MaxLen was accepted")
	}
	for _, s := range []string{" 1", "1 ", "1\n"} {
		if _, err := Parse(s); err == nil {
			t.Errorf("Parse(%q): white space was accepted", s)
		}
	}
}

func TestCompareAgreesWithDpkg(t *testing.T) {
	t.Parallel()
	bin := dpkg(t)
	rows := 0
	for line := range strings.Lines(orderTable) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 3 {
			t.Fatalf("bad row %q", line)
		}
		rows++
		a, op, b := f[0], f[1], f[2]
		want := map[string]int{"<": -1, "=": 0}[op]
		if got, err := Compare(a, b); err != nil || got != want {
			t.Errorf("Compare(%q, %q) = %d, %v; want %d", a, b, got, err, want)
		}
		if got, err := Compare(b, a); err != nil || got != -want {
			t.Errorf("Compare(%q, %q) = %d, %v; want %d", b, a, got, err, -want)
		}
		// dpkg itself keeps long numbers apart by their digits, as Compare does.
		word := map[string]string{"<": "lt-nl", "=": "eq"}[op]
		if err := exec.CommandContext(t.Context(), bin, "--compare-versions", a, word, b).Run(); err != nil {
			t.Errorf("row %q: dpkg disagrees: %v", strings.TrimSpace(line), err)
		}
	}
	if rows < 30 {
		t.Errorf("%d rows in the table", rows)
	}
}

// TestCompareLaxAgreesWithDpkg compares versions of which dpkg warns, and those
// that it does not compare.
func TestCompareLaxAgreesWithDpkg(t *testing.T) {
	t.Parallel()
	bin := dpkg(t)
	list := []string{"1.0", "a1", "a1~", "1.0_2", "1/0", "1,0", "1.0-a_b", "1.0-a", "~1", "1:a", "1.0-1:2", "_", "0", "a", "1-", "1:", "x:1", "1 0"}
	for _, a := range list {
		for _, b := range list {
			got, err := Compare(a, b)
			for _, op := range []struct {
				word string
				want bool
			}{{"lt", got < 0}, {"eq", got == 0}, {"gt", got > 0}} {
				out, dpkgErr := exec.CommandContext(t.Context(), bin, "--compare-versions", "--", a, op.word, b).CombinedOutput()
				refused := strings.Contains(string(out), "error:")
				if (err != nil) != refused || err == nil && (dpkgErr == nil) != op.want {
					t.Errorf("Compare(%q, %q) = %d, %v; dpkg %s: %v %s", a, b, got, err, op.word, dpkgErr, out)
				}
			}
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0", "1.0-0", "1.0~")
	f.Add("1:2-3", "1a", "1+")
	f.Add("007", "7", "1.z")
	f.Add("0:1:2", "1:2", "0:0:") // the epoch must stay when upstream has a colon
	f.Fuzz(func(t *testing.T, a, b, c string) {
		va, errA := Parse(a)
		vb, errB := Parse(b)
		vc, errC := Parse(c)
		if errA != nil || errB != nil || errC != nil {
			return
		}
		if va.Compare(va) != 0 || va.Compare(vb) != -vb.Compare(va) {
			t.Errorf("Compare is not symmetric for %q and %q", a, b)
		}
		if va.Compare(vb) <= 0 && vb.Compare(vc) <= 0 && va.Compare(vc) > 0 {
			t.Errorf("%q <= %q <= %q, but %q > %q", a, b, c, a, c)
		}
		if again, err := Parse(va.String()); err != nil || again.Compare(va) != 0 {
			t.Errorf("%q does not survive String: %q, %v", a, va, err)
		}
	})
}

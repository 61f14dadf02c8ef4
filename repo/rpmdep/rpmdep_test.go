package rpmdep_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
)

// python returns a python that has rpm's module, which Debian installs for its
// own python only.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.CommandContext(t.Context(), path, "-c", "import rpm").Run() == nil {
			return path
		}
	}
	t.Fatal("install python3-rpm (make deps)")
	return ""
}

// TestOverlap holds every pair of ranges against rpm's own rpm.ds.
func TestOverlap(t *testing.T) {
	t.Parallel()
	var deps []rpmdep.Dep
	for _, evr := range []string{"", "1.0", "1.0-1", "1.0-2", "0:1.0", "0:1.0-1", "1:1.0", "1:0.5-1", "2.0", "2.0~rc1-1", "1.0^git", "00:1.0", ":1.0", "1.0-", "x", "a:1"} {
		for _, op := range []rpmdep.Flags{
			0, rpmdep.Less, rpmdep.Less | rpmdep.Equal, rpmdep.Equal, rpmdep.Greater | rpmdep.Equal, rpmdep.Greater,
			rpmdep.Less | rpmdep.Greater, rpmdep.ScriptPre, rpmdep.ScriptPre | rpmdep.Equal,
		} {
			deps = append(deps, rpmdep.Dep{Name: "x", Flags: op, EVR: evr})
		}
	}
	deps = append(deps, rpmdep.Dep{Name: "y"}, rpmdep.Dep{Name: "y", Flags: rpmdep.Equal, EVR: "1.0"})
	var script strings.Builder
	script.WriteString("import rpm\nall = [\n")
	for _, d := range deps {
		fmt.Fprintf(&script, "(%q, %d, %q),\n", d.Name, d.Flags, d.EVR)
	}
	script.WriteString("]\nds = [rpm.ds(x, rpm.RPMTAG_REQUIRENAME) for x in all]\n" +
		"for a in ds:\n print(''.join('1' if a.Compare(b) else '0' for b in ds))\n")
	out, err := exec.CommandContext(t.Context(), python(t), "-c", script.String()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(deps) {
		t.Fatalf("%d lines for %d dependencies", len(lines), len(deps))
	}
	for i, a := range deps {
		for j, b := range deps {
			if got, want := rpmdep.Overlap(a, b), lines[i][j] == '1'; got != want {
				t.Errorf("%v (%q) and %v (%q) overlap: %v, rpm says %v", a, a.EVR, b, b.EVR, got, want)
			}
		}
	}
}

// rich are dependencies and what String makes of them; "" for those that rpm
// refuses.
var rich = []struct{ in, want string }{
	{"(a)", "(a)"},
	{"(a and b)", "(a and b)"},
	{"(a or b or c)", "(a or b or c)"},
	{"( a  >=  1.0-2   and\tb )", "(a >= 1.0-2 and b)"},
	{"(a and (b or c))", "(a and (b or c))"},
	{"((a and b) or (c and d))", "((a and b) or (c and d))"},
	{"(a if b)", "(a if b)"},
	{"(a if b else c)", "(a if b else c)"},
	{"(a unless b)", ""}, // in a demand
	{"((a unless b) or c)", "((a unless b) or c)"},
	{"((a unless b else c) or d)", "((a unless b else c) or d)"},
	{"(a with b)", "(a with b)"},
	{"(a with b with c)", "(a with b with c)"},
	{"(a without b)", "(a without b)"},
	{"((a or b) with c)", "((a or b) with c)"},
	{"(crate(x/default) >= 0.4.1 with crate(x/default) < 0.5.0~)", "(crate(x/default) >= 0.4.1 with crate(x/default) < 0.5.0~)"},
	{"(foo(bar)(64bit) and b)", "(foo(bar)(64bit) and b)"},
	{"(a = 1:2-3 or /usr/bin/b)", "(a = 1:2-3 or /usr/bin/b)"},
	{"(a and b if c)", ""},
	{"((a and b) if c)", "((a and b) if c)"},
	{"(a if (b and c))", "(a if (b and c))"},
	{"(a if (b if c))", "(a if (b if c))"},
	{"(a if (b unless c))", "(a if (b unless c))"},
	{"(a => 1 and b =< 2)", "(a >= 1 and b <= 2)"},
	{"(a == 1)", "(a = 1)"},
	{"(a and b", ""},
	{"(a and)", ""},
	{"(and b)", ""},
	{"()", ""},
	{"( )", ""},
	{"(a b)", ""},
	{"(a xor b)", ""},
	{"(a AND b)", ""},
	{"(a and b or c)", ""},
	{"(a without b without c)", ""},
	{"(a if b if c)", ""},
	{"(a if b else c else d)", ""},
	{"(a or (b if c))", ""},
	{"(a and (b if c))", "(a and (b if c))"},
	{"(a and (b unless c))", ""},
	{"((a and b) with c)", ""},
	{"((a if b) with c)", ""},
	{"((a without b) with c)", "((a without b) with c)"},
	{"(a >= )", ""},
	{"(a >= and b)", ""},
	{"(a and b) c", ""},
	{"(a else b)", "(a else b)"},
	{"((a) and ((b)))", "((a) and ((b)))"},
	{"((a or b) and (c if d) and e)", "((a or b) and (c if d) and e)"},
	{"((a or (b if c)) and d)", ""},
	{"(a, b and c)", ""},
	{"(a( )", "(a( )"},
}

func TestParseRich(t *testing.T) {
	t.Parallel()
	for _, x := range rich {
		r, err := rpmdep.ParseRich(x.in, rpmdep.Demand)
		var format *repo.FormatError
		switch {
		case x.want == "" && !errors.As(err, &format):
			t.Errorf("%q: %q, %v", x.in, r, err)
		case x.want == "":
		case err != nil || r.String() != x.want:
			t.Errorf("%q: %q, %v; wanted %q", x.in, r, err, x.want)
		default:
			again, err := rpmdep.ParseRich(r.String(), rpmdep.Demand)
			if diff := cmp.Diff(r, again); err != nil || diff != "" {
				t.Errorf("%q again: %v\n%s", r, err, diff)
			}
		}
	}
	for _, x := range []string{
		strings.Repeat("(", rpmdep.MaxRichDepth+1) + "a" + strings.Repeat(")", rpmdep.MaxRichDepth+1),
		"(" + strings.Repeat("a", rpmdep.MaxRichLen) + ")", "", "a",
	} {
		if r, err := rpmdep.ParseRich(x, rpmdep.Demand); err == nil {
			t.Errorf("%.80q: %.80q", x, r)
		}
	}
}

// TestRichAgainstRPM asks rpm whether it takes the dependencies, as a
// requirement and as a conflict.
func TestRichAgainstRPM(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rpmspec")
	if err != nil {
		t.Fatal("install rpm (make deps)")
	}
	for _, x := range rich {
		for tag, in := range map[string]rpmdep.Context{"Requires": rpmdep.Demand, "Conflicts": rpmdep.Denial} {
			spec := filepath.Join(t.TempDir(), "x.spec")
			text := "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\n" + tag + ": " + x.in + "\n%description\n"
			if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, rpmErr := exec.CommandContext(t.Context(), path, "-q", "--qf", "x", spec).CombinedOutput()
			// A spec file may have more than one dependency in a line.
			dep := x.in
			if strings.HasPrefix(dep, "(a and b) ") {
				dep = "(a and b)"
			}
			if _, err := rpmdep.ParseRich(dep, in); (err == nil) != (rpmErr == nil) {
				t.Errorf("%s: %q: %v, rpm: %v\n%s", tag, x.in, err, rpmErr, out)
			}
		}
	}
}

func TestSatisfied(t *testing.T) {
	t.Parallel()
	// The packages, by number, with what they provide.
	packages := [][]rpmdep.Dep{
		{{Name: "a", Flags: rpmdep.Equal, EVR: "1.0-1"}, {Name: "c(x)", Flags: rpmdep.Equal, EVR: "1.5"}},
		{{Name: "b", Flags: rpmdep.Equal, EVR: "2.0-1"}, {Name: "c(x)", Flags: rpmdep.Equal, EVR: "3"}},
		{{Name: "b", Flags: rpmdep.Equal, EVR: "1.0-1"}, {Name: "c(x)", Flags: rpmdep.Equal, EVR: "0.5"}},
	}
	find := func(d rpmdep.Dep) (all []int) {
		for i, p := range packages {
			if slices.ContainsFunc(p, func(has rpmdep.Dep) bool { return rpmdep.Overlap(has, d) }) {
				all = append(all, i)
			}
		}
		return all
	}
	for s, want := range map[string]bool{
		"(a)": true, "(x)": false, "(a and b)": true, "(a and x)": false, "(x or a)": true, "(x or y)": false,
		"(a if b)": true, "(x if b)": false, "(x if y)": true, "(x if y else a)": true, "(a if y else x)": false, "(a if b else x)": true,
		"((a unless x) or y)": true, "((a unless b) or y)": false, "((x unless b else a) or y)": true, "((a unless x else y) or z)": true,
		"(c(x) >= 1 with c(x) < 2)": true, "(c(x) >= 1 and c(x) < 2)": true, "(c(x) > 1.5 with c(x) < 3)": false,
		"(a with b)": false, "(b with c(x) > 2)": true, "(b without c(x))": false, "(b without c(x) > 2)": true,
		"((a or b) with c(x) = 3)": true, "((x or (a)) without c(x) = 1.5)": false, "(b >= 2 with b < 2)": false,
	} {
		r, err := rpmdep.ParseRich(s, rpmdep.Demand)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := r.Satisfied(find); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	r, err := rpmdep.ParseRich("(a >= 1 and (b or c) and d)", rpmdep.Demand)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	r.Leaves(func(d rpmdep.Dep) { names = append(names, d.String()) })
	if diff := cmp.Diff([]string{"a >= 1", "b", "c", "d"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	f := rpmdep.Greater | rpmdep.Equal | rpmdep.ScriptPre | rpmdep.RPMLib | rpmdep.FindRequires
	if got := f.String(); got != ">=,pre,auto,rpmlib" {
		t.Error(got)
	}
	if got := (rpmdep.Less | rpmdep.Greater).Operator(); got != "" {
		t.Error(got)
	}
}

func FuzzRich(f *testing.F) {
	for _, x := range rich {
		f.Add(x.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, in := range []rpmdep.Context{rpmdep.Demand, rpmdep.Denial} {
			r, err := rpmdep.ParseRich(s, in)
			if err != nil {
				continue
			}
			again, err := rpmdep.ParseRich(r.String(), in)
			if diff := cmp.Diff(r, again); err != nil || diff != "" {
				t.Errorf("%q, %q: %v\n%s", s, r, err, diff)
			}
			r.Satisfied(func(d rpmdep.Dep) []int { return make([]int, len(d.Name)%3) })
		}
	})
}

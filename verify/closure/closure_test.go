package closure_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify/closure"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// pkg is a package with fields "name: value".
func pkg(name, version, arch string, fields ...string) repo.Package {
	var list []repo.Field
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		list = append(list, repo.Field{Name: k, Value: v})
	}
	return repo.Package{Name: name, Version: version, Arch: arch, Fields: repo.NewFields(list...)}
}

func TestArchitectures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		format   repo.Format
		packages []repo.Package
		want     []string
	}{
		{"a universe for each", repo.Deb, []repo.Package{
			pkg("a", "1", "amd64", "Depends: b"), pkg("b", "1", "arm64"), pkg("a", "1", "arm64", "Depends: b"),
		}, []string{"a 1 amd64"}},
		{"all belongs to each", repo.Deb, []repo.Package{
			pkg("a", "1", "amd64", "Depends: b"), pkg("a", "1", "arm64", "Depends: b"), pkg("b", "1", "all"),
		}, nil},
		{"nothing but all", repo.Deb, []repo.Package{pkg("a", "1", "all", "Depends: b"), pkg("b", "1", "all", "Depends: c")}, []string{"a 1 all", "b 1 all"}},
		{"another architecture by name", repo.Deb, []repo.Package{
			pkg("a", "1", "amd64", "Depends: b:i386"), pkg("b", "1", "i386"), pkg("c", "1", "amd64", "Depends: b:i386 (>= 2)"),
		}, []string{"c 1 amd64"}},
		{"the second architecture of an rpm system", repo.RPM, []repo.Package{
			pkg("a", "1-1", "x86_64", "requires: b"), pkg("b", "1-1", "i686", "requires: c"), pkg("c", "1-1", "noarch"),
		}, nil},
		{"both at once", repo.RPM, []repo.Package{
			pkg("a", "1-1", "x86_64", "requires: b(x86-64)\nb(x86-32)"),
			pkg("b", "1-1", "x86_64", "provides: b(x86-64)"), pkg("b", "1-1", "i686", "provides: b(x86-32)"),
		}, nil},
		{"not the other way round", repo.RPM, []repo.Package{pkg("a", "1-1", "s390x", "requires: b"), pkg("b", "1-1", "i686")}, []string{"a 1-1 s390x"}},
		{"noarch replaces every one", repo.RPM, []repo.Package{
			pkg("c", "1-1", "x86_64", "requires: b EQ 0:1\nb(new)"),
			pkg("b", "1-1", "x86_64"), pkg("b", "2-1", "noarch", "provides: b(new)"),
		}, []string{"c 1-1 x86_64"}},
		{"sources are left out", repo.RPM, []repo.Package{pkg("a", "1-1", "src", "requires: b")}, nil},
		{"nothing at all", repo.RPM, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := notInstallable(t, closure.Question{Format: tt.format, Packages: tt.packages})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCircle has packages that need each other, and one of which could be
// installed but for the other: somebody must be to blame.
func TestCircle(t *testing.T) {
	t.Parallel()
	q := closure.Question{Format: repo.Deb, Packages: []repo.Package{
		pkg("a", "1", "amd64", "Depends: b"), pkg("b", "1", "amd64", "Depends: a, c"), pkg("c", "1", "amd64", "Conflicts: a"),
		pkg("d", "1", "amd64", "Depends: b"),
	}}
	a, err := closure.Of(q)
	if err != nil {
		t.Fatal(err)
	}
	want := []closure.Cause{{
		Kind:   closure.Clash,
		Direct: []closure.Affected{{Package: 0}},
		Hence:  []int{1, 3},
		Facts:  []string{"a 1 needs b", "b 1 needs c", "c 1 excludes a 1"},
	}}
	if diff := cmp.Diff(want, a.Causes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTooManyArchitectures(t *testing.T) {
	t.Parallel()
	var packages []repo.Package
	for i := range closure.MaxArches + 1 {
		packages = append(packages, pkg("a", "1", fmt.Sprint("arch", i)))
	}
	_, err := closure.Of(closure.Question{Format: repo.Deb, Packages: packages})
	var bound *solve.BoundError
	if !errors.As(err, &bound) {
		t.Errorf("%v", err)
	}
	if _, err := closure.Of(closure.Question{Format: repo.Deb, Packages: packages[1:]}); err != nil {
		t.Error(err)
	}
}

// TestNestedConditions has conditions inside of conditions, which would double
// the universe with each level if they were written out.
func TestNestedConditions(t *testing.T) {
	t.Parallel()
	deep := "b"
	for range 60 {
		deep = "(b if " + deep + " else b)"
	}
	a, err := closure.Of(closure.Question{Format: repo.RPM, Packages: []repo.Package{
		pkg("a", "1-1", "x86_64", "requires: "+deep), pkg("b", "1-1", "x86_64"),
		pkg("c", "1-1", "x86_64", "requires: "+deep, "conflicts: b"),
	}})
	if err != nil || len(a.Unread) > 0 {
		t.Fatal(err, a)
	}
	if len(a.Causes) != 1 || a.Causes[0].Kind != closure.Clash || a.Causes[0].Direct[0].Package != 2 {
		t.Errorf("%+v", a.Causes)
	}
}

// FuzzOf gives packages relations of all kinds. Whatever they are, each package
// gets a verdict, and what cannot be installed a cause.
func FuzzOf(f *testing.F) {
	for _, s := range [][3]string{
		{"b (>= 1), c | d", "v (= 1)", "a"}, {"a:any, b:arm64", "v", "v (<< 2)"}, {"b (>=", "", ""}, {"b | b", "a", "a, b"},
		{"b >= 1", "v EQ 0:1-1", "v LT 0:2"}, {"(a or b)", "b", "(a and b)"}, {"(a if b else (c with d))", "c\nd EQ 1", "(a unless b)"},
		{"/usr/bin/x\nlibc.so.6(GLIBC_2.4)(64bit)\nrpmlib(X) LE 1", "/usr/bin/x", "b"}, {"(a and", "v", "(b"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, needs, provides, conflicts string) {
		for _, x := range []struct {
			format                  repo.Format
			need, provide, conflict string
		}{{repo.Deb, "Depends", "Provides", "Conflicts"}, {repo.RPM, "requires", "provides", "conflicts"}} {
			q := closure.Question{Format: x.format, Packages: []repo.Package{
				pkg("a", "1", "amd64", x.need+": "+needs), pkg("a", "2", "all", x.provide+": "+provides),
				pkg("b", "1", "amd64", x.need+": "+needs, x.provide+": "+provides), pkg("b", "2", "amd64", x.conflict+": "+conflicts),
				pkg("c", "1", "noarch", x.need+": "+needs, x.conflict+": "+conflicts), pkg("c", "1", "i686", x.need+": "+provides),
			}}
			a, err := closure.Of(q)
			if err != nil || a.Asked != len(q.Packages) || len(a.Unknown) > 0 {
				t.Fatalf("%v, %+v", err, a)
			}
			again, err := closure.Of(q)
			if diff := cmp.Diff(len(a.Causes), len(again.Causes)); err != nil || diff != "" {
				t.Fatalf("asked again: %v\n%s", err, diff)
			}
			if slices.ContainsFunc(a.Causes, func(c closure.Cause) bool { return len(c.Direct) == 0 }) {
				t.Fatalf("%+v", a.Causes)
			}
		}
	})
}

package debrel

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse(BuildDepends, " debhelper-compat (= 13),\n gcc:native|clang:any (>=1:14~)\t[amd64 !i386 linux-any] <!nocheck cross> <stage1>,\n\tlibc6.1 (<< 2.0-1),")
	if err != nil {
		t.Fatal(err)
	}
	want := List{
		{{Name: "debhelper-compat", Op: Equal, Version: "13"}},
		{
			{Name: "gcc", Arch: "native"},
			{
				Name: "clang", Arch: "any", Op: LaterOrEqual, Version: "1:14~",
				Arches:   []Term{{Name: "amd64"}, {Name: "i386", Not: true}, {Name: "linux-any"}},
				Profiles: [][]Term{{{Name: "nocheck", Not: true}, {Name: "cross"}}, {{Name: "stage1"}}},
			},
		},
		{{Name: "libc6.1", Op: Earlier, Version: "2.0-1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const text = "debhelper-compat (= 13), gcc:native | clang:any (>= 1:14~) [amd64 !i386 linux-any] <!nocheck cross> <stage1>, libc6.1 (<< 2.0-1)"
	if got.String() != text {
		t.Errorf("String() = %q, want %q", got, text)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind   Kind
		in     string
		offset int
		err    string
	}{
		{Depends, ", a", 0, `want the name of a package at ", a"`},
		{Depends, "a,, b", 2, `want the name of a package at ", b"`},
		{Depends, "a,", 2, "want the name of a package at the end"},
		{Depends, "a |", 3, "want the name of a package at the end"},
		{Depends, "a b", 2, `want a comma at "b"`},
		{Depends, "a\x00b", 1, `want a comma at "\x00b"`},
		{Depends, "a, ${misc:Depends}", 3, "want the name of a package"},
		{Depends, "a (>= ${v})", 6, `version "${v}": upstream version does not start with a digit at "${v})"`},
		{Depends, "a (1.0)", 2, "want one of << <= = >= >> and a version"},
		{Depends, "a (=> 1.0)", 4, `version ">": upstream version does not start`},
		{Depends, "a (<> 1.0)", 2, "want one of"},
		{Depends, "a (", 2, "want one of"},
		{Depends, "a ()", 2, "want one of"},
		{Depends, "a (>= )", 6, `version "": upstream version is empty`},
		{Depends, "a (>= 1.0", 2, "version is not closed by a parenthesis"},
		{Depends, "a (>= 1.0 x)", 2, "version is not closed by a parenthesis"},
		{Depends, "a (>= 1-)", 6, "revision is empty"},
		{Depends, "a)", 1, "want a comma"},
		{Depends, "a:", 2, "want an architecture behind the colon at the end"},
		{Depends, "a:native", 0, "the qualifier native is for build dependencies only"},
		{Depends, "a [amd64]", 2, "want a comma"},
		{Depends, "a <!nocheck>", 2, "want a comma"},
		{Depends, "+a", 0, "want the name of a package"},
		{Depends, "é", 0, "want the name of a package"},
		{Conflicts, "a | b", 2, "alternatives are not allowed in this field"},
		{Provides, "a (>= 1)", 0, "only an exact version is allowed in this field"},
		{BuiltUsing, "a", 0, "want an exact version"},
		{BuildDepends, "a [", 2, "want names and a ']'"},
		{BuildDepends, "a []", 2, "want names and a ']'"},
		{BuildDepends, "a [amd64", 2, "want names and a ']'"},
		{BuildDepends, "a [amd64,i386]", 2, "want names and a ']'"},
		{BuildDepends, "a <!>", 2, "want names and a '>'"},
		{BuildDepends, "a <b> [amd64]", 6, "want a comma"},
		{BuildConflicts, "a | b", 2, "alternatives are not allowed"},
		{Depends, strings.Repeat("a,", MaxRelations) + "a", 2 * MaxRelations, "more than 65536 relations"},
	} {
		_, err := Parse(tc.kind, tc.in)
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok || syntax.Offset != tc.offset || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%.40q: %+v (%v), want %q at %d", tc.in, syntax, err, tc.err, tc.offset)
		}
		if again := Check(tc.kind, tc.in); again == nil || again.Error() != err.Error() {
			t.Errorf("%.40q: Check %v, Parse %v", tc.in, again, err)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]Kind{
		"depends": Depends, "Pre-Depends": Depends, "ENHANCES": Depends, "Breaks": Conflicts, "Provides": Provides,
		"Static-Built-Using": BuiltUsing, "Build-Depends-Indep": BuildDepends, "Build-Conflicts-Arch": BuildConflicts,
	} {
		if got, ok := KindOf(field); !ok || got != want {
			t.Errorf("KindOf(%q) = %v, %v; want %v", field, got, ok, want)
		}
	}
	for _, field := range []string{"", "Package", "Description", "Dependss", "Build-Profiles", "Version"} {
		if k, ok := KindOf(field); ok {
			t.Errorf("KindOf(%q) = %v", field, k)
		}
	}
}

func relation(t *testing.T, kind Kind, text string) Relation {
	t.Helper()
	l, err := Parse(kind, text)
	if err != nil || len(l) != 1 || len(l[0]) != 1 {
		t.Fatalf("%q: %v, %v", text, l, err)
	}
	return l[0][0]
}

func TestSatisfies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // by 1.0~rc1, 1.0, 1.0-1
		"a": "+++", "a (<< 1.0)": "+--", "a (<= 1.0)": "++-", "a (< 1.0)": "++-", "a (= 1.0)": "-+-", "a (= 1.0-0)": "-+-",
		"a (>= 1.0)": "-++", "a (> 1.0)": "-++", "a (>> 1.0)": "--+",
	} {
		r := relation(t, Depends, text)
		got := ""
		for _, v := range []string{"1.0~rc1", "1.0", "1.0-1"} {
			ok, err := r.Satisfies(v)
			if err != nil {
				t.Error(err)
			}
			got += map[bool]string{true: "+", false: "-"}[ok]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if _, err := relation(t, Depends, "a (= 1)").Satisfies("1-"); err == nil {
		t.Error("a bad version was compared")
	}
}

func TestProvidedBy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		depends, provides string
		want              bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a (= 1)", true}, {"a (>= 1)", "a", false}, {"a (>= 1)", "a (= 1)", true}, {"a (>= 2)", "a (= 1)", false},
	} {
		if got, err := relation(t, Depends, tc.depends).ProvidedBy(relation(t, Provides, tc.provides)); err != nil || got != tc.want {
			t.Errorf("%s by %s: %v, %v; want %v", tc.depends, tc.provides, got, err, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a, b | c (>= 1.0) [!amd64] <!x y> <z>", "a:any(<<1:2-3~)", "a (", "a <", "a [", "${x}", ",", "a,", "\n a\n ,b\n", "a (> 1)"} {
		for kind := Depends; kind <= BuildConflicts; kind++ {
			f.Add(int(kind), s)
		}
	}
	f.Fuzz(func(t *testing.T, kind int, in string) {
		k := Kind(kind)
		l, err := Parse(k, in)
		check := Check(k, in)
		if (err == nil) != (check == nil) {
			t.Fatalf("Parse: %v, Check: %v", err, check)
		}
		if err != nil {
			if e, ok := errors.AsType[*SyntaxError](err); !ok || e.Offset < 0 || e.Offset > len(in) {
				t.Errorf("%T %v", err, err)
			}
			return
		}
		again, err := Parse(k, l.String())
		if diff := cmp.Diff(l, again); err != nil || diff != "" {
			t.Errorf("%q written again as %q: %v\n%s", in, l, err, diff)
		}
	})
}

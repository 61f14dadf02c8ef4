package rpmver_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo/rpmver"
)

type vector struct {
	a, b string
	want int
}

// vectors reads rpm's own, and adds full versions.
func vectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("testdata/rpmvercmp.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		x := strings.Fields(s.Text())
		want, err := strconv.Atoi(x[len(x)-1])
		if err != nil || len(x) != 3 {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		all = append(all, vector{x[0], x[1], want})
	}
	if len(all) < 90 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

// TestOfficial runs rpm's own vectors. The oddities at the end of the file are
// held against rpm itself only: rpm's comments on some of them are wrong.
func TestOfficial(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t)[:91] {
		if got := rpmver.CompareSegments(v.a, v.b); got != v.want {
			t.Errorf("CompareSegments(%q, %q) = %d, wanted %d", v.a, v.b, got, v.want)
		}
	}
}

// TestAgainstRPM compares with rpm, in one call of it.
func TestAgainstRPM(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("rpm")
	if err != nil {
		t.Fatal("install rpm (make deps)")
	}
	full := []string{"1.0-1", "0:1.0-1", "1:1.0-1", "1:0.9-1", "10:1-1", "02:1-1", "2:1-1", "1.0", "1.0-2", "1.0-10", "1.0~rc.1-1",
		"1.30.0~rc.1-150500.1.1", "1.30.0-150500.1.1", "1.30.0-150500.2.1", "1.0^git-1", "a:1-1", ":1-1", "1-2-3", "1.0-1~a", "1.0-1^a", "1.0-", "1.0--1", "0:1.0-", "1.0-0", "~", "^", "0", "00", "1a1", "1.ß", "1.é2"}
	var pairs []vector
	for _, a := range full {
		for _, b := range full {
			pairs = append(pairs, vector{a: a, b: b})
		}
	}
	pairs = append(pairs, vectors(t)...)
	pairs = append(pairs, generated()...)
	var script strings.Builder
	for _, v := range pairs {
		fmt.Fprintf(&script, "print(rpm.vercmp(%q, %q))\n", v.a, v.b)
	}
	file := filepath.Join(t.TempDir(), "compare.lua")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--eval", "%{lua:dofile("+strconv.Quote(file)+")}")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// rpm joins what is printed without line ends in between.
	answers := numbers(string(out))
	if len(answers) != len(pairs) {
		t.Fatalf("%d answers to %d questions", len(answers), len(pairs))
	}
	for i, v := range pairs {
		if got := rpmver.Compare(v.a, v.b); got != answers[i] {
			t.Errorf("Compare(%q, %q) = %d, rpm says %d", v.a, v.b, got, answers[i])
		}
	}
}

// generated makes versions of the characters that matter, each with one that
// differs in a place or two, so that the order is close.
func generated() []vector {
	rnd := rand.New(rand.NewPCG(4, 18))
	const alphabet = "0019aZ.~^-+_:"
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return b
	}
	var all []vector
	for range 3000 {
		a := text(1 + rnd.IntN(9))
		b := slices.Clone(a)
		for range 1 + rnd.IntN(2) {
			at := rnd.IntN(len(b) + 1)
			b = slices.Replace(b, at, min(len(b), at+rnd.IntN(2)), text(rnd.IntN(2))...)
		}
		if len(b) == 0 { // rpm does not take it
			continue
		}
		all = append(all, vector{a: string(a), b: string(b)})
	}
	return all
}

// numbers reads -1, 0 and 1 in a row.
func numbers(s string) []int {
	var all []int
	sign := 1
	for _, c := range s {
		switch c {
		case '-':
			sign = -1
		case '0', '1':
			all = append(all, sign*int(c-'0'))
			sign = 1
		}
	}
	return all
}

func TestParse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]rpmver.EVR{
		"1.0":                  {Version: "1.0"},
		"1.26.0~rc.1-150500.1": {Version: "1.26.0~rc.1", Release: "150500.1"},
		"7:1-1":                {Epoch: 7, Version: "1", Release: "1"},
		"0:1-1":                {Version: "1", Release: "1"},
	} {
		got, err := rpmver.Parse(s)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v", s, got, err)
		}
		if again, err := rpmver.Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) = %+v, %v", got.String(), again, err)
		}
	}
	for _, s := range []string{"", ":1", "a:1", "4294967296:1", "-1", "1-", "1 0", "1.0-1\n", "1-2-3", "1:", "1.ß", strings.Repeat("1", rpmver.MaxLen+1)} {
		if got, err := rpmver.Parse(s); err == nil {
			t.Errorf("Parse(%q) = %+v, wanted an error", s, got)
		}
	}
	older, newer := rpmver.EVR{Version: "2", Release: "1"}, rpmver.EVR{Epoch: 1, Version: "1", Release: "1"}
	if older.Compare(newer) != -1 || newer.Compare(older) != 1 || older.Compare(older) != 0 {
		t.Error("an epoch does not decide")
	}
}

func FuzzCompare(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.a, v.b)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if rpmver.Compare(a, b) != -rpmver.Compare(b, a) {
			t.Errorf("Compare(%q, %q) = %d and %d the other way", a, b, rpmver.Compare(a, b), rpmver.Compare(b, a))
		}
		if evr, err := rpmver.Parse(a); err == nil {
			if again, err := rpmver.Parse(evr.String()); err != nil || again != evr {
				t.Errorf("Parse(%q).String() = %q: %v", a, evr, err)
			}
		}
	})
}

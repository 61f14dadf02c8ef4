package reports

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/verify"
)

// listed names the changes of each list, as "check subject before>after".
func listed(c *Comparison) map[string][]string {
	out := map[string][]string{}
	for name, list := range map[string][]Change{"new": c.New, "mended": c.Mended, "still": c.Still, "untold": c.Untold} {
		for _, x := range list {
			out[name] = append(out[name], x.Check+" "+string(x.Before)+">"+string(x.After))
		}
	}
	return out
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const deb = "deb/stable/1.26"
	f := func(s verify.Status) Result { return finding("c", deb, s, "wrong") }
	of := func(r Result, change func(*verify.Subject)) Result {
		change(&r.Subject)
		return r
	}
	inCell := func(version string) Result {
		return of(f(verify.Fail), func(s *verify.Subject) { s.Cell, s.Version = debCell, version })
	}
	index := func(name string) Result {
		return of(f(verify.Fail), func(s *verify.Subject) { *s = verify.Subject{File: name} })
	}
	none := Result{Check: "c", Target: deb}
	as := func(s verify.Status) Result {
		r := none
		r.Status = s
		return r
	}
	reworded := f(verify.Fail)
	reworded.Message, reworded.URL = "wrong since 3 days", "https://elsewhere.example.org/"
	tests := map[string]struct {
		earlier, later []Result
		want           map[string][]string
	}{
		"nothing":                {nil, nil, map[string][]string{}},
		"passes":                 {[]Result{as(verify.Pass)}, []Result{as(verify.Pass)}, map[string][]string{}},
		"breaks":                 {[]Result{as(verify.Pass)}, []Result{f(verify.Fail)}, map[string][]string{"new": {"c pass>fail"}}},
		"mended":                 {[]Result{f(verify.Fail)}, []Result{as(verify.Pass)}, map[string][]string{"mended": {"c fail>pass"}}},
		"the same":               {[]Result{f(verify.Fail)}, []Result{f(verify.Fail)}, map[string][]string{"still": {"c fail>fail"}}},
		"in other words":         {[]Result{f(verify.Fail)}, []Result{reworded}, map[string][]string{"still": {"c fail>fail"}}},
		"blocked now":            {[]Result{f(verify.Fail)}, []Result{as(verify.Blocked)}, map[string][]string{"untold": {"c fail>blocked"}, "new": {"c fail>blocked"}}},
		"skipped now":            {[]Result{f(verify.Fail)}, []Result{as(verify.Skipped)}, map[string][]string{"untold": {"c fail>skipped"}}},
		"not asked now":          {[]Result{f(verify.Fail)}, nil, map[string][]string{"untold": {"c fail>not-asked"}}},
		"not asked before":       {nil, []Result{f(verify.Fail)}, map[string][]string{"new": {"c not-asked>fail"}}},
		"a warning fails":        {[]Result{f(verify.Warn)}, []Result{f(verify.Fail)}, map[string][]string{"new": {"c warn>fail"}}},
		"a failure only warns":   {[]Result{f(verify.Fail)}, []Result{f(verify.Warn)}, map[string][]string{"still": {"c fail>warn"}}},
		"becomes known":          {[]Result{f(verify.Fail)}, []Result{f(verify.Known)}, map[string][]string{"still": {"c fail>known"}}},
		"is known no more":       {[]Result{f(verify.Known)}, []Result{f(verify.Fail)}, map[string][]string{"new": {"c known>fail"}}},
		"known from the start":   {[]Result{as(verify.Pass)}, []Result{f(verify.Known)}, map[string][]string{"still": {"c pass>known"}}},
		"blocked both times":     {[]Result{as(verify.Blocked)}, []Result{as(verify.Blocked)}, map[string][]string{"still": {"c blocked>blocked"}}},
		"blocked is mended":      {[]Result{as(verify.Blocked)}, []Result{as(verify.Pass)}, map[string][]string{"mended": {"c blocked>pass"}}},
		"the same, next version": {[]Result{inCell("1.26.3")}, []Result{inCell("1.26.4")}, map[string][]string{"still": {"c fail>fail"}}},
		"another file": {
			[]Result{f(verify.Fail)},
			[]Result{of(f(verify.Fail), func(s *verify.Subject) { s.Version = "1.26.4-1.1" })},
			map[string][]string{"new": {"c pass>fail"}, "mended": {"c fail>pass"}},
		},
		"named by digest": {
			[]Result{index("repodata/" + strings.Repeat("a1", 32) + "-primary.xml.gz")},
			[]Result{index("repodata/" + strings.Repeat("b2", 32) + "-primary.xml.gz")},
			map[string][]string{"still": {"c fail>fail"}},
		},
		"partly blocked": {
			[]Result{f(verify.Fail)},
			[]Result{of(f(verify.Blocked), func(s *verify.Subject) { s.Arch = "s390x" })},
			map[string][]string{"untold": {"c fail>blocked"}, "new": {"c fail>blocked"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, listed(Compare(reportOf(tt.earlier...), reportOf(tt.later...)))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCompareCounts: findings of one identity are one change that counts them.
func TestCompareCounts(t *testing.T) {
	t.Parallel()
	one := finding("c", "deb/stable/1.26", verify.Fail, "wrong")
	c := Compare(reportOf(one, one, one), reportOf(one, one))
	if len(c.Still) != 1 || c.Still[0].WasCount != 3 || c.Still[0].Count != 2 {
		t.Errorf("got %+v, want one change, 3 before and 2 now", c.Still)
	}
}

func TestComparisonRendered(t *testing.T) {
	t.Parallel()
	earlier, later := mixed(), mixed()
	later.Results = append(later.Results[:1:1], later.Results[2:]...) // one failure less
	bad := finding("key-strength", "rpm/stable/1.26", verify.Fail, "the key is weak: "+hostile)
	later.Results = append(later.Results, bad)
	c := Compare(earlier, later)
	var b bytes.Buffer
	if err := c.Text(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", b.Bytes())
	b.Reset()
	if err := c.Text(&b, TextOptions{Width: 40}); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare-narrow.txt", b.Bytes())
	data, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Comparison
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	// What is not UTF-8 is replaced by encoding/json.
	for i := range c.New {
		c.New[i].Message = strings.ToValidUTF8(c.New[i].Message, "\ufffd")
	}
	if diff := cmp.Diff(c, &back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if data, err = Compare(reportOf(), reportOf()).JSON(); err != nil || bytes.Contains(data, []byte("null")) {
		t.Errorf("a list is null: %v\n%s", err, data)
	}
	if err := c.Text(brokenWriter{}, TextOptions{}); err == nil {
		t.Error("no error of a broken stream")
	}
}

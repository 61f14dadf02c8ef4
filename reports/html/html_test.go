package html_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
	"sigs.k8s.io/pkgverify/verify"
)

var pages = flag.String("pages", "", "write the sample pages into this folder, to be looked at")

// TestSizes: the page holds for each number of findings just as many, and is of
// a size that a browser takes.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 40, 5000} {
		page := render(t, broken(n), html.Options{})
		if *pages != "" {
			if err := os.WriteFile(filepath.Join(*pages, strconv.Itoa(n)+".html"), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(places(parse(t, page))); got != n {
			t.Errorf("%d findings: %d are listed", n, got)
		}
		if most := 300_000 + 1000*n; len(page) > most {
			t.Errorf("%d findings: a page of %d bytes, want %d at most", n, len(page), most)
		}
	}
}

// TestSame: equal reports give equal pages, and a finding keeps its anchor when
// its words change.
func TestSame(t *testing.T) {
	t.Parallel()
	if first, again := render(t, broken(40), html.Options{}), render(t, broken(40), html.Options{}); first != again {
		t.Error("equal reports give different pages")
	}
	one, two := broken(40), broken(40)
	for i := range two.Results {
		x := &two.Results[i]
		x.Message, x.Got, x.Duration = x.Message+" (again)", "another", 7
	}
	slices.Reverse(two.Results)
	ids := func(r *reports.Report) []string {
		var all []string
		for _, li := range places(parse(t, render(t, r, html.Options{}))) {
			all = append(all, li.attr("id"))
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(ids(one), ids(two)); diff != "" {
		t.Errorf("anchors (-one run +the next):\n%s", diff)
	}
}

// TestEmpty: a report without anything is a page.
func TestEmpty(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, &reports.Report{Schema: reports.Schema, Summary: reports.Summarise(nil)}, html.Options{}))
	if got := page.first("h1").text(); got != "BLOCKED nothing was checked" {
		t.Errorf("verdict %q", got)
	}
	if got := page.first("#findings .nothing").text(); got != "No findings." {
		t.Errorf("findings: %q", got)
	}
}

// full takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	t.Parallel()
	if err := html.Write(full{}, broken(40), html.Options{}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

// TestPolicy: the Content-Security-Policy lets in the page's own style and
// script by their hashes, and nothing else.
func TestPolicy(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(40), html.Options{}))
	source := func(tag string) string {
		all := page.all(tag)
		if len(all) != 1 {
			t.Fatalf("%d elements %s, want 1", len(all), tag)
		}
		sum := sha256.Sum256([]byte(all[0].FirstChild.Data))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " + source("style") + "; script-src " + source("script")
	if got := page.first("meta[http-equiv=Content-Security-Policy]").attr("content"); got != want {
		t.Errorf("policy\n%s\nwant\n%s", got, want)
	}
}

// hostileText is what a repository might say: markup, scripts, addresses that
// are none, direction marks, control characters, bytes that are not UTF-8.
const hostileText = "\"'><script>window.broken=1</script></style></script><img src=x onerror=window.broken=1>" +
	"<svg onload=window.broken=1>{{.}}<!--]]>&lt;javascript:window.broken=1\x00\x1b[31m\u202egpj\u2066\ufeff\u2028\xff\r\n"

// fill puts a text into every string of a value that has no closed set of
// values, and into lists that are empty.
func fill(v reflect.Value, text func() string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Slice:
		if v.Len() == 0 && v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(text())
		}
	}
}

// hostileReport returns a report in which every text is hostile, long or both.
func hostileReport() *reports.Report {
	r := broken(40)
	r.Cells[0].Blocked = &repo.Problem{Kind: repo.Unreachable}
	r.Repositories[0].Unsettled = "x"
	r.Repositories[1].Restarts = []repo.Restart{{}}
	r.Repositories[0].Apt.InRelease.Problem = &repo.Problem{Kind: repo.Absent}
	r.Repositories[0].Transport.Plain.Certificates[0].Refusal = &repo.Problem{Kind: repo.Malformed}
	r.Repositories[0].Apt.InlineSignatures[0].Verdict = repo.Bad
	for i := range r.Cells[0].Steps {
		r.Cells[0].Steps[i].Exit = 1
	}
	n := 0
	fill(reflect.ValueOf(r).Elem(), func() string {
		n++
		switch n % 5 {
		case 0:
			return "javascript:window.broken=" + strconv.Itoa(n)
		case 1:
			return strconv.Itoa(n) + strings.Repeat("W", 500)
		}
		return strconv.Itoa(n) + hostileText
	})
	// Names that lead from one part of the report to another stay together.
	for i := range r.Results {
		r.Results[i].Target = r.Plan.Targets[i%len(r.Plan.Targets)].Name()
		r.Results[i].Subject.Cell = r.Cells[i%len(r.Cells)].ID
		if i%7 == 0 {
			r.Results[i].URL = "javascript:window.broken=1"
		}
	}
	r.Results[0].Evidence = []string{strings.Repeat(hostileText, 1<<20/len(hostileText))}
	r.Results[0].Message = strings.Repeat("\u202e", 1<<20)
	r.Results[1].Got = strings.Repeat("x", 1<<20)
	return r
}

// TestHostile: whatever a repository says is text on the page, and seen.
func TestHostile(t *testing.T) {
	t.Parallel()
	r := hostileReport()
	written := render(t, r, html.Options{Changes: reports.Compare(broken(40), r)})
	if most := 6 << 20; len(written) > most {
		t.Errorf("a page of %d bytes, want %d at most", len(written), most)
	}
	for _, c := range written {
		if c != '\n' && c != '\t' && !unicode.IsPrint(c) {
			t.Errorf("the page holds %U", c)
			break
		}
	}
	page := parse(t, written)
	allowed := strings.Fields("html head meta title link style body a header div span label select option h1 p ul li b dl dt dd nav main section h2 h3 h4 " +
		"form input output button details summary code pre strong table caption colgroup col thead tbody tr th td svg rect br footer script")
	for _, n := range page.all("*") {
		if !slices.Contains(allowed, n.Data) {
			t.Errorf("an element <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "srcset" || a.Key == "action" {
				t.Errorf("an attribute %s=%q of <%s>", a.Key, a.Val, n.Data)
			}
			if a.Key == "href" && a.Val != "data:," && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") {
				t.Errorf("a link to %q", a.Val)
			}
		}
	}
	if n := len(page.all("script")); n != 1 {
		t.Errorf("%d scripts", n)
	}
	if text := page.first("main").text(); !strings.Contains(text, `<script>window.broken=1</script>`) || !strings.Contains(text, `\u202egpj`) {
		t.Error("what is hostile is not shown as text")
	}
}

// TestLinks: the web's addresses are links, others are text; each link within
// the page leads to something, and IDs are unique.
func TestLinks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://pkgs.example.org/core:/stable:/v1.26/deb/":  true,
		"http://127.0.0.1:8080/":                             true,
		"file:///srv/repo/":                                  false,
		"javascript:alert(1)":                                false,
		"JaVaScRiPt:alert(1)":                                false,
		"data:text/html,x":                                   false,
		"https://example.org/\u202egpj.exe":                  false,
		"https://example.org/" + strings.Repeat("x", 100000): false,
	} {
		r := broken(1)
		r.Results[0].URL = address
		li := parse(t, render(t, r, html.Options{}))
		_, ok := li.find("#findings dd a")
		if ok != want {
			t.Errorf("%.60q: a link %t, want %t", address, ok, want)
		}
	}
	page := parse(t, render(t, broken(300), html.Options{Changes: reports.Compare(broken(1), broken(300))}))
	ids := map[string]bool{}
	for _, n := range page.all("[id]") {
		if ids[n.attr("id")] {
			t.Errorf("two elements have the ID %s", n.attr("id"))
		}
		ids[n.attr("id")] = true
	}
	for _, n := range page.all("a") {
		if id, within := strings.CutPrefix(n.attr("href"), "#"); within && id != "?" && !ids[id] {
			t.Errorf("a link to #%s, which is not there", id)
		}
	}
}

// TestStructure: what a screen reader goes by.
func TestStructure(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(300), html.Options{Changes: reports.Compare(broken(1), broken(300))}))
	for _, landmark := range []string{"header", "nav[aria-label]", "main", "footer", "form[role=search]", "output[aria-live=polite]", "html[lang=en]", "title"} {
		if n := len(page.all(landmark)); n != 1 {
			t.Errorf("%d elements %s, want 1", n, landmark)
		}
	}
	level := 0
	for _, n := range page.all("h1,h2,h3,h4,h5,h6") {
		at, _ := strconv.Atoi(n.Data[1:])
		if at > level+1 {
			t.Errorf("after a heading of level %d comes %q of level %d", level, n.text(), at)
		}
		level = at
	}
	for _, table := range page.all("table") {
		if c, ok := table.find("caption"); !ok || c.text() == "" {
			t.Errorf("a table without a caption: %.80s", table.text())
		}
	}
	for _, th := range page.all("th") {
		if !slices.Contains([]string{"col", "row", "rowgroup", "colgroup"}, th.attr("scope")) {
			t.Errorf("a head %q of no scope", th.text())
		}
	}
	for _, control := range page.all("input,select") {
		if _, ok := control.up("label"); !ok {
			t.Errorf("a control %s without a label", control.attr("name"))
		}
	}
	for _, box := range page.all(".scroll") {
		if box.attr("tabindex") != "0" || box.attr("role") != "region" || box.attr("aria-label") == "" {
			t.Errorf("a box that scrolls is not reached by the keyboard: %v", box.Attr)
		}
	}
}

// TestFindings: each finding says what was wanted, what was got and what to do,
// once for all places that share it.
func TestFindings(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(40), html.Options{}))
	for i, want := range []string{"Failed 29", "Blocked 4", "Warnings 5", "Known issues 2"} {
		if got := page.all(".sec h3")[i].text(); got != want {
			t.Errorf("section %q, want %q", got, want)
		}
	}
	first := page.first(".cause")
	for _, want := range []string{
		"kubelet 1.28.5 is missing for s390x", "Wanted", "kubelet 1.28.5 for s390x", "Got", "kubelet 1.28.5 for other architectures only",
		"What to do", "look at this build in the publishing project, build it again and publish", "deb/stable/1.28",
	} {
		if !strings.Contains(first.text(), want) {
			t.Errorf("the first cause does not say %q:\n%s", want, first.text())
		}
	}
	for _, c := range page.all(".cause") {
		if strings.HasPrefix(c.first("summary").text(), "the file is not the one") {
			if n := strings.Count(c.text(), "publish the package anew"); n != 1 || len(c.all(".places > li")) != 5 {
				t.Errorf("5 places of one cause: %d, and what to do %d times", len(c.all(".places > li")), n)
			}
		}
	}
}

// TestLeftOut: what has no place on the page is counted.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(10_500), html.Options{}))
	if n := len(places(page)); n != 10_000 {
		t.Errorf("%d findings are listed, want 10,000", n)
	}
	if left, ok := page.find("#findings > .left"); !ok || left.text() != "And 500 more findings: see report.json." {
		t.Errorf("left out: %q", left.text())
	}
}

// TestChanges: what is new since an earlier run stands first.
func TestChanges(t *testing.T) {
	t.Parallel()
	earlier, later := broken(1), broken(2)
	page := parse(t, render(t, later, html.Options{Changes: reports.Compare(earlier, later)}))
	var got []string
	for _, s := range page.all("#changes summary") {
		got = append(got, s.text())
	}
	if diff := cmp.Diff([]string{"New 1", "Mended 0", "Could not be told this time 0", "Still there 1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := page.first("#changes .places").text(); !strings.Contains(got, "Release.key holds an expired copy") || !strings.Contains(got, "pass to fail") {
		t.Errorf("new: %q", got)
	}
}

// TestChecks: the table of checks has the worst result of each.
func TestChecks(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(2), html.Options{}))
	for _, row := range page.all("#checks tbody tr") {
		switch row.first("th").text() {
		case "key-current":
			if got := row.all("td")[0].text(); got != "fail" {
				t.Errorf("key-current of deb/stable/1.26: %q", got)
			}
			if got := row.all("td")[1].text(); got != "pass" {
				t.Errorf("key-current of rpm/stable/1.26: %q", got)
			}
		case "rpm-repomd-signed":
			if got := row.all("td")[0].text(); got != "–" {
				t.Errorf("rpm-repomd-signed of an apt repository: %q", got)
			}
		}
	}
}

// TestSummaryOfEveryStatus: the head counts what the report counts.
func TestSummaryOfEveryStatus(t *testing.T) {
	t.Parallel()
	r := broken(40)
	var got []string
	for _, li := range parse(t, render(t, r, html.Options{})).all(".counts li") {
		got = append(got, li.text())
	}
	s := r.Summary
	want := []string{
		fmt.Sprintf("%d failed", s.Fail), fmt.Sprintf("%d blocked", s.Blocked), fmt.Sprintf("%d warnings", s.Warn),
		fmt.Sprintf("%d known", s.Known), fmt.Sprintf("%d skipped", s.Skipped), fmt.Sprintf("%d passed", s.Pass),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.Verdict != reports.Fail || r.Results[0].Status != verify.Fail {
		t.Fatal("the sample is not what the test needs")
	}
}

// TestNoticeOfADistribution: who looks at a container is told what its image is.
func TestNoticeOfADistribution(t *testing.T) {
	t.Parallel()
	const notice = "A stand-in for an rpm distribution."
	r := broken(1)
	without := render(t, r, html.Options{})
	r.Cells[0].Notice = notice
	with := render(t, r, html.Options{})
	if strings.Contains(without, "<dt>Note</dt>") || strings.Count(with, "<dt>Note</dt><dd>"+notice+"</dd>") != 1 {
		t.Errorf("want the notice once, and none where there is none")
	}
}

package html_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
)

// patience bounds what is done in one window: the machine may be busy.
const patience = 3 * time.Minute

// browser starts Chromium without a window; it ends with the test.
func browser(t testing.TB) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: install chromium (make deps)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		// Waits until the browser is gone, so that its folder can be removed.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("end Chromium: %v", err)
		}
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// tab is one window with a page in it.
type tab struct {
	t   testing.TB
	ctx context.Context
	url string

	mu       sync.Mutex
	said     []string // on the console, and by the browser about the page
	requests []string
}

// window is how a page is looked at.
type window struct {
	width    int64
	dark     bool
	noScript bool
	sandbox  bool // as in Prow's frame: no storage, no origin
	fragment string
}

// open shows a page in a new tab.
func open(b context.Context, t testing.TB, text string, w window) *tab {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/report.html" {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		if w.sandbox {
			rw.Header().Set("Content-Security-Policy", "sandbox allow-scripts")
		}
		_, _ = rw.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	ctx, end := chromedp.NewContext(b)
	t.Cleanup(end)
	ctx, stop := context.WithTimeout(ctx, patience)
	t.Cleanup(stop)
	x := &tab{t: t, ctx: ctx, url: server.URL + "/report.html"}
	if err := chromedp.Listen(ctx, x.hear); err != nil {
		t.Fatal(err)
	}
	if w.width == 0 {
		w.width = 1280
	}
	scheme := "light"
	if w.dark {
		scheme = "dark"
	}
	call(x, network.Enable, network.EnableParams{})
	call(x, log.Enable, cdp.Empty{})
	call(x, runtime.Enable, cdp.Empty{})
	call(x, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w.width, Height: 900, DeviceScaleFactor: 1})
	call(x, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(x, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: w.noScript})
	x.do(chromedp.Navigate(x.url + w.fragment))
	return x
}

// hear notes what the browser says of the page.
func (x *tab) hear(event any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		x.said = append(x.said, fmt.Sprintf("console %s: %v", e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		x.said = append(x.said, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		x.said = append(x.said, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		x.requests = append(x.requests, e.Request.URL)
	case *page.EventJavascriptDialogOpening:
		x.said = append(x.said, "dialog: "+e.Message)
	}
}

func (x *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	if err := chromedp.Do(x.ctx, steps...); err != nil {
		x.t.Fatal(err)
	}
}

// call gives the browser a command of its protocol.
func call[P, R any](x *tab, command cdp.Command[P, R], params P) R {
	x.t.Helper()
	result, err := chromedp.Call(x.ctx, command, params)
	if err != nil {
		x.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// ask returns what an expression of JavaScript evaluates to.
func ask[T any](x *tab, expression string) T {
	x.t.Helper()
	v, err := chromedp.Run(x.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		x.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true.
func (x *tab) await(expression string) {
	x.t.Helper()
	if _, err := chromedp.Run(x.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(10*time.Millisecond))); err != nil {
		x.t.Fatalf("%s does not become true: %v", expression, err)
	}
}

// quiet asks that nothing was said, and nothing asked for but the page.
func (x *tab) quiet() {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.said {
		x.t.Errorf("the browser says: %s", s)
	}
	for _, url := range x.requests {
		if !strings.HasPrefix(url, x.url) && !strings.HasPrefix(url, "data:") {
			x.t.Errorf("the page asks for %s", url)
		}
	}
	if len(x.requests) == 0 {
		x.t.Error("no request was seen, not even that for the page: the test is blind")
	}
}

// unfold opens everything that can be opened.
const unfold = `[...document.querySelectorAll("details")].filter(d => d.open = true).length`

// TestInBrowser looks at pages in Chromium.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	b := browser(t)
	hostile := hostileReport()
	samples := map[string]string{
		"0": render(t, broken(0), html.Options{}), "1": render(t, broken(1), html.Options{}), "40": render(t, broken(40), html.Options{}),
		"5000":    render(t, broken(5000), html.Options{}),
		"hostile": render(t, hostile, html.Options{Changes: reports.Compare(broken(40), hostile)}),
		"empty":   render(t, &reports.Report{Schema: reports.Schema, Summary: reports.Summarise(nil)}, html.Options{}),
	}
	for name, text := range samples {
		t.Run("quiet/"+name, func(t *testing.T) {
			x := open(b, t, text, window{})
			if ask[bool](x, `"broken" in window`) {
				t.Error("a script of the repository ran")
			}
			x.quiet()
		})
		t.Run("phone/"+name, func(t *testing.T) {
			x := open(b, t, text, window{width: 360})
			if name != "5000" {
				ask[int](x, unfold)
			}
			if w := ask[int](x, `document.documentElement.scrollWidth`); w > 360 {
				t.Errorf("the page is %d pixels wide: %s", w, ask[string](x, widest))
			}
		})
	}
	for _, dark := range []bool{false, true} {
		t.Run(fmt.Sprintf("contrast/dark=%t", dark), func(t *testing.T) {
			x := open(b, t, samples["40"], window{dark: dark})
			ask[int](x, unfold)
			for _, s := range ask[[]string](x, pale) {
				t.Error(s)
			}
			if n := ask[int](x, `document.body.innerText.length`); n < 5000 {
				t.Errorf("only %d characters were looked at", n)
			}
		})
	}
	t.Run("theme", func(t *testing.T) { testTheme(b, t, samples["40"]) })
	t.Run("no script", func(t *testing.T) { testNoScript(b, t, samples["40"]) })
	t.Run("filter", func(t *testing.T) { testFilter(b, t, samples["5000"]) })
	t.Run("anchor", func(t *testing.T) { testAnchor(b, t, samples["5000"]) })
	t.Run("keyboard", func(t *testing.T) { testKeyboard(b, t, samples["40"]) })
	t.Run("sandbox", func(t *testing.T) { testSandbox(b, t, samples["40"]) })
}

// widest names the elements that stand out of the window.
const widest = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 361 && !e.closest(".scroll, nav, pre"))
	.slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`

// pale lists the texts whose contrast is less than WCAG 2.2 asks for (1.4.3,
// level AA).
const pale = `(() => {
	const parse = c => c.match(/[\d.]+/g).map(Number);
	const light = c => { const [r, g, b] = parse(c).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const out = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement, s = getComputedStyle(e), size = parseFloat(s.fontSize);
		if (!n.data.trim() || size === 0 || s.visibility === "hidden" || !e.getClientRects().length || e.closest("script, .vh, .skip")) continue;
		let at = e;
		while (at && getComputedStyle(at).backgroundColor === "rgba(0, 0, 0, 0)") at = at.parentElement;
		const a = light(s.color), b = light(getComputedStyle(at || document.body).backgroundColor);
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		const large = size >= 24 || size >= 18.66 && s.fontWeight >= 700;
		if (ratio < (large ? 3 : 4.5)) out.add(ratio.toFixed(2) + " " + e.tagName + "." + e.className + ": " + n.data.trim().slice(0, 40));
	}
	return [...out];
})()`

func testTheme(b context.Context, t *testing.T, text string) {
	const background = `getComputedStyle(document.body).backgroundColor`
	for _, dark := range []bool{false, true} {
		x := open(b, t, text, window{dark: dark})
		if got := ask[string](x, background); (got == "rgb(255, 255, 255)") == dark {
			t.Errorf("dark wanted %t: the ground is %s", dark, got)
		}
		other := map[bool]string{false: "dark", true: "light"}[dark]
		x.do(chromedp.SetValue(chromedp.CSS("#theme select"), other))
		ask[bool](x, `document.querySelector("#theme select").dispatchEvent(new Event("change"))`)
		if got := ask[string](x, background); (got == "rgb(255, 255, 255)") != dark {
			t.Errorf("switched to %s: the ground is %s", other, got)
		}
		x.do(chromedp.Reload())
		if got := ask[string](x, `document.documentElement.dataset.theme`); got != other {
			t.Errorf("after loading it again the theme is %q, want %q", got, other)
		}
		ask[int](x, `localStorage.clear(), localStorage.length`)
		x.quiet()
	}
}

// testNoScript: without scripts all is there, and nothing that would not work.
func testNoScript(b context.Context, t *testing.T, text string) {
	x := open(b, t, text, window{noScript: true})
	for expression, want := range map[string]bool{
		`document.querySelector("#filter").checkVisibility()`: false,
		`document.querySelector("#theme").checkVisibility()`:  false,
		`document.querySelector("h1").checkVisibility()`:      true,
	} {
		if got := ask[bool](x, expression); got != want {
			t.Errorf("%s is %t", expression, got)
		}
	}
	seen := ask[string](x, `document.querySelector("main").innerText`)
	for _, want := range []string{"kubelet 1.28.5 is missing for s390x", "look at this build in the publishing project", "Time line", "302 days"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not to be seen", want)
		}
	}
	x.do(chromedp.Click(chromedp.CSS(".sec .cause:not([open]) > summary")))
	if n := ask[int](x, `document.querySelectorAll(".sec.s-fail .cause[open]").length`); n != 6 {
		t.Errorf("%d causes are open after one more was, want 6", n)
	}
	x.quiet()
}

// shownPlaces counts the findings that the filter leaves.
const shownPlaces = `[...document.querySelectorAll("#findings .places > li")].filter(e => !e.closest("[hidden]")).length`

func testFilter(b context.Context, t *testing.T, text string) {
	page := parse(t, text)
	count := func(keep func(li node) bool) int {
		n := 0
		for _, li := range places(page) {
			if keep(li) {
				n++
			}
		}
		return n
	}
	status := func(li node) string {
		for sec, ok := li.up("section"); ok; sec, ok = sec.up("section") {
			if s := sec.attr("data-s"); s != "" {
				return s
			}
		}
		return ""
	}
	x := open(b, t, text, window{})
	says := func(want int) {
		t.Helper()
		if got := ask[int](x, shownPlaces); got != want || want == 0 {
			t.Errorf("%d findings are shown, want %d", got, want)
		}
		if got := ask[string](x, `document.querySelector("output").value`); got != fmt.Sprintf("%d of 5000 findings", want) {
			t.Errorf("it says %q, want %d", got, want)
		}
	}
	if got := ask[string](x, `document.querySelector("output").value`); got != "All 5000 findings" {
		t.Errorf("at first it says %q", got)
	}
	want := count(func(li node) bool { return li.attr("data-p") == "kubelet" && status(li) == "warn" })
	x.do(chromedp.SetValue(chromedp.CSS("[name=p]"), "kubelet"), chromedp.SetValue(chromedp.CSS("[name=s]"), "warn"))
	ask[bool](x, `document.querySelector("[name=s]").dispatchEvent(new Event("input", {bubbles: true}))`)
	x.await(`location.hash === "#?s=warn&p=kubelet"`)
	says(want)

	// The address brings the view back; so does the link.
	x.do(chromedp.Reload())
	x.await(`document.querySelector("[name=p]").value === "kubelet"`)
	says(want)
	if got := ask[string](x, `document.querySelector("#share").hash`); got != "#?s=warn&p=kubelet" {
		t.Errorf("the link to this view is %s", got)
	}
	x.do(chromedp.Click(chromedp.CSS("#filter [type=reset]")))
	x.await(`document.querySelector("output").value === "All 5000 findings"`)

	// Words are sought in the finding and in what its cause says, in any case.
	x.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "PublisH anew 1.27.3-1.1"))
	x.await(`location.hash.startsWith("#?q=PublisH%20anew%201.27.3-1.1")`)
	says(count(func(li node) bool {
		cause, _ := li.up("details")
		return strings.Contains(cause.text(), "publish the package anew") && strings.Contains(li.text(), "1.27.3-1.1")
	}))
	x.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "<img src=x onerror=window.broken=1>"))
	x.await(`document.querySelector("output").value === "0 of 5000 findings"`)
	x.quiet()
}

// testAnchor: a link to a finding shows it, whatever was folded or filtered.
func testAnchor(b context.Context, t *testing.T, text string) {
	all := places(parse(t, text))
	id := all[len(all)-1].attr("id")
	x := open(b, t, text, window{fragment: "#" + id})
	const seen = `(e => { const r = e.getBoundingClientRect(); return r.height > 0 && r.top >= 0 && r.bottom <= innerHeight && document.activeElement === e })(document.getElementById("%s"))`
	x.await(fmt.Sprintf(seen, id))
	// From a view in which it is not: the filter ends.
	x.do(chromedp.Navigate(x.url + "#?q=nothing+of+the+kind"))
	x.await(`document.querySelector("output").value === "0 of 5000 findings"`)
	id = all[100].attr("id")
	x.do(chromedp.Navigate(x.url + "#" + id))
	x.await(fmt.Sprintf(seen, id))
	if got := ask[int](x, shownPlaces); got != 5000 {
		t.Errorf("%d findings are shown, want all", got)
	}
	x.quiet()
}

// testKeyboard: all that can be used is reached, in order, and is seen to be.
func testKeyboard(b context.Context, t *testing.T, text string) {
	x := open(b, t, text, window{})
	const focused = `(e => e.tagName + " " + (e.name || e.id || e.getAttribute("href") || e.className) + " " + (getComputedStyle(e).outlineStyle !== "none" && e.getClientRects().length > 0))(document.activeElement)`
	var order []string
	reached := map[string]bool{}
	for range 400 {
		x.do(chromedp.KeyEvent(kb.Tab))
		at := ask[string](x, focused)
		if strings.HasPrefix(at, "BODY") {
			break
		}
		if !strings.HasSuffix(at, " true") {
			t.Errorf("the focus is not to be seen on %s", at)
		}
		at = strings.TrimSuffix(at, " true")
		order = append(order, at)
		reached[at] = true
	}
	if len(order) == 0 || order[0] != "A #findings" {
		t.Fatalf("the first stop is not the way past the head: %q", order)
	}
	for _, want := range []string{"INPUT q", "SELECT s", "SELECT a", "BUTTON unfold", "A share", "A #signatures", "DIV scroll"} {
		if !reached[want] {
			t.Errorf("the keyboard does not reach %s: %q", want, order)
		}
	}
	want := ask[int](x, `[...document.querySelectorAll("summary")].filter(e => e.checkVisibility()).length`)
	got := 0
	for _, at := range order {
		if strings.HasPrefix(at, "SUMMARY") {
			got++
		}
	}
	if got != want {
		t.Errorf("the keyboard reaches %d of %d things to open", got, want)
	}
	// A cause opens by the keyboard.
	x.do(chromedp.Focus(chromedp.CSS(".sec.s-warn summary")), chromedp.KeyEvent(kb.Enter))
	x.await(`document.querySelector(".sec.s-warn .cause").open`)
	x.quiet()
}

// testSandbox: Prow shows pages in a sandboxed frame. There is no storage, and
// all works but that the theme is remembered.
func testSandbox(b context.Context, t *testing.T, text string) {
	x := open(b, t, text, window{sandbox: true})
	if !ask[bool](x, `(() => { try { localStorage; return false } catch { return true } })()`) {
		t.Fatal("there is a storage: the sandbox is none")
	}
	x.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "s390x"))
	x.await(`document.querySelector("output").value.match(/^[0-9]+ of 40 findings$/)?.length === 1`)
	ask[bool](x, `(e => { e.value = "dark"; return e.dispatchEvent(new Event("change")) })(document.querySelector("#theme select"))`)
	if got := ask[string](x, `document.documentElement.dataset.theme`); got != "dark" {
		t.Errorf("the theme is %q", got)
	}
	x.quiet()
}

// TestFilterIsQuick: a filter over 5,000 findings makes the browser lay the page
// out a few times, not once for each finding.
func TestFilterIsQuick(t *testing.T) {
	t.Parallel()
	x := open(browser(t), t, render(t, broken(5000), html.Options{}), window{})
	before := layouts(x)
	for _, q := range []string{"kubeadm", "kubeadm 1.27", "kubeadm 1.27 s390x"} {
		ask[bool](x, fmt.Sprintf(`document.querySelector("[name=q]").value = %q; document.querySelector("[name=q]").dispatchEvent(new Event("input", {bubbles: true}))`, q))
		x.await(fmt.Sprintf(`location.hash === "#?q=" + encodeURIComponent(%q)`, q))
	}
	if n := layouts(x) - before; n > 100 {
		t.Errorf("three filters made %v layouts", n)
	}
}

// layouts returns how often the page was laid out.
func layouts(x *tab) float64 {
	x.t.Helper()
	call(x, performance.Enable, performance.EnableParams{})
	for _, m := range call(x, performance.GetMetrics, cdp.Empty{}).Metrics {
		if m.Name == "LayoutCount" {
			return m.Value
		}
	}
	x.t.Fatal("the browser does not count layouts")
	return 0
}

// BenchmarkInBrowser measures in Chromium, with a page of 5,000 findings: from
// the beginning of loading until the script is through, and from a filter's
// event until its picture stands.
func BenchmarkInBrowser(b *testing.B) {
	text := render(b, broken(5000), html.Options{})
	chromium := browser(b)
	var load, filter float64
	for b.Loop() {
		x := open(chromium, b, text, window{})
		load += ask[float64](x, `performance.getEntriesByType("navigation")[0].loadEventEnd`)
		for _, q := range []string{"kubeadm", "nothing of the kind", ""} {
			from := ask[float64](x, fmt.Sprintf(`(e => { e.value = %q; const t = performance.now(); e.dispatchEvent(new Event("input", {bubbles: true})); return t })(document.querySelector("[name=q]"))`, q))
			x.await(fmt.Sprintf(`(location.hash || "#?") === "#?" + (%q && "q=" + encodeURIComponent(%q)) && (window.t = performance.now()) > 0`, q, q))
			filter += ask[float64](x, `window.t`) - from
		}
	}
	b.ReportMetric(load/float64(b.N), "ms/load")
	b.ReportMetric(filter/3/float64(b.N), "ms/filter")
	b.ReportMetric(float64(len(text)), "bytes")
}

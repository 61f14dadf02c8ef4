package suites

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/verify"
)

// server is a flat apt repository that is published while it is waited for.
type server struct {
	mu    sync.Mutex
	files map[string][]byte
	// counts are the requests by path, full those that were sent a body.
	counts, full map[string]int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	data, ok := s.files[path]
	s.counts[path]++
	if !ok {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.Header.Get("If-None-Match") == "" {
		s.full[path]++
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// publish puts a Release and a list of kubelets at the versions there; whole
// says whether the list comes with the Release.
func (s *server) publish(t *testing.T, whole bool, versions ...string) {
	t.Helper()
	var list, packed bytes.Buffer
	for _, v := range versions {
		for _, a := range []string{"amd64", "s390x"} {
			fmt.Fprintf(&list, "Package: kubelet\nVersion: %s-1.1\nArchitecture: %s\nMaintainer: A <a@example.com>\nFilename: %s/kubelet_%s.deb\nSize: 1\nSHA256: %064x\nDescription: x\n\n", v, a, a, v, len(v))
		}
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(list.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files["Release"] = fmt.Appendf(nil, "Origin: test\nDate: Wed Oct 23 04:37:05 2024\nSHA256:\n %x %d Packages.gz\n", sha256.Sum256(packed.Bytes()), packed.Len())
	if whole {
		s.files["Packages.gz"] = packed.Bytes()
	}
}

func serving(t *testing.T) (*server, string) {
	t.Helper()
	s := &server{files: make(map[string][]byte), counts: make(map[string]int), full: make(map[string]int)}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL + "/"
}

// told is what a wait tells.
type told struct{ lines []string }

func (*told) Crawled(crawl.Progress)   {}
func (*told) Spec(int, int, string)    {}
func (p *told) Waiting(_, text string) { p.lines = append(p.lines, text) }

// clock is a time that passes only in pauses, each of which lets something
// happen.
type clock struct {
	now    time.Time
	pauses []time.Duration
	events []func()
}

func (c *clock) pause(ctx context.Context, d time.Duration) bool {
	c.now = c.now.Add(d)
	c.pauses = append(c.pauses, d)
	if n := len(c.pauses) - 1; n < len(c.events) {
		c.events[n]()
	}
	return ctx.Err() == nil
}

func waitingFor(url string, c *clock, p *told, versions ...string) (*Options, *verify.Expectation) {
	e := &verify.Expectation{
		Target:   repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.26", URL: url},
		Arches:   []repo.Arch{repo.AMD64, repo.S390X},
		Packages: []verify.PackageExpectation{{Name: "kubelet", Versions: versions}},
	}
	return &Options{
		Plan:     &verify.Plan{Targets: []*verify.Expectation{e}},
		Progress: p,
		Wait:     Wait{For: time.Hour, Now: func() time.Time { return c.now }, Pause: c.pause},
	}, e
}

func specsOf(e *verify.Expectation) []verify.Spec {
	return []verify.Spec{{Check: &verify.Check{}, Target: e}, {Check: &verify.Check{}, Target: e}}
}

func start() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// TestWaitForPublication: nothing, then an old state, then a Release before its
// list, then all. Lists are read only when the Release has changed, or did not
// fit them.
func TestWaitForPublication(t *testing.T) {
	t.Parallel()
	s, url := serving(t)
	c, p := &clock{now: start()}, &told{}
	// The newest is not the last that the user named.
	opts, e := waitingFor(url, c, p, "1.26.1", "1.26.10", "1.26.9")
	c.events = []func(){
		func() {},
		func() { s.publish(t, true, "1.26.1") },
		func() {}, // the Release is as before: nothing else is asked for
		func() { s.publish(t, false, "1.26.1", "1.26.10") },
		func() {
			s.publish(t, true, "1.26.1", "1.26.10")
			s.publish(t, false, "1.26.1", "1.26.10", "1.26.2")
		},
		func() { s.publish(t, true, "1.26.1", "1.26.10", "1.26.2") },
		func() { t.Error("goes on waiting") },
	}
	opts.wait(t.Context(), specsOf(e))

	want := []string{
		"the repository is not there",
		"none of the expected packages is there",
		"a list is not yet, or no longer, what Release says of it",
		"",
	}
	if diff := cmp.Diff(want, p.lines); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if n := len(c.pauses); n != 6 {
		t.Errorf("%d pauses", n)
	}
	if e.Now != c.now {
		t.Errorf("the checks' time is %v, the wait ended at %v", e.Now, c.now)
	}
	if s.counts["Packages.gz"] != 4 {
		t.Errorf("the list was asked for %d times, want four", s.counts["Packages.gz"])
	}
}

// TestWaitIsPolite: pauses grow from half a minute to two minutes, with jitter,
// and what has not changed is not sent again.
func TestWaitIsPolite(t *testing.T) {
	t.Parallel()
	s, url := serving(t)
	s.publish(t, true, "1.26.0")
	c, p := &clock{now: start()}, &told{}
	opts, e := waitingFor(url, c, p, "1.26.1")
	opts.wait(t.Context(), specsOf(e))

	if got := c.now.Sub(start()); got != time.Hour {
		t.Errorf("gave up after %v, want an hour", got)
	}
	pause := firstPause
	for i, d := range c.pauses[:len(c.pauses)-1] { // the last is what is left
		if d < pause-pause/10 || d > pause+pause/10 {
			t.Errorf("pause %d is %v, want %v, a tenth more or less", i, d, pause)
		}
		pause = min(pause+pause/2, maxPause)
	}
	if s.counts["Release"] != len(c.pauses)+2 || s.full["Release"] != 2 {
		// One question for each look, and the crawl's of the first.
		t.Errorf("%d looks: Release was asked for %d times, and sent %d times", len(c.pauses)+1, s.counts["Release"], s.full["Release"])
	}
	if s.counts["Packages.gz"] != 1 {
		t.Errorf("the list was asked for %d times", s.counts["Packages.gz"])
	}
	if len(p.lines) != 1 || !strings.Contains(p.lines[0], "none of the expected packages") {
		t.Errorf("told %q", p.lines)
	}
}

// TestWaitNamesWhatIsMissing: one architecture of the newest version.
func TestWaitNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s, url := serving(t)
	s.publish(t, true, "1.26.0", "1.26.1")
	c, p := &clock{now: start()}, &told{}
	opts, e := waitingFor(url, c, p, "1.26.1")
	e.Arches = append(e.Arches, repo.ARM64)
	opts.Wait.For = time.Second
	opts.wait(t.Context(), specsOf(e))
	if want := []string{"the architecture arm64 is missing: kubelet"}; cmp.Diff(want, p.lines) != "" {
		t.Errorf("told %q, want %q", p.lines, want)
	}
}

// TestWaitLearnsTheVersion: the marker comes to name it while it is waited.
func TestWaitLearnsTheVersion(t *testing.T) {
	t.Parallel()
	s, url := serving(t)
	s.publish(t, true, "1.26.1")
	c, p := &clock{now: start()}, &told{}
	opts, e := waitingFor(url, c, p)
	e.Marker = &verify.Marker{URL: url + "stable-1.26.txt"}
	c.events = []func(){
		func() { s.files["stable-1.26.txt"] = []byte("v1.26.1\n") },
		func() { t.Error("goes on waiting") },
	}
	opts.wait(t.Context(), specsOf(e))
	if len(p.lines) != 2 || !strings.Contains(p.lines[0], "not known yet") || p.lines[1] != "" {
		t.Errorf("told %q", p.lines)
	}
	if diff := cmp.Diff([]string{"1.26.1"}, e.Packages[0].Versions); diff != "" || e.Unknown != nil {
		t.Errorf("unknown: %v; versions (-want +got):\n%s", e.Unknown, diff)
	}
}

// TestWaitInterrupted: it ends with the context.
func TestWaitInterrupted(t *testing.T) {
	t.Parallel()
	_, url := serving(t)
	c, p := &clock{now: start()}, &told{}
	opts, e := waitingFor(url, c, p, "1.26.1")
	ctx, cancel := context.WithCancel(t.Context())
	c.events = []func(){cancel, func() { t.Error("goes on waiting") }}
	opts.wait(ctx, specsOf(e))
}

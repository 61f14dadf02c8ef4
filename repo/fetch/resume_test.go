package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

const (
	oneTag   = `"one"`
	lastWeek = "Sat, 25 Dec 1999 00:00:00 GMT"
	today    = "Sat, 01 Jan 2000 00:00:00 GMT"
)

// cutter serves text and cuts each answer after a number of bytes, while there
// are numbers. What rest does to an answer is a server's peculiarity.
type cutter struct {
	text   string
	header http.Header
	cuts   []int
	rest   func(asked *http.Request, answer *http.Response)
	asked  []http.Header
}

func (c *cutter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked = append(c.asked, r.Header)
	resp := &http.Response{StatusCode: http.StatusOK, Header: c.header.Clone(), ContentLength: int64(len(c.text)), Request: r}
	text, from := c.text, 0
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 {
		text = text[from:]
		resp.StatusCode, resp.ContentLength = http.StatusPartialContent, int64(len(text))
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(c.text)-1, len(c.text)))
	}
	var body io.Reader = strings.NewReader(text)
	if len(c.cuts) > 0 {
		body = io.MultiReader(strings.NewReader(text[:min(c.cuts[0], len(text))]), broken{})
		c.cuts = c.cuts[1:]
	}
	resp.Body = io.NopCloser(body)
	if len(c.asked) > 1 && c.rest != nil {
		c.rest(r, resp)
	}
	return resp, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func (c *cutter) read(ctx context.Context, policy fetch.Policy) (string, *fetch.Response, error) {
	src, err := fetch.New("http://h/root/", fetch.Options{Transport: c})
	if err != nil {
		return "", nil, err
	}
	resp, err := fetch.Resume(src, policy).Open(ctx, "x")
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return string(data), resp, err
}

func TestResume(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 1000)
	for _, tt := range []struct {
		name     string
		header   http.Header
		validate string
		cuts     []int
	}{
		{"not cut", http.Header{"Etag": {oneTag}}, "", nil},
		{"by a tag", http.Header{"Etag": {oneTag}, "Last-Modified": {lastWeek}, "Date": {today}}, oneTag, []int{10}},
		{"by a date", http.Header{"Last-Modified": {lastWeek}, "Date": {today}}, lastWeek, []int{10}},
		{"twice", http.Header{"Etag": {oneTag}}, oneTag, []int{10, 20}},
		{"with nothing in between", http.Header{"Etag": {oneTag}}, oneTag, []int{10, 0}},
		{"at the last byte", http.Header{"Etag": {oneTag}}, oneTag, []int{9999}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cutter{text: text, header: tt.header, cuts: tt.cuts}
				got, resp, err := c.read(t.Context(), fetch.DefaultPolicy())
				if err != nil || got != text {
					t.Fatalf("got %d bytes, %v", len(got), err)
				}
				if len(c.asked) != 1+len(tt.cuts) || len(resp.Hops) != len(c.asked) || resp.Size != int64(len(text)) {
					t.Errorf("%d requests, %d hops, size %d", len(c.asked), len(resp.Hops), resp.Size)
				}
				offset := 0
				for i, h := range c.asked[1:] {
					offset += tt.cuts[i]
					if h.Get("Range") != fmt.Sprintf("bytes=%d-", offset) || h.Get("If-Range") != tt.validate {
						t.Errorf("request %d: %v", i+1, h)
					}
				}
			})
		})
	}
}

func TestResumeNeedsAVersion(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"none":                       {},
		"a weak tag":                 {"Etag": {`W/"one"`}},
		"a weak tag beside a date":   {"Etag": {`W/"one"`}, "Last-Modified": {lastWeek}, "Date": {today}},
		"no tag at all":              {"Etag": {`one`}},
		"a date of this very second": {"Last-Modified": {today}, "Date": {today}},
		"a date without a clock":     {"Last-Modified": {lastWeek}},
	} {
		c := &cutter{text: "0123456789", header: header, cuts: []int{5}}
		got, _, err := c.read(t.Context(), fetch.DefaultPolicy())
		if got != "01234" || !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrChanged) || len(c.asked) != 1 {
			t.Errorf("%s: got %q, %v with %d requests", name, got, err, len(c.asked))
		}
		if gaveUp := (*fetch.GaveUp)(nil); errors.As(err, &gaveUp) {
			t.Errorf("%s: %v will not be tried from zero", name, err)
		}
	}
}

func TestResumeTakesTheSameVersionOnly(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request, *http.Response) {
		return func(_ *http.Request, resp *http.Response) { resp.Header.Set(name, value) }
	}
	status := func(code int) func(*http.Request, *http.Response) {
		return func(_ *http.Request, resp *http.Response) { resp.StatusCode = code }
	}
	for _, tt := range []struct {
		name string
		rest func(*http.Request, *http.Response)
		says string
	}{
		{"the whole file", func(_ *http.Request, resp *http.Response) {
			resp.StatusCode, resp.ContentLength, resp.Body = http.StatusOK, 10, io.NopCloser(strings.NewReader("abcdefghij"))
		}, "sends the whole file"},
		{"another tag", set("Etag", `"two"`), `was "one", it is "two"`},
		{"no range", set("Content-Range", ""), "Content-Range"},
		{"another range", set("Content-Range", "bytes 4-9/10"), "bytes 5 to the end"},
		{"a part of the range", set("Content-Range", "bytes 5-8/10"), "bytes 5 to the end"},
		{"another size", set("Content-Range", "bytes 5-10/11"), "had 10 bytes, it has 11"},
		{"no size", set("Content-Range", "bytes 5-9/*"), "Content-Range"},
		{"another unit", set("Content-Range", "items 5-9/10"), "Content-Range"},
		{"a range backwards", set("Content-Range", "bytes 5-3/10"), "Content-Range"},
		{"a range below zero", set("Content-Range", "bytes -5-9/10"), "Content-Range"},
		{"no range at all", set("Content-Range", "bytes"), "Content-Range"},
		{"several parts", set("Content-Type", "multipart/byteranges; boundary=x"), "several parts"},
		{"another length", func(_ *http.Request, resp *http.Response) { resp.ContentLength = 4 }, "Content-Length 4"},
		{"nothing there", status(416), "no bytes from 5 on"},
		{"gone", status(404), "404"},
		{"forbidden", status(403), "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cutter{text: "0123456789", header: http.Header{"Etag": {oneTag}}, cuts: []int{5}, rest: tt.rest}
				got, _, err := c.read(t.Context(), fetch.DefaultPolicy())
				if got != "01234" || !errors.Is(err, fetch.ErrChanged) || !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrAbsent) {
					t.Fatalf("got %q, %v", got, err)
				}
				if !strings.Contains(err.Error(), tt.says) || len(c.asked) != 2 {
					t.Errorf("%v does not say %q (%d requests)", err, tt.says, len(c.asked))
				}
			})
		})
	}
}

// TestPolicyBeginsAgain is what the crawl does: Resume inside, Do outside.
func TestPolicyBeginsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cutter{text: "0123456789", header: http.Header{"Etag": {oneTag}}, cuts: []int{5}}
		c.rest = func(_ *http.Request, resp *http.Response) {
			c.text, c.rest = "abcdefghij", nil
			c.header.Set("Etag", `"two"`)
			resp.StatusCode = 200
		}
		var got string
		err := fetch.DefaultPolicy().Do(t.Context(), func() (err error) {
			got, _, err = c.read(t.Context(), fetch.DefaultPolicy())
			return err
		})
		if got != "abcdefghij" || err != nil || len(c.asked) != 3 {
			t.Errorf("got %q, %v with %d requests", got, err, len(c.asked))
		}
	})
}

func TestResumeGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cutter{text: strings.Repeat("x", 2000), header: http.Header{"Etag": {oneTag}}, cuts: slices.Repeat([]int{1}, 1000)}
		calls := 0
		err := fetch.DefaultPolicy().Do(t.Context(), func() error {
			calls++
			_, _, err := c.read(t.Context(), fetch.DefaultPolicy())
			return err
		})
		if !errors.Is(err, fetch.ErrUnreachable) || calls != 1 || len(c.asked) != 3 || !strings.Contains(err.Error(), "(after 3 tries)") {
			t.Errorf("%d calls, %d requests, %v", calls, len(c.asked), err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // errors of the server in between count too
		c := &cutter{text: "0123456789", header: http.Header{"Etag": {oneTag}}, cuts: []int{5},
			rest: func(_ *http.Request, resp *http.Response) { resp.StatusCode = 503 }}
		_, _, err := c.read(t.Context(), fetch.DefaultPolicy())
		if len(c.asked) != 3 || !errors.Is(err, fetch.ErrUnreachable) || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "after 5 bytes") {
			t.Errorf("%d requests, %v", len(c.asked), err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // but a body that gets on may be cut often
		size := 8 * fetch.ResumeProgress
		c := &cutter{text: strings.Repeat("x", size), header: http.Header{"Etag": {oneTag}},
			cuts: slices.Repeat([]int{fetch.ResumeProgress}, 7)}
		got, resp, err := c.read(t.Context(), fetch.DefaultPolicy())
		if len(got) != size || err != nil || len(c.asked) != 8 || len(resp.Hops) != 8 {
			t.Errorf("%d bytes, %d requests, %v", len(got), len(c.asked), err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the run ends while it waits
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := &cutter{text: "0123456789", header: http.Header{"Etag": {oneTag}}, cuts: []int{5}}
		_, _, err := c.read(ctx, fetch.Policy{Tries: 3, Backoff: time.Hour, MaxWait: time.Hour})
		if len(c.asked) != 1 || !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%d requests, %v", len(c.asked), err)
		}
	})
}

// TestResumeFromARealServer cuts the connections of Go's own file server.
func TestResumeFromARealServer(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("kubelet\n"), 100_000)
	var mu sync.Mutex
	cuts := 2
	modified := time.Date(2024, 10, 23, 4, 37, 5, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		cut := cuts > 0
		cuts--
		mu.Unlock()
		if cut {
			w = &cutWriter{ResponseWriter: w, left: 200_000}
		}
		http.ServeContent(w, r, "kubelet.deb", modified, bytes.NewReader(text))
	}))
	t.Cleanup(server.Close)
	src, err := fetch.New(server.URL, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	policy := fetch.Policy{Tries: 3, Backoff: time.Microsecond, MaxWait: time.Microsecond}
	resp, err := fetch.Resume(src, policy).Open(t.Context(), "kubelet.deb")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, text) || len(resp.Hops) != 3 || resp.Hops[2].Status != http.StatusPartialContent {
		t.Errorf("%d bytes, %v, hops %v", len(got), err, resp.Hops)
	}
	if fetch.Address(fetch.Resume(src, policy), "a b") != server.URL+"/a%20b" {
		t.Error("no address")
	}
}

// cutWriter breaks the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left <= 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestResumeLeavesFoldersAlone: there is nothing to resume.
func TestResumeLeavesFoldersAlone(t *testing.T) {
	t.Parallel()
	src, err := fetch.New(t.TempDir(), fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fetch.Resume(src, fetch.DefaultPolicy()) != src {
		t.Error("a folder was wrapped")
	}
}

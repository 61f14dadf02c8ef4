package fetch_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// TestMaxHops cuts a body as often as its answers are recorded, and once more.
func TestMaxHops(t *testing.T) {
	t.Parallel()
	for _, answers := range []int{fetch.MaxHops, fetch.MaxHops + 1} {
		synctest.Test(t, func(t *testing.T) {
			c := &cutter{text: strings.Repeat("x", 1000), header: http.Header{"Etag": {oneTag}}, cuts: slices.Repeat([]int{1}, answers-1)}
			got, resp, err := c.read(t.Context(), fetch.Policy{Tries: answers, Backoff: time.Millisecond, MaxWait: time.Millisecond})
			if err != nil || got != c.text || len(c.asked) != answers {
				t.Fatalf("%d bytes after %d answers, %v", len(got), len(c.asked), err)
			}
			if len(resp.Hops) != fetch.MaxHops {
				t.Errorf("%d hops of %d answers, want %d", len(resp.Hops), answers, fetch.MaxHops)
			}
		})
	}
}

// TestHopValueBounds goes to the bounds on what is recorded of a header, and
// one past them.
func TestHopValueBounds(t *testing.T) {
	t.Parallel()
	answer := func(h http.Header) *fetch.Response {
		resp, err := source(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: h, ContentLength: 0, Body: http.NoBody}, nil
		}).Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, past := range []int{0, 1} {
		hop := answer(http.Header{"Via": slices.Repeat([]string{"v"}, fetch.MaxHopValues+past)}).Hops[0]
		if len(hop.Headers) != fetch.MaxHopValues {
			t.Errorf("%d values of %d are recorded, want %d", len(hop.Headers), fetch.MaxHopValues+past, fetch.MaxHopValues)
		}
		tag := `"` + strings.Repeat("t", fetch.MaxHopValue-2+past) + `"`
		resp := answer(http.Header{"Etag": {tag}})
		shown, validator := tag, tag
		if past > 0 {
			shown, validator = tag[:fetch.MaxHopValue]+"...", ""
		}
		if got := resp.Hops[0].Headers[0].Value; got != shown || resp.Validator != validator {
			t.Errorf("a tag of %d bytes is recorded as %q and is the validator %q", len(tag), got, resp.Validator)
		}
	}
}

// TestPaceBounds waits as long as may be, and a little longer.
func TestPaceBounds(t *testing.T) {
	t.Parallel()
	const second = fetch.MinRateBytes * time.Second / fetch.MinRateWindow // bytes in one
	for _, tt := range []struct {
		name  string
		chunk int
		wait  time.Duration
		says  string
	}{
		{"just before the stall", fetch.MinRateBytes, fetch.StallTimeout - time.Millisecond, ""},
		{"just after it", fetch.MinRateBytes, fetch.StallTimeout + time.Millisecond, "no progress for 30s"},
		{"just fast enough", int(second), time.Second, ""},
		{"just too slow", int(second) - 1, time.Second, "worth waiting for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body, err := slow(t, tt.chunk, tt.wait, 10*fetch.MinRateBytes).Body, error(nil)
				for buffer := make([]byte, fetch.MinRateBytes); err == nil; {
					_, err = body.Read(buffer)
				}
				if tt.says == "" && !errors.Is(err, io.EOF) || tt.says != "" && (!errors.Is(err, fetch.ErrUnreachable) || !strings.Contains(err.Error(), tt.says)) {
					t.Errorf("got %v, want %q", err, tt.says)
				}
			})
		})
	}
}

// TestDefaultPolicy asks a server that is down, and one that says for how long.
func TestDefaultPolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		var second time.Duration
		err := fetch.DefaultPolicy().Do(t.Context(), func() error {
			if calls++; calls == 2 {
				second = time.Since(start)
			}
			return unreachable(http.StatusServiceUnavailable, nil)
		})
		var gaveUp *fetch.GaveUp
		if !errors.As(err, &gaveUp) || calls != fetch.DefaultTries || gaveUp.Tries != calls {
			t.Errorf("%d calls, %v; want to give up after %d", calls, err, fetch.DefaultTries)
		}
		if second < fetch.DefaultBackoff/2 || second > fetch.DefaultBackoff {
			t.Errorf("the second try after %v, want %v or down to half of it", second, fetch.DefaultBackoff)
		}
	})
	for after, want := range map[time.Duration]int{fetch.DefaultMaxWait: fetch.DefaultTries, fetch.DefaultMaxWait + time.Second: 1} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := fetch.DefaultPolicy().Do(t.Context(), func() error {
				calls++
				return &fetch.Error{URL: "http://h/x", Status: http.StatusTooManyRequests, Kind: fetch.ErrUnreachable, RetryAfter: after}
			})
			if calls != want || !errors.As(err, new(*fetch.GaveUp)) {
				t.Errorf("%d calls of a server that asks for %v, want %d: %v", calls, after, want, err)
			}
		})
	}
}

package fetch

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func openWith(t *testing.T, f roundTripper) (*Response, error) {
	t.Helper()
	src, err := New("http://h/root/", Options{Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return src.Open(t.Context(), "x")
}

// TestAnswerTimeouts has a transport without timeouts of its own wait for an
// answer just as long as may be, and a little longer.
func TestAnswerTimeouts(t *testing.T) {
	t.Parallel()
	const most = answerTimeouts * ConnectTimeout
	for wait, ok := range map[time.Duration]bool{most - time.Millisecond: true, most + time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			resp, err := openWith(t, func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(wait):
					return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			})
			if ok && err != nil || !ok && (!errors.Is(err, ErrUnreachable) || time.Since(start) != most) {
				t.Errorf("an answer after %v: %v after %v", wait, err, time.Since(start))
			}
			if resp != nil {
				_ = resp.Body.Close()
			}
		})
	}
}

// TestRedirectBody follows redirects with bodies that are read, and with ones
// that are left.
func TestRedirectBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		size int           // of the body
		wait time.Duration // before its first byte
		read int
		took time.Duration
	}{
		{"as long as is read", maxRedirectBody, 0, maxRedirectBody, 0},
		{"longer", 100 * maxRedirectBody, 0, maxRedirectBody, 0},
		{"in time", 10, redirectBodyTimeout - time.Millisecond, 10, redirectBodyTimeout - time.Millisecond},
		{"late", 10, redirectBodyTimeout + time.Hour, 0, redirectBodyTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, read := time.Now(), 0
				resp, err := openWith(t, func(r *http.Request) (*http.Response, error) {
					if r.URL.Path != "/root/x" {
						return &http.Response{StatusCode: http.StatusOK, ContentLength: 1, Body: io.NopCloser(strings.NewReader("y"))}, nil
					}
					rest := strings.NewReader(strings.Repeat("r", tt.size))
					body := readFunc(func(p []byte) (int, error) {
						if read == 0 {
							select {
							case <-time.After(tt.wait):
							case <-r.Context().Done():
								return 0, r.Context().Err()
							}
						}
						n, err := rest.Read(p)
						read += n
						return n, err
					})
					return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"/y"}}, ContentLength: int64(tt.size), Body: io.NopCloser(body)}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				if read != tt.read || time.Since(start) != tt.took {
					t.Errorf("%d bytes read in %v, want %d in %v", read, time.Since(start), tt.read, tt.took)
				}
			})
		})
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestMaxRetryAfter reads times up to what is understood, and beyond.
func TestMaxRetryAfter(t *testing.T) {
	t.Parallel()
	const most = int64(maxRetryAfter / time.Second)
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	date := func(at time.Time) string { return at.Format(http.TimeFormat) }
	for text, want := range map[string]time.Duration{
		strconv.FormatInt(most-1, 10):                maxRetryAfter - time.Second,
		strconv.FormatInt(most, 10):                  maxRetryAfter,
		strconv.FormatInt(most+1, 10):                maxRetryAfter,
		strings.Repeat("9", 18):                      maxRetryAfter,
		strings.Repeat("9", 100):                     maxRetryAfter,
		date(begin.Add(maxRetryAfter - time.Second)): maxRetryAfter - time.Second,
		date(begin.Add(maxRetryAfter + time.Second)): maxRetryAfter,
		"Fri, 31 Dec 9999 23:59:59 GMT":              maxRetryAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}, "Date": {date(begin)}}); got != want {
			t.Errorf("%.30q is %v, want %v", text, got, want)
		}
	}
}

package pull

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

type answers func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func request(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://user:secret@r.example.org/v2/a/blobs/x?token=secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestRetryAfter waits as long as the registry says, on a clock of its own.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header, date string
		want               time.Duration
	}{
		{"seconds", "17", "", 17 * time.Second},
		{"a date", "Mon, 23 Nov 2026 10:00:30 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				p := &patient{policy: DefaultPolicy(), stall: time.Hour, next: answers(func(*http.Request) (*http.Response, error) {
					if asked++; asked == 1 {
						return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {tc.header}, "Date": {tc.date}}, Body: http.NoBody}, nil
					}
					return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
				})}
				began := time.Now()
				resp, err := p.RoundTrip(request(t))
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("got %v, %v", resp, err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				if got := time.Since(began); got != tc.want {
					t.Errorf("waited %v, want %v", got, tc.want)
				}
			})
		})
	}
}

// TestGivesUp after as many tries as the policy allows, and says no secret.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := &patient{policy: DefaultPolicy(), stall: time.Hour, next: answers(func(*http.Request) (*http.Response, error) {
			asked++
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader(strings.Repeat("busy ", 1<<20)))}, nil
		})}
		_, err := p.RoundTrip(request(t)) //nolint:bodyclose // there is none
		if !errors.Is(err, fetch.ErrUnreachable) || asked != DefaultPolicy().Tries {
			t.Errorf("got %v after %d tries", err, asked)
		}
		if text := err.Error(); strings.Contains(text, "secret") || len(text) > 1000 || !strings.Contains(text, "503") {
			t.Errorf("got %.1200q", text)
		}
	})
}

// stuck gives some bytes, and then nothing until the request ends.
type stuck struct {
	req  *http.Request
	some io.Reader
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, err := s.some.Read(p); err == nil {
		return n, nil
	}
	<-s.req.Context().Done()
	return 0, s.req.Context().Err()
}

func (s *stuck) Close() error { return nil }

func TestStall(t *testing.T) {
	t.Parallel()
	t.Run("of the answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &patient{policy: fetch.Policy{Tries: 1}, stall: time.Minute, next: answers(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}
			began := time.Now()
			_, err := p.RoundTrip(request(t)) //nolint:bodyclose // there is none
			if !errors.Is(err, errStalled) || !errors.Is(err, fetch.ErrUnreachable) || time.Since(began) != time.Minute {
				t.Errorf("got %v after %v", err, time.Since(began))
			}
		})
	})
	t.Run("of the body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			counted := 0
			p := &patient{policy: fetch.Policy{Tries: 1}, stall: time.Minute, count: func(n int) { counted += n },
				next: answers(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: http.StatusOK, Body: &stuck{r, strings.NewReader("some")}}, nil
				})}
			resp, err := p.RoundTrip(request(t))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			got, err := io.ReadAll(resp.Body)
			if string(got) != "some" || counted != 4 || !errors.Is(err, errStalled) || !errors.Is(err, fetch.ErrUnreachable) {
				t.Errorf("got %q (%d bytes counted), %v", got, counted, err)
			}
		})
	})
}

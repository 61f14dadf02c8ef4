package fetch_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

func unreachable(status int, err error) error {
	return &fetch.Error{URL: "http://h/x", Status: status, Kind: fetch.ErrUnreachable, Err: err}
}

// TestPolicyTriesWhatMayPass runs on the clock of a bubble: nothing waits.
func TestPolicyTriesWhatMayPass(t *testing.T) {
	t.Parallel()
	const tries = 4
	for _, tt := range []struct {
		name  string
		err   error
		calls int
	}{
		{"503", unreachable(503, nil), tries},
		{"500", unreachable(500, nil), tries},
		{"521 of Cloudflare", unreachable(521, nil), tries},
		{"408", unreachable(408, nil), tries},
		{"425", unreachable(425, nil), tries},
		{"429", unreachable(429, nil), tries},
		{"timeout", unreachable(0, context.DeadlineExceeded), tries},
		{"reset", unreachable(0, syscall.ECONNRESET), tries},
		{"refused", unreachable(0, syscall.ECONNREFUSED), tries},
		{"cut", unreachable(0, io.ErrUnexpectedEOF), tries},
		{"name server fails", unreachable(0, &net.DNSError{Name: "h", IsTemporary: true}), tries},
		{"501", unreachable(501, nil), 1},
		{"505", unreachable(505, nil), 1},
		{"400", unreachable(400, nil), 1},
		{"401", unreachable(401, nil), 1},
		{"302 that leads nowhere", unreachable(302, nil), 1},
		{"no such host", unreachable(0, &net.DNSError{Name: "h", IsNotFound: true}), 1},
		{"given up inside", unreachable(0, &fetch.GaveUp{Tries: 3, Err: unreachable(503, nil)}), 1},
		{"cancelled", unreachable(0, context.Canceled), 1},
		{"bad certificate", unreachable(0, certificateError()), 1},
		{"TLS alert", unreachable(0, &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}), 1},
		{"no TLS there", unreachable(0, http.ErrSchemeMismatch), 1},
		{"absent", &fetch.Error{Status: 403, Kind: fetch.ErrAbsent}, 1},
		{"another error", errors.New("format"), 1},
		{"nothing", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls, start := 0, time.Now()
				policy := fetch.Policy{Tries: tries, Backoff: time.Second, MaxWait: 3 * time.Second}
				err := policy.Do(t.Context(), func() error { calls++; return tt.err })
				if calls != tt.calls || !errors.Is(err, tt.err) {
					t.Errorf("%d calls, %v; want %d, %v", calls, err, tt.calls, tt.err)
				}
				waited := time.Since(start)
				if tt.calls == 1 {
					if waited != 0 {
						t.Errorf("waited %v", waited)
					}
					return
				}
				// 1 s, 2 s and then the bound of 3 s, each with up to half off.
				if waited < 3*time.Second || waited > 6*time.Second {
					t.Errorf("waited %v, want 3 to 6 s", waited)
				}
				var gaveUp *fetch.GaveUp
				if !errors.As(err, &gaveUp) || gaveUp.Tries != tries || !strings.HasSuffix(err.Error(), "(after 4 tries)") {
					t.Errorf("%v does not say how many tries were made", err)
				}
			})
		})
	}
}

func certificateError() error {
	return &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
}

func TestPolicyMends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := fetch.DefaultPolicy().Do(t.Context(), func() error {
			if calls++; calls < 3 {
				return unreachable(503, nil)
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("%d calls, %v", calls, err)
		}
		calls = 0
		err = fetch.DefaultPolicy().Do(t.Context(), func() error {
			if calls++; calls < 2 {
				return unreachable(503, nil)
			}
			return &fetch.Error{URL: "http://h/x", Status: 404, Kind: fetch.ErrAbsent}
		})
		if calls != 2 || !errors.Is(err, fetch.ErrAbsent) || errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
}

func TestPolicyAsksForAChangedFileOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, start := 0, time.Now()
		err := fetch.Policy{}.Do(t.Context(), func() error {
			calls++
			return &fetch.Error{URL: "http://h/x", Kind: fetch.ErrChanged}
		})
		if calls != 2 || !errors.Is(err, fetch.ErrUnreachable) || time.Since(start) != 0 {
			t.Errorf("%d calls in %v, %v", calls, time.Since(start), err)
		}
	})
}

func TestPolicyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		passing := unreachable(503, nil)
		policy := fetch.Policy{Tries: 1000, Backoff: time.Hour, MaxWait: time.Hour}
		err := policy.Do(ctx, func() error { return passing })
		if !errors.Is(err, passing) || !strings.Contains(err.Error(), "the run ended") || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		start = time.Now()
		err = policy.Do(ctx, func() error { return passing })
		if !errors.Is(err, passing) || time.Since(start) != 0 {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, after, date string
		want              time.Duration // of the one wait; -1: none is made
	}{
		{"seconds", "7", "", 7 * time.Second},
		{"a date, by our clock", "Sat, 01 Jan 2000 00:00:09 GMT", "", 9 * time.Second},
		{"a date, by the server's clock", "Fri, 02 Jan 1970 00:00:05 GMT", "Fri, 02 Jan 1970 00:00:00 GMT", 5 * time.Second},
		{"the bound itself", "20", "", 20 * time.Second},
		{"too long", "21", "", -1},
		{"a date too far", "Sat, 01 Jan 2000 01:00:00 GMT", "", -1},
		{"longer than any number", "99999999999999999999999", "", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls, start := 0, time.Now()
				header := http.Header{"Retry-After": {tt.after}}
				if tt.date != "" {
					header.Set("Date", tt.date)
				}
				src := source(t, func(*http.Request) (*http.Response, error) {
					calls++
					return &http.Response{StatusCode: http.StatusTooManyRequests, Header: header, Body: http.NoBody}, nil
				})
				policy := fetch.Policy{Tries: 2, Backoff: time.Millisecond, MaxWait: 20 * time.Second}
				err := policy.Do(t.Context(), func() error { _, err := src.Open(t.Context(), "x"); return err })
				if tt.want < 0 {
					if calls != 1 || time.Since(start) != 0 || !strings.Contains(err.Error(), "the server asks to wait") {
						t.Errorf("%d calls in %v, %v", calls, time.Since(start), err)
					}
				} else if calls != 2 || time.Since(start) != tt.want {
					t.Errorf("%d calls in %v, want 2 in %v: %v", calls, time.Since(start), tt.want, err)
				}
			})
		})
	}
	for _, after := range []string{"", "-5", "soon", "Sat, 01 Jan 2000 00:00:00 PST", "Fri, 31 Dec 1999 00:00:00 GMT", "0"} {
		synctest.Test(t, func(t *testing.T) {
			src := source(t, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {after}}, Body: http.NoBody}, nil
			})
			_, err := src.Open(t.Context(), "x")
			var e *fetch.Error
			if !errors.As(err, &e) || e.RetryAfter != 0 {
				t.Errorf("%q: %v", after, err)
			}
		})
	}
}

// source is an http source whose answers are made by a function.
func source(t *testing.T, answer func(*http.Request) (*http.Response, error)) fetch.Source {
	t.Helper()
	src, err := fetch.New("http://h/root/", fetch.Options{Transport: transport(answer)})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

package fetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// slowBody gives chunk bytes after each wait, until the request ends.
type slowBody struct {
	ctx   context.Context
	chunk int
	wait  time.Duration
	left  int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(b.wait):
	}
	n := min(len(p), b.chunk, b.left)
	b.left -= n
	return n, nil
}

func (b *slowBody) Close() error { return nil }

func slow(t *testing.T, chunk int, wait time.Duration, size int) *fetch.Response {
	t.Helper()
	src := source(t, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(size), Body: &slowBody{r.Context(), chunk, wait, size}}, nil
	})
	resp, err := src.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestBodyMustMakeProgress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		chunk int
		wait  time.Duration
		says  string // "" is all right
		until time.Duration
	}{
		{"a byte each 29 seconds", 1, 29 * time.Second, "worth waiting for", 3 * time.Minute},
		{"a byte each second", 1, time.Second, "worth waiting for", 3 * time.Minute},
		{"just too slow", 990, time.Second, "worth waiting for", 3 * time.Minute},
		{"slow enough", 1010, time.Second, "", time.Hour},
		{"in lumps", 40_000, 29 * time.Second, "", time.Hour},
		{"nothing", 1, 31 * time.Second, "no progress for 30s", 31 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				body, err := slow(t, tt.chunk, tt.wait, 1_000_000).Body, error(nil)
				for buffer := make([]byte, 1<<16); err == nil; {
					_, err = body.Read(buffer)
				}
				if took := time.Since(start); took > tt.until {
					t.Errorf("it took %v", took)
				}
				if tt.says == "" {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
				} else if !errors.Is(err, fetch.ErrUnreachable) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want %q", err, tt.says)
				}
			})
		})
	}
}

// TestSlowReaderIsNotTheServersFault reads as a parser does that has much to do.
func TestSlowReaderIsNotTheServersFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := slow(t, 100, time.Millisecond, 10_000).Body
		for {
			_, err := body.Read(make([]byte, 100))
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute) //nolint:forbidigo // of the bubble
		}
	})
}

func TestBodyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		src := source(t, func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: &slowBody{r.Context(), 10_000, time.Second, 1 << 30}}, nil
		})
		resp, err := src.Open(ctx, "x")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = io.Copy(io.Discard, resp.Body)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, fetch.ErrUnreachable) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

// TestAnswerMustCome holds servers on a network in memory, on the clock of a
// bubble: one that never answers, and one whose header never ends.
func TestAnswerMustCome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(net.Conn)
	}{
		{"silence", func(net.Conn) {}},
		{"a header byte by byte", func(c net.Conn) {
			for text := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1000); text != ""; text = text[1:] {
				time.Sleep(time.Second) //nolint:forbidigo // of the bubble
				if _, err := io.WriteString(c, text[:1]); err != nil {
					return
				}
			}
		}},
		{"1xx for ever", func(c net.Conn) {
			for {
				time.Sleep(9 * time.Second) //nolint:forbidigo // of the bubble
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var servers sync.WaitGroup
				defer servers.Wait()
				network := &http.Transport{
					ResponseHeaderTimeout: fetch.ConnectTimeout,
					DialContext: func(context.Context, string, string) (net.Conn, error) {
						client, server := net.Pipe()
						servers.Go(func() { tt.answer(server) })
						servers.Go(func() {
							_, _ = io.Copy(io.Discard, server)
							_ = server.Close()
						})
						return client, nil
					},
				}
				defer network.CloseIdleConnections()
				src, err := fetch.New("http://h/", fetch.Options{Transport: network})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = src.Open(t.Context(), "InRelease")
				if took := time.Since(start); !errors.Is(err, fetch.ErrUnreachable) || took > 4*fetch.ConnectTimeout {
					t.Errorf("got %v after %v", err, took)
				}
			})
		})
	}
}

// TestRedirectBodyIsNotWaitedFor follows a redirect whose body never ends.
func TestRedirectBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := source(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/root/x" {
				return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"/y"}}, ContentLength: -1,
					Body: &slowBody{r.Context(), 1, 30 * time.Second, 1 << 30}}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, ContentLength: 1, Body: io.NopCloser(iotest.DataErrReader(strings.NewReader("y")))}, nil
		})
		start := time.Now()
		resp, err := src.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if got, err := io.ReadAll(resp.Body); string(got) != "y" || err != nil || time.Since(start) > time.Second {
			t.Errorf("got %q, %v after %v", got, err, time.Since(start))
		}
	})
}

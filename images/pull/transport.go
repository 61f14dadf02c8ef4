package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

const (
	// stallTime bounds the wait for an answer, and for the next bytes of one.
	// Going past it is a fetch.Error, and the request is made again.
	stallTime = 60 * time.Second
	// maxFault bounds what is read of an answer that is not used.
	maxFault = 64 << 10
)

// errStalled is the cause of a request that was given up.
var errStalled = errors.New("nothing came for too long")

// patient asks a registry again when it has no time just now: status 408, 429
// (waiting as long as Retry-After says) and 5xx, a connection that was refused
// or reset. It counts the bytes of blobs. Whatever it gives up is a
// [fetch.Error] of the kind [fetch.ErrUnreachable].
type patient struct {
	next   http.RoundTripper
	policy fetch.Policy
	stall  time.Duration
	count  func(bytes int)
}

// RoundTrip implements [http.RoundTripper].
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		return p.once(req) // a token that is asked for by POST; the body is spent
	}
	var resp *http.Response
	err := p.policy.Do(req.Context(), func() error {
		var err error
		if resp, err = p.once(req); err != nil {
			return err
		}
		if !busy(resp.StatusCode) {
			return nil
		}
		defer func() { _ = resp.Body.Close() }() // only read
		words, err := io.ReadAll(io.LimitReader(resp.Body, maxFault))
		if err != nil || len(words) == 0 {
			words = []byte("no reason given")
		}
		return &fetch.Error{
			URL: place(req), Kind: fetch.ErrUnreachable, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header),
			Err: fmt.Errorf("%.200q", words),
		}
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// once makes the request, and has it and its answer watched for a stall.
func (p *patient) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(p.stall, func() { cancel(errStalled) })
	resp, err := p.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		err = unreachable(ctx, place(req), err)
		cancel(nil)
		return nil, err
	}
	w := &watched{body: resp.Body, ctx: ctx, cancel: cancel, timer: timer, stall: p.stall, place: place(req)}
	if strings.Contains(req.URL.Path, "/blobs/") || !strings.HasPrefix(req.URL.Path, "/v2/") {
		w.count = p.count
	}
	resp.Body = w
	return resp, nil
}

// watched is a body that ends when nothing comes.
type watched struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the request, whose answer this is
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	place  string
	count  func(int)
	once   sync.Once
}

// Read implements [io.Reader].
func (w *watched) Read(buf []byte) (int, error) {
	n, err := w.body.Read(buf)
	if n > 0 {
		w.timer.Reset(w.stall)
		if w.count != nil {
			w.count(n)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreachable(w.ctx, w.place, err)
	}
	return n, err
}

// Close implements [io.Closer].
func (w *watched) Close() error {
	err := w.body.Close()
	w.once.Do(func() {
		w.timer.Stop()
		w.cancel(nil)
	})
	return err
}

// unreachable says of a request or an answer that broke off why it did.
func unreachable(ctx context.Context, place string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &fetch.Error{URL: place, Kind: fetch.ErrUnreachable, Err: err}
}

// place is an address without what may be secret in it.
func place(req *http.Request) string {
	return req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
}

// busy reports whether an answer with that status may be another a little later.
func busy(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests || status >= 500
}

// maxRetryAfter bounds what is understood of a Retry-After header: no policy
// waits that long.
const maxRetryAfter = 365 * 24 * time.Hour

// retryAfter reads a Retry-After header (RFC 9110 section 10.2.3), which
// registries give in seconds; 0 for none. A date is held against the server's own.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	then, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, min(then.Sub(now), maxRetryAfter))
}

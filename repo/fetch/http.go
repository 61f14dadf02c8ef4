package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of one http fetch.
const (
	// maxRedirects is what curl and Go's own client allow, halved: pkgs.k8s.io
	// needs one hop, download.opensuse.org two.
	maxRedirects = 10
	// maxHeaderBytes bounds the response header.
	maxHeaderBytes = 64 << 10
)

// Options are what a source needs to know. The zero value is useful.
type Options struct {
	// UserAgent is sent with each request.
	UserAgent string
	// ConnectTimeout bounds the connection, the TLS handshake and the wait for
	// the response header, each; 10 s when zero.
	ConnectTimeout time.Duration
	// StallTimeout bounds the time without progress in a body; 30 s when zero.
	StallTimeout time.Duration
	// Transport replaces the network, for tests; nil is the default.
	Transport http.RoundTripper
}

func (o Options) connectTimeout() time.Duration {
	if o.ConnectTimeout > 0 {
		return o.ConnectTimeout
	}
	return 10 * time.Second
}

func (o Options) stallTimeout() time.Duration {
	if o.StallTimeout > 0 {
		return o.StallTimeout
	}
	return 30 * time.Second
}

type httpSource struct {
	root   *url.URL
	client *http.Client
	opts   Options
}

var _ Source = (*httpSource)(nil)

func newHTTP(root *url.URL, opts Options) *httpSource {
	transport := opts.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: opts.connectTimeout()}).DialContext,
			TLSHandshakeTimeout:    opts.connectTimeout(),
			ResponseHeaderTimeout:  opts.connectTimeout(),
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
			// What is hashed is what the repository stores: no transparent gzip.
			DisableCompression: true,
		}
	}
	client := &http.Client{
		Transport: transport,
		// Redirects are followed here, so that each hop is recorded.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &httpSource{root: root, client: client, opts: opts}
}

// Open implements Source.
func (s *httpSource) Open(ctx context.Context, path string) (*Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := s.open(ctx, cancel, path)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return resp, nil
}

func (s *httpSource) open(ctx context.Context, cancel context.CancelCauseFunc, path string) (*Response, error) {
	first := Join(s.root.String(), path)
	at, hops := first, []string(nil)
	fail := func(status int, kind, err error) *Error {
		return &Error{URL: first, Hops: hops, Status: status, Kind: kind, Err: err}
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return nil, fail(0, ErrUnreachable, err)
		}
		if s.opts.UserAgent != "" {
			req.Header.Set("User-Agent", s.opts.UserAgent)
		}
		resp, err := s.client.Do(req) //nolint:bodyclose // the Response closes it
		if err != nil {
			if u := (*url.Error)(nil); errors.As(err, &u) {
				err = u.Err // the address is said once already
			}
			return nil, fail(0, ErrUnreachable, err)
		}
		switch {
		case isRedirect(resp.StatusCode):
			next, err := redirectTarget(resp)
			closeQuietly(resp.Body)
			if err != nil {
				return nil, fail(resp.StatusCode, ErrUnreachable, err)
			}
			if len(hops) == maxRedirects {
				return nil, fail(resp.StatusCode, ErrUnreachable, fmt.Errorf("more than %d redirects", maxRedirects))
			}
			hops = append(hops, next)
			at = next
			continue
		case resp.StatusCode == http.StatusOK:
			body := &stallReader{body: resp.Body, cancel: cancel, ctx: ctx, limit: s.opts.stallTimeout(), url: first, hops: hops}
			body.timer = time.AfterFunc(body.limit, body.stalled)
			return &Response{Body: body, Size: resp.ContentLength, URL: first, Hops: hops}, nil
		}
		closeQuietly(resp.Body)
		e := fail(resp.StatusCode, ErrUnreachable, nil)
		switch resp.StatusCode {
		case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			e.Kind = ErrAbsent
		}
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			e.RetryAfter = n
		}
		return nil, e
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirectTarget returns the absolute address of a redirect. Only http and
// https are followed: a repository must not make the harness read local files.
func redirectTarget(resp *http.Response) (string, error) {
	loc, err := resp.Location()
	if err != nil {
		return "", fmt.Errorf("redirect: %w", err)
	}
	if loc.Scheme != "http" && loc.Scheme != "https" {
		return "", fmt.Errorf("redirect to %q: scheme is not http or https", loc)
	}
	return loc.String(), nil
}

func closeQuietly(c io.Closer) {
	// Nothing is lost: the body is not wanted.
	_ = c.Close()
}

// Join appends a repository path to a root URL. Segments are encoded as apt
// does: "+" becomes "%2B", because some stores read a plain "+" as a space;
// ":" and "~" stay as they are.
func Join(root, path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
	}
	return strings.TrimSuffix(root, "/") + "/" + strings.Join(segments, "/")
}

// errStalled is the cause of a request that was given up.
var errStalled = errors.New("no progress")

// stallReader ends a body that makes no progress, and gives read errors their
// kind.
type stallReader struct {
	body   io.ReadCloser
	ctx    context.Context // of this one request; ends with the body
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	url    string
	hops   []string
}

func (s *stallReader) stalled() {
	s.cancel(fmt.Errorf("%w for %v", errStalled, s.limit))
}

func (s *stallReader) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if n > 0 {
		s.timer.Reset(s.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(s.ctx); cause != nil {
			err = cause
		}
		err = &Error{URL: s.url, Hops: s.hops, Kind: ErrUnreachable, Err: fmt.Errorf("body: %w", err)}
	}
	return n, err
}

func (s *stallReader) Close() error {
	s.timer.Stop()
	err := s.body.Close()
	s.cancel(nil)
	return err
}

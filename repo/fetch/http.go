package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

type httpSource struct {
	root      *url.URL
	transport http.RoundTripper
	opts      Options
}

var (
	_ Ranger    = (*httpSource)(nil)
	_ Revisitor = (*httpSource)(nil)
)

func newHTTP(root *url.URL, opts Options) (*httpSource, error) {
	s := &httpSource{root: root, transport: opts.Transport, opts: opts}
	switch opts.Network {
	case "", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("network %q is not one of tcp4, tcp6", opts.Network)
	}
	if s.transport == nil {
		s.transport = NewTransport(opts)
	}
	return s, nil
}

// NewTransport returns the transport that a source of these options uses. Its
// connections end some time after the last answer, or with
// CloseIdleConnections.
func NewTransport(opts Options) *http.Transport {
	dial := opts.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: opts.connectTimeout()}).DialContext
	}
	proxy := opts.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if opts.Network != "" {
				network = opts.Network
			}
			return dial(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    opts.connectTimeout(),
		ResponseHeaderTimeout:  opts.connectTimeout(),
		MaxResponseHeaderBytes: MaxHeaderBytes,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
		// What is hashed is what the repository stores: no transparent gzip.
		DisableCompression: true,
	}
}

func (s *httpSource) address(path string) string { return Join(withoutUser(s.root), path) }

// Open implements Source.
func (s *httpSource) Open(ctx context.Context, path string) (*Response, error) {
	return s.OpenFrom(ctx, path, Point{Size: -1})
}

// OpenFrom implements Ranger.
func (s *httpSource) OpenFrom(ctx context.Context, path string, from Point) (*Response, error) {
	return s.walk(ctx, path, walk{from: from})
}

// OpenSince implements Revisitor.
func (s *httpSource) OpenSince(ctx context.Context, path string, known Version) (*Response, error) {
	return s.walk(ctx, path, walk{from: Point{Size: -1}, known: known})
}

func (s *httpSource) walk(ctx context.Context, path string, w walk) (*Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.source, w.ctx, w.cancel, w.first = s, ctx, cancel, s.address(path)
	resp, err := w.open(Join(s.root.String(), path))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return resp, nil
}

// walk is one way from an address to the bytes.
type walk struct {
	source *httpSource
	ctx    context.Context // ends with the body
	cancel context.CancelCauseFunc
	from   Point
	known  Version
	first  string
	hops   []repo.Hop
	// leave ends the last request alone.
	leave context.CancelCauseFunc
}

func (w *walk) fail(status int, kind, err error) *Error {
	return &Error{URL: w.first, Hops: w.hops, Status: status, Kind: kind, Err: err}
}

func (w *walk) open(address string) (*Response, error) {
	at, err := url.Parse(address)
	if err != nil {
		e := w.fail(0, ErrUnreachable, err)
		e.lasting = true
		return nil, e
	}
	for {
		resp, err := w.ask(at) //nolint:bodyclose // the Response closes it
		if err != nil {
			if len(w.hops) > 0 {
				err = fmt.Errorf("after a redirect to %s: %w", withoutUser(at), err)
			}
			return nil, w.fail(0, ErrUnreachable, err)
		}
		switch {
		case isRedirect(resp.StatusCode):
			next, err := w.redirect(at, resp)
			w.drain(resp.Body)
			if err != nil {
				return nil, w.fail(resp.StatusCode, ErrUnreachable, err)
			}
			at = next
		case resp.StatusCode == http.StatusOK && w.from.Offset == 0:
			return w.response(resp), nil
		case resp.StatusCode == http.StatusPartialContent && w.from.Offset > 0:
			if err := w.rest(resp); err != nil {
				closeQuietly(resp.Body)
				return nil, w.fail(resp.StatusCode, ErrChanged, err)
			}
			return w.response(resp), nil
		default:
			closeQuietly(resp.Body)
			return nil, w.refused(resp)
		}
	}
}

// answerTimeout is the cause of a request that got no answer in time.
type answerTimeout struct{ limit time.Duration }

func (e answerTimeout) Error() string { return fmt.Sprintf("no answer within %v", e.limit) }

// ask sends one request and records the answer.
func (w *walk) ask(at *url.URL) (*http.Response, error) {
	var peer atomic.Pointer[string]
	ctx, leave := context.WithCancelCause(w.ctx)
	w.leave = leave
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		a := info.Conn.RemoteAddr().String()
		peer.Store(&a)
	}})
	plain := *at
	plain.User = nil
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, plain.String(), nil)
	if err != nil {
		return nil, err
	}
	// Set by hand, this also keeps any transport from decoding.
	req.Header.Set("Accept-Encoding", "identity")
	if w.source.opts.UserAgent != "" {
		req.Header.Set("User-Agent", w.source.opts.UserAgent)
	}
	if user := w.source.root.User; user != nil && sameOrigin(w.source.root, at) {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	if w.from.Offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", w.from.Offset))
		if w.from.Validator != "" {
			req.Header.Set("If-Range", w.from.Validator)
		}
	}
	// A server that has both goes by the ETag (RFC 9110 section 13.2.2).
	if w.known.ETag != "" {
		req.Header.Set("If-None-Match", w.known.ETag)
	}
	if w.known.LastModified != "" {
		req.Header.Set("If-Modified-Since", w.known.LastModified)
	}
	limit := answerTimeouts * w.source.opts.connectTimeout()
	timer := time.AfterFunc(limit, func() { leave(answerTimeout{limit}) })
	defer timer.Stop()
	resp, err := w.source.transport.RoundTrip(req) //nolint:bodyclose // the Response closes it
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	address := ""
	if p := peer.Load(); p != nil {
		address = *p
	}
	w.hops = append(w.hops, hopOf(plain.String(), resp, address))
	return resp, nil
}

// drain reads the little that a redirect's body has, so that its connection can
// be used again, and leaves it when that is much or takes long.
func (w *walk) drain(body io.ReadCloser) {
	timer := time.AfterFunc(redirectBodyTimeout, func() { w.leave(errStalled) })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, body, maxRedirectBody) // whatever comes of it
	closeQuietly(body)
	w.leave(nil)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect returns where a redirect leads. Only http and https are followed: a
// repository must not make this machine read local files. From https to http
// is followed, for the hops say so and a check judges it.
func (w *walk) redirect(at *url.URL, resp *http.Response) (*url.URL, error) {
	location := resp.Header.Get("Location")
	switch {
	case location == "":
		return nil, errors.New("a redirect without a Location")
	case len(location) > MaxLocation:
		return nil, fmt.Errorf("a redirect to an address of %d bytes, at most %d are taken", len(location), MaxLocation)
	}
	next, err := at.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("a redirect: %w", err)
	}
	next.User = nil // a server does not choose who we are
	switch {
	case next.Scheme != "http" && next.Scheme != "https":
		return nil, fmt.Errorf("a redirect to %q: the scheme is not http or https", shown(next.String()))
	case next.Host == "":
		return nil, fmt.Errorf("a redirect to %q, which names no host", shown(next.String()))
	}
	to := next.String()
	if i := slices.IndexFunc(w.hops, func(h repo.Hop) bool { return h.URL == to }); i >= 0 {
		return nil, fmt.Errorf("redirects in a loop of %d: back to %s", len(w.hops)-i, to)
	}
	if len(w.hops) > MaxRedirects {
		return nil, fmt.Errorf("more than %d redirects", MaxRedirects)
	}
	return next, nil
}

// response makes the answer with the bytes a Response.
func (w *walk) response(resp *http.Response) *Response {
	hops := w.hops
	return &Response{
		Body: newHTTPBody(w.ctx, w.cancel, resp, w.source.opts.stallTimeout(), func(err error) error {
			return &Error{URL: w.first, Hops: hops, Kind: ErrUnreachable, Err: fmt.Errorf("body: %w", err)}
		}),
		Size: resp.ContentLength, URL: w.first, Hops: hops, Validator: validator(resp.Header), Version: versionOf(resp.Header),
	}
}

// refused is the error for an answer that is not what was asked for.
func (w *walk) refused(resp *http.Response) error {
	e := w.fail(resp.StatusCode, ErrUnreachable, nil)
	switch resp.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		e.Kind = ErrAbsent
		if w.from.Offset > 0 {
			e.Kind = ErrChanged // it was there; from the start, the answer says what is true now
		}
	case http.StatusNotModified:
		if w.known != (Version{}) {
			e.Kind = ErrUnchanged
		}
	case http.StatusOK:
		e.Kind, e.Err = ErrChanged, fmt.Errorf("asked for the bytes from %d on, the server sends the whole file", w.from.Offset)
	case http.StatusRequestedRangeNotSatisfiable:
		e.Kind, e.Err = ErrChanged, fmt.Errorf("there are no bytes from %d on (Content-Range: %q)",
			w.from.Offset, shown(resp.Header.Get("Content-Range")))
	case http.StatusPartialContent:
		e.Err, e.lasting = errors.New("a part that was not asked for"), true
	}
	e.RetryAfter = retryAfter(resp.Header)
	return e
}

// rest checks that a 206 is the rest of the file from the point on, and nothing
// else (RFC 9110 sections 14.4 and 15.3.7).
func (w *walk) rest(resp *http.Response) error {
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == "multipart/byteranges" {
		return errors.New("several parts, where one was asked for")
	}
	text := resp.Header.Get("Content-Range")
	first, last, size, ok := contentRange(text)
	switch {
	case !ok:
		return fmt.Errorf("a part whose Content-Range is %q", shown(text))
	case first != w.from.Offset, last != size-1:
		return fmt.Errorf("bytes %d to the end were asked for, Content-Range is %q", w.from.Offset, shown(text))
	case w.from.Size >= 0 && size != w.from.Size:
		return fmt.Errorf("the file had %d bytes, it has %d now", w.from.Size, size)
	case resp.ContentLength >= 0 && resp.ContentLength != size-first:
		return fmt.Errorf("Content-Range is %q, Content-Length %d", shown(text), resp.ContentLength)
	}
	if now := validator(resp.Header); w.from.Validator != "" && now != "" && now != w.from.Validator {
		return fmt.Errorf("the file was %s, it is %s now", shown(w.from.Validator), shown(now))
	}
	// The length is known even if the server sends the part in chunks.
	resp.ContentLength = size - first
	return nil
}

// contentRange reads "bytes first-last/size". A size that is not given ("*")
// cannot be checked, and is not taken.
func contentRange(text string) (first, last, size int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	span, total, ok1 := strings.Cut(rest, "/")
	from, to, ok2 := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !ok1 || !ok2 {
		return 0, 0, 0, false
	}
	var numbers [3]int64
	for i, s := range [3]string{from, to, total} {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
		if err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = int64(n)
	}
	return numbers[0], numbers[1], numbers[2], numbers[0] <= numbers[1] && numbers[1] < numbers[2]
}

// validator returns what may stand in an If-Range header: a strong ETag, or a
// Last-Modified that is strong because the answer is at least a second younger
// (RFC 9110 sections 8.8.2.2 and 13.1.5).
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" {
		if len(tag) >= 2 && len(tag) <= MaxHopValue && tag[0] == '"' && tag[len(tag)-1] == '"' {
			return tag
		}
		return "" // a weak one says that the bytes may differ
	}
	text := h.Get("Last-Modified")
	modified, err := http.ParseTime(text)
	date, err2 := http.ParseTime(h.Get("Date"))
	if err != nil || err2 != nil || date.Sub(modified) < time.Second {
		return ""
	}
	return text
}

// versionOf returns what may be said to the server again; what is longer than
// its bound is left out, and the file is then read whole each time.
func versionOf(h http.Header) Version {
	v := Version{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified")}
	if len(v.ETag) > MaxHopValue {
		v.ETag = ""
	}
	if _, err := http.ParseTime(v.LastModified); err != nil {
		v.LastModified = ""
	}
	return v
}

func closeQuietly(c io.Closer) {
	// Nothing is lost: the body is not wanted.
	_ = c.Close()
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// errStalled is the cause of a request that was given up.
var errStalled = errors.New("no progress")

// httpBody ends a body that makes no progress, holds it to its announced
// length, and gives read errors their kind.
type httpBody struct {
	body   io.ReadCloser
	ctx    context.Context // of this one request; ends with the body
	cancel context.CancelCauseFunc
	timer  *time.Timer // runs while a read waits
	stall  time.Duration
	pace   pace
	n      int64
	size   int64 // announced, -1 if not
	fail   func(error) error
	err    error // what Read goes on to return
}

func newHTTPBody(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response, stall time.Duration, fail func(error) error) *httpBody {
	b := &httpBody{body: resp.Body, ctx: ctx, cancel: cancel, stall: stall, size: resp.ContentLength, fail: fail}
	b.timer = time.AfterFunc(stall, b.stalled)
	b.timer.Stop()
	return b
}

func (b *httpBody) stalled() { b.cancel(fmt.Errorf("%w for %v", errStalled, b.stall)) }

// Read implements io.Reader. The time between reads is the reader's own, and is
// not held against the server.
func (b *httpBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	start := time.Now()
	b.timer.Reset(b.stall)
	n, err := b.body.Read(p)
	b.timer.Stop()
	b.n += int64(n)
	switch {
	case b.size >= 0 && b.n > b.size:
		n -= int(b.n - b.size)
		err = fmt.Errorf("more than the %d bytes announced", b.size)
	case errors.Is(err, io.EOF) && b.size >= 0 && b.n < b.size:
		err = io.ErrUnexpectedEOF
	case err == nil:
		err = b.pace.add(n, time.Since(start))
	}
	if err != nil {
		b.err = b.kind(err)
	}
	return n, b.err
}

// kind returns err as Read gives it.
func (b *httpBody) kind(err error) error {
	if err == io.EOF { //nolint:errorlint // io.Reader's end is this very value
		return io.EOF
	}
	if cause := context.Cause(b.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && b.size >= 0 {
		err = fmt.Errorf("cut after %d of %d bytes: %w", b.n, b.size, err)
	}
	return b.fail(err)
}

// Close implements io.Closer.
func (b *httpBody) Close() error {
	b.timer.Stop()
	err := b.body.Close()
	b.cancel(nil)
	return err
}

// pace holds a body to MinRateBytes in each MinRateWindow. The window slides by
// halves: the one that is filling, and the one before.
type pace struct {
	waited, waitedBefore time.Duration
	bytes, bytesBefore   int
}

// add counts n bytes that took so long to come.
func (p *pace) add(n int, waited time.Duration) error {
	p.bytes += n
	p.waited += waited
	if p.waited < MinRateWindow/2 {
		return nil
	}
	got, in := p.bytes+p.bytesBefore, p.waited+p.waitedBefore
	if in >= MinRateWindow && float64(got)/MinRateBytes < float64(in)/float64(MinRateWindow) {
		return fmt.Errorf("%w worth waiting for: %d bytes in %v, at least %d a minute are wanted",
			errStalled, got, in.Round(time.Second), MinRateBytes)
	}
	*p = pace{waitedBefore: p.waited, bytesBefore: p.bytes}
	return nil
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Resume returns a source whose bodies go on where they were cut: the rest is
// asked for with Range and If-Range, as often as policy allows, and the reader
// sees one body. A rest that is not of the same version, or that the server
// does not give, ends the body with an error that matches ErrChanged; a body
// that names no version ends as it would without Resume. In both cases
// [Policy.Do] begins again from zero.
//
// The bytes are only as good as the server's word that they are of one version:
// a digest over the whole body has to be verified.
//
// A source that is no [Ranger] is returned as it is. The result is one.
func Resume(src Source, policy Policy) Source {
	ranger, ok := src.(Ranger)
	if !ok {
		return src
	}
	return &resuming{src: ranger, policy: policy}
}

type resuming struct {
	src    Ranger
	policy Policy
}

var _ Ranger = (*resuming)(nil)

func (r *resuming) address(path string) string { return Address(r.src, path) }

// Open implements Source.
func (r *resuming) Open(ctx context.Context, path string) (*Response, error) {
	resp, err := r.src.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return r.splice(ctx, path, resp, 0), nil
}

// OpenFrom implements Ranger.
func (r *resuming) OpenFrom(ctx context.Context, path string, from Point) (*Response, error) {
	resp, err := r.src.OpenFrom(ctx, path, from)
	if err != nil {
		return nil, err
	}
	return r.splice(ctx, path, resp, from.Offset), nil
}

func (r *resuming) splice(ctx context.Context, path string, resp *Response, offset int64) *Response {
	whole := *resp
	at := Point{Offset: offset, Size: -1, Validator: resp.Validator}
	if resp.Size >= 0 {
		at.Size = offset + resp.Size
	}
	whole.Body = &splicedBody{r: r, ctx: ctx, path: path, resp: &whole, body: resp.Body, at: at,
		attempts: attempts{policy: r.policy}}
	return &whole
}

// splicedBody is one body made of the answers to several requests.
type splicedBody struct {
	r        *resuming
	ctx      context.Context // of Open; later requests need it
	path     string
	resp     *Response // what the reader has; its hops grow
	body     io.ReadCloser
	at       Point
	since    int64 // bytes since the last cut
	attempts attempts
	err      error // what Read goes on to return
}

// Read implements io.Reader.
func (b *splicedBody) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.body.Read(p)
		b.at.Offset += int64(n)
		b.since += int64(n)
		if err == nil {
			return n, nil
		}
		if err == io.EOF { //nolint:errorlint // io.Reader's end is this very value
			b.err = err
		} else {
			b.err = b.resume(err)
		}
		if n > 0 {
			return n, b.err
		}
	}
	return 0, b.err
}

// resume opens the rest after err. It returns nil when it did.
func (b *splicedBody) resume(err error) error {
	if b.at.Validator == "" || b.at.Offset == 0 {
		return err
	}
	if b.since >= ResumeProgress {
		b.attempts = attempts{policy: b.r.policy}
	}
	b.since = 0
	cut := b.at.Offset
	for {
		if errors.Is(err, ErrChanged) {
			return err
		}
		if err = b.attempts.next(b.ctx, err); err != nil {
			return b.where(err, cut)
		}
		rest, openErr := b.r.src.OpenFrom(b.ctx, b.path, b.at)
		if openErr != nil {
			err = openErr
			continue
		}
		closeQuietly(b.body)
		b.body = rest.Body
		for _, hop := range rest.Hops {
			if len(b.resp.Hops) < MaxHops {
				b.resp.Hops = append(b.resp.Hops[:len(b.resp.Hops):len(b.resp.Hops)], hop)
			}
		}
		return nil
	}
}

// where adds to a final error how far the body came.
func (b *splicedBody) where(err error, cut int64) error {
	if e := (*Error)(nil); !errors.As(err, &e) || e.Status == 0 {
		return err // a body's own error says it
	}
	return fmt.Errorf("%w, where the rest was asked for after %d bytes", err, cut)
}

// Close implements io.Closer.
func (b *splicedBody) Close() error { return b.body.Close() }

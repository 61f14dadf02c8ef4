package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Policy says how often and how long to try again.
type Policy struct {
	// Tries is how many times in all; at least 1.
	Tries int
	// Backoff is the wait before the second try; it doubles each time, with
	// jitter of a half, up to MaxWait.
	Backoff time.Duration
	// MaxWait bounds one wait. A server that asks for more, with Retry-After,
	// is not asked again.
	MaxWait time.Duration
}

// DefaultPolicy returns the policy for a repository on the network: a run that
// cannot reach it must say so within seconds.
func DefaultPolicy() Policy {
	return Policy{Tries: DefaultTries, Backoff: DefaultBackoff, MaxWait: DefaultMaxWait}
}

// Do calls f until it succeeds, fails for good, or the tries are used up. Tried
// again is only what the next seconds may mend: no answer in time, a connection
// that was refused, reset or cut, a name server that failed, HTTP status 408,
// 425, 429 and 5xx but 501 and 505. An unknown host, a bad certificate and
// every other status are not.
//
// A file that changed under the reader (ErrChanged) is asked for again once, at
// once, whatever Tries is: that is no fault of the network.
//
// The error is f's last one, in a [GaveUp] when it was tried again.
func (p Policy) Do(ctx context.Context, f func() error) error {
	a := attempts{policy: p}
	for {
		err := f()
		if err == nil {
			return nil
		}
		if err = a.next(ctx, err); err != nil {
			return err
		}
	}
}

// attempts counts the tries of one fetch.
type attempts struct {
	policy  Policy
	made    int
	changed bool
}

// next waits, after err, until another try may be made. It returns nil then,
// else the error to end with.
func (a *attempts) next(ctx context.Context, err error) error {
	a.made++
	if !mayPass(err) {
		return a.last(err, "")
	}
	if ctx.Err() != nil {
		return a.last(err, "the run ended")
	}
	if errors.Is(err, ErrChanged) && !a.changed {
		a.changed = true
		a.made--
		return nil
	}
	if a.made >= a.policy.Tries {
		return a.last(err, "")
	}
	wait := a.policy.backoff(a.made)
	if e := (*Error)(nil); errors.As(err, &e) && e.RetryAfter > 0 {
		if e.RetryAfter > a.policy.MaxWait {
			return a.last(err, fmt.Sprintf("the server asks to wait %v, at most %v are waited", e.RetryAfter, a.policy.MaxWait))
		}
		wait = e.RetryAfter
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return a.last(err, "the run ended")
	case <-timer.C:
		return nil
	}
}

// last returns the error to end with. A single try with no more to say is not
// worth the words.
func (a *attempts) last(err error, why string) error {
	if a.made == 1 && (why == "" || a.policy.Tries <= 1) {
		return err
	}
	return &GaveUp{Tries: a.made, Why: why, Err: err}
}

// backoff returns the wait after a number of tries: at least half of it, so
// that many who fail at once do not come back at once.
func (p Policy) backoff(made int) time.Duration {
	wait := min(p.Backoff, p.MaxWait)
	for range made - 1 {
		if wait = 2 * wait; wait >= p.MaxWait {
			wait = p.MaxWait
			break
		}
	}
	return wait/2 + rand.N(wait/2+1)
}

// mayPass reports whether the same fetch may succeed a little later.
func mayPass(err error) bool {
	var e *Error
	if !errors.As(err, &e) || !errors.Is(e, ErrUnreachable) || e.lasting || errors.Is(err, context.Canceled) {
		return false
	}
	if g := (*GaveUp)(nil); errors.As(err, &g) {
		return false
	}
	if errors.Is(e, ErrChanged) {
		return true
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && !dns.IsTimeout && !dns.IsTemporary {
		return false
	}
	if refusedByTLS(err) {
		return false
	}
	switch {
	case e.Status == http.StatusNotImplemented, e.Status == http.StatusHTTPVersionNotSupported:
		return false
	case e.Status == 0, e.Status >= 500, e.Status == http.StatusRequestTimeout,
		e.Status == http.StatusTooEarly, e.Status == http.StatusTooManyRequests:
		return true
	}
	return false
}

// refusedByTLS reports whether one side refused the other, as with a bad
// certificate or no common protocol.
func refusedByTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &op) && op.Op == "remote error" // crypto/tls: an alert of the other side
}

// retryAfter reads a Retry-After header, in seconds or as a date (RFC 9110
// section 10.2.3), rounded up to a second. A date is held against the server's
// own, for its clock may not be ours. It returns 0 for none, for a past date,
// and for what is neither.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		if n > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return maxRetryAfter
	}
	then, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	wait := min(then.Sub(now), maxRetryAfter) // Sub saturates, and adding to that would not
	return max(0, (wait + time.Second - 1).Truncate(time.Second))
}

package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// Policy says how often and how long to try again.
type Policy struct {
	// Tries is how many times in all; at least 1.
	Tries int
	// Backoff is the wait before the second try; it doubles each time, with
	// jitter of a half, up to MaxWait.
	Backoff time.Duration
	// MaxWait bounds one wait, a server's Retry-After included.
	MaxWait time.Duration
}

// DefaultPolicy returns the policy for a repository on the network: a run that
// cannot reach it must say so within seconds.
func DefaultPolicy() Policy {
	return Policy{Tries: 3, Backoff: 500 * time.Millisecond, MaxWait: 20 * time.Second}
}

// Do calls f until it succeeds, fails for good, or the tries are used up, and
// returns f's last error. Only errors that match ErrUnreachable are tried
// again, and not those that the next second cannot mend: an unknown host, a
// cancelled context, a bad request.
func (p Policy) Do(ctx context.Context, f func() error) error {
	wait := p.Backoff
	for try := 1; ; try++ {
		err := f()
		if err == nil || try >= p.Tries || !mayPass(err) || ctx.Err() != nil {
			return err
		}
		pause := wait/2 + rand.N(wait/2+1)
		if e := (*Error)(nil); errors.As(err, &e) && e.RetryAfter > 0 {
			pause = time.Duration(e.RetryAfter) * time.Second
		}
		pause = min(pause, p.MaxWait)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		wait = min(2*wait, p.MaxWait)
	}
}

// mayPass reports whether the same fetch may succeed a little later.
func mayPass(err error) bool {
	var e *Error
	if !errors.As(err, &e) || !errors.Is(e.Kind, ErrUnreachable) || errors.Is(err, context.Canceled) {
		return false
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	switch {
	case e.Status == 0, e.Status == 408, e.Status == 429, e.Status >= 500:
		return true
	}
	return false
}

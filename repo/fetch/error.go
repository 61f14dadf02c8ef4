package fetch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// ErrAbsent is matched by errors that say the file is not there. pkgs.k8s.io
// answers 403 for a missing object (a private bucket behind a CDN), so 403
// counts, with 404 and 410.
var ErrAbsent = errors.New("not there")

// ErrUnreachable is matched by errors after which nobody can tell whether the
// file is there: no route, no name, no answer, a server error, a body cut short.
var ErrUnreachable = errors.New("could not be fetched")

// ErrTooLarge is matched by errors that say the body goes past its bound.
var ErrTooLarge = errors.New("larger than its bound")

// ErrChanged is matched by errors that say the bytes that were read so far are
// of another version than those that would follow: what was read of them must
// be forgotten, and the file read from its start. It matches ErrUnreachable,
// because nobody can tell yet.
var ErrChanged = fmt.Errorf("%w: it changed while it was read", ErrUnreachable)

// ErrUnchanged is matched by errors of [Revisitor] that say the file is still
// the version that is known.
var ErrUnchanged = errors.New("not changed")

// Error is a failed fetch.
type Error struct {
	// URL is the address that was asked, without user and password.
	URL string
	// Hops are the answers on the way, the last being the one that failed,
	// unless there was none.
	Hops []repo.Hop
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// RetryAfter is how long the server asked to wait; 0 when it did not.
	RetryAfter time.Duration
	// Kind is ErrAbsent, ErrUnreachable, ErrChanged, ErrUnchanged or
	// ErrTooLarge.
	Kind error
	Err  error

	// lasting marks what will be the same a little later.
	lasting bool
}

// Error says what was fetched, where it led, and what came of it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", e.URL, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP status %d", e.Status)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if n := len(e.Hops); n > 1 {
		fmt.Fprintf(&b, " (redirected to %s)", e.Hops[n-1].URL)
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// GaveUp is the error of a fetch that was tried again, or that would have been
// if there had been time. A [Policy] does not try it once more.
type GaveUp struct {
	// Tries is how many were made.
	Tries int
	// Why is set when there were tries left.
	Why string
	// Err is the error of the last one.
	Err error
}

// Error says what the last try came to, and how many there were.
func (g *GaveUp) Error() string {
	tries := "1 try"
	if g.Tries != 1 {
		tries = fmt.Sprintf("%d tries", g.Tries)
	}
	if g.Why != "" {
		return fmt.Sprintf("%v (given up after %s: %s)", g.Err, tries, g.Why)
	}
	return fmt.Sprintf("%v (after %s)", g.Err, tries)
}

// Unwrap returns the last try's error.
func (g *GaveUp) Unwrap() error { return g.Err }

// Package fetch reads the files of a repository over http, https and from a
// folder, through one small interface.
//
// A [Source] opens one path; [Policy] retries what may pass; [Meter] counts
// and hashes what goes by. Errors keep "it is not there" ([ErrAbsent]) apart
// from "nobody could tell" ([ErrUnreachable]).
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
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

// Error is a failed fetch.
type Error struct {
	URL string
	// Hops are the redirects that were followed.
	Hops []string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// RetryAfter is what the server asked for, in seconds; 0 when it did not.
	RetryAfter int
	// Kind is ErrAbsent, ErrUnreachable or ErrTooLarge.
	Kind error
	Err  error
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
	if len(e.Hops) > 0 {
		fmt.Fprintf(&b, " (redirected to %s)", e.Hops[len(e.Hops)-1])
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

// Response is an open file.
type Response struct {
	// Body must be closed. Its errors match ErrUnreachable or ErrTooLarge.
	Body io.ReadCloser
	// Size is the announced length in bytes, -1 when there is none.
	Size int64
	// URL is what was asked, Hops the redirects followed from there.
	URL  string
	Hops []string
}

// Source opens the files below one root. Implementations may be used by
// several goroutines at once; Open may be called again for the same path.
type Source interface {
	// Open begins to read the file at path, which is relative to the root,
	// slash-separated and not encoded. Its error is an *Error.
	Open(ctx context.Context, path string) (*Response, error)
}

// New returns the source for an address: an http or https URL, a file URL, or
// a folder's path.
func New(root string, opts Options) (Source, error) {
	u, err := url.Parse(root)
	if err != nil {
		return nil, fmt.Errorf("repository address %q: %w", root, err)
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return nil, fmt.Errorf("repository address %q names no host", root)
		}
		if u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("repository address %q has a query or fragment", root)
		}
		return newHTTP(u, opts), nil
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, fmt.Errorf("repository address %q: a file URL names this machine; write file:///path", root)
		}
		return newFolder(u.Path), nil
	case "":
		dir, err := filepath.Abs(root)
		if err != nil {
			return nil, fmt.Errorf("repository folder %q: %w", root, err)
		}
		return newFolder(dir), nil
	}
	return nil, fmt.Errorf("repository address %q: scheme %q is not one of http, https, file", root, u.Scheme)
}

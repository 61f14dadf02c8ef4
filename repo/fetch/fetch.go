// Package fetch reads the files of a repository over http, https and from a
// folder, through one small interface.
//
// A [Source] opens one path; [Resume] goes on where a body was cut; [Policy]
// retries what may pass; [Meter] counts and hashes what goes by. Errors keep
// "it is not there" ([ErrAbsent]) apart from "nobody could tell"
// ([ErrUnreachable]).
//
// Everything a server says is hostile: see the constants for what is taken.
// What is read is what the server stores: nothing is asked for compressed, and
// a Content-Encoding is recorded and not undone.
package fetch

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Response is an open file.
type Response struct {
	// Body must be closed. Its errors match ErrUnreachable, or are an
	// [ErrTooLarge]. It ends with io.EOF only when all that was announced was
	// read. Without an announced size (HTTP/1.0, "Connection: close") the end
	// of the connection is the end of the file, and a cut cannot be seen.
	Body io.ReadCloser
	// Size is the announced length of Body in bytes, -1 when there is none.
	Size int64
	// URL is what was asked, without user and password. Hops are the answers,
	// the last being the one whose body this is; there are none for a folder.
	// [Resume] adds to them while the body is read.
	URL  string
	Hops []repo.Hop
	// Validator names this version of the file as an If-Range header does: a
	// strong ETag or a date. It is empty when the server gives none.
	Validator string
	// Version is what the server calls this version of the file.
	Version Version
}

// Version is what a server calls a version of a file, in its own words: the
// ETag, weak or strong, and the Last-Modified of an answer.
type Version struct {
	ETag, LastModified string
}

// Revisitor is a Source that can ask for a file only if it is another than
// before.
type Revisitor interface {
	Source
	// OpenSince is Open with the version that is known already. Its error
	// matches ErrUnchanged when that is still the server's. With no version, and
	// from a server that gives none, it is Open.
	OpenSince(ctx context.Context, path string, known Version) (*Response, error)
}

// Source opens the files below one root. Implementations may be used by
// several goroutines at once; Open may be called again for the same path.
type Source interface {
	// Open begins to read the file at path, which is relative to the root,
	// slash-separated and not encoded. Its error is an *Error. The context
	// holds for the body as well.
	Open(ctx context.Context, path string) (*Response, error)
}

// Ranger is a Source that can begin inside a file.
type Ranger interface {
	Source
	// OpenFrom is Open for the bytes from a point on; Response.Size counts
	// those only. The error matches ErrChanged when the rest of that version
	// cannot be had, be it that there is another or that the server cannot do
	// it.
	OpenFrom(ctx context.Context, path string, from Point) (*Response, error)
}

// Point is a place inside one version of a file.
type Point struct {
	// Offset is the number of bytes before it.
	Offset int64
	// Size is that of the whole file, -1 when it is not known.
	Size int64
	// Validator is that of the Response that the bytes before came with. It may
	// be empty only if a digest of the whole will be verified.
	Validator string
}

// addresser is a Source that can say what it would ask.
type addresser interface{ address(path string) string }

// Address returns the address that src would ask for path, without user and
// password, or path itself when src is not of this package.
func Address(src Source, path string) string {
	if a, ok := src.(addresser); ok {
		return a.address(path)
	}
	return path
}

// Options are what a source needs to know. The zero value is useful.
type Options struct {
	// UserAgent is sent with each request.
	UserAgent string
	// ConnectTimeout and StallTimeout replace the constants of their names.
	ConnectTimeout time.Duration
	StallTimeout   time.Duration
	// Network is "tcp4" or "tcp6" to use that family only, of the proxy if
	// there is one; "" is both.
	Network string
	// Proxy says which proxy a request goes through: http, https or socks5, nil
	// for none. When Proxy is nil, http_proxy, https_proxy and no_proxy of the
	// environment say so, as [http.ProxyFromEnvironment] reads them: once in a
	// process, ALL_PROXY not at all, and loopback never goes through one.
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are the authorities that certificates must lead to; nil takes the
	// machine's.
	RootCAs *x509.CertPool
	// Dial replaces the dialer; it gets Network, or "tcp". Nil is the default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces the network, Network, Proxy, RootCAs and Dial; nil is
	// what [NewTransport] makes.
	Transport http.RoundTripper
}

func (o Options) connectTimeout() time.Duration {
	if o.ConnectTimeout > 0 {
		return o.ConnectTimeout
	}
	return ConnectTimeout
}

func (o Options) stallTimeout() time.Duration {
	if o.StallTimeout > 0 {
		return o.StallTimeout
	}
	return StallTimeout
}

// New returns the source for an address: an http or https URL, a file URL, or
// a folder's path. What looks like a scheme is one: a folder "core:" is
// written "./core:".
func New(root string, opts Options) (Source, error) {
	scheme, ok := schemeOf(root)
	if !ok {
		if root == "" {
			return nil, fmt.Errorf("repository address is empty")
		}
		dir, err := filepath.Abs(root)
		if err != nil {
			return nil, fmt.Errorf("repository folder %q: %w", root, err)
		}
		return newFolder(dir), nil
	}
	u, err := url.Parse(root)
	if err != nil {
		return nil, fmt.Errorf("repository address: %w", err)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("repository address %q has a query or fragment", u.Redacted())
	}
	switch scheme {
	case "http", "https":
		if u.Host == "" {
			return nil, fmt.Errorf("repository address %q names no host", u.Redacted())
		}
		return newHTTP(u, opts)
	case "file":
		switch {
		case u.Host != "" && u.Host != "localhost":
			return nil, fmt.Errorf("repository address %q: a file URL names this machine; write file:///path", root)
		case u.Opaque != "" || u.Path == "":
			return nil, fmt.Errorf("repository address %q: a file URL has an absolute path; write file:///path", root)
		case strings.Contains(strings.ToLower(u.RawPath), "%2f"), strings.Contains(u.Path, "\x00"):
			return nil, fmt.Errorf("repository address %q: no folder can have that name", root)
		}
		return newFolder(filepath.FromSlash(u.Path)), nil
	}
	return nil, fmt.Errorf("repository address %q: scheme %q is not one of http, https, file (a folder of that name is ./%s)",
		u.Redacted(), scheme, root)
}

// schemeOf returns the scheme in front of an address, in lower case (RFC 3986
// section 3.1).
func schemeOf(address string) (string, bool) {
	scheme, _, ok := strings.Cut(address, ":")
	if !ok || scheme == "" {
		return "", false
	}
	scheme = strings.ToLower(scheme)
	for i, c := range []byte(scheme) {
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return "", false
		}
	}
	return scheme, true
}

package fetch

import "time"

// Bounds of one fetch. The times are those of a zero [Options]. Going past one
// is an [Error] of the kind [ErrUnreachable], unless it says otherwise.
const (
	// MaxRedirects is how many redirects are followed: half of what curl and
	// Go's own client allow (pkgs.k8s.io needs one, download.opensuse.org two).
	MaxRedirects = 10
	// MaxHeaderBytes bounds one answer's header, with all 1xx answers before
	// it, in bytes.
	MaxHeaderBytes = 64 << 10
	// MaxLocation bounds the address that a redirect names, in bytes. RFC 9110
	// section 4.1 asks for 8000 at least.
	MaxLocation = 8 << 10
	// MaxHops bounds the answers that are recorded of one file, those of its
	// resumptions included. Going past it leaves the later ones out.
	MaxHops = 64
	// MaxHopHeaders bounds the headers that are recorded of one answer. Going
	// past it leaves the later ones out.
	MaxHopHeaders = 32
	// MaxHopValues bounds the values that are recorded of one header. Going past
	// it leaves the later ones out.
	MaxHopValues = 3
	// MaxHopValue bounds each value that is recorded, in bytes. Going past it
	// ends it with an ellipsis; an ETag is then no validator.
	MaxHopValue = 256

	// maxRedirectBody bounds how much of a redirect's body is read, in bytes, so
	// that its connection can be used again. The body itself is never taken for
	// a file. Going past it closes the connection, and the redirect is followed.
	maxRedirectBody = 8 << 10
	// redirectBodyTimeout bounds the time in which a redirect's body is read. Going past it
	// closes the connection, and the redirect is followed.
	redirectBodyTimeout = time.Second

	// ConnectTimeout bounds a connection, a TLS handshake and the wait for an
	// answer's header, each.
	ConnectTimeout = 10 * time.Second
	// answerTimeouts bounds how many such times one answer may take in all: name
	// and connection, a proxy's CONNECT, handshake, header.
	answerTimeouts = 4
	// StallTimeout bounds the wait for the next bytes of a body.
	StallTimeout = 30 * time.Second
	// MinRateBytes is how many bytes must come in each MinRateWindow spent
	// waiting for a body; the time that the reader takes does not count. It is
	// dnf's minrate of 1000 bytes a second. Without it, a byte each 29 seconds
	// would hold a run for years.
	MinRateBytes = 60_000
	// MinRateWindow is the time over which MinRateBytes are counted.
	MinRateWindow = time.Minute

	// ResumeProgress is how many bytes must have come since a body was last cut
	// for the count of tries to begin again. It bounds the requests for one
	// body to Policy.Tries for each mebibyte. Going past it without a cut, a body
	// has all its tries again.
	ResumeProgress = 1 << 20
	// maxRetryAfter bounds what is understood of a Retry-After header. Going
	// past it reads as this time, which no policy waits.
	maxRetryAfter = 365 * 24 * time.Hour
)

// Bounds of [DefaultPolicy].
const (
	// DefaultTries is how many times a file is asked for in all. Going past it
	// is a [GaveUp].
	DefaultTries = 3
	// DefaultBackoff is the wait before the second try; see Policy.Backoff. Going
	// past it, later waits double up to DefaultMaxWait.
	DefaultBackoff = 500 * time.Millisecond
	// DefaultMaxWait is the longest wait. A server that asks for one going past
	// it is not asked again, which is a [GaveUp].
	DefaultMaxWait = 20 * time.Second
)

package fetch

import "time"

// Bounds of one fetch. The times are those of a zero [Options].
const (
	// MaxRedirects is how many redirects are followed: half of what curl and
	// Go's own client allow (pkgs.k8s.io needs one, download.opensuse.org two).
	MaxRedirects = 10
	// MaxHeaderBytes bounds one answer's header, with all 1xx answers before it.
	MaxHeaderBytes = 64 << 10
	// MaxLocation bounds the address that a redirect names, in bytes. RFC 9110
	// section 4.1 asks for 8000 at least.
	MaxLocation = 8 << 10
	// MaxHops bounds the answers that are recorded of one file, those of its
	// resumptions included.
	MaxHops = 64
	// MaxHopHeaders and MaxHopValue bound the headers recorded of one answer
	// and the bytes of each value; MaxHopValues, the values of one name.
	MaxHopHeaders = 32
	MaxHopValues  = 3
	MaxHopValue   = 256

	// maxRedirectBody is how much of a redirect's body is read, and
	// redirectBodyTimeout how long, so that its connection can be used again. The body itself is never taken for a file.
	maxRedirectBody     = 8 << 10
	redirectBodyTimeout = time.Second

	// ConnectTimeout bounds a connection, a TLS handshake and the wait for an
	// answer's header, each.
	ConnectTimeout = 10 * time.Second
	// answerTimeouts is how many such times one answer may take in all: name
	// and connection, a proxy's CONNECT, handshake, header.
	answerTimeouts = 4
	// StallTimeout bounds the wait for the next bytes of a body.
	StallTimeout = 30 * time.Second
	// MinRateBytes must come in each MinRateWindow spent waiting for a body; the
	// time that the reader takes does not count. It is dnf's minrate of 1000
	// bytes a second. Without it, a byte each 29 seconds would hold a run for
	// years.
	MinRateBytes  = 60_000
	MinRateWindow = time.Minute

	// ResumeProgress is how many bytes must have come since a body was last cut
	// for the count of tries to begin again. It bounds the requests for one
	// body to Policy.Tries for each mebibyte.
	ResumeProgress = 1 << 20
	// maxRetryAfter bounds what is understood of a Retry-After header.
	maxRetryAfter = 365 * 24 * time.Hour
)

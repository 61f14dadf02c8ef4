package pgp

import (
	"bytes"
	"io"
)

// textFilter makes line endings CRLF, as signatures over text hash them
// (RFC 9580 section 5.2.4). Like GnuPG it takes all carriage returns before a
// line feed, or before the end, as part of the line ending; one inside a line
// stays.
type textFilter struct {
	to io.Writer
	cr int // carriage returns not written yet
}

// Write passes p on. It never fails.
func (t *textFilter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		switch rest[0] {
		case '\r':
			t.cr++
			rest = rest[1:]
		case '\n':
			t.cr = 0
			write(t.to, []byte("\r\n"))
			rest = rest[1:]
		default:
			for ; t.cr > 0; t.cr-- {
				write(t.to, []byte("\r"))
			}
			n := bytes.IndexAny(rest, "\r\n")
			if n < 0 {
				n = len(rest)
			}
			write(t.to, rest[:n])
			rest = rest[n:]
		}
	}
	return len(p), nil
}

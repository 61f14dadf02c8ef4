package deb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/blakesmith/ar"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
)

const (
	arMagic   = "!<arch>\n"
	arTrailer = "`\n"
)

// source counts what is read of a stream, and remembers an error.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// archive reads the ar container of a package, member by member.
//
// github.com/blakesmith/ar checks neither magic nor trailer, loops on negative
// sizes, panics on a blank mode and takes truncation for the end. So the
// framing is read and checked here, and the library is handed one member at a
// time: a header of which every field is known to be good, and the body.
type archive struct {
	src     *source
	n       int // members so far
	state   *state
	streams *compress.Pool
}

// member is one file of the container.
type member struct {
	name   string
	size   int64
	offset int64 // of its header
	left   int64
	a      *archive
	body   *ar.Reader
}

func (m *member) where() string { return fmt.Sprintf("%s at offset %d", printable(m.name), m.offset) }

func (m *member) refuse(cause error, format string, args ...any) error {
	return &repo.FormatError{Where: m.where(), Text: fmt.Sprintf(format, args...), Err: cause}
}

func (a *archive) refuse(format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("offset %d", a.src.n), Text: fmt.Sprintf(format, args...)}
}

// printable returns a name from the package as an error may show it.
func printable(name string) string {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return strconv.Quote(name)
		}
	}
	return name
}

func (a *archive) magic() error {
	// oldMagic begins a package of before 1995 (deb-old(5)), which dpkg still
	// unpacks. No archive has one, and no index tool reads them.
	const oldMagic = "0.93"
	head := make([]byte, len(arMagic))
	_, err := io.ReadFull(a.src, head)
	switch {
	case err == nil && string(head) == arMagic:
		return nil
	case err == nil && strings.HasPrefix(string(head), oldMagic):
		return &repo.FormatError{Where: "offset 0", Text: fmt.Sprintf("old Debian package format (%q, deb-old(5)): build the package again with dpkg-deb 1.2 or later", head), Err: ErrOldFormat}
	}
	return &repo.FormatError{Where: "offset 0", Text: fmt.Sprintf("not a Debian package: want %q, got %q", arMagic, head)}
}

// next returns the next member, or io.EOF where the package ends between two.
// The member before must have been drained.
func (a *archive) next() (*member, error) {
	m := &member{a: a, offset: a.src.n}
	var head [ar.HEADER_BYTE_SIZE]byte
	switch n, err := io.ReadFull(a.src, head[:]); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, &repo.FormatError{Where: fmt.Sprintf("offset %d", m.offset), Text: fmt.Sprintf("truncated ar header: %d bytes of %d", n, len(head))}
	}
	if a.n++; a.n > MaxMembers {
		return nil, a.refuse("more than %d members", MaxMembers)
	}
	header, err := checkHeader(head)
	if err != nil {
		return nil, &repo.FormatError{Where: fmt.Sprintf("offset %d", m.offset), Text: "bad ar header", Err: err}
	}
	m.body = ar.NewReader(io.MultiReader(strings.NewReader(arMagic), bytes.NewReader(header), a.src))
	h, err := m.body.Next()
	if err != nil {
		return nil, a.refuse("ar header: %v", err)
	}
	m.name = memberName(head[:nameLen])
	m.size, m.left = h.Size, h.Size
	return m, nil
}

// Where the fields of an ar header are, in bytes.
const (
	nameLen, sizeAt, sizeEnd = 16, 48, 58
)

// checkHeader refuses a header that dpkg refuses, and returns it as the
// library may read it. dpkg looks at name, size and trailer alone, so the
// other fields are replaced.
func checkHeader(head [ar.HEADER_BYTE_SIZE]byte) ([]byte, error) {
	if string(head[sizeEnd:]) != arTrailer {
		return nil, fmt.Errorf("want it to end in %q, got %q", arTrailer, head[sizeEnd:])
	}
	size, err := memberSize(head[sizeAt:sizeEnd])
	if err != nil {
		return nil, err
	}
	// name, date, uid, gid, mode, size
	return fmt.Appendf(nil, "%-16s%-12s%-6s%-6s%-8s%-10d%s", "member", "0", "0", "0", "100644", size, arTrailer), nil
}

// memberSize reads a size as dpkg does (dpkg_ar_member_get_size): blanks, then
// digits; another blank ends it, and nothing at all is 0.
func memberSize(field []byte) (int64, error) {
	text, _, _ := strings.Cut(strings.TrimLeft(string(field), " "), " ")
	if strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("size %q is not a number", strings.TrimRight(string(field), " "))
	}
	if text == "" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// memberName reads a name as dpkg does: without blanks at its end and the one
// slash that GNU ar puts there, and up to a NUL.
func memberName(field []byte) string {
	name := strings.TrimSuffix(strings.TrimRight(string(field), " "), "/")
	name, _, _ = strings.Cut(name, "\x00")
	return name
}

// Read implements io.Reader; the end of the package before that of the member
// is an error.
func (m *member) Read(p []byte) (int, error) {
	if m.left == 0 {
		return 0, io.EOF
	}
	n, err := m.body.Read(p)
	m.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if m.left > 0 {
			err = m.refuse(nil, "truncated: %d of %d bytes are missing", m.left, m.size)
		}
	}
	return n, err
}

// errPadding says that the package ends where a byte should pad a member to an
// even length.
var errPadding = errors.New("no padding after an odd length")

// drain reads what is left of m, and the byte that pads it to an even length.
func (m *member) drain(buf []byte) error {
	for {
		_, err := m.Read(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if m.size%2 == 0 {
		return nil
	}
	if _, err := io.ReadFull(m.a.src, buf[:1]); err != nil {
		return m.refuse(errPadding, "truncated")
	}
	return nil
}

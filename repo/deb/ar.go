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
	src *source
	n   int // members so far
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

func (m *member) where() string { return fmt.Sprintf("%s at offset %d", m.name, m.offset) }

func (m *member) refuse(cause error, format string, args ...any) error {
	return &repo.FormatError{Where: m.where(), Text: fmt.Sprintf(format, args...), Err: cause}
}

func (a *archive) refuse(format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("offset %d", a.src.n), Text: fmt.Sprintf(format, args...)}
}

func (a *archive) magic() error {
	head := make([]byte, len(arMagic))
	if _, err := io.ReadFull(a.src, head); err != nil || string(head) != arMagic {
		return &repo.FormatError{Where: "offset 0", Text: fmt.Sprintf("not a Debian package: want %q, got %q", arMagic, head)}
	}
	return nil
}

// next returns the next member, or io.EOF where the package ends between two.
// The member before must have been drained.
func (a *archive) next() (*member, error) {
	m := &member{a: a, offset: a.src.n}
	head := make([]byte, ar.HEADER_BYTE_SIZE)
	switch n, err := io.ReadFull(a.src, head); {
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
	// GNU ar ends a name with a slash; dpkg takes one off.
	m.name = strings.TrimSuffix(h.Name, "/")
	m.size, m.left = h.Size, h.Size
	return m, nil
}

// checkHeader refuses a header that dpkg refuses, and returns it as the
// library may read it. dpkg looks at name, size and trailer alone; so the
// others are replaced.
func checkHeader(head []byte) ([]byte, error) {
	const (
		nameLen, sizeAt, sizeEnd = 16, 48, 58
		// date, uid, gid, mode
		filler = "0           " + "0     " + "0     " + "100644  "
	)
	if string(head[sizeEnd:]) != arTrailer {
		return nil, fmt.Errorf("want it to end in %q, got %q", arTrailer, head[sizeEnd:])
	}
	name := bytes.TrimRight(head[:nameLen], " ")
	if len(name) == 0 {
		return nil, errors.New("no name")
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return nil, fmt.Errorf("name %q has %q", name, c)
		}
	}
	size := strings.TrimRight(string(head[sizeAt:sizeEnd]), " ")
	if _, err := strconv.ParseUint(size, 10, 63); err != nil {
		return nil, fmt.Errorf("size %q is not a number", size)
	}
	good := append([]byte(nil), head...)
	copy(good[nameLen:sizeAt], filler)
	return good, nil
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

// drain reads what is left of m, and the byte that pads it to an even length.
func (m *member) drain() error {
	if _, err := io.Copy(io.Discard, m); err != nil {
		return err
	}
	if m.size%2 == 0 {
		return nil
	}
	if _, err := io.ReadFull(m.a.src, make([]byte, 1)); err != nil {
		return m.refuse(nil, "truncated: no padding after an odd length")
	}
	return nil
}

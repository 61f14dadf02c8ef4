// Package cpio reads the archive inside of an rpm from a stream.
//
// The formats are cpio's "new ASCII" ones, without (070701) and with (070702)
// a sum of the bytes, and rpm's stripped one (07070X), which has nothing but
// the number of a file in the rpm's header, so that files may have 4 GiB and
// more. The rules are those of rpm's lib/cpio.c and of GNU cpio's
// src/copyin.c; where the two differ the stricter one is taken.
//
// cavaliergopher/cpio does not do: it takes a field that is no number for 0 and
// the end of the input for the end of the archive, has neither the numbers of
// devices nor the sum, and does not know the stripped format.
package cpio

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"sigs.k8s.io/pkgverify/repo"
)

// The bounds. Going past one is a [repo.FormatError].
const (
	// MaxName bounds a name with the NUL at its end, in bytes, as rpm does (rpmcpioHeaderRead).
	MaxName = 4096
	// MaxEntries bounds the entries of an archive. rpm allows a million files
	// in a package (HEADER_ARRAY_MAX).
	MaxEntries = 1 << 20
	// MaxTail bounds the bytes that may come after the trailer. GNU cpio fills up to 512
	// bytes, other writers to their block size.
	MaxTail = 64 << 10

	magicSize    = 6
	newcSize     = 13 * 8 // the fields of 070701 and 070702
	strippedSize = 8
	align        = 4
	bufferSize   = 64 << 10

	trailer  = "TRAILER!!!"
	stripped = 0xffffffff // the index that ends an archive
)

// Format is one of the header formats.
type Format string

// The formats, by their magic.
const (
	Newc     Format = "070701"
	CRC      Format = "070702"
	Stripped Format = "07070X"
)

// Entry is one member of an archive.
type Entry struct {
	Format Format
	// Offset is where its header begins in the archive.
	Offset int64
	// Index is the number of the file in the rpm's header. It is all that a
	// stripped entry has, and 0 in the other formats.
	Index uint32
	// Name is as the archive has it, such as "./usr/bin/tool".
	Name string
	// Mode is that of stat(2), with the type of the file.
	Mode       uint32
	Inode      uint32
	UID, GID   uint32
	Links      uint32
	ModTime    uint32
	DevMajor   uint32
	DevMinor   uint32
	RdevMajor  uint32
	RdevMinor  uint32
	Size       int64
	WantedSum  uint32 // of the bytes, in a CRC entry
	sum        uint32
	sumCounted int64
}

// SumMismatch reports whether a regular file of a CRC entry, which was read
// whole, has another sum of bytes than its header says. Writers have no sum for
// the targets of symbolic links.
func (e *Entry) SumMismatch() bool {
	const typeMask, regular = 0o170000, 0o100000
	return e.Format == CRC && e.Mode&typeMask == regular && e.sumCounted == e.Size && e.sum != e.WantedSum
}

// Reader reads an archive from front to end. It is for one goroutine.
type Reader struct {
	r       *bufio.Reader
	off     int64
	left    int64 // bytes of the entry that were not read
	entry   *Entry
	entries int
	err     error // sticky
}

// NewReader returns a reader of the archive that r holds.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, bufferSize)}
}

// Offset returns how many bytes of the archive were read.
func (c *Reader) Offset() int64 { return c.off }

// Next goes to the next entry, over what was not read of the one before. It
// returns io.EOF at the trailer, a [repo.FormatError] for what is no archive,
// and the error of the reader underneath as it is. An error is final.
//
// A stripped entry has no size: [Reader.SetSize] must be called before it is
// read, if it has any bytes.
func (c *Reader) Next() (*Entry, error) {
	if c.err != nil {
		return nil, c.err
	}
	e, err := c.next()
	if err != nil {
		c.err = err
		return nil, err
	}
	return e, nil
}

func (c *Reader) next() (*Entry, error) {
	if _, err := io.Copy(io.Discard, c); err != nil {
		return nil, err
	}
	if err := c.pad(); err != nil {
		return nil, err
	}
	if c.entries++; c.entries > MaxEntries+1 {
		return nil, c.format("more than %d entries", MaxEntries)
	}
	e := &Entry{Offset: c.off}
	var head [newcSize]byte
	if err := c.full(head[:magicSize], "a header"); err != nil {
		return nil, err
	}
	e.Format = Format(head[:magicSize])
	switch e.Format {
	case Stripped:
		if err := c.full(head[:strippedSize], "a header"); err != nil {
			return nil, err
		}
		v, ok := hex8(head[:])
		if !ok {
			return nil, c.format("index %q of an entry is not 8 hexadecimal digits", head[:strippedSize])
		}
		if v == stripped {
			return nil, c.end(e) // as rpm takes it, which does not write it
		}
		e.Index = v
		c.entry, c.left = e, 0
		return e, c.pad()
	case Newc, CRC:
	case "070707":
		return nil, c.format("archive is of the old portable format 070707, which rpm does not use")
	default:
		return nil, c.format("wanted the magic of an entry, got %q", head[:magicSize])
	}
	if err := c.full(head[:], "a header"); err != nil {
		return nil, err
	}
	if err := c.fields(e, head[:]); err != nil {
		return nil, err
	}
	if e.Name == trailer {
		return nil, c.end(e)
	}
	c.entry, c.left = e, e.Size
	return e, nil
}

// fields reads the fields of a header, and the name behind it.
func (c *Reader) fields(e *Entry, head []byte) error {
	var size, nameSize uint32
	for i, p := range [...]*uint32{
		&e.Inode, &e.Mode, &e.UID, &e.GID, &e.Links, &e.ModTime, &size,
		&e.DevMajor, &e.DevMinor, &e.RdevMajor, &e.RdevMinor, &nameSize, &e.WantedSum,
	} {
		v, ok := hex8(head[i*8:])
		if !ok {
			return c.format("field %d of an entry, %q, is not 8 hexadecimal digits", i, head[i*8:i*8+8])
		}
		*p = v
	}
	e.Size = int64(size)
	if nameSize == 0 || nameSize > MaxName {
		return c.format("name of %d bytes, wanted 1 to %d", nameSize, MaxName)
	}
	name := make([]byte, nameSize)
	if err := c.full(name, "a name"); err != nil {
		return err
	}
	for i, b := range name {
		if (b == 0) != (i == len(name)-1) {
			return c.format("name %q does not end in the one NUL it has", name)
		}
	}
	e.Name = string(name[:len(name)-1])
	return c.pad()
}

// end is at the trailer: nothing but zeros may follow.
func (c *Reader) end(e *Entry) error {
	if e.Size != 0 {
		return c.format("trailer has %d bytes of data", e.Size)
	}
	buf := make([]byte, 4096)
	for start := c.off; ; {
		n, err := c.r.Read(buf)
		for i, b := range buf[:n] {
			if b != 0 {
				c.off += int64(i)
				return c.format("data after the end of the archive")
			}
		}
		c.off += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return err
		case c.off-start > MaxTail:
			return c.format("more than %d bytes after the end of the archive", MaxTail)
		}
	}
}

// SetSize sets the size of a stripped entry. It must be called right after
// [Reader.Next]; for other entries it does nothing.
func (c *Reader) SetSize(n int64) {
	if c.entry != nil && c.entry.Format == Stripped {
		c.entry.Size, c.left = n, max(n, 0)
	}
}

// Read reads the bytes of the entry, up to io.EOF at their end. An archive
// that ends inside of it is a [repo.FormatError].
func (c *Reader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.off += int64(n)
	c.left -= int64(n)
	if c.entry.Format == CRC {
		for _, b := range p[:n] {
			c.entry.sum += uint32(b)
		}
		c.entry.sumCounted += int64(n)
	}
	switch {
	case errors.Is(err, io.EOF) && c.left > 0:
		c.err = c.format("archive ends inside of a file: %d bytes are missing", c.left)
		return n, c.err
	case err != nil && !errors.Is(err, io.EOF):
		c.err = err
		return n, err
	}
	return n, nil
}

// pad skips the bytes up to the next multiple of 4. Neither rpm nor GNU cpio
// looks at them.
func (c *Reader) pad() error {
	var b [align]byte
	return c.full(b[:-c.off&(align-1)], "padding")
}

func (c *Reader) full(p []byte, what string) error {
	n, err := io.ReadFull(c.r, p)
	c.off += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return c.format("archive ends where %s belongs", what)
	}
	return err
}

func (c *Reader) format(text string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("payload offset %d", c.off), Text: "cpio: " + fmt.Sprintf(text, args...)}
}

// hex8 reads 8 hexadecimal digits. rpm's strtoul would also take blanks, signs
// and "0x"; no writer of archives uses them.
func hex8(b []byte) (v uint32, ok bool) {
	for _, c := range b[:8] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}

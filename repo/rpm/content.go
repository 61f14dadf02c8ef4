package rpm

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/cpio"
	"sigs.k8s.io/pkgverify/repo/payload"
)

// packedBuffer is how much of the packed payload is read at once.
const packedBuffer = 64 << 10

// content holds a payload against the header, file by file, as rpm does when it
// installs (iterReadArchiveNext and rpmfiArchiveReadToFile in lib/rpmfi.c).
type content struct {
	p         *Package
	h         *Header
	table     *fileTable
	files     []repo.PayloadFile // in the header's order
	inspector *payload.Inspector
	texts     payload.Texts
	streams   *compress.Pool
	limit     int64 // of the unpacked payload, in bytes

	byPath map[string]int // of the paths without a slash in front
	found  []bool
	links  map[int][]int
	digest repo.Algorithm // of FILEDIGESTS
}

// counter counts what goes by.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// read reads the packed payload up to the end of what is packed. An error is a
// [repo.FormatError] or the reader's.
func (c *content) read(r io.Reader, v *verifier) error {
	if f := c.h.Text(tagPayloadFormat); f != "" && f != "cpio" {
		return &repo.FormatError{Where: tagWhere(tagPayloadFormat), Text: fmt.Sprintf("format %q is not supported, wanted cpio", f)}
	}
	in := bufio.NewReaderSize(r, packedBuffer)
	head, err := in.Peek(compress.MagicLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	kind := compress.ByMagic(head)
	c.compressor(kind)
	unpack, err := c.streams.NewReader(in, kind, c.limit)
	if err != nil {
		return err
	}
	defer unpack.Close()
	size := &counter{}
	if err := c.archive(io.TeeReader(unpack, io.MultiWriter(size, v.unpackedPayload()))); err != nil {
		return err
	}
	v.unpacked = size.n
	return nil
}

// compressor holds PAYLOADCOMPRESSOR against what the payload is packed with.
// rpm opens the payload by that name (rpmio's gzdio takes unpacked data too,
// xzdio and lzdio take both of the other's).
func (c *content) compressor(kind compress.Kind) {
	name := c.h.Text(tagPayloadCompress)
	fits := false
	switch name {
	case "", "gzip":
		fits = kind == compress.Gzip || kind == compress.None
	case "bzip2":
		fits = kind == compress.Bzip2
	case "xz", "lzma":
		fits = kind == compress.XZ || kind == compress.LZMA
	case "zstd":
		fits = kind == compress.Zstd
	}
	if !fits {
		c.p.fault(tagWhere(tagPayloadCompress), "payload is packed with %q, and the header says %q", string(kind), name)
	}
}

// archive reads the unpacked payload to its end.
func (c *content) archive(r io.Reader) error {
	c.found = make([]bool, len(c.files))
	c.links = c.table.hardLinks()
	c.digest = c.digestAlgorithm()
	a := cpio.NewReader(r)
	for {
		e, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := c.entry(a, e); err != nil {
			return err
		}
	}
	for i, f := range c.files {
		if !c.found[i] && !f.Ghost {
			c.p.fault(f.Path, "file is in the header and not in the payload")
		}
	}
	c.shareLinks()
	return nil
}

// digestAlgorithm returns FILEDIGESTALGO, whose numbers are OpenPGP's (RFC 9580,
// section 9.5). It is empty for one that is not known.
func (c *content) digestAlgorithm() repo.Algorithm {
	n := c.h.Number(tagFileDigestAlgo)
	switch n {
	case 0, 1:
		return repo.MD5
	case 2:
		return repo.SHA1
	case 8:
		return repo.SHA256
	case 9:
		return repo.SHA384
	case 10:
		return repo.SHA512
	case 11:
		return repo.SHA224
	case 12:
		return repo.SHA3256
	case 14:
		return repo.SHA3512
	}
	c.p.fault(tagWhere(tagFileDigestAlgo), "digests of files are by unknown algorithm %d", n)
	return ""
}

// index returns which file of the header an entry is: rpmfnFindFN takes a path
// with or without "./" or "/" in front.
func (c *content) index(e *cpio.Entry) (int, bool) {
	if e.Format == cpio.Stripped {
		return int(e.Index), uint64(e.Index) < uint64(len(c.files))
	}
	if c.byPath == nil {
		c.byPath = make(map[string]int, len(c.files))
		for i := len(c.files) - 1; i >= 0; i-- {
			c.byPath[strings.TrimPrefix(c.table.path(i), "/")] = i
		}
	}
	i, ok := c.byPath[strings.TrimPrefix(strings.TrimPrefix(e.Name, "./"), "/")]
	return i, ok
}

// entry reads one entry of the archive.
func (c *content) entry(a *cpio.Reader, e *cpio.Entry) error {
	i, ok := c.index(e)
	if !ok {
		if e.Format == cpio.Stripped {
			// Without a size there is no way on.
			return &repo.FormatError{Where: fmt.Sprintf("payload offset %d", e.Offset), Text: fmt.Sprintf("entry of file number %d, and the header has %d", e.Index, len(c.files))}
		}
		c.p.fault(e.Name, "file is in the payload and not in the header")
		return nil
	}
	f := &c.files[i]
	if c.found[i] {
		c.p.fault(f.Path, "file is in the payload twice")
	}
	c.found[i] = true
	if f.Ghost { // of rpm before 4.11; rpm goes over it
		return nil
	}
	if want := c.size(i); e.Format == cpio.Stripped {
		a.SetSize(want)
	} else {
		c.compare(f, i, e, want)
	}
	switch {
	case c.table.regular(i) && (e.Size > 0 || c.carries(i)):
		if err := c.file(a, f, i); err != nil {
			return err
		}
	case c.table.mode(i)&modeType == modeSymlink:
		if err := c.link(a, f); err != nil {
			return err
		}
	}
	if e.SumMismatch() {
		c.p.fault(f.Path, "sum of the bytes in the payload is wrong")
	}
	return nil
}

// carries reports whether the payload has a file's bytes at that file. Of a set
// of hard links that is the last one.
func (c *content) carries(i int) bool {
	set := c.links[i]
	return len(set) == 0 || set[len(set)-1] == i
}

// size returns how many bytes the payload has at a file, by the header.
func (c *content) size(i int) int64 {
	switch kind := c.table.mode(i) & modeType; {
	case kind == modeRegular && c.carries(i), kind == modeSymlink:
		return c.table.size(i)
	}
	return 0
}

// compare holds an entry that describes itself against the header.
func (c *content) compare(f *repo.PayloadFile, i int, e *cpio.Entry, size int64) {
	if e.Size != size {
		c.p.fault(f.Path, "size in the payload is %d, and the header says %d", e.Size, size)
	}
	if mode := c.table.mode(i); e.Mode != mode {
		c.p.fault(f.Path, "mode in the payload is %o, and the header says %o", e.Mode, mode)
	}
	// The header has 16 bits for the number of a device.
	if rdev := e.RdevMajor<<8&0xff00 | e.RdevMinor&0xff; f.Device != 0 && uint64(rdev) != f.Device {
		c.p.fault(f.Path, "device in the payload is %d:%d, and the header says %d:%d", e.RdevMajor, e.RdevMinor, f.Device>>8, f.Device&0xff)
	}
}

// file hashes a regular file and holds it against its digest.
func (c *content) file(a io.Reader, f *repo.PayloadFile, i int) error {
	var other hash.Hash
	if c.digest != "" && c.digest != repo.SHA256 {
		other = c.digest.Hash().New()
		a = io.TeeReader(a, other)
	}
	if c.texts.Begin(f.Path) {
		a = io.TeeReader(a, &c.texts)
	}
	sum, size, program, err := c.inspector.File(a, f.Mode)
	if err != nil {
		return err
	}
	f.SHA256, f.Program, f.Text = sum, program, c.texts.End()
	got := sum
	if other != nil {
		got = hex.EncodeToString(other.Sum(nil))
	}
	set := c.links[i]
	if len(set) == 0 || !c.carries(i) {
		set = []int{i}
	}
	for _, j := range set {
		c.checkDigest(j, got, size)
	}
	return nil
}

func (c *content) checkDigest(i int, got string, size int64) {
	want := strings.ToLower(at(c.table.digests, i))
	switch {
	case c.digest == "" || want == got:
	case c.digest == repo.MD5 && size == 0 && strings.Trim(want, "0") == "":
		// Old packages have zeros, or nothing, for an empty file.
	case want == "":
		c.p.fault(c.files[i].Path, "header has no digest of the file")
	default:
		c.p.fault(c.files[i].Path, "%s digest of the file is %s, and the header says %.128q", c.digest, got, want)
	}
}

// link holds the target of a symbolic link against the header.
func (c *content) link(a io.Reader, f *repo.PayloadFile) error {
	target, err := io.ReadAll(io.LimitReader(a, MaxLink+1))
	if err != nil {
		return err
	}
	if len(target) > MaxLink {
		c.p.fault(f.Path, "link in the payload is longer than %d bytes", MaxLink)
	} else if string(target) != f.Link {
		c.p.fault(f.Path, "link in the payload is to %.200q, and the header says %.200q", target, f.Link)
	}
	return nil
}

// shareLinks gives all hard links of a set what their bytes are.
func (c *content) shareLinks() {
	for i, set := range c.links {
		if i != set[0] {
			continue
		}
		from := c.files[set[len(set)-1]]
		for _, j := range set {
			c.files[j].SHA256, c.files[j].Program, c.files[j].Text = from.SHA256, from.Program, from.Text
		}
	}
}

// Package deb reads a Debian binary package (deb(5)) from a stream: its
// control fields, the files it installs, and what is odd about them.
//
// Nothing is unpacked, nothing is run, and no member is held whole. What
// dpkg-deb refuses, and bytes beyond a bound, are a [repo.FormatError]; an
// error of the reader is passed on wrapped. What dpkg-deb reads but dpkg does
// not unpack, or should not be in a package, is a fault of the [Package].
package deb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/payload"
)

// The bounds. Going past one is a [repo.FormatError] of the package, unless it
// says otherwise.
const (
	// MaxMembers bounds the members of the ar container; dpkg-deb writes 3,
	// and a signed package has a few more.
	MaxMembers = 32
	// MaxControl bounds the bytes of control.tar without its compression. Its largest file
	// is md5sums, some 100 bytes for each file of the package.
	MaxControl = 32 << 20
	// MaxControlMembers bounds the files in control.tar; dpkg knows a dozen.
	MaxControlMembers = 256
	// MaxControlFile bounds the control file, conffiles and triggers, in bytes
	// each.
	MaxControlFile = 1 << 20
	// MaxData bounds the bytes of data.tar without its compression: the largest packages of
	// Debian unpack to some 4 GiB.
	MaxData = 8 << 30
	// MaxFiles bounds the members of data.tar, and the entries of md5sums;
	// Debian's largest package has some 80,000. Going past it in md5sums is a
	// fault, and the rest of them is not read.
	MaxFiles = 250_000
	// MaxPath bounds a path and a link's target, in bytes, as Linux's PATH_MAX.
	MaxPath = 4096
	// MaxDepth bounds the slashes of a path, and so the time that is taken to
	// look at its parents; Debian's deepest has some 30.
	MaxDepth = 256
	// MaxPaths bounds the bytes of all paths and link targets together, and so
	// the memory that Read uses.
	MaxPaths = 64 << 20
)

// ErrOldFormat says that a package has the format of before 1995 (deb-old(5)),
// which is recognised and not read.
var ErrOldFormat = errors.New("recognised and not read")

// Package is what a .deb holds.
type Package struct {
	Name    string
	Version string
	Arch    string
	// Fields is the control file.
	Fields repo.Fields
	// Files lists the members of data.tar but its root, directories included,
	// sorted by path. Device nodes and set-uid bits are in the Mode. It is nil
	// when the payload was not asked for.
	Files []repo.PayloadFile
	// Scripts are the names of the maintainer scripts, sorted: "config",
	// "postinst", "postrm", "preinst", "prerm".
	Scripts []string
	// Control are the names of all files of the control archive, sorted:
	// "control", "md5sums", "shlibs", "triggers" and so on.
	Control []string
	// Extra are the members of the container that dpkg skips, in order, such
	// as the signatures of debsigs ("_gpgorigin") and dpkg-sig ("_gpgbuilder"),
	// which apt and dpkg do not look at.
	Extra []string
	// Faults are what is wrong with a package that can be read all the same,
	// at most repo.MaxFaults: members that leave the root or go through a
	// link, forms that dpkg does not unpack, files that are not what md5sums
	// says.
	Faults []repo.Problem
}

func (p *Package) fault(where, format string, args ...any) {
	p.faultOf(repo.Malformed, where, format, args...)
}

func (p *Package) faultOf(kind repo.ProblemKind, where, format string, args ...any) {
	if len(p.Faults) < repo.MaxFaults {
		p.Faults = append(p.Faults, repo.Problem{Kind: kind, Where: where, Text: fmt.Sprintf(format, args...)})
	}
}

// Options say how much is read of a package.
type Options struct {
	// Payload reads data.tar: the files, their digests and what the programs
	// say of themselves. Without it data.tar is passed over as it is, not even
	// decompressed, and what would show only inside it stays unseen.
	Payload bool
}

// Reader reads packages, and keeps memory from one for the next. Its zero
// value is ready; it is safe for concurrent use, and must not be copied.
type Reader struct {
	streams compress.Pool
	states  sync.Pool // of *state
}

// state is what one Read needs.
type state struct {
	in      *bufio.Reader
	plain   *bufio.Reader // of a tar archive without compression
	buf     []byte
	inspect *payload.Inspector
}

// bufferSize lets small packages be read in one go; longer reads go past it.
const bufferSize = 64 << 10

func newState() *state {
	return &state{
		in: bufio.NewReaderSize(nil, bufferSize), plain: bufio.NewReaderSize(nil, bufferSize),
		buf: make([]byte, bufferSize), inspect: payload.NewInspector(),
	}
}

// Read is [Reader.Read] of a Reader that is used once.
func Read(r io.Reader, opts Options) (*Package, error) { return new(Reader).Read(r, opts) }

// Read reads a .deb to the end of r, in dpkg-deb's order: debian-binary,
// control.tar, data.tar. Members whose name begins with "_" are skipped
// wherever they are, as dpkg does. After an error the rest of r is unread.
func (d *Reader) Read(r io.Reader, opts Options) (*Package, error) {
	s, ok := d.states.Get().(*state)
	if !ok {
		s = newState()
	}
	s.in.Reset(r)
	defer func() {
		s.in.Reset(nil)
		s.plain.Reset(nil)
		d.states.Put(s)
	}()
	a := &archive{src: &source{r: s.in}, state: s, streams: &d.streams}
	p, err := readPackage(a, opts)
	if a.src.err != nil {
		// Whatever a decoder made of it, this is the cause.
		return nil, fmt.Errorf("read package: %w", a.src.err)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func readPackage(a *archive, opts Options) (*Package, error) {
	if err := a.magic(); err != nil {
		return nil, err
	}
	p := &Package{}
	c := controlArchive{p: p, payload: opts.Payload}
	for want := stageFormat; want != stageDone; {
		m, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil, a.refuse("no member %s", want)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case want == stageFormat:
			err = readFormat(m)
			want = stageControl
		case strings.HasPrefix(m.name, "_"):
			p.Extra = append(p.Extra, m.name)
		case want == stageControl && strings.HasPrefix(m.name, string(stageControl)):
			err = c.read(m)
			want = stageData
		case want == stageData && strings.HasPrefix(m.name, string(stageData)):
			if _, err = m.compression(stageData); err == nil && opts.Payload {
				err = readData(p, m, &c)
			}
			want = stageDone
		default:
			err = a.refuse("member %q where %s belongs", m.name, want)
		}
		if err == nil {
			err = m.drain(a.state.buf)
		}
		if errors.Is(err, errPadding) && want == stageDone {
			// dpkg does not read so far; apt's own reader of .deb files asks for
			// the byte.
			p.fault(m.where(), "the package ends where a byte should pad the odd length of %d", m.size)
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return p, a.rest(p)
}

// rest reads what comes after data.tar, at which dpkg does not look.
func (a *archive) rest(p *Package) error {
	for {
		m, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			if strings.HasPrefix(m.name, "_") {
				p.Extra = append(p.Extra, m.name)
			} else {
				p.fault(m.where(), "member after data.tar, which dpkg does not read")
			}
			err = m.drain(a.state.buf)
		}
		if fe, ok := errors.AsType[*repo.FormatError](err); ok {
			p.fault(fe.Where, "after data.tar, where dpkg does not read: %v", (&repo.FormatError{Text: fe.Text, Err: fe.Err}).Error())
			_, err = io.Copy(io.Discard, a.src)
			return err
		}
		if err != nil {
			return err
		}
	}
}

// stage names the member that must come next.
type stage string

const (
	stageFormat  stage = "debian-binary"
	stageControl stage = "control.tar"
	stageData    stage = "data.tar"
	stageDone    stage = ""
)

// kinds are the compressions that dpkg-deb takes for a member.
func (s stage) kinds() []compress.Kind {
	if s == stageControl {
		return []compress.Kind{compress.None, compress.Gzip, compress.XZ, compress.Zstd}
	}
	return []compress.Kind{compress.None, compress.Gzip, compress.XZ, compress.Zstd, compress.Bzip2, compress.LZMA}
}

// readFormat reads debian-binary: a line with the format's version, of which
// dpkg wants the major number 2.
func readFormat(m *member) error {
	const maxFormat = 256 // dpkg-deb writes 4 bytes: "2.0\n"
	if m.name != string(stageFormat) {
		return m.refuse(nil, "want debian-binary as the first member")
	}
	if m.size > maxFormat {
		return m.refuse(nil, "%d bytes, more than %d", m.size, maxFormat)
	}
	text, err := io.ReadAll(m)
	if err != nil {
		return err
	}
	line, _, ok := strings.Cut(string(text), "\n")
	major, minor, dot := strings.Cut(line, ".")
	if !ok || !dot || strings.TrimLeft(major, "0") != "2" || minor == "" || strings.Trim(minor, "0123456789") != "" {
		return m.refuse(nil, "want format version 2.x and a newline, got %q", text)
	}
	return nil
}

// compression returns how m, whose name begins with base, is compressed.
func (m *member) compression(base stage) (compress.Kind, error) {
	ext := strings.TrimPrefix(m.name, string(base))
	kind := compress.Kind(strings.TrimPrefix(ext, "."))
	if ext != "" && (!strings.HasPrefix(ext, ".") || kind == compress.None) || !slices.Contains(base.kinds(), kind) {
		return kind, m.refuse(nil, "compression %q is not one that dpkg-deb reads", ext)
	}
	return kind, nil
}

// open returns the tar archive in m, whose name begins with base.
func (m *member) open(p *Package, base stage, limit int64) (io.ReadCloser, error) {
	kind, err := m.compression(base)
	if err != nil {
		return nil, err
	}
	var r io.Reader = m
	if kind == compress.Gzip {
		// dpkg reads gzip with zlib's gzread(3), which hands on what is no gzip
		// stream as it is.
		head := m.a.state.buf[:min(2, m.left)]
		if _, err := io.ReadFull(m, head); err != nil {
			return nil, m.wrap(err)
		}
		if string(head) != "\x1f\x8b" {
			p.fault(m.where(), "is not compressed, as its name says; dpkg reads it all the same")
			kind = compress.None
		}
		r = io.MultiReader(bytes.NewReader(bytes.Clone(head)), m)
	}
	z, err := m.a.streams.NewReader(r, kind, limit)
	if err != nil {
		return nil, m.wrap(err)
	}
	if kind == compress.None {
		// A tar archive is read in blocks of 512 bytes.
		m.a.state.plain.Reset(z)
		return struct {
			io.Reader
			io.Closer
		}{m.a.state.plain, z}, nil
	}
	return z, nil
}

// wrap makes err, met inside of m, a *repo.FormatError that names m. Errors of
// the package's own source are sorted out in Read.
func (m *member) wrap(err error) error {
	if fe, ok := errors.AsType[*repo.FormatError](err); ok {
		if strings.HasPrefix(fe.Where, m.where()) {
			return err
		}
		return &repo.FormatError{Where: strings.TrimSuffix(m.where()+", "+fe.Where, ", "), Text: fe.Text, Err: fe.Err}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return m.refuse(nil, "truncated")
	}
	return m.refuse(err, "bad tar archive")
}

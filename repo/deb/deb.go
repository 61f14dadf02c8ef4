// Package deb reads a Debian binary package (deb(5)) from a stream: its
// control fields, the files it installs, and what is odd about them.
//
// Nothing is unpacked, nothing is run, and no member is held whole. Bytes that
// are not what the format asks for, and bytes beyond a bound, are a
// [repo.FormatError]; an error of the reader is passed on wrapped. What dpkg
// would unpack but should not be in a package is a fault of the [Package].
package deb

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
)

// The bounds.
const (
	// MaxMembers bounds the members of the ar container; dpkg-deb writes 3,
	// and a signed package has a few more.
	MaxMembers = 32
	// MaxControl bounds control.tar without its compression. Its largest file
	// is md5sums, some 100 bytes for each file of the package.
	MaxControl = 32 << 20
	// MaxControlMembers bounds the files in control.tar; dpkg knows a dozen.
	MaxControlMembers = 256
	// MaxData bounds data.tar without its compression: the largest packages of
	// Debian unpack to some 4 GiB.
	MaxData = 8 << 30
	// MaxFiles bounds the members of data.tar; Debian's largest package has
	// some 80,000.
	MaxFiles = 250_000
	// MaxPath bounds a path and a link's target, as Linux's PATH_MAX.
	MaxPath = 4096
	// MaxPaths bounds all paths and link targets together, and so the memory
	// that Read uses.
	MaxPaths = 64 << 20
)

// Package is what a .deb holds.
type Package struct {
	Name    string
	Version string
	Arch    string
	// Fields is the control file.
	Fields repo.Fields
	// Files lists the members of data.tar but its root, directories included,
	// sorted by path. Device nodes and set-uid bits are in the Mode.
	Files []repo.PayloadFile
	// Scripts are the names of the maintainer scripts, sorted: "config",
	// "postinst", "postrm", "preinst", "prerm".
	Scripts []string
	// Faults are what is wrong with a package that can be read all the same,
	// at most repo.MaxFaults: members that leave the root or go through a
	// link, forms that dpkg does not unpack.
	Faults []repo.Problem
}

func (p *Package) fault(where, format string, args ...any) {
	if len(p.Faults) < repo.MaxFaults {
		p.Faults = append(p.Faults, repo.Problem{Kind: repo.Malformed, Where: where, Text: fmt.Sprintf(format, args...)})
	}
}

// Read reads a .deb to the end of r, in dpkg-deb's order: debian-binary,
// control.tar, data.tar. Members whose name begins with "_" are skipped
// wherever they are, as dpkg does. After an error the rest of r is unread.
func Read(r io.Reader) (*Package, error) {
	a := &archive{src: &source{r: r}}
	p, err := readPackage(a)
	if a.src.err != nil {
		// Whatever a decoder made of it, this is the cause.
		return nil, fmt.Errorf("read package: %w", a.src.err)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func readPackage(a *archive) (*Package, error) {
	if err := a.magic(); err != nil {
		return nil, err
	}
	p := &Package{}
	var conffiles []string
	for want := stageFormat; ; {
		m, err := a.next()
		if errors.Is(err, io.EOF) {
			if want != stageDone {
				return nil, a.refuse("no member %s", want)
			}
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case want == stageFormat:
			err = readFormat(m)
			want = stageControl
		case strings.HasPrefix(m.name, "_"):
		case want == stageControl && strings.HasPrefix(m.name, string(stageControl)):
			conffiles, err = readControl(p, m)
			want = stageData
		case want == stageData && strings.HasPrefix(m.name, string(stageData)):
			err = readData(p, m, conffiles)
			want = stageDone
		case want == stageDone:
			// dpkg-deb never gets here, other readers might.
			p.fault(m.where(), "member after data.tar, which dpkg does not read")
		default:
			err = a.refuse("member %q where %s belongs", m.name, want)
		}
		if err == nil {
			err = m.drain()
		}
		if err != nil {
			return nil, err
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
	if !ok || !dot || major != "2" || minor == "" || strings.Trim(minor, "0123456789") != "" {
		return m.refuse(nil, "want format version 2.x and a newline, got %q", text)
	}
	return nil
}

// open returns the tar archive in m, whose name is base and an extension that
// is one of kinds.
func (m *member) open(base stage, limit int64, kinds ...compress.Kind) (io.ReadCloser, error) {
	kind := compress.None
	if ext := strings.TrimPrefix(m.name, string(base)); ext != "" {
		kind = compress.Kind(strings.TrimPrefix(ext, "."))
		if !strings.HasPrefix(ext, ".") || !slices.Contains(kinds, kind) {
			return nil, m.refuse(nil, "compression %q is not one that dpkg-deb reads", ext)
		}
	}
	z, err := compress.NewReader(m, kind, limit)
	if err != nil {
		return nil, m.wrap(err)
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

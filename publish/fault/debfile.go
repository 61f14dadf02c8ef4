package fault

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// errDeb says that a file is not the deb that it should be.
var errDeb = errors.New("not a deb of our own")

// The layout of an ar archive (deb(5)).
const (
	arMagic      = "!<arch>\n"
	arHeader     = 60
	arSizeOffset = 48
	arSizeWidth  = 10
)

// debFile is a .deb taken apart, whose tar archives are compressed with gzip.
type debFile struct {
	members []debMember
}

// debMember is a member of the ar archive; its header is as it was written.
type debMember struct {
	header []byte
	data   []byte
}

func (m debMember) name() string { return strings.TrimRight(string(m.header[:16]), " /") }

func parseDeb(data []byte) (*debFile, error) {
	rest, ok := bytes.CutPrefix(data, []byte(arMagic))
	if !ok {
		return nil, fmt.Errorf("%w: no ar magic", errDeb)
	}
	f := &debFile{}
	for len(rest) > 0 {
		if len(rest) < arHeader {
			return nil, fmt.Errorf("%w: %d bytes are left", errDeb, len(rest))
		}
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[arSizeOffset : arSizeOffset+arSizeWidth])))
		if err != nil || size < 0 || size > len(rest)-arHeader {
			return nil, fmt.Errorf("%w: a member of %q bytes", errDeb, rest[arSizeOffset:arSizeOffset+arSizeWidth])
		}
		f.members = append(f.members, debMember{slices.Clone(rest[:arHeader]), rest[arHeader : arHeader+size]})
		rest = rest[min(len(rest), arHeader+size+size%2):]
	}
	return f, nil
}

func (f *debFile) bytes() []byte {
	out := []byte(arMagic)
	for _, m := range f.members {
		copy(m.header[arSizeOffset:], fmt.Sprintf("%-*d", arSizeWidth, len(m.data)))
		out = append(append(out, m.header...), m.data...)
		if len(m.data)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// member finds a member by its name.
func (f *debFile) member(name string) (*debMember, error) {
	for i := range f.members {
		if f.members[i].name() == name {
			return &f.members[i], nil
		}
	}
	return nil, fmt.Errorf("%w: no member %s", errDeb, name)
}

// tarFile is a member of a tar archive.
type tarFile struct {
	header tar.Header
	data   []byte
}

// changeTar takes a tar archive of the deb apart, changes it, and puts it
// together again.
func (f *debFile) changeTar(name string, change func(all []tarFile) ([]tarFile, error)) error {
	m, err := f.member(name)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(m.data))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errDeb, name, err)
	}
	var all []tarFile
	for t := tar.NewReader(z); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errDeb, name, err)
		}
		data, err := io.ReadAll(io.LimitReader(t, maxProgram))
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errDeb, name, err)
		}
		all = append(all, tarFile{*header, data})
	}
	if all, err = change(all); err != nil {
		return err
	}
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, file := range all {
		if err := w.WriteHeader(&file.header); err != nil {
			return err
		}
		if _, err := w.Write(file.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	m.data, err = gzipped(plain.Bytes())
	return err
}

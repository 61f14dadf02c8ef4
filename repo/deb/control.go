package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debver"
)

// maxControlFile bounds the control file, and conffiles.
const maxControlFile = 1 << 20

// readControl reads control.tar into p, and returns the list of conffiles.
func readControl(p *Package, m *member) ([]string, error) {
	z, err := m.open(stageControl, MaxControl, compress.Gzip, compress.XZ, compress.Zstd)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var control, conffiles []byte
	seen := map[string]bool{}
	blocks := &source{r: z}
	tr := tar.NewReader(blocks)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, m.wrap(err)
		}
		if n == MaxControlMembers {
			return nil, m.refuse(nil, "more than %d files", MaxControlMembers)
		}
		name := path.Clean(h.Name)
		if name == "." && h.Typeflag == tar.TypeDir {
			continue
		}
		if len(name) > MaxPath || strings.Contains(name, "/") || name == ".." {
			p.fault(m.where(), "file %.120q outside of the control archive's root", h.Name)
			continue
		}
		// Two of one name: dpkg takes the last, other readers the first.
		if seen[name] {
			return nil, m.refuse(nil, "%q is there twice", name)
		}
		seen[name] = true
		if h.Typeflag != tar.TypeReg {
			return nil, m.refuse(nil, "%q is not a regular file", name)
		}
		switch name {
		case "control":
			control, err = readSmall(tr, h)
		case "conffiles":
			conffiles, err = readSmall(tr, h)
		case "config", "preinst", "postinst", "prerm", "postrm":
			p.Scripts = append(p.Scripts, name)
			if h.FileInfo().Mode().Perm()&0o111 == 0 {
				p.fault(m.where(), "maintainer script %s is not executable", name)
			}
		}
		if err != nil {
			return nil, m.wrap(err)
		}
	}
	if err := finish(p, m, blocks); err != nil {
		return nil, err
	}
	slices.Sort(p.Scripts)
	if !seen["control"] {
		return nil, m.refuse(nil, "no control file")
	}
	if err := parseControl(p, control); err != nil {
		return nil, m.wrap(err)
	}
	return parseConffiles(p, m, conffiles), nil
}

func readSmall(r io.Reader, h *tar.Header) ([]byte, error) {
	if h.Size > maxControlFile {
		return nil, &repo.FormatError{Text: fmt.Sprintf("%s has %d bytes, more than %d", h.Name, h.Size, maxControlFile)}
	}
	return io.ReadAll(r)
}

// finish reads the rest of a tar archive after its end, which must be zeros
// (GNU tar pads to 10 KiB) and end with a whole block: archive/tar takes a
// block that is cut for the end.
func finish(p *Package, m *member, z *source) error {
	const block = 512
	buf := make([]byte, 32<<10)
	hidden := false
	for {
		n, err := z.Read(buf)
		if !hidden && len(bytes.Trim(buf[:n], "\x00")) > 0 {
			hidden = true
			p.fault(m.where(), "data after the end of the tar archive, which dpkg does not see")
		}
		if errors.Is(err, io.EOF) && z.n%block != 0 {
			return m.refuse(nil, "truncated tar archive: its %d bytes are not blocks of %d", z.n, block)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return m.wrap(err)
		}
	}
}

// parseControl reads the control file: one stanza, ended by a newline, with
// the fields that dpkg-deb asks for.
func parseControl(p *Package, text []byte) error {
	if !bytes.HasSuffix(text, []byte("\n")) {
		return &repo.FormatError{Text: "control file does not end in a newline"}
	}
	for s, err := range deb822.Stanzas(bytes.NewReader(text)) {
		if err != nil {
			return fmt.Errorf("control file: %w", err)
		}
		if p.Fields != nil {
			return &repo.FormatError{Where: fmt.Sprintf("line %d", s.Line), Text: "control file has more than one stanza"}
		}
		p.Fields = s.Fields
	}
	for _, want := range []struct {
		name  string
		value *string
		check func(string) error
	}{
		{"Package", &p.Name, deb822.CheckName},
		{"Version", &p.Version, func(v string) error { _, err := debver.Parse(v); return err }},
		{"Architecture", &p.Arch, deb822.CheckName},
	} {
		v, ok := p.Fields.Get(want.name)
		if !ok || v == "" {
			return &repo.FormatError{Text: "control file has no field " + want.name}
		}
		if err := want.check(v); err != nil {
			return &repo.FormatError{Text: "control field " + want.name, Err: err}
		}
		*want.value = v
	}
	return nil
}

// parseConffiles reads deb-conffiles(5): a path a line, which the flag
// "remove-on-upgrade" may precede; such a path is not in the package.
func parseConffiles(p *Package, m *member, text []byte) []string {
	var paths []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		flag, rest, flagged := strings.Cut(line, " ")
		switch {
		case line == "":
		case flagged && flag == "remove-on-upgrade" && strings.HasPrefix(strings.TrimLeft(rest, " "), "/"):
		case !strings.HasPrefix(line, "/") || path.Clean(line) != line || len(line) > MaxPath:
			p.fault(m.where(), "conffiles: want an absolute path, got %.120q", line)
		default:
			paths = append(paths, line)
		}
	}
	return paths
}

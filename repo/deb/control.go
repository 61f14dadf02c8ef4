package deb

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/debver"
)

// controlArchive is what control.tar says of the files in data.tar.
type controlArchive struct {
	p *Package
	m *member
	// payload is set when data.tar will be read too; md5sums is of no use else.
	payload bool
	// conffiles are the paths of conffiles, obsolete those of the ones that are
	// to be removed and so must not be in the package.
	conffiles, obsolete []string
	sums                map[string]*sum // by path
}

// sum is an entry of md5sums.
type sum struct {
	want, got [md5.Size]byte
	seen      bool
	line      int
}

// read reads control.tar.
func (c *controlArchive) read(m *member) error {
	c.m = m
	t, err := openTar(c.p, m, stageControl, MaxControl)
	if err != nil {
		return err
	}
	defer t.Close()
	texts := make(map[string][]byte, 4)
	for n := 0; ; n++ {
		h, err := t.next(c.p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n == MaxControlMembers {
			return m.refuse(nil, "more than %d files", MaxControlMembers)
		}
		if err := c.member(t, h, texts); err != nil {
			return err
		}
	}
	if err := t.finish(c.p); err != nil {
		return err
	}
	slices.Sort(c.p.Scripts)
	slices.Sort(c.p.Control)
	control, ok := texts["control"]
	if !ok {
		return m.refuse(nil, "no control file")
	}
	if err := c.parseControl(control); err != nil {
		return m.wrap(err)
	}
	c.parseConffiles(texts["conffiles"])
	c.parseTriggers(texts["triggers"])
	c.parseSums(texts["md5sums"])
	return nil
}

// member takes one file of control.tar, keeping the texts that are needed.
func (c *controlArchive) member(t *tarball, h *tar.Header, texts map[string][]byte) (err error) {
	name := path.Clean(h.Name)
	if name == "." && h.Typeflag == tar.TypeDir {
		return nil
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		c.fault("a global PAX header, which dpkg does not unpack")
		return nil
	}
	if len(name) > MaxPath || strings.Contains(name, "/") || name == ".." {
		c.fault("file %.120q outside of the control archive's root", h.Name)
		return nil
	}
	// Two of one name: dpkg takes the last, other readers the first.
	if slices.Contains(c.p.Control, name) {
		return c.m.refuse(nil, "%q is there twice", name)
	}
	c.p.Control = append(c.p.Control, name)
	if h.Typeflag != tar.TypeReg {
		return c.m.refuse(nil, "%q is not a regular file", name)
	}
	switch name {
	case "control", "conffiles", "triggers":
		texts[name], err = t.small(h, MaxControlFile)
	case "md5sums":
		if c.payload {
			texts[name], err = t.small(h, MaxControl)
		}
	case "config", "preinst", "postinst", "prerm", "postrm":
		c.p.Scripts = append(c.p.Scripts, name)
		if h.Mode&0o111 == 0 {
			c.fault("maintainer script %s is not executable", name)
		}
	}
	return err
}

func (c *controlArchive) fault(format string, args ...any) { c.p.fault(c.m.where(), format, args...) }

// parseControl reads the control file: one stanza, with the fields that dpkg
// asks for (pkg_parse_verify in lib/dpkg/parse.c). What dpkg only warns of is
// a fault.
func (c *controlArchive) parseControl(text []byte) error {
	p := c.p
	if !bytes.HasSuffix(text, []byte("\n")) {
		return &repo.FormatError{Text: "control file does not end in a newline"}
	}
	for s, err := range deb822.Stanzas(bytes.NewReader(text)) {
		if err != nil {
			return fmt.Errorf("control file: %w", err)
		}
		if p.Fields.Len() > 0 {
			return &repo.FormatError{Where: fmt.Sprintf("line %d", s.Line), Text: "control file has more than one stanza"}
		}
		// The stanza's memory is shared with its reader's buffers.
		p.Fields = repo.EncodedFields(strings.Clone(s.Fields.Encoded()))
	}
	for _, want := range []struct {
		name  string
		value *string
		check func(string) error
	}{
		{"Package", &p.Name, deb822.CheckName},
		{"Version", &p.Version, func(v string) error { _, err := debver.Parse(v); return err }},
	} {
		v := p.Fields.Value(want.name)
		if v == "" {
			return &repo.FormatError{Text: "control file has no field " + want.name}
		}
		if err := want.check(v); err != nil {
			return &repo.FormatError{Text: "control field " + want.name, Err: err}
		}
		*want.value = v
	}
	p.Arch = p.Fields.Value("Architecture")
	if err := deb822.CheckName(p.Arch); err != nil {
		c.fault("control field Architecture: %v", err)
	}
	return c.checkFields()
}

// checkFields looks at the fields of which dpkg knows the values.
func (c *controlArchive) checkFields() error {
	for name, value := range c.p.Fields.All() {
		if kind, ok := debrel.KindOf(name); ok {
			// dpkg refuses most of what is refused here, and warns of the rest.
			if err := debrel.Check(kind, value); err != nil {
				c.fault("control field %s: %v", name, err)
			}
			continue
		}
		var words []string
		switch strings.ToLower(name) {
		case "essential", "protected":
			words = []string{"yes", "no"}
		case "multi-arch":
			words = []string{"foreign", "allowed", "same", "no"}
		default:
			continue
		}
		if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, value) }) {
			return &repo.FormatError{Text: fmt.Sprintf("control field %s: want one of %s, got %.80q", name, strings.Join(words, ", "), value)}
		}
	}
	if same := strings.EqualFold(c.p.Fields.Value("Multi-Arch"), "same"); same && (c.p.Arch == "all" || c.p.Arch == "") {
		return &repo.FormatError{Text: fmt.Sprintf("control field Multi-Arch: same is not for architecture %q", c.p.Arch)}
	}
	return nil
}

// parseConffiles reads deb-conffiles(5) as dpkg does (deb_parse_conffiles in
// src/main/unpack.c): a path a line, which the flag "remove-on-upgrade" may
// precede.
func (c *controlArchive) parseConffiles(text []byte) {
	const maxLine = 1000 - 2 // MAXCONFFILENAME
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") || len(line) >= maxLine {
			c.fault("conffiles: line is too long or without newline: %.120q", line)
			continue
		}
		line = strings.TrimRight(line, " \t\r\n\v\f")
		flag, name, flagged := strings.Cut(line, " ")
		switch {
		case line == "":
		case strings.HasPrefix(line, "/") && path.Clean(line) == line:
			c.conffiles = append(c.conffiles, line)
		case flagged && flag == "remove-on-upgrade" && strings.HasPrefix(name, "/"):
			c.obsolete = append(c.obsolete, path.Clean(name))
		default:
			c.fault("conffiles: want an absolute path, got %.120q", line)
		}
	}
}

// parseTriggers checks deb-triggers(5) as dpkg reads it (trig_parse_ci in
// lib/dpkg/triglib.c).
func (c *controlArchive) parseTriggers(text []byte) {
	for line := range strings.Lines(string(text)) {
		line = strings.Trim(line, " \t\r\n\v\f")
		if line == "" || line[0] == '#' {
			continue
		}
		directive, name, _ := strings.Cut(line, " ")
		if d, n, ok := strings.Cut(line, "\t"); ok && len(d) < len(directive) {
			directive, name = d, n
		}
		switch directive {
		case "interest", "interest-await", "interest-noawait", "activate", "activate-await", "activate-noawait":
		default:
			c.fault("triggers: unknown directive %.120q", line)
			continue
		}
		// trig_name_is_illegal: printable, without spaces.
		name = strings.TrimLeft(name, " \t")
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			c.fault("triggers: bad name of a trigger in %.120q", line)
		}
	}
}

// parseSums reads md5sums: a digest, two spaces and a path a line, as md5sum(1)
// writes them, which puts a backslash before a line whose path has one.
func (c *controlArchive) parseSums(text []byte) {
	c.sums = make(map[string]*sum, min(bytes.Count(text, []byte("\n")), MaxFiles))
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		if n > MaxFiles {
			c.fault("md5sums: more than %d lines", MaxFiles)
			return
		}
		line, escaped := bytes.CutPrefix(line, []byte(`\`))
		const digits = 2 * md5.Size
		s := &sum{line: n}
		if len(line) <= digits+2 || line[digits] != ' ' || line[digits+1] != ' ' && line[digits+1] != '*' {
			c.fault("md5sums: line %d: want a digest, two spaces and a path, got %.120q", n, line)
			continue
		}
		if _, err := hex.Decode(s.want[:], line[:digits]); err != nil {
			c.fault("md5sums: line %d: bad digest %q", n, line[:digits])
			continue
		}
		name := string(line[digits+2:])
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		}
		name = path.Clean("/" + name)
		if first, dup := c.sums[name]; dup && first.want != s.want {
			c.fault("md5sums: line %d: another digest for %.120q than line %d", n, name, first.line)
			continue
		}
		c.sums[name] = s
	}
}

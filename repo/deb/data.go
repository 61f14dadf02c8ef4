package deb

import (
	"archive/tar"
	"crypto/md5"
	"errors"
	"hash"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unique"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/payload"
)

// readData reads data.tar into p.
func readData(p *Package, m *member, c *controlArchive) error {
	t, err := openTar(p, m, stageData, MaxData)
	if err != nil {
		return err
	}
	defer t.Close()
	d := data{p: p, m: m, control: c, inspect: m.a.state.inspect, at: map[string]int{}, md5: md5.New()}
	p.Files = []repo.PayloadFile{}
	for n := 0; ; n++ {
		h, err := t.next(p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n == MaxFiles {
			return m.refuse(nil, "more than %d files", MaxFiles)
		}
		if err := d.add(t, h); err != nil {
			return err
		}
	}
	if err := t.finish(p); err != nil {
		return err
	}
	d.checkSums()
	// The facts of 100,000 packages are kept: what append reserved is given back.
	p.Files = append(make([]repo.PayloadFile, 0, len(p.Files)), p.Files...)
	slices.SortStableFunc(p.Files, func(a, b repo.PayloadFile) int { return strings.Compare(a.Path, b.Path) })
	d.checkConffiles()
	return nil
}

type data struct {
	p       *Package
	m       *member
	control *controlArchive
	inspect *payload.Inspector
	texts   payload.Texts
	md5     hash.Hash
	bytes   int            // of all paths and links so far
	at      map[string]int // the last of each path in p.Files
}

// add records one member of data.tar.
func (d *data) add(t *tarball, h *tar.Header) error {
	if len(h.Name) > MaxPath || len(h.Linkname) > MaxPath {
		return d.m.refuse(nil, "path or link of more than %d bytes: %.80q...", MaxPath, h.Name)
	}
	if strings.Count(h.Name, "/") > MaxDepth {
		return d.m.refuse(nil, "path of more than %d directories: %.80q...", MaxDepth, h.Name)
	}
	if d.bytes += len(h.Name) + len(h.Linkname); d.bytes > MaxPaths {
		return d.m.refuse(nil, "paths of more than %d bytes together", MaxPaths)
	}
	if !d.known(h) {
		return nil
	}
	name, ok := d.rooted(h.Name)
	if !ok {
		d.misplaced("member %q leaves the root", h.Name)
		return nil // a path that is both clean and true cannot be given
	}
	mode := h.FileInfo().Mode()
	if name == "/" {
		if !mode.IsDir() {
			d.misplaced("member %q takes the place of the root", h.Name)
		}
		return nil
	}
	if strings.HasPrefix(h.Name, "/") {
		d.fault("member %q has an absolute name", h.Name)
	}
	if !utf8.ValidString(h.Name) || strings.ContainsFunc(h.Name, unicode.IsControl) {
		d.fault("member %q has a control character or is not UTF-8", h.Name)
	}
	d.parents(name)
	if i, dup := d.at[name]; dup && !(d.p.Files[i].Mode.IsDir() && mode.IsDir()) {
		d.misplaced("%q is there twice", name)
	}
	f := repo.PayloadFile{Path: name, Mode: mode, Size: h.Size, Owner: owner(h.Uname, h.Uid), Group: owner(h.Gname, h.Gid)}
	if err := d.content(t, h, &f); err != nil {
		return err
	}
	d.at[name] = len(d.p.Files)
	d.p.Files = append(d.p.Files, f)
	return nil
}

// known notes the forms of tar that dpkg does not unpack (tar_extractor in
// lib/dpkg/tarfn.c knows V7, ustar and GNU's long names), and reports whether
// h is a file of some form.
func (d *data) known(h *tar.Header) bool {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		if h.Format == tar.FormatPAX || h.PAXRecords != nil {
			d.fault("member %q has a PAX header, which dpkg does not unpack", h.Name)
		}
		return true
	}
	d.fault("member %q is of tar type %q, which dpkg does not unpack", h.Name, h.Typeflag)
	return h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont
}

// sparse reports whether h is a file with holes, in GNU's old form or in that of
// PAX. Its size is what the header says and nothing that is in the package, so
// its content is not read: a few bytes would become any number of zeros.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// content takes what h points at or holds.
func (d *data) content(t *tarball, h *tar.Header, f *repo.PayloadFile) error {
	switch h.Typeflag {
	case tar.TypeSymlink:
		f.Link = h.Linkname
	case tar.TypeLink:
		d.link(h, f)
	case tar.TypeChar, tar.TypeBlock:
		f.Device = device(uint64(h.Devmajor), uint64(h.Devminor))
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if sparse(h) {
			return nil
		}
		if h.Size > MaxData {
			return d.m.refuse(nil, "file of %d bytes, more than %d: %.80q", h.Size, MaxData, h.Name)
		}
		r := io.Reader(t)
		s := d.control.sums[f.Path]
		if s != nil {
			d.md5.Reset()
			r = io.TeeReader(r, d.md5)
		}
		if d.texts.Begin(f.Path) {
			r = io.TeeReader(r, &d.texts)
		}
		var err error
		if f.SHA256, f.Size, f.Program, err = d.inspect.File(r, f.Mode); err != nil {
			return d.m.wrap(err)
		}
		f.Text = d.texts.End()
		if s != nil {
			d.md5.Sum(s.got[:0])
			s.seen = true
		}
	}
	return nil
}

// link takes a hard link's target: an absolute path, whose file's facts are
// the link's too.
func (d *data) link(h *tar.Header, f *repo.PayloadFile) {
	target, ok := d.rooted(h.Linkname)
	if !ok {
		d.misplaced("hard link %q leaves the root: %q", h.Name, h.Linkname)
		f.Link = h.Linkname
		return
	}
	f.Link = target
	i, ok := d.at[target]
	if !ok || d.p.Files[i].Mode.IsDir() {
		d.fault("hard link %q names no file before it: %q", h.Name, h.Linkname)
		return
	}
	to := d.p.Files[i]
	f.Size, f.SHA256, f.Program, f.Text = to.Size, to.SHA256, to.Program, to.Text
	if s := d.control.sums[f.Path]; s != nil {
		if of := d.control.sums[target]; of != nil && of.seen {
			s.got, s.seen = of.got, true
		} else {
			s.got, s.seen = s.want, true // nobody asked for the target's MD5
		}
	}
}

// rooted returns name as a clean absolute path, and whether it has no "..".
func (d *data) rooted(name string) (string, bool) {
	return path.Clean("/" + name), !slices.Contains(strings.Split(name, "/"), "..")
}

// parents notes a member below something that the package itself makes other
// than a directory: dpkg would write through the link. The nearest directory
// that is known was looked at when it came.
func (d *data) parents(name string) {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		dir, ok := d.at[name[:i]]
		if !ok {
			continue
		}
		if mode := d.p.Files[dir].Mode; !mode.IsDir() {
			d.misplaced("%q is below %q, which is no directory (%v)", name, name[:i], mode.Type())
		}
		return
	}
}

// checkSums holds md5sums against the files. Files that it does not list are
// no fault, since conffiles should not be in it.
func (d *data) checkSums() {
	sums := d.control.sums
	for _, name := range slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return sums[a].line - sums[b].line }) {
		s := sums[name]
		switch i, ok := d.at[name]; {
		case !ok:
			d.fault("md5sums: line %d: %q is not in the package", s.line, name)
		case s.seen && s.got != s.want:
			d.fault("md5sums: line %d: %q has the MD5 digest %x, want %x", s.line, name, s.got, s.want)
		case !s.seen && d.p.Files[i].Mode.IsDir():
			d.fault("md5sums: line %d: %q is a directory", s.line, name)
		}
	}
}

// checkConffiles sets Config on the conffiles, which must be files of the
// package, as the obsolete ones must not (dpkg-deb --build).
func (d *data) checkConffiles() {
	find := func(name string) (int, bool) {
		return slices.BinarySearchFunc(d.p.Files, name, func(f repo.PayloadFile, c string) int { return strings.Compare(f.Path, c) })
	}
	for _, c := range d.control.conffiles {
		i, ok := find(c)
		if !ok {
			d.fault("conffile %q is not in the package", c)
			continue
		}
		d.p.Files[i].Config = true
		if !d.p.Files[i].Mode.IsRegular() {
			d.fault("conffile %q is not a regular file", c)
		}
	}
	for _, c := range d.control.obsolete {
		if _, ok := find(c); ok {
			d.fault("conffile %q is to be removed on upgrade, and is in the package", c)
		}
	}
}

func (d *data) fault(format string, args ...any) { d.p.fault(d.m.where(), format, args...) }

// misplaced notes a file that is where none may be.
func (d *data) misplaced(format string, args ...any) {
	d.p.faultOf(repo.Misplaced, d.m.where(), format, args...)
}

// owner is the name, which is what dpkg looks up first, or else the number.
func owner(name string, id int) string {
	if name != "" {
		return unique.Make(name).Value() // all packages have the same few
	}
	return strconv.Itoa(id)
}

// device returns a device number as Linux's stat(2) has it (makedev(3)).
func device(major, minor uint64) uint64 {
	return (major&0xfff)<<8 | minor&0xff | (minor&^0xff)<<12 | (major&^0xfff)<<32
}

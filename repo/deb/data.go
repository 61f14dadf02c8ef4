package deb

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
)

// readData reads the list of files from data.tar into p.
func readData(p *Package, m *member, conffiles []string) error {
	z, err := m.open(stageData, MaxData, compress.Gzip, compress.XZ, compress.Zstd, compress.Bzip2)
	if err != nil {
		return err
	}
	defer z.Close()
	d := data{p: p, m: m, modes: map[string]fs.FileMode{}}
	blocks := &source{r: z}
	tr := tar.NewReader(blocks)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m.wrap(err)
		}
		if n == MaxFiles {
			return m.refuse(nil, "more than %d files", MaxFiles)
		}
		if err := d.add(h); err != nil {
			return err
		}
	}
	if err := finish(p, m, blocks); err != nil {
		return err
	}
	slices.SortStableFunc(p.Files, func(a, b repo.PayloadFile) int { return strings.Compare(a.Path, b.Path) })
	d.mark(conffiles)
	return nil
}

type data struct {
	p     *Package
	m     *member
	bytes int                    // of all paths and links so far
	modes map[string]fs.FileMode // type of what was seen at each path
}

// add records one member of data.tar.
func (d *data) add(h *tar.Header) error {
	if len(h.Name) > MaxPath || len(h.Linkname) > MaxPath {
		return d.m.refuse(nil, "path or link of more than %d bytes: %.80q...", MaxPath, h.Name)
	}
	if d.bytes += len(h.Name) + len(h.Linkname); d.bytes > MaxPaths {
		return d.m.refuse(nil, "paths of more than %d bytes together", MaxPaths)
	}
	d.form(h)
	name, ok := d.rooted(h.Name)
	if !ok {
		d.fault("member %q leaves the root", h.Name)
		return nil // a path that is both clean and true cannot be given
	}
	mode := h.FileInfo().Mode()
	if name == "/" {
		if !mode.IsDir() {
			d.fault("member %q takes the place of the root", h.Name)
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
	if was, dup := d.modes[name]; dup && !(was.IsDir() && mode.IsDir()) {
		d.fault("%q is there twice", name)
	}
	d.modes[name] = mode.Type()
	d.p.Files = append(d.p.Files, repo.PayloadFile{
		Path: name, Mode: mode, Size: h.Size, Owner: owner(h.Uname, h.Uid), Group: owner(h.Gname, h.Gid), Link: d.link(h),
	})
	return nil
}

// form notes the forms of tar that dpkg does not unpack (tar_extractor in
// lib/dpkg/tarfn.c knows V7, ustar and GNU's long names).
func (d *data) form(h *tar.Header) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		if h.Format == tar.FormatPAX {
			d.fault("member %q has a PAX header, which dpkg does not unpack", h.Name)
		}
	default:
		d.fault("member %q is of tar type %q, which dpkg does not unpack", h.Name, h.Typeflag)
	}
}

// rooted returns name as a clean absolute path, and whether it has no "..".
func (d *data) rooted(name string) (string, bool) {
	return path.Clean("/" + name), !slices.Contains(strings.Split(name, "/"), "..")
}

// parents notes a member below something that the package itself makes other
// than a directory: dpkg would write through the link.
func (d *data) parents(name string) {
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if mode, ok := d.modes[dir]; ok && !mode.IsDir() {
			d.fault("%q is below %q, which is no directory (%v)", name, dir, mode)
			return
		}
	}
}

// link returns a symbolic link's target as it is, and a hard link's as the
// absolute path of the member that it must name.
func (d *data) link(h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeSymlink:
		return h.Linkname
	case tar.TypeLink:
		target, ok := d.rooted(h.Linkname)
		if !ok {
			d.fault("hard link %q leaves the root: %q", h.Name, h.Linkname)
			return h.Linkname
		}
		if mode, ok := d.modes[target]; !ok || !mode.IsRegular() {
			d.fault("hard link %q names no file before it: %q", h.Name, h.Linkname)
		}
		return target
	}
	return ""
}

// mark sets Config on the conffiles, which must be files of the package.
func (d *data) mark(conffiles []string) {
	for _, c := range conffiles {
		i, ok := slices.BinarySearchFunc(d.p.Files, c, func(f repo.PayloadFile, c string) int { return strings.Compare(f.Path, c) })
		if !ok {
			d.fault("conffile %q is not in the package", c)
			continue
		}
		d.p.Files[i].Config = true
	}
}

func (d *data) fault(format string, args ...any) { d.p.fault(d.m.where(), format, args...) }

// owner is the name, which is what dpkg looks up first, or else the number.
func owner(name string, id int) string {
	if name != "" {
		return name
	}
	return strconv.Itoa(id)
}

package rpm

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Modes as a header has them (stat(2)).
const (
	modeType    = 0o170000
	modeSocket  = 0o140000
	modeSymlink = 0o120000
	modeRegular = 0o100000
	modeBlock   = 0o060000
	modeDir     = 0o040000
	modeChar    = 0o020000
	modeFIFO    = 0o010000
	modeSetUID  = 0o4000
	modeSetGID  = 0o2000
	modeSticky  = 0o1000
)

// FileFlags say what a file is to the package (rpmfiles.h, rpmfileAttrs_e).
type FileFlags uint32

// The flags of a file.
const (
	FileConfig    FileFlags = 1 << 0
	FileDoc       FileFlags = 1 << 1
	FileIcon      FileFlags = 1 << 2
	FileMissingOK FileFlags = 1 << 3
	FileNoReplace FileFlags = 1 << 4
	FileSpec      FileFlags = 1 << 5
	FileGhost     FileFlags = 1 << 6
	FileLicense   FileFlags = 1 << 7
	FileReadme    FileFlags = 1 << 8
	FilePubKey    FileFlags = 1 << 11
	FileArtifact  FileFlags = 1 << 12
)

// File is one file with all that the header says of it.
type File struct {
	// Path is as the header has it: folder and name joined.
	Path         string
	Mode         fs.FileMode
	Size         int64
	Owner, Group string
	// Link is the target of a symbolic link.
	Link  string
	Flags FileFlags
	// Verify says what rpm -V looks at (rpmVerifyAttrs_e).
	Verify uint32
	// Digest of a regular file, by the header's FILEDIGESTALGO, as it is there.
	Digest  string
	ModTime time.Time
	// Device and Inode are numbers of the build, and tell hard links. Rdev is
	// the device of a device node, in 16 bits.
	Device, Inode, Rdev uint32
	// Color is 1 for a 32-bit ELF file, 2 for a 64-bit one.
	Color uint32
	// Language is that of a translation: "de".
	Language string
	// Capabilities are in the form of cap_to_text(3): "cap_net_raw=ep".
	Capabilities string
}

// Files returns the files in the header's order.
func (h *Header) Files() ([]File, error) {
	t, err := newFileTable(h)
	if err != nil {
		return nil, err
	}
	langs, err := t.texts(h, tagFileLangs)
	if err != nil {
		return nil, err
	}
	caps, err := t.texts(h, tagFileCaps)
	if err != nil {
		return nil, err
	}
	var more [3]numbers
	for i, tag := range []uint32{tagFileVerifyFlags, tagFileMtimes, tagFileColors} {
		if more[i], err = t.column(h, tag); err != nil {
			return nil, err
		}
	}
	all := make([]File, t.len())
	for i := range all {
		all[i] = File{
			Path: t.path(i), Mode: fileMode(t.mode(i)), Size: t.size(i), Owner: t.owners[i], Group: t.groups[i],
			Link: at(t.links, i), Flags: t.flag(i), Verify: uint32(orZero(more[0], i)), Digest: at(t.digests, i),
			ModTime: time.Unix(int64(orZero(more[1], i)), 0).UTC(),
			Device:  uint32(orZero(t.devices, i)), Inode: uint32(orZero(t.inodes, i)), Rdev: uint32(orZero(t.rdevs, i)),
			Color: uint32(orZero(more[2], i)), Language: at(langs, i), Capabilities: at(caps, i),
		}
	}
	return all, nil
}

// fileTable is the lists of a header that describe its files. Each is as long
// as there are files, or is not there (rpmfilesNew and rpmfilesPopulate in
// lib/rpmfi.c).
type fileTable struct {
	names, dirs                     []string // dirs is nil for whole paths
	dirIndexes, modes, flags, sizes numbers
	rdevs, devices, inodes          numbers
	owners, groups, links, digests  []string
}

func newFileTable(h *Header) (*fileTable, error) {
	t := &fileTable{names: h.Strings(tagBaseNames)}
	if t.names == nil {
		t.names = h.Strings(tagOldFileNames) // before 2000
	}
	if len(t.names) > MaxFiles {
		return nil, &repo.FormatError{Where: tagWhere(tagBaseNames), Text: fmt.Sprintf("%d files, more than %d", len(t.names), MaxFiles)}
	}
	if len(t.names) == 0 {
		return t, nil
	}
	sizes := uint32(tagFileSizes)
	if h.Has(tagLongFileSizes) { // instead, when a file has 4 GiB or more, and always in rpm 6
		sizes = tagLongFileSizes
	}
	for tag, to := range map[uint32]*numbers{
		tagDirIndexes: &t.dirIndexes, tagFileModes: &t.modes, tagFileFlags: &t.flags, sizes: &t.sizes,
		tagFileRdevs: &t.rdevs, tagFileDevices: &t.devices, tagFileInodes: &t.inodes,
	} {
		var err error
		if *to, err = t.column(h, tag); err != nil {
			return nil, err
		}
	}
	for tag, to := range map[uint32]*[]string{
		tagFileUser: &t.owners, tagFileGroup: &t.groups, tagFileLinkTos: &t.links, tagFileDigests: &t.digests,
	} {
		var err error
		if *to, err = t.texts(h, tag); err != nil {
			return nil, err
		}
	}
	for _, x := range []struct {
		what    string
		missing bool
	}{
		{"modes", t.modes.len() == 0}, {"sizes", t.sizes.len() == 0}, {"owners", t.owners == nil}, {"groups", t.groups == nil},
		{"folder indexes", t.dirIndexes.len() == 0 && h.Has(tagBaseNames)},
	} {
		if x.missing {
			return nil, &repo.FormatError{Where: offset(h.start), Text: fmt.Sprintf("%d files have no %s", t.len(), x.what)}
		}
	}
	if h.Has(tagBaseNames) {
		t.dirs = h.Strings(tagDirNames)
	}
	return t, t.check(h)
}

// check holds the folders, the paths and the sizes against the bounds.
func (t *fileTable) check(h *Header) error {
	total := 0
	for i, name := range t.names {
		length := len(name)
		if t.dirIndexes.len() > 0 {
			d := t.dirIndexes.at(i)
			if d >= uint64(len(t.dirs)) {
				return &repo.FormatError{Where: tagWhere(tagDirIndexes), Text: fmt.Sprintf("file %q is in folder number %d of %d", name, int32(d), len(t.dirs))}
			}
			length += len(t.dirs[d])
		}
		if total += length; length > MaxPath || total > MaxPaths {
			return &repo.FormatError{Where: offset(h.start), Text: fmt.Sprintf("file number %d: paths longer than %d bytes, or than %d in all", i, MaxPath, MaxPaths)}
		}
		if int64(t.sizes.at(i)) < 0 {
			return &repo.FormatError{Where: tagWhere(tagLongFileSizes), Text: fmt.Sprintf("file %q has a size of more than 63 bits", name)}
		}
	}
	return nil
}

// column returns the numbers of a tag: none, or one a file.
func (t *fileTable) column(h *Header, tag uint32) (numbers, error) {
	n := h.numbers(tag)
	return n, t.fits(n.len(), tag)
}

func (t *fileTable) texts(h *Header, tag uint32) ([]string, error) {
	s := h.Strings(tag)
	return s, t.fits(len(s), tag)
}

func (t *fileTable) fits(n int, tag uint32) error {
	if n == 0 || n == t.len() {
		return nil
	}
	return &repo.FormatError{Where: tagWhere(tag), Text: fmt.Sprintf("%d files have %d values of tag %d", t.len(), n, tag)}
}

func (t *fileTable) len() int { return len(t.names) }

func (t *fileTable) path(i int) string {
	if t.dirIndexes.len() == 0 {
		return t.names[i]
	}
	return t.dirs[t.dirIndexes.at(i)] + t.names[i]
}

func (t *fileTable) mode(i int) uint32    { return uint32(t.modes.at(i)) }
func (t *fileTable) size(i int) int64     { return int64(t.sizes.at(i)) }
func (t *fileTable) flag(i int) FileFlags { return FileFlags(orZero(t.flags, i)) }
func (t *fileTable) regular(i int) bool   { return t.mode(i)&modeType == modeRegular }
func (t *fileTable) ghost(i int) bool     { return t.flag(i)&FileGhost != 0 }

// indexType returns what an index calls the file.
func (t *fileTable) indexType(i int) string {
	switch {
	case t.mode(i)&modeType == modeDir:
		return "dir"
	case t.ghost(i):
		return "ghost"
	}
	return ""
}

func orZero(n numbers, i int) uint64 {
	if i < n.len() {
		return n.at(i)
	}
	return 0
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return ""
}

// hardLinks returns, for each file of a set of hard links, the members of the
// set in the header's order (rpmfilesBuildNLink).
func (t *fileTable) hardLinks() map[int][]int {
	if t.devices.len() == 0 || t.inodes.len() == 0 {
		return nil
	}
	type inode struct{ device, number uint64 }
	first := make(map[inode]int, t.len())
	sets := make(map[int][]int)
	for i := range t.len() {
		key := inode{t.devices.at(i), t.inodes.at(i)}
		if !t.regular(i) || t.ghost(i) || key.number == 0 {
			continue
		}
		one, ok := first[key]
		if !ok {
			first[key] = i
			continue
		}
		if sets[one] == nil {
			sets[one] = []int{one}
		}
		sets[one] = append(sets[one], i)
	}
	all := make(map[int][]int)
	for _, set := range sets {
		for _, i := range set {
			all[i] = set
		}
	}
	return all
}

// payloadFiles returns the list of files in the header's order. A path that is
// not clean, is there twice, or is below a file of the package that is no
// folder, is a fault.
func (p *Package) payloadFiles(t *fileTable) []repo.PayloadFile {
	links := t.hardLinks()
	files := make([]repo.PayloadFile, t.len())
	seen := make(map[string]bool, t.len())
	names := make(map[string]string) // owners and groups, one copy of each
	intern := func(s string) string {
		if same, ok := names[s]; ok {
			return same
		}
		s = strings.Clone(s)
		names[s] = s
		return s
	}
	for i := range files {
		name := t.path(i)
		clean := path.Clean("/" + name)
		// A source package's files have no folder.
		if plain := strings.TrimSuffix(name, "/"); clean != plain && !(p.Source && clean == "/"+plain) && name != "/" {
			kind := repo.Malformed
			if slices.Contains(strings.Split(name, "/"), "..") {
				kind = repo.Misplaced
			}
			p.faultOf(kind, "", "path %q of a file is not clean", name)
		}
		if seen[clean] {
			p.faultOf(repo.Misplaced, "", "file %q is in the header twice", clean)
		}
		seen[clean] = true
		files[i] = repo.PayloadFile{
			Path: clean, Mode: fileMode(t.mode(i)), Size: t.size(i),
			Owner: intern(t.owners[i]), Group: intern(t.groups[i]), Link: strings.Clone(at(t.links, i)),
			Config: t.flag(i)&FileConfig != 0, Ghost: t.ghost(i),
		}
		if kind := t.mode(i) & modeType; kind == modeBlock || kind == modeChar {
			files[i].Device = orZero(t.rdevs, i)
		}
	}
	p.below(files)
	for i, set := range links {
		if first := set[0]; i != first && files[i].Link == "" {
			files[i].Link = files[first].Path
		}
	}
	return files
}

// below notes the files that are below something of the package that is no
// folder: what unpacks them would write through a link.
func (p *Package) below(files []repo.PayloadFile) {
	kinds := make(map[string]fs.FileMode)
	for _, f := range files {
		if !f.Mode.IsDir() && !f.Mode.IsRegular() {
			kinds[f.Path] = f.Mode.Type()
		}
	}
	if len(kinds) == 0 {
		return
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			if kind, ok := kinds[dir]; ok {
				p.faultOf(repo.Misplaced, "", "file %q is below %q, which is no folder (%v)", f.Path, dir, kind)
				break
			}
		}
	}
}

// fileMode turns a mode of stat(2) into Go's.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & modeType {
	case modeRegular:
	case modeDir:
		mode |= fs.ModeDir
	case modeSymlink:
		mode |= fs.ModeSymlink
	case modeBlock:
		mode |= fs.ModeDevice
	case modeChar:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case modeFIFO:
		mode |= fs.ModeNamedPipe
	case modeSocket:
		mode |= fs.ModeSocket
	default:
		mode |= fs.ModeIrregular
	}
	for _, x := range [...]struct {
		bit  uint32
		flag fs.FileMode
	}{{modeSetUID, fs.ModeSetuid}, {modeSetGID, fs.ModeSetgid}, {modeSticky, fs.ModeSticky}} {
		if m&x.bit != 0 {
			mode |= x.flag
		}
	}
	return mode
}

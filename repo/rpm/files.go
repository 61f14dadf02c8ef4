package rpm

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// Modes as a header has them (stat(2)) and flags of a file (rpmfiles.h).
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

	fileConfig = 1 << 0
	fileGhost  = 1 << 6
)

// headerFile is one file with the values that the header needs to have.
type headerFile struct {
	name  string // as the header has it: folder and name joined
	mode  int64
	flags int64
}

// indexType returns what an index calls the file.
func (f headerFile) indexType() string {
	switch {
	case f.mode&modeType == modeDir:
		return "dir"
	case f.flags&fileGhost != 0:
		return "ghost"
	}
	return ""
}

// headerFiles joins folders and names. The library's Files panics on lists of
// different lengths and on the headers of rpm 6.
func headerFiles(t tagSet) ([]headerFile, error) {
	names, dirs, indexes := t.strings(tagBaseNames), t.strings(tagDirNames), t.numbers(tagDirIndexes)
	modes, flags := t.numbers(tagFileModes), t.numbers(tagFileFlags)
	for _, x := range []struct {
		what string
		n    int
	}{{"folder indexes", len(indexes)}, {"modes", len(modes)}, {"flags", len(flags)}} {
		if x.n != len(names) {
			return nil, &repo.FormatError{Text: fmt.Sprintf("%d files have %d %s", len(names), x.n, x.what)}
		}
	}
	total := 0
	files := make([]headerFile, len(names))
	for i, name := range names {
		if indexes[i] < 0 || indexes[i] >= int64(len(dirs)) {
			return nil, &repo.FormatError{Text: fmt.Sprintf("file %q is in folder number %d of %d", name, indexes[i], len(dirs))}
		}
		dir := dirs[indexes[i]]
		if total += len(dir) + len(name); len(dir)+len(name) > maxPath || total > maxPaths {
			return nil, &repo.FormatError{Text: fmt.Sprintf("file number %d: paths longer than %d bytes, or than %d in all", i, maxPath, maxPaths)}
		}
		files[i] = headerFile{name: dir + name, mode: modes[i], flags: flags[i]}
	}
	return files, nil
}

const (
	// maxPath is Linux's PATH_MAX.
	maxPath = 4096
	// maxPaths bounds all paths: folders are shared in the header, and a long
	// one with many files would grow far beyond it.
	maxPaths = 64 << 20
)

// payloadFiles returns the list of files. A path that is not clean is a fault.
func payloadFiles(t tagSet, p *Package) ([]repo.PayloadFile, error) {
	list, err := headerFiles(t)
	if err != nil {
		return nil, err
	}
	owners, groups, links := t.strings(tagFileUser), t.strings(tagFileGroup), t.strings(tagFileLinkTos)
	sizes := t.numbers(tagFileSizes)
	if t.has(tagLongFileSizes) { // instead, when a file has 4 GiB or more, and always in rpm 6
		sizes = t.numbers(tagLongFileSizes)
	}
	if links == nil { // there is none in a package without links
		links = make([]string, len(list))
	}
	for _, x := range []struct {
		what string
		n    int
	}{{"owners", len(owners)}, {"groups", len(groups)}, {"link targets", len(links)}, {"sizes", len(sizes)}} {
		if x.n != len(list) {
			return nil, &repo.FormatError{Text: fmt.Sprintf("%d files have %d %s", len(list), x.n, x.what)}
		}
	}
	inodes, devices := t.numbers(tagFileInodes), t.numbers(tagFileDevices)
	type inode struct{ device, number int64 }
	first := make(map[inode]string)
	files := make([]repo.PayloadFile, len(list))
	for i, f := range list {
		if sizes[i] < 0 {
			return nil, &repo.FormatError{Text: fmt.Sprintf("file %q has a size of more than 63 bits", f.name)}
		}
		clean := path.Clean("/" + f.name)
		// A source package's files have no folder.
		if plain := strings.TrimSuffix(f.name, "/"); clean != plain && !(p.Source && clean == "/"+plain) && f.name != "/" {
			p.fault("", "path %q of a file is not clean", f.name)
		}
		files[i] = repo.PayloadFile{
			Path: clean, Mode: fileMode(f.mode), Size: sizes[i],
			Owner: owners[i], Group: groups[i], Link: links[i], Config: f.flags&fileConfig != 0,
		}
		if len(inodes) != len(list) || len(devices) != len(list) ||
			f.mode&modeType != modeRegular || f.flags&fileGhost != 0 {
			continue
		}
		key := inode{devices[i], inodes[i]}
		if target, ok := first[key]; ok && files[i].Link == "" {
			files[i].Link = target
		} else {
			first[key] = clean
		}
	}
	slices.SortStableFunc(files, func(a, b repo.PayloadFile) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// fileMode turns a mode of stat(2) into Go's.
func fileMode(m int64) fs.FileMode {
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
	for bit, flag := range map[int64]fs.FileMode{modeSetUID: fs.ModeSetuid, modeSetGID: fs.ModeSetgid, modeSticky: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

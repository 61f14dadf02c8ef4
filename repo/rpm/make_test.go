package rpm_test

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
)

// sample is a package made by hand, after rpm's docs/manual/format.md, so that
// one thing at a time can be wrong with it.
type sample struct {
	files []sampleFile
	// tags replaces tags of the main header; a nil value takes one away.
	tags map[uint32]any
	// sigTags does so for the signature header.
	sigTags map[uint32]any
	// archive is the unpacked payload, if not that of files.
	archive []byte
	// stripped makes an archive of the 07070X format.
	stripped bool
	// plain leaves the payload unpacked.
	plain bool
	// tail comes after the payload.
	tail []byte
}

// sampleFile is one file; inode 0 is a number of its own.
type sampleFile struct {
	path  string
	mode  uint32
	data  string // a link's target
	flags uint32
	inode uint32
	rdev  uint16
}

// files returns a set of every kind of file.
func sampleFiles() []sampleFile {
	return []sampleFile{
		{path: "/bin/a", mode: 0o100755, data: "#!/bin/sh\n"},
		{path: "/bin/b", mode: 0o100644, data: "hard", inode: 77},
		{path: "/bin/c", mode: 0o100644, data: "hard", inode: 77},
		{path: "/bin/d", mode: 0o120777, data: "a"},
		{path: "/dev/x", mode: 0o020600, rdev: 4<<8 | 65},
		{path: "/etc/e", mode: 0o100600, data: ""},
		{path: "/etc/g", mode: 0o100600, data: "never seen", flags: 1 << 6},
		{path: "/etc/z", mode: 0o040755},
	}
}

// last reports whether f is the last of its hard links, which has the bytes.
func last(files []sampleFile, i int) bool {
	f := files[i]
	return f.inode == 0 || !slices.ContainsFunc(files[i+1:], func(o sampleFile) bool { return o.inode == f.inode })
}

// cpioEntry is an entry of the 07070[12] formats.
func cpioEntry(magic, name string, mode uint32, rdev uint16, size int, sum uint32, data string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", magic,
		1, mode, 0, 0, 1, 0, size, 0, 0, rdev>>8, rdev&0xff, len(name)+1, sum, name)
	b.Write(make([]byte, -b.Len()&3))
	b.WriteString(data)
	b.Write(make([]byte, -b.Len()&3))
	return b.Bytes()
}

func cpioTrailer() []byte { return cpioEntry("070701", "TRAILER!!!", 0, 0, 0, 0, "") }

func (s sample) entries() []byte {
	var b []byte
	for i, f := range s.files {
		data := f.data
		if f.mode&0o170000 == 0o100000 && !last(s.files, i) {
			data = ""
		}
		switch {
		case f.flags&(1<<6) != 0:
		case s.stripped:
			b = fmt.Appendf(b, "07070X%08x\x00\x00%s", i, data)
			b = append(b, make([]byte, -len(b)&3)...)
		default:
			b = append(b, cpioEntry("070701", "."+f.path, f.mode, f.rdev, len(data), 0, data)...)
		}
	}
	return append(b, cpioTrailer()...)
}

func shaHex(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// bytes returns the package.
func (s sample) bytes() []byte {
	archive := s.archive
	if archive == nil {
		archive = s.entries()
	}
	packed := archive
	if !s.plain {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(archive)
		_ = w.Close()
		packed = b.Bytes()
	}
	packed = append(slices.Clone(packed), s.tail...)
	tags := map[uint32]any{
		100: []string{"C"}, 1000: "sample", 1001: "1.0", 1002: "1", 1004: i18n{"summary"}, 1005: i18n{"text"}, 1014: "MIT",
		1021: "linux", 1022: "noarch", 1044: "sample-1.0-1.src.rpm", 1124: "cpio", 1125: "gzip", 1126: "9",
		5092: []string{shaHex(packed)}, 5093: []uint32{8}, 5097: []string{shaHex(archive)},
	}
	s.fileTags(tags)
	main := makeHeader(63, tags, s.tags)
	sum := md5.Sum(append(slices.Clone(main), packed...))
	sig := makeHeader(62, map[uint32]any{
		273: shaHex(main), 1000: []uint32{uint32(len(main) + len(packed))}, 1004: sum[:], 1007: []uint32{uint32(len(archive))},
	}, s.sigTags)
	lead := make([]byte, 96, 96+len(sig))
	copy(lead, "\xed\xab\xee\xdb\x03\x00\x00\x00\x00\x01sample-1.0-1")
	lead[77], lead[79] = 1, 5
	all := append(lead, sig...)
	all = append(all, make([]byte, -len(sig)&7)...)
	return append(append(all, main...), packed...)
}

func (s sample) fileTags(tags map[uint32]any) {
	if len(s.files) == 0 {
		return
	}
	var names, dirs, owners, links, digests []string
	var modes, rdevs []uint16
	var sizes, flags, inodes, devices, indexes []uint32
	for i, f := range s.files {
		dir := path.Dir(f.path) + "/"
		n := slices.Index(dirs, dir)
		if n < 0 {
			n, dirs = len(dirs), append(dirs, dir)
		}
		link, digest, size := "", "", len(f.data)
		switch f.mode & 0o170000 {
		case 0o120000:
			link = f.data
		case 0o100000:
			digest = shaHex([]byte(f.data))
			if f.flags&(1<<6) != 0 {
				digest = ""
			}
		case 0o040000:
			size = 4096
		}
		inode := f.inode
		if inode == 0 {
			inode = uint32(1000 + i)
		}
		names, indexes, owners, links, digests = append(names, path.Base(f.path)), append(indexes, uint32(n)), append(owners, "root"), append(links, link), append(digests, digest)
		modes, rdevs, sizes, flags = append(modes, uint16(f.mode)), append(rdevs, f.rdev), append(sizes, uint32(size)), append(flags, f.flags)
		inodes, devices = append(inodes, inode), append(devices, 1)
	}
	for tag, v := range map[uint32]any{
		1117: names, 1118: dirs, 1116: indexes, 1039: owners, 1040: owners, 1036: links, 1035: digests, 1030: modes, 1033: rdevs,
		1028: sizes, 1037: flags, 1096: inodes, 1095: devices, 5011: []uint32{8},
	} {
		tags[tag] = v
	}
}

// i18n is a text in several languages.
type i18n []string

// makeHeader lays a header out as rpm does: in the order of the tags, the
// region's trailer last.
func makeHeader(region uint32, tags, replaced map[uint32]any) []byte {
	for tag, v := range replaced {
		tags[tag] = v
	}
	var order []uint32
	for tag, v := range tags {
		if v != nil {
			order = append(order, tag)
		}
	}
	slices.Sort(order)
	var store, index []byte
	put := func(tag, kind uint32, at, count int) {
		for _, v := range []uint32{tag, kind, uint32(at), uint32(count)} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
	}
	for _, tag := range order {
		var kind uint32
		var count, size int
		var data []byte
		texts := func(k uint32, list []string) {
			kind, count, size, data = k, len(list), 1, []byte(strings.Join(list, "\x00")+"\x00")
		}
		switch v := tags[tag].(type) {
		case string:
			texts(6, []string{v})
		case []string:
			texts(8, v)
		case i18n:
			texts(9, v)
		case []byte:
			kind, count, size, data = 7, len(v), 1, v
		case []uint16:
			kind, count, size = 3, len(v), 2
			for _, x := range v {
				data = binary.BigEndian.AppendUint16(data, x)
			}
		case []uint32:
			kind, count, size = 4, len(v), 4
			for _, x := range v {
				data = binary.BigEndian.AppendUint32(data, x)
			}
		case []uint64:
			kind, count, size = 5, len(v), 8
			for _, x := range v {
				data = binary.BigEndian.AppendUint64(data, x)
			}
		}
		store = append(store, make([]byte, -len(store)&(size-1))...)
		put(tag, kind, len(store), count)
		store = append(store, data...)
	}
	all := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	all = binary.BigEndian.AppendUint32(all, uint32(len(order)+1))
	all = binary.BigEndian.AppendUint32(all, uint32(len(store)+16))
	entries := index
	index = nil
	put(region, 7, len(store), 16)
	all = append(append(all, index...), entries...)
	index = nil
	put(region, 7, -(len(order)+1)*16, 16)
	return append(append(all, store...), index...)
}

package rpm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

func readDeep(data []byte) (*rpm.Package, error) {
	return rpm.Options{Payload: true}.Read(bytes.NewReader(data), nil)
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.rpm")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// queryTakes and keysTake ask rpm -qp and rpmkeys -K about a package.
func queryTakes(t *testing.T, data []byte) bool {
	t.Helper()
	_, err := try(t, nil, "rpm", "-qp", "--nosignature", "--nodigest", write(t, data))
	return err == nil
}

func keysTake(t *testing.T, data []byte) bool {
	t.Helper()
	_, err := try(t, nil, "rpmkeys", "-K", "--dbpath", t.TempDir(), write(t, data))
	return err == nil
}

func TestPayload(t *testing.T) {
	t.Parallel()
	for what, s := range map[string]sample{
		"packed":           {files: sampleFiles()},
		"plain":            {files: sampleFiles(), plain: true},
		"stripped":         {files: sampleFiles(), stripped: true},
		"sizes of 64 bits": {files: sampleFiles(), stripped: true, tags: map[uint32]any{1028: nil, 5008: []uint64{10, 4, 4, 1, 0, 0, 10, 4096}}},
		"no files":         {},
		"zeros at the end": {files: sampleFiles(), archive: append(sample{files: sampleFiles()}.entries(), make([]byte, 512)...)},
	} {
		data := s.bytes()
		p, err := readDeep(data)
		if !accepted(p, err) {
			t.Errorf("%s: %+v, %v", what, p, err)
			continue
		}
		if !queryTakes(t, data) || !keysTake(t, data) || extract(t, write(t, data)) == nil {
			t.Errorf("%s: rpm -qp takes it: %v, rpmkeys: %v", what, queryTakes(t, data), keysTake(t, data))
		}
		if len(p.Files) != len(s.files) {
			t.Errorf("%s: %d files", what, len(p.Files))
		}
		for i, f := range p.Files {
			want := ""
			if x := s.files[i]; f.Mode.IsRegular() && !f.Ghost {
				want = shaHex([]byte(x.data))
			}
			if f.SHA256 != want || f.Path != s.files[i].path {
				t.Errorf("%s: %+v, wanted %s", what, f, want)
			}
			switch f.Path {
			case "/bin/a":
				if f.Program == nil || f.Program.Interpreter != "/bin/sh" {
					t.Errorf("%s: program %+v", what, f.Program)
				}
			case "/bin/c":
				if f.Link != "/bin/b" {
					t.Errorf("%s: hard link to %q", what, f.Link)
				}
			case "/dev/x":
				if f.Device != 4<<8|65 {
					t.Errorf("%s: device %x", what, f.Device)
				}
			}
		}
		parts := make(map[string]bool)
		for _, d := range p.SelfDigests {
			parts[d.Part] = true
		}
		if len(parts) != 4 {
			t.Errorf("%s: digests of %v", what, parts)
		}
		// The cheap depth says the same of the header.
		cheap, err := rpm.Read(bytes.NewReader(data), nil)
		if !accepted(cheap, err) || len(cheap.Files) != len(p.Files) || len(cheap.Files) > 0 && cheap.Files[0].SHA256 != "" {
			t.Errorf("%s: cheap: %+v, %v", what, cheap, err)
		}
		bare, err := rpm.Options{}.Read(bytes.NewReader(data), nil)
		if !accepted(bare, err) || bare.Files != nil {
			t.Errorf("%s: bare: %+v, %v", what, bare, err)
		}
	}
}

// TestPayloadFaults breaks one thing each between header and payload. rpm -qp
// takes all of them: it does not look.
func TestPayloadFaults(t *testing.T) {
	t.Parallel()
	files := sampleFiles()
	entries := func(change func([]sampleFile) []sampleFile) []byte {
		return sample{files: change(slices.Clone(files))}.entries()
	}
	change := func(i int, f func(*sampleFile)) []byte {
		return entries(func(l []sampleFile) []sampleFile { f(&l[i]); return l })
	}
	crc := func(sum uint32) []byte {
		return append(cpioEntry("070702", "./bin/a", 0o100755, 0, 3, sum, "abc"), cpioTrailer()...)
	}
	good := sample{files: files}.entries()
	one := []sampleFile{{path: "/bin/a", mode: 0o100755, data: "abc"}}
	for what, x := range map[string]struct {
		s    sample
		want string
	}{
		"another byte":         {sample{files: files, archive: change(0, func(f *sampleFile) { f.data = "#!/bin/sH\n" })}, "digest of the file"},
		"another size":         {sample{files: files, archive: change(0, func(f *sampleFile) { f.data = "#" })}, "size in the payload is 1"},
		"another mode":         {sample{files: files, archive: change(0, func(f *sampleFile) { f.mode = 0o104755 })}, "mode in the payload is 104755"},
		"another link":         {sample{files: files, archive: change(3, func(f *sampleFile) { f.data = "b" })}, "link in the payload is to"},
		"another device":       {sample{files: files, archive: change(4, func(f *sampleFile) { f.rdev = 1<<8 | 3 })}, "device in the payload is 1:3"},
		"missing file":         {sample{files: files, archive: entries(func(l []sampleFile) []sampleFile { return l[1:] })}, "in the header and not in the payload"},
		"one file too many":    {sample{files: files, archive: entries(func(l []sampleFile) []sampleFile { return append(l, sampleFile{path: "/x", mode: 0o100644}) })}, "in the payload and not in the header"},
		"file twice":           {sample{files: files, archive: entries(func(l []sampleFile) []sampleFile { return append(l, l[0]) })}, "in the payload twice"},
		"path out of the root": {sample{files: files, archive: entries(func(l []sampleFile) []sampleFile { return append(l, sampleFile{path: "/../../x", mode: 0o100644}) })}, "in the payload and not in the header"},
		"bytes at the wrong hard link": {sample{files: files, archive: entries(func(l []sampleFile) []sampleFile {
			l[1].inode = 0
			return l
		})}, "size in the payload is 4, and the header says 0"},
		"wrong sum":           {sample{files: one, archive: crc(1)}, "sum of the bytes"},
		"no trailer":          {sample{files: files, archive: good[:len(good)-124]}, "ends where a header belongs"},
		"cut inside a file":   {sample{files: files, archive: good[:len("070701")+13*8+8+5]}, "archive ends inside of a file"},
		"data after trailer":  {sample{files: files, archive: append(slices.Clone(good), "x"...)}, "data after the end of the archive"},
		"zeros after trailer": {sample{files: files, archive: append(slices.Clone(good), make([]byte, 1<<17)...)}, "more than 65536 bytes after the end"},
		"no archive":          {sample{files: files, archive: []byte("This is no archive of any kind.")}, "wanted the magic"},
		"nothing":             {sample{files: files, archive: []byte{}}, "ends where a header belongs"},
		"old archive":         {sample{files: files, archive: []byte("070707000000000000")}, "070707"},
		"bad number":          {sample{files: files, archive: bytes.Replace(good, []byte("000081ed"), []byte("00 081ed"), 1)}, "not 8 hexadecimal digits"},
		"index out of range":  {sample{files: files, archive: []byte("07070X00000063\x00\x00")}, "entry of file number 99"},
		"bytes after packed":  {sample{files: files, tail: []byte("tail")}, "payload: gz: "},
		"packed with another": {sample{files: files, tags: map[uint32]any{1125: "xz"}}, `packed with "gz"`},
		"unknown compressor":  {sample{files: files, tags: map[uint32]any{1125: "gzip2"}}, `header says "gzip2"`},
		"another format":      {sample{files: files, tags: map[uint32]any{1124: "drpm"}}, `format "drpm"`},
		"unknown digests":     {sample{files: files, tags: map[uint32]any{5011: []uint32{77}}}, "unknown algorithm 77"},
		"no digests":          {sample{files: one, tags: map[uint32]any{1035: nil}}, "no digest of the file"},
		"size that differs":   {sample{files: files, tags: map[uint32]any{5113: []uint64{5}}}, "uncompressed payload: wanted 5 bytes"},
		"packed size":         {sample{files: files, tags: map[uint32]any{5112: []uint64{5}}}, "payload: wanted 5 bytes"},
		"size of all":         {sample{files: files, sigTags: map[uint32]any{1000: []uint32{5}}}, "header and payload: wanted 5 bytes"},
		"rpm 6 with rpm 4's":  {sample{files: files, tags: map[uint32]any{5114: []uint32{6}}}, "not allowed in the signature header of an rpm 6"},
		"algorithm of digest": {sample{files: files, tags: map[uint32]any{5093: []uint32{10}}}, "rpm takes it for SHA-256"},
		"path not clean":      {sample{files: []sampleFile{{path: "/bin//x", mode: 0o100644}}, tags: map[uint32]any{1118: []string{"/bin//"}}}, "not clean"},
		"header has it twice": {sample{files: append(slices.Clone(files), files[0])}, "in the header twice"},
	} {
		p, err := readDeep(x.s.bytes())
		if err != nil || !strings.Contains(faultTexts(p), x.want) {
			t.Errorf("%s: %v, faults %s, wanted %q", what, err, faultTexts(p), x.want)
			continue
		}
		if !queryTakes(t, x.s.bytes()) {
			t.Errorf("%s: rpm -qp refuses it: the sample has another fault", what)
		}
		for _, d := range p.SelfDigests {
			if d.Part != "uncompressed payload" && d.Want != d.Got {
				t.Errorf("%s: %+v", what, d)
			}
		}
	}
	// A good sum, and an archive of which rpm minds nothing.
	if p, err := readDeep(sample{files: one, archive: crc('a' + 'b' + 'c')}.bytes()); !accepted(p, err) {
		t.Errorf("right sum: %+v, %v", p, err)
	}
}

// TestStoredUnpacked reads a package whose payload was unpacked after it was
// made: rpm takes the other digest.
func TestStoredUnpacked(t *testing.T) {
	t.Parallel()
	plain := sample{files: sampleFiles(), plain: true}
	archive := plain.entries()
	for what, x := range map[string]struct {
		tags map[uint32]any
		ok   bool
	}{
		"unpacked":             {map[uint32]any{5092: []string{shaHex([]byte("packed"))}, 5097: []string{shaHex(archive)}}, true},
		"changed":              {map[uint32]any{5092: []string{shaHex([]byte("packed"))}, 5097: []string{shaHex([]byte("x"))}}, false},
		"one of two is right":  {map[uint32]any{5092: []string{shaHex(archive)}, 5097: []string{shaHex([]byte("x"))}}, true},
		"a list, none is":      {map[uint32]any{5092: []string{shaHex([]byte("x")), shaHex([]byte("y"))}, 5097: nil}, false},
		"rpm takes only SHA-2": {map[uint32]any{5092: []string{strings.Repeat("0", 128)}, 5097: nil}, false},
	} {
		plain.tags = x.tags
		data := plain.bytes()
		if keys := keysTake(t, data); keys != x.ok {
			t.Errorf("%s: rpmkeys takes it: %v", what, keys)
		}
		p, err := rpm.Read(bytes.NewReader(data), nil)
		if accepted(p, err) != x.ok {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	var files []sampleFile
	for range 3 * repo.MaxFaults {
		files = append(files, sampleFile{path: "/same", mode: 0o100644})
	}
	p, err := readDeep(sample{files: files, archive: cpioTrailer()}.bytes())
	if err != nil || len(p.Faults) != repo.MaxFaults || p.FaultCount < 5*repo.MaxFaults {
		t.Errorf("%v, %d of %d faults", err, len(p.Faults), p.FaultCount)
	}
}

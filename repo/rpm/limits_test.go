package rpm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// repeat is a list of n times s.
func repeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// TestLimits goes past each bound.
func TestLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("d", rpm.MaxPath-1) + "/"
	number := func(n int) []uint32 { return make([]uint32, n) }
	manyFiles := func(n int, dir string) map[uint32]any {
		return map[uint32]any{
			1117: repeat("a", n), 1118: []string{dir}, 1116: number(n), 1030: make([]uint16, n), 1028: number(n),
			1039: repeat("", n), 1040: repeat("", n),
		}
	}
	var tooManyTags [65536]byte
	for what, x := range map[string]struct {
		data []byte
		want string
	}{
		"files":         {sample{tags: manyFiles(rpm.MaxFiles+1, "/")}.bytes(), "262145 files, more than 262144"},
		"path":          {sample{tags: manyFiles(1, long)}.bytes(), "paths longer than 4096 bytes"},
		"paths in all":  {sample{tags: manyFiles(rpm.MaxPaths/rpm.MaxPath+1, long[1:])}.bytes(), "or than 67108864 in all"},
		"dependencies":  {sample{tags: map[uint32]any{1049: repeat("a", rpm.MaxDependencies+1)}}.bytes(), "262145 requires, more than 262144"},
		"values":        {sample{tags: map[uint32]any{1080: number(1 << 20)}}.bytes(), "1048576 values, more than 1048575"},
		"signature":     {sample{sigTags: map[uint32]any{268: make([]byte, rpm.MaxSignatureTag+1)}}.bytes(), "wanted type 7 and at most 16777216"},
		"more tags":     {announce(tooManyTags[:], rpm.MaxSignatureTags+1, 1), "33 tags, wanted 1 to 32"},
		"much data":     {announce(nil, 1, rpm.MaxSignatureStore+1), "67108865 bytes of data"},
		"absent data":   {announce(nil, 1, rpm.MaxSignatureStore), "rpm ends inside of the signature header"},
		"size of 64":    {sample{files: []sampleFile{{path: "/a", mode: 0o100644}}, tags: map[uint32]any{5008: []uint64{1 << 63}}}.bytes(), "more than 63 bits"},
		"installed":     {sample{tags: map[uint32]any{5009: []uint64{1 << 63}}}.bytes(), "more than 63 bits"},
		"files of tags": {sample{files: sampleFiles(), tags: map[uint32]any{1036: []string{"a"}}}.bytes(), "8 files have 1 values of tag 1036"},
	} {
		_, err := rpm.Read(bytes.NewReader(x.data), nil)
		var format *repo.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, wanted %q", what, err, x.want)
		}
	}
}

// announce is a lead, and a header that announces tags and data.
func announce(rest []byte, tags, size uint32) []byte {
	data := make([]byte, 96, 112+len(rest))
	copy(data, "\xed\xab\xee\xdb\x03")
	data[79] = 5
	data = append(data, "\x8e\xad\xe8\x01\x00\x00\x00\x00"...)
	data = binary.BigEndian.AppendUint32(data, tags)
	data = binary.BigEndian.AppendUint32(data, size)
	data = binary.BigEndian.AppendUint32(data, 62) // the signature header's region
	return append(data, rest...)
}

// TestLargeFile reads the header of a package with a file of more than 4 GiB,
// whose payload ends early.
func TestLargeFile(t *testing.T) {
	t.Parallel()
	const size = 5 << 30
	s := sample{
		files: []sampleFile{{path: "/large", mode: 0o100644, data: "begin"}}, stripped: true,
		tags: map[uint32]any{1028: nil, 5008: []uint64{size}, 1009: nil, 5009: []uint64{size}},
	}
	p, err := readDeep(s.bytes())
	if err != nil || p.Files[0].Size != size || p.Fields.Value("size-installed") != "5368709120" {
		t.Fatalf("%+v, %v", p, err)
	}
	if !strings.Contains(faultTexts(p), "archive ends inside of a file") {
		t.Errorf("faults: %s", faultTexts(p))
	}
}

// TestMemory reads what announces much and has little, and what unpacks to
// much. Memory must follow what is there.
func TestMemory(t *testing.T) {
	zeros := sample{
		files: []sampleFile{{path: "/zeros", mode: 0o100644, data: strings.Repeat("\x00", 40<<20)}}, stripped: true,
	}.bytes()
	for what, data := range map[string][]byte{
		"announced":   announce(nil, 1, rpm.MaxSignatureStore),
		"small":       sample{files: sampleFiles()}.bytes(),
		"much of one": zeros,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := rpm.Options{Payload: true}.Read(io.MultiReader(bytes.NewReader(data)), nil)
		runtime.ReadMemStats(&after)
		const most = 4 << 20
		if used := after.TotalAlloc - before.TotalAlloc; used > most {
			t.Errorf("%s: %d bytes allocated (%v, %v)", what, used, p, err)
		}
	}
}

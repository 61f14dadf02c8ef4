package rpm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo/rpm"
)

// mutations are damaged copies of a package: each field of both headers'
// indexes set to values near and far, and random bytes changed everywhere in
// front of the payload.
func mutations(good []byte, end int) [][]byte {
	var all [][]byte
	at := func(i int, b ...byte) {
		c := bytes.Clone(good)
		copy(c[i:], b)
		all = append(all, c)
	}
	rnd := rand.New(rand.NewPCG(19, 70))
	for range 1500 {
		at(rnd.IntN(end), byte(rnd.Uint32()))
	}
	start := 96
	for start < end {
		count, size := int(binary.BigEndian.Uint32(good[start+8:])), int(binary.BigEndian.Uint32(good[start+12:]))
		for field := start + 8; field < start+16+count*16; field += 4 {
			old := binary.BigEndian.Uint32(good[field:])
			for _, v := range []uint32{0, 1, old + 1, old - 1, old + 4, uint32(rnd.IntN(size)), uint32(1 + rnd.IntN(9)), 0x7fffffff, 0x80000000, 0xffffffff, 63, 62, 61, 100, 5092} {
				if rnd.IntN(4) == 0 {
					at(field, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
				}
			}
		}
		start += 16 + count*16 + size
		start += -start & 7
	}
	return all
}

// refused runs a tool over many packages and returns which it names in its
// errors.
func refused(t *testing.T, dir string, n int, argv ...string) map[int]bool {
	t.Helper()
	for i := range n {
		argv = append(argv, fmt.Sprintf("./%06d.rpm", i))
	}
	cmd := exec.CommandContext(context.Background(), tool(t, argv[0]), argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var errs bytes.Buffer // apart from the output, into whose lines it would fall
	cmd.Stderr = &errs
	out, _ := cmd.Output() // it fails with the number of those refused
	bad := make(map[int]bool)
	for line := range strings.Lines(string(out) + "\n" + errs.String()) {
		for i := range strings.SplitSeq(line, "./") {
			var number int
			if _, err := fmt.Sscanf(i, "%06d.rpm", &number); err == nil && (strings.HasPrefix(line, "error:") || strings.Contains(line, "NOT OK")) {
				bad[number] = true
			}
		}
	}
	return bad
}

// TestMutations holds what happens to some thousands of damaged packages
// against rpm -qp, which reads both headers, and rpmkeys -K, which verifies.
func TestMutations(t *testing.T) {
	t.Parallel()
	good, ring := small(t)
	db := t.TempDir()
	run(t, nil, "rpmkeys", "--dbpath", db, "--import", "testdata/small.asc")
	p, err := rpm.Read(bytes.NewReader(good), nil)
	if err != nil {
		t.Fatal(err)
	}
	newer := regexp.MustCompile(`tag 51\d\d is of type`) // as rpm 6 says
	for what, x := range map[string]struct {
		good []byte
		end  int
	}{
		"rpmbuild's": {good, int(p.HeaderEnd)},
		"by hand":    {unsigned(t), headerEnd(t, unsigned(t))},
	} {
		all := mutations(x.good, x.end)
		dir := t.TempDir()
		for i, data := range all {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.rpm", i)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		query := refused(t, dir, len(all), "rpm", "-qp", "--nosignature", "--nodigest")
		keys := refused(t, dir, len(all), "rpmkeys", "-K", "--dbpath", db)
		stricter := 0
		for i, data := range all {
			p, err := rpm.Read(bytes.NewReader(data), ring)
			switch {
			case query[i] && err == nil && len(p.Faults) == 0:
				t.Errorf("%s: %s: rpm -qp refuses it", what, difference(x.good, data))
			case !query[i] && err != nil:
				// rpm reads packages that no tool of a repository could name.
				stricter++
				if !tolerated(err.Error()) && !newer.MatchString(err.Error()) {
					t.Errorf("%s: %s: rpm -qp takes it, Read: %v", what, difference(x.good, data), err)
				}
			}
			// What an OpenPGP packet may be like is not this package's to say: rpm
			// 4.18 takes unhashed parts seriously, and overlooks a signature by a
			// hash that it does not know if there is another.
			if insidePackets(x.good, data) {
				continue
			}
			if keys[i] && accepted(p, err) {
				t.Errorf("%s: %s: rpmkeys refuses it", what, difference(x.good, data))
			}
			if err == nil && !keys[i] && !provenBy(p) {
				t.Errorf("%s: %s: rpmkeys takes it, Read does not: %v", what, difference(x.good, data), factLines(p))
			}
		}
		t.Logf("%s: %d packages, rpm -qp refuses %d, rpmkeys %d; Read refuses %d more than rpm -qp", what, len(all), len(query), len(keys), stricter)
	}
}

// insidePackets reports whether what differs lies in a signature packet.
func insidePackets(good, data []byte) bool {
	const sig = 96
	count := int(binary.BigEndian.Uint32(good[sig+8:]))
	inside := false
	good, data = bytes.Clone(good), bytes.Clone(data)
	for i := range count {
		index := good[sig+16+16*i:]
		tag, at, size := binary.BigEndian.Uint32(index), int(binary.BigEndian.Uint32(index[8:])), int(binary.BigEndian.Uint32(index[12:]))
		if at += sig + 16 + 16*count; tag == 268 || tag == 1002 {
			inside = inside || !bytes.Equal(good[at:at+size], data[at:at+size])
			clear(data[at : at+size])
			clear(good[at : at+size])
		}
	}
	return inside && bytes.Equal(good, data)
}

// tolerated tells what only Read refuses: a package without a name or version,
// or with lists of different lengths, from which rpm makes up something; and
// a tag that is there twice, of which rpm may take the other.
func tolerated(text string) bool {
	for _, s := range []string{
		"package without", "control character", "is not allowed", "epoch", "files have", "names, ", "is in folder number", "more than 63 bits",
		"empty release", "of the signature header has type",
	} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// unsigned is a sample that rpmkeys accepts without any key.
func unsigned(t *testing.T) []byte {
	t.Helper()
	data := sample{files: sampleFiles()}.bytes()
	if p, err := rpm.Read(bytes.NewReader(data), nil); !accepted(p, err) {
		t.Fatalf("%+v, %v", p, err)
	}
	return data
}

func headerEnd(t *testing.T, data []byte) int {
	t.Helper()
	p, err := rpm.Read(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return int(p.HeaderEnd)
}

// difference says where two packages of one size differ.
func difference(a, b []byte) string {
	first, last := -1, 0
	for i := range a {
		if a[i] != b[i] {
			if first < 0 {
				first = i
			}
			last = i + 1
		}
	}
	if first < 0 {
		return "nothing changed"
	}
	return fmt.Sprintf("bytes %d to %d: %x instead of %x", first, last, b[first:last], a[first:last])
}

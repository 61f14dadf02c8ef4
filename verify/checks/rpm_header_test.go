package checks_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"sigs.k8s.io/pkgverify/repo/rpm"
)

// hideTags gives tags of an rpm's main header numbers that no program reads,
// and corrects all that the signature header says of the header: the package is
// one of a tool that does not write these tags. Its signatures are void.
func hideTags(t *testing.T, path string, tags ...uint32) {
	t.Helper()
	data := get(t, path)
	p, err := rpm.Read(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	header := data[p.HeaderStart:p.HeaderEnd]
	type sums struct{ sha256, sha1, md5 []byte }
	sum := func() sums {
		whole := md5.Sum(data[p.HeaderStart:])
		return sums{fmt.Appendf(nil, "%x", sha256.Sum256(header)), fmt.Appendf(nil, "%x", sha1.Sum(header)), whole[:]}
	}
	before := sum()
	const intro, entry = 16, 16 // bytes of the header's beginning and of an index entry
	count := int(binary.BigEndian.Uint32(header[8:]))
	for _, tag := range tags {
		found := false
		for i := range count {
			number := header[intro+i*entry:]
			if binary.BigEndian.Uint32(number) == tag {
				binary.BigEndian.PutUint32(number, tag+100_000)
				found = true
			}
		}
		if !found {
			t.Fatalf("%s has no tag %d", path, tag)
		}
	}
	after := sum()
	signature := data[:p.HeaderStart]
	for _, x := range [][2][]byte{{before.sha256, after.sha256}, {before.sha1, after.sha1}, {before.md5, after.md5}} {
		at := bytes.Index(signature, x[0])
		if at < 0 {
			t.Fatalf("%s does not hold the digest %x", path, x[0])
		}
		copy(signature[at:], x[1])
	}
	put(t, path, string(data))
}

package rpmmd_test

import (
	"bytes"
	"runtime"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/repo/rpmmd/rpmmdtest"
)

func generated(t testing.TB, packages int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := rpmmdtest.WritePrimary(&b, packages); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkPrimary(b *testing.B) {
	text := generated(b, 10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range rpmmd.Primary(bytes.NewReader(text), "primary.xml") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10000 {
			b.Fatal(n)
		}
	}
}

// TestMemory: what is kept of an index is little more than its text: at most
// 1.3 times that and 300 bytes a package.
func TestMemory(t *testing.T) {
	const packages = 20000
	text := generated(t, packages)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	all := make([]repo.Package, 0, packages)
	for p, err := range rpmmd.Primary(bytes.NewReader(text), "primary.xml") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	after := heap()
	canonical := 0
	for _, p := range all {
		canonical += len(p.Fields.Encoded())
	}
	used, most := int(after-before), canonical*13/10+300*len(all)
	t.Logf("%d packages: %d bytes of canonical text, %d bytes on the heap, %d allowed", len(all), canonical, used, most)
	if len(all) != packages || used > most {
		t.Errorf("%d packages use %d bytes, more than %d", len(all), used, most)
	}
	runtime.KeepAlive(text)
}

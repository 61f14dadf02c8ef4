package rpm_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"

	"sigs.k8s.io/pkgverify/repo/payload"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// large is a package with 32 MiB that do not pack.
func large() []byte {
	rnd := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 32<<20)
	_, _ = rnd.Read(data)
	return sample{files: []sampleFile{{path: "/bin/a", mode: 0o100755, data: string(data)}}, plain: true}.bytes()
}

// BenchmarkRead is the cost of a byte in both depths beside that of SHA-256
// alone, and the cost of a small package.
func BenchmarkRead(b *testing.B) {
	data := large()
	b.Run("sha256", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			sha256.Sum256(data)
		}
	})
	for name, options := range map[string]rpm.Options{"cheap": {}, "deep": {Payload: true, Inspector: payload.NewInspector()}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := options.Read(bytes.NewReader(data), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	tiny, ring := small(b)
	for name, options := range map[string]rpm.Options{"small": {}, "small with files": {Files: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := options.Read(io.MultiReader(bytes.NewReader(tiny)), ring); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

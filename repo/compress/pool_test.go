package compress

import (
	"bytes"
	"io"
	"sync"
	"testing"
)

// TestPool reads with the memory of readers that ended in all ways.
func TestPool(t *testing.T) {
	t.Parallel()
	var pool Pool
	want := sample(100_000)
	all := packings()
	packed := make([][]byte, len(all))
	for i, p := range all {
		packed[i] = pack(t, want, p.tool, p.args...)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for round := range 9 {
				for i, p := range all {
					z := packed[i]
					if round%3 == 1 {
						z = z[:len(z)-5]
					}
					d, err := pool.NewReader(bytes.NewReader(z), p.kind, plenty)
					if err != nil {
						t.Errorf("%s: %v", p.name, err)
						continue
					}
					if round%3 == 2 { // closed half way
						if _, err := io.ReadFull(d, make([]byte, 1000)); err != nil {
							t.Errorf("%s: %v", p.name, err)
						}
					} else if got, err := io.ReadAll(d); round%3 == 0 && (err != nil || !bytes.Equal(got, want)) || round%3 == 1 && err == nil {
						t.Errorf("%s: %d bytes, %v", p.name, len(got), err)
					}
					d.Close()
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkOpen is what a small stream costs: most members of a repository are.
func BenchmarkOpen(b *testing.B) {
	for _, p := range packings() {
		z := pack(b, sample(2000), p.tool, p.args...)
		for name, pool := range map[string]func() *Pool{"new": func() *Pool { return new(Pool) }, "pool": sync.OnceValue(func() *Pool { return new(Pool) })} {
			b.Run(p.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					d, err := pool().NewReader(bytes.NewReader(z), p.kind, plenty)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, d); err != nil {
						b.Fatal(err)
					}
					d.Close()
				}
			})
		}
	}
}

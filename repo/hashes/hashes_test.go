package hashes_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/hashes"
)

// TestSharedIsTheSame: what a set computes of many streams at once, in writes
// of any size, is what the standard library computes of each alone.
func TestSharedIsTheSame(t *testing.T) {
	t.Parallel()
	set := hashes.NewSet()
	defer set.Close()
	var wg sync.WaitGroup
	for n := range 40 {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		wg.Go(func() {
			data := make([]byte, random.IntN(300_000)>>(n%5*4))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			for _, a := range []repo.Algorithm{repo.MD5, repo.SHA1, repo.SHA224, repo.SHA256, repo.SHA384, repo.SHA512, repo.SHA3256, repo.SHA3512} {
				h, want := set.New(a), a.Hash().New()
				for rest := bytes.NewBuffer(data); rest.Len() > 0; {
					part := rest.Next(1 + random.IntN(70_000))
					_, _ = h.Write(part) // never fails
				}
				_, _ = want.Write(data)
				if got := h.Sum(nil); !bytes.Equal(got, want.Sum(nil)) {
					t.Errorf("%s of %d bytes is %x", a, len(data), got)
				}
				hashes.Release(h)
			}
		})
	}
	wg.Wait()
}

func TestWithoutASet(t *testing.T) {
	t.Parallel()
	h := (*hashes.Set)(nil).New(repo.MD5)
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != fmt.Sprintf("%x", md5.Sum(nil)) {
		t.Errorf("got %s", got)
	}
	hashes.Release(h)
	if h := (*hashes.Set)(nil).New("crc32"); h != nil {
		t.Errorf("an unknown algorithm gives %T", h)
	}
}

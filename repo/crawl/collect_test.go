package crawl

import (
	"errors"
	"iter"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// TestMaxPackages collects as many entries as an index may have, and one more.
func TestMaxPackages(t *testing.T) {
	t.Parallel()
	entries := func(n int) iter.Seq2[struct{}, error] {
		return func(yield func(struct{}, error) bool) {
			for range n {
				if !yield(struct{}{}, nil) {
					return
				}
			}
		}
	}
	fault := func(p repo.Problem) { t.Errorf("fault: %v", p) }
	var got []struct{}
	if n, err := collect(&got, fault, entries(MaxPackages)); n != MaxPackages || err != nil {
		t.Errorf("%d entries, %v; want %d", n, err, MaxPackages)
	}
	got = nil
	_, err := collect(&got, fault, entries(MaxPackages+1))
	if format := (*repo.FormatError)(nil); !errors.As(err, &format) || format.Text != "more than 1000000 packages" || len(got) != MaxPackages {
		t.Errorf("%d entries kept, %v; want a FormatError after %d", len(got), err, MaxPackages)
	}
}

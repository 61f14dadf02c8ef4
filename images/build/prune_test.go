package build

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

func TestPrune(t *testing.T) {
	t.Parallel()
	b := &Builder{Dir: filepath.Join(t.TempDir(), "images")}
	d := images.Distribution{Name: "debian-12", Architectures: []repo.Arch{repo.AMD64}, Build: &images.Build{Recipe: "debian", Suite: "bookworm"}}
	all := []images.Distribution{d, {Name: "other", Reference: "r.example.org/x"}}
	if removed, err := b.Prune(all); err != nil || len(removed) > 0 {
		t.Errorf("nothing was ever made: got %v, %v", removed, err)
	}
	current, err := b.place(d, repo.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	old, used := filepath.Join(b.Dir, "debian-12-amd64-0123456789abcdef"), filepath.Join(b.Dir, "debian-12-amd64-fedcba9876543210")
	others := []string{
		filepath.Join(b.Dir, "mine-amd64-0123456789abcdef"), filepath.Join(b.Dir, "debian-12-arm64-0123456789abcdef"),
		filepath.Join(b.Dir, "debian-12-amd64-0123"), filepath.Join(b.Dir, ".making-debian-12-amd64-0123456789abcdef"),
	}
	for _, dir := range append([]string{current.dir, old, used}, others...) {
		img, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(dir, img); err != nil {
			t.Fatal(err)
		}
	}
	// Another process uses one.
	user := &Builder{Dir: b.Dir}
	if _, ok, err := user.open(placed{id: "debian-12-amd64", dir: used}); !ok || err != nil {
		t.Fatalf("got %t, %v", ok, err)
	}
	removed, err := b.Prune(all)
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(user) // what it holds is let go when it is collected
	if diff := cmp.Diff([]string{old}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", old, err)
	}
	for _, dir := range append(others, current.dir, used) {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("it must stay: %v", err)
		}
	}
	if _, ok, err := b.Cached(d, repo.AMD64); !ok || err != nil {
		t.Errorf("the current image: got %t, %v", ok, err)
	}
}

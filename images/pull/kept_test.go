package pull_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
)

// TestSecondPull needs one HEAD request, and none of the layers.
func TestSecondPull(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	var said notes
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast(), Note: said.add}
	first, err := r.Image(t.Context(), ref, repo.ARM)
	if err != nil {
		t.Fatal(err)
	}
	if want := ref + "@" + digest(t, all[repo.ARM]); first.Origin != want {
		t.Errorf("origin: got %s, want the platform's own digest: %s", first.Origin, want)
	}
	s.failing(nil)
	again, err := r.Image(t.Context(), ref, repo.ARM)
	if err != nil || again.Origin != first.Origin {
		t.Fatalf("got %s, %v; want %s", again.Origin, err, first.Origin)
	}
	if diff := cmp.Diff([]string{"GET /v2/", "HEAD /v2/debian/manifests/12"}, s.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	// The tag is moved: the new image is pulled.
	moved, now := index(t)
	write(t, s, moved)
	if img, err := r.Image(t.Context(), ref, repo.ARM); err != nil || digest(t, img.Image) != digest(t, now[repo.ARM]) {
		t.Errorf("a tag that moved: %v", err)
	}
	// The image before stays as long as somebody may use it, and then goes.
	if removed, err := (&pull.Registry{Dir: r.Dir}).Prune(); err != nil || len(removed) > 0 {
		t.Errorf("what is in use was removed: %v, %v", removed, err)
	}
	// The registry is away: what there is is used, and said.
	s.failing(times(1000, "", status(503)))
	img, err := r.Image(t.Context(), ref, repo.ARM)
	if err != nil || digest(t, img.Image) != digest(t, now[repo.ARM]) {
		t.Fatalf("offline: %v", err)
	}
	if len(said.all) != 1 || !strings.Contains(said.all[0], "pulled before is used") || !strings.Contains(said.all[0], "503") {
		t.Errorf("want one note, got %q", said.all)
	}
	if _, err := r.Image(t.Context(), ref, repo.AMD64); !isUnreachable(err) {
		t.Errorf("another platform was never pulled: want an error, got %v", err)
	}
	s.Close()
	if img, err = r.Image(t.Context(), ref, repo.ARM); err != nil || digest(t, img.Image) != digest(t, now[repo.ARM]) {
		t.Errorf("nobody listens: %v", err)
	}
	// A digest cannot change: nobody is asked.
	said.all = nil
	byDigest := strings.TrimSuffix(ref, ":12") + "@" + digest(t, now[repo.ARM])
	if _, err := r.Image(t.Context(), byDigest, repo.ARM); err == nil {
		t.Error("by a digest that was never asked for by itself: want an error")
	}
}

// TestSpoiltCache finds a layer that the disk has changed, and pulls again.
func TestSpoiltCache(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	var said notes
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast(), Note: said.add}
	if _, err := r.Image(t.Context(), ref, repo.AMD64); err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(r.Dir, strings.ReplaceAll(digest(t, all[repo.AMD64]), ":", "-"), "blobs", "sha256", layerOf(t, all[repo.AMD64]).Hex)
	data, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(blob, data, 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := r.Image(t.Context(), ref, repo.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	if len(said.all) != 1 || !strings.Contains(said.all[0], "not sound") {
		t.Errorf("want it said, got %q", said.all)
	}
	if got, want := layerOf(t, img.Image), layerOf(t, all[repo.AMD64]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if again, err := os.ReadFile(blob); err != nil || cmp.Equal(again, data) {
		t.Errorf("the layer was not pulled again: %v", err)
	}
}

// TestPrune removes an image whose tag has moved on, and no other.
func TestPrune(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	var refs, dirs []string
	for range 2 {
		idx, all := index(t)
		refs = []string{write(t, s, idx)}
		dirs = append(dirs, filepath.Join(dir, strings.ReplaceAll(digest(t, all[repo.AMD64]), ":", "-")))
		// The process that pulled it has ended.
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPullForAnother$")
		cmd.Env = append(os.Environ(), "PKGVERIFY_TEST_PULL="+refs[0]+" "+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	r := &pull.Registry{Dir: dir, Policy: fast()}
	removed, err := r.Prune()
	if diff := cmp.Diff(dirs[:1], removed); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !r.Kept(refs[0], repo.AMD64) {
		t.Error("the present image has gone, too")
	}
	if removed, err := (&pull.Registry{Dir: filepath.Join(dir, "none")}).Prune(); err != nil || len(removed) > 0 {
		t.Errorf("nothing was ever pulled: %v, %v", removed, err)
	}
}

// TestPullForAnother is the process that TestPrune starts.
func TestPullForAnother(t *testing.T) {
	ref, dir, ok := strings.Cut(os.Getenv("PKGVERIFY_TEST_PULL"), " ")
	if !ok {
		return // asked for by TestPrune alone
	}
	if _, err := (&pull.Registry{Dir: dir, Policy: fast()}).Image(t.Context(), ref, repo.AMD64); err != nil {
		t.Fatal(err)
	}
}

// TestPullsAtOnce has several callers want the same image: its layer comes once.
func TestPullsAtOnce(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	s.failing(nil)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			// Each is another process, as far as they know.
			r := &pull.Registry{Dir: dir, Policy: fast()}
			if img, err := r.Image(t.Context(), ref, repo.AMD64); err != nil || digest(t, img.Image) != digest(t, all[repo.AMD64]) {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	layers := 0
	for _, a := range s.requests() {
		if strings.HasSuffix(a, layerOf(t, all[repo.AMD64]).Hex) {
			layers++
		}
	}
	if layers != 1 {
		t.Errorf("the layer was asked for %d times: %q", layers, s.requests())
	}
}

// TestInterrupted ends a pull in the middle of a layer, and leaves beside it
// what a killed one leaves; the next begins anew.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user has had enough")
	s.failing(times(99, layerOf(t, all[repo.AMD64]).Hex, func(_ http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	}))
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast()}
	if _, err := r.Image(ctx, ref, repo.AMD64); !errors.Is(err, why) {
		t.Fatalf("want %v, got %v", why, err)
	}
	hash, err := all[repo.AMD64].Digest()
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(r.Dir, ".pulling-"+hash.Hex[:16]+"-1", "blobs")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	s.failing(nil)
	if _, err := r.Image(t.Context(), ref, repo.AMD64); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed pull left is still there: %v", err)
	}
}

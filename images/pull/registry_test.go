package pull_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// server is a registry that can be told to fail, and that remembers what it
// was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	// fail, if it is set, answers a request in the registry's place, or not.
	fail func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	good := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		fail := s.fail
		s.mu.Unlock()
		if fail == nil || !fail(w, r) {
			good.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

// failing sets how it fails, and forgets what it was asked.
func (s *server) failing(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.asked = f, nil
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// times answers the first n requests that match in the registry's place.
func times(n int, match string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		hit := n > 0 && strings.Contains(r.URL.Path, match)
		if hit {
			n--
		}
		mu.Unlock()
		if hit {
			answer(w, r)
		}
		return hit
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintln(w, "as the test wants it")
	}
}

// cut announces a layer of that size and sends a part of it.
func cut(size int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("half a lay"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// write puts an index under debian:12, and returns the reference.
func write(t *testing.T, s *server, index v1.ImageIndex) string {
	t.Helper()
	ref, err := name.ParseReference(s.host() + "/debian:12")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// fast tries as often as the default, without waiting for long.
func fast() fetch.Policy {
	return fetch.Policy{Tries: 5, Backoff: time.Millisecond, MaxWait: time.Second}
}

func layerOf(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// notes collects what the user is told.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, line)
}

// TestRegistryFails makes a registry fail in each way, and looks whether the
// image is had all the same, or why not.
func TestRegistryFails(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	layer := layerOf(t, all[repo.AMD64]).Hex
	m, err := all[repo.AMD64].Manifest()
	if err != nil {
		t.Fatal(err)
	}
	size := m.Layers[0].Size
	for _, tc := range []struct {
		name string
		fail func(w http.ResponseWriter, r *http.Request) bool
		// want is in the error; "" for none. As is what errors.As finds.
		want string
		as   func(err error) bool
	}{
		{"429 with Retry-After of a date that has passed", times(2, "/manifests/", status(429, "Retry-After", "Thu, 01 Jan 2026 00:00:00 GMT")), "", nil},
		{"429 with Retry-After beyond patience", times(1, "/manifests/", status(429, "Retry-After", "3600")), "asks to wait 1h0m0s", isUnreachable},
		{"429 without end", times(99, "/manifests/", status(429)), "after 5 tries", isUnreachable},
		{"5xx, then good", times(3, "/manifests/", status(503)), "", nil},
		{"5xx of a layer, then good", times(3, layer, status(502)), "", nil},
		{"5xx without end", times(99, layer, status(500)), "status 500", isUnreachable},
		{"a layer is cut short, then good", times(2, layer, cut(size)), "", nil},
		{"a layer is cut short without end", times(99, layer, cut(size)), "unexpected EOF", isUnreachable},
		{"a layer of another digest", times(99, layer, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, size))
		}), "error verifying", nil},
		{"a layer of another length", times(99, layer, status(200)), "does not match expected size", nil},
		{"a manifest of another digest", times(99, "/manifests/sha256:", status(200)), "does not match requested digest", nil},
		{"unauthorised", times(99, "/manifests/", status(401)), "401", isStatus(401)},
		{"denied", times(99, layer, status(403)), "403", isStatus(403)},
		{"gone", times(99, "/manifests/", status(404)), "404", isStatus(404)},
		{"no manifest at all", times(99, "/manifests/12", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			fmt.Fprint(w, "<html>a captive portal</html>")
		}), "invalid character", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			ref := write(t, s, idx)
			s.failing(tc.fail)
			r := &pull.Registry{Dir: t.TempDir(), Policy: fast(), Keychain: authn.NewMultiKeychain()}
			img, err := r.Image(t.Context(), ref, repo.AMD64)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got, want := digest(t, img.Image), digest(t, all[repo.AMD64]); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			} else {
				if err == nil || !strings.Contains(err.Error(), tc.want) || tc.as != nil && !tc.as(err) {
					t.Fatalf("want an error with %q, got %v", tc.want, err)
				}
				s.failing(nil)
				if r.Kept(ref, repo.AMD64) {
					t.Error("what did not come whole is kept")
				}
				if _, err := r.Image(t.Context(), ref, repo.AMD64); err != nil {
					t.Errorf("after a failure, another pull: %v", err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(r.Dir, ".*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func isUnreachable(err error) bool { return errors.Is(err, fetch.ErrUnreachable) }

func isStatus(code int) func(error) bool {
	return func(err error) bool {
		var e *transport.Error
		return errors.As(err, &e) && e.StatusCode == code
	}
}

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

func TestMissingPlatform(t *testing.T) {
	t.Parallel()
	idx, _ := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast()}
	_, err := r.Image(t.Context(), ref, repo.S390X)
	var e *pull.PlatformError
	if !errors.As(err, &e) || e.Want != "linux/s390x" || len(e.Have) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"linux/amd64", "linux/arm/v7", "debian:12"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

// TestMirrors asks a mirror first, and the registry itself when that fails.
func TestMirrors(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	for _, tc := range []struct {
		name string
		fail func(w http.ResponseWriter, r *http.Request) bool
		// spared is true when the registry itself is not asked.
		spared bool
	}{
		{"good", nil, true},
		{"has it not", times(99, "/manifests/", status(404)), false},
		{"wants a password", times(99, "", status(401)), false},
		{"is down", times(99, "", status(503)), false},
		{"gives another layer", times(99, layerOf(t, all[repo.AMD64]).Hex, status(200)), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			origin, mirror := newServer(t), newServer(t)
			ref := write(t, origin, idx)
			write(t, mirror, idx)
			origin.failing(nil)
			mirror.failing(tc.fail)
			m, err := pull.ParseMirror(origin.host() + "=" + mirror.URL)
			if err != nil {
				t.Fatal(err)
			}
			var said notes
			r := &pull.Registry{Dir: t.TempDir(), Policy: fast(), Mirrors: []pull.Mirror{m}, Note: said.add, Keychain: authn.NewMultiKeychain()}
			img, err := r.Image(t.Context(), ref, repo.AMD64)
			if err != nil {
				t.Fatal(err)
			}
			if got := digest(t, img.Image); got != digest(t, all[repo.AMD64]) || !strings.HasPrefix(img.Origin, ref+"@") {
				t.Errorf("got %s from %s", got, img.Origin)
			}
			if len(mirror.requests()) == 0 {
				t.Error("the mirror was not asked")
			}
			if asked := len(origin.requests()) > 0; asked == tc.spared {
				t.Errorf("the registry was asked %v, mirror good: %t", origin.requests(), tc.spared)
			}
			if (len(said.all) > 0) == tc.spared {
				t.Errorf("notes: %q", said.all)
			}
		})
	}
}

func TestParseMirror(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want pull.Mirror
	}{
		{"docker.io=mirror.example.org", pull.Mirror{Of: "index.docker.io", Host: "mirror.example.org"}},
		{"quay.io=https://m.example.org:5000/quay/", pull.Mirror{Of: "quay.io", Host: "m.example.org:5000/quay"}},
		{"r.example.org:5000=http://127.0.0.1:1", pull.Mirror{Of: "r.example.org:5000", Host: "127.0.0.1:1", Plain: true}},
		{"docker.io", pull.Mirror{}}, {"=x", pull.Mirror{}}, {"x=", pull.Mirror{}},
		{"docker.io=ftp://x", pull.Mirror{}}, {"docker.io=a b", pull.Mirror{}}, {"docker.io=m/UPPER", pull.Mirror{}},
	} {
		got, err := pull.ParseMirror(tc.text)
		if got != tc.want || (err != nil) != (tc.want == pull.Mirror{}) {
			t.Errorf("%q: got %+v, %v; want %+v", tc.text, got, err, tc.want)
		}
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

// TestProgress counts up to the size of the layers.
func TestProgress(t *testing.T) {
	t.Parallel()
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	m, err := all[repo.AMD64].Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var last, want int64
	for _, l := range m.Layers {
		want += l.Size
	}
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast(), Progress: func(got string, arch repo.Arch, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if got != ref || arch != repo.AMD64 || total != want || done < last || done > total {
			t.Errorf("got %s %s %d of %d after %d", got, arch, done, total, last)
		}
		last = done
	}}
	if _, err := r.Image(t.Context(), ref, repo.AMD64); err != nil {
		t.Fatal(err)
	}
	if last != want {
		t.Errorf("got %d of %d", last, want)
	}
}

func TestCheckReference(t *testing.T) {
	t.Parallel()
	for ref, good := range map[string]bool{
		"debian:12": true, "r.example.org:5000/a/b@sha256:" + strings.Repeat("0", 64): true, "oci:dir": true, "tar:f": true,
		"engine:debian:12": true, "engine:0123456789ab": true, "engine:sha256:" + strings.Repeat("a", 64): true,
		"": false, "UPPER": false, "oci:": false, "tar:": false, "engine:": false, "engine:a b": false, "engine:../../x": false,
	} {
		if err := pull.CheckReference(ref); (err == nil) != good {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestFromEngine names what the engine has: there is nothing to load.
func TestFromEngine(t *testing.T) {
	t.Parallel()
	s := &pull.Source{References: map[string]string{"d": "engine:debian:12"}}
	img, err := s.Image(t.Context(), images.Distribution{Name: "d"}, repo.AMD64)
	if err != nil || img.Ref != "debian:12" || img.Image != nil || img.Name() != "engine:debian:12" {
		t.Errorf("got %+v, %v", img, err)
	}
}

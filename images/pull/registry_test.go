package pull_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

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
		{"unauthorised", times(99, "/manifests/", status(401)), "docker login 127.0.0.1:", isStatus(401)},
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

// TestCredentials takes them from where docker login puts them.
func TestCredentials(t *testing.T) {
	idx, all := index(t)
	s := newServer(t)
	ref := write(t, s, idx)
	s.failing(func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if user == "release" && password == "manager" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	config := t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)
	r := &pull.Registry{Dir: t.TempDir(), Policy: fast()}
	if _, err := r.Image(t.Context(), ref, repo.AMD64); !isStatus(http.StatusUnauthorized)(err) {
		t.Errorf("without credentials: want 401, got %v", err)
	}
	auth := base64.StdEncoding.EncodeToString([]byte("release:manager"))
	if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(`{"auths": {"`+s.host()+`": {"auth": "`+auth+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := r.Image(t.Context(), ref, repo.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, img.Image), digest(t, all[repo.AMD64]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

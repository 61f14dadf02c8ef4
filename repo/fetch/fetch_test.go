package fetch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

func open(t *testing.T, root, path string) (string, *fetch.Response, error) {
	t.Helper()
	src, err := fetch.New(root, fetch.Options{StallTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := src.Open(t.Context(), path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return string(data), resp, err
}

// TestLayoutOfPkgsK8sIO serves as pkgs.k8s.io does: a redirect to a second
// host, which answers 403 for what it does not have.
func TestLayoutOfPkgsK8sIO(t *testing.T) {
	t.Parallel()
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/repositories/isv:/kubernetes:/core:/stable:/v1.28/deb/InRelease" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, "signed")
	}))
	t.Cleanup(cdn.Close)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, cdn.URL+"/repositories/isv:/kubernetes:"+r.URL.EscapedPath(), http.StatusFound)
	}))
	t.Cleanup(front.Close)

	got, resp, err := open(t, front.URL+"/core:/stable:/v1.28/deb/", "InRelease")
	if err != nil || got != "signed" {
		t.Fatalf("got %q, %v", got, err)
	}
	want := []string{cdn.URL + "/repositories/isv:/kubernetes:/core:/stable:/v1.28/deb/InRelease"}
	if diff := cmp.Diff(want, resp.Hops); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
	_, _, err = open(t, front.URL+"/core:/stable:/v1.28/deb/", "Release")
	if !errors.Is(err, fetch.ErrAbsent) || errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("403: got %v, want ErrAbsent", err)
	}
}

func TestWhatCannotBeToldIsNotAbsent(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close() // nobody listens there any more
	handler := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, tt := range []struct{ name, root string }{
		{"connection refused", gone.URL},
		{"server error", handler(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })},
		{"endless redirects", handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		})},
		{"redirect to a local file", handler(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		})},
		{"body cut short", handler(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		})},
		{"body that stops", handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := open(t, tt.root, "InRelease")
			if !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrAbsent) {
				t.Errorf("got %v, want ErrUnreachable", err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.root) {
				t.Errorf("%q does not say which address", err)
			}
		})
	}
}

func TestFolderStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	root := filepath.Join(dir, "root")
	for path, text := range map[string]string{secret: "s", filepath.Join(root, "core:", "in"): "x"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if got, _, err := open(t, root, "core:/in"); err != nil || got != "x" {
		t.Errorf("core:/in: got %q, %v", got, err)
	}
	if got, _, err := open(t, "file://"+root, "core:/in"); err != nil || got != "x" {
		t.Errorf("as file URL: got %q, %v", got, err)
	}
	if _, _, err := open(t, root, "none"); !errors.Is(err, fetch.ErrAbsent) {
		t.Errorf("none: got %v, want ErrAbsent", err)
	}
	if _, _, err := open(t, filepath.Join(root, "no-such-repository"), "InRelease"); !errors.Is(err, fetch.ErrAbsent) {
		t.Errorf("missing folder: got %v, want ErrAbsent", err)
	}
	for _, path := range []string{"../secret", "link", "core:"} {
		if got, _, err := open(t, root, path); err == nil {
			t.Errorf("%s: got %q, want an error", path, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"ftp://host/x", "http://", "http://host/?q=1", "file://other/x", "http://a b/"} {
		if _, err := fetch.New(address, fetch.Options{}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ root, path, want string }{
		{"http://h/core:/stable:/", "amd64/kubelet_1.30.0~rc.1-1.1_amd64.deb", "http://h/core:/stable:/amd64/kubelet_1.30.0~rc.1-1.1_amd64.deb"},
		{"http://h/x", "a+b c%#?.deb", "http://h/x/a%2Bb%20c%25%23%3F.deb"},
	} {
		if got := fetch.Join(tt.root, tt.path); got != tt.want {
			t.Errorf("Join(%q, %q) = %q, want %q", tt.root, tt.path, got, tt.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	passing := &fetch.Error{Status: 503, Kind: fetch.ErrUnreachable}
	for _, tt := range []struct {
		name  string
		err   error
		calls int
	}{
		{"what may pass", passing, 3},
		{"absent", &fetch.Error{Status: 403, Kind: fetch.ErrAbsent}, 1},
		{"bad request", &fetch.Error{Status: 400, Kind: fetch.ErrUnreachable}, 1},
		{"another error", errors.New("format"), 1},
		{"nothing", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			policy := fetch.Policy{Tries: 3, Backoff: time.Microsecond, MaxWait: time.Microsecond}
			err := policy.Do(t.Context(), func() error { calls++; return tt.err })
			if calls != tt.calls || !errors.Is(err, tt.err) {
				t.Errorf("%d calls, %v; want %d, %v", calls, err, tt.calls, tt.err)
			}
		})
	}
	t.Run("mends", func(t *testing.T) {
		t.Parallel()
		calls := 0
		policy := fetch.Policy{Tries: 3, Backoff: time.Microsecond, MaxWait: time.Microsecond}
		err := policy.Do(t.Context(), func() error {
			calls++
			if calls < 2 {
				return passing
			}
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
	t.Run("ends with the context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		policy := fetch.Policy{Tries: 1000, Backoff: time.Hour, MaxWait: time.Hour}
		err := policy.Do(ctx, func() error { cancel(); return passing })
		if !errors.Is(err, passing) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMeter(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("kubelet\n", 1000)
	m := fetch.NewMeter(strings.NewReader(text), int64(len(text)), repo.SHA256, repo.MD5)
	if _, err := io.Copy(io.Discard, m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	got := m.Content()
	if got.Size != int64(len(text)) || got.Digests[repo.SHA256] != hex.EncodeToString(sum[:]) || len(got.Digests) != 2 {
		t.Errorf("got %+v", got)
	}
	m = fetch.NewMeter(strings.NewReader(text), int64(len(text))-1, repo.SHA256)
	if _, err := io.Copy(io.Discard, m); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("over the bound: got %v", err)
	}
}

func ExampleError() {
	err := &fetch.Error{URL: "https://pkgs.k8s.io/core:/stable:/1.30/deb/InRelease", Status: 403, Kind: fetch.ErrAbsent}
	fmt.Println(err)
	// Output: https://pkgs.k8s.io/core:/stable:/1.30/deb/InRelease: not there: HTTP status 403
}

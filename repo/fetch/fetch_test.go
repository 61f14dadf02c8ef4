package fetch_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	want := []repo.Hop{
		{URL: front.URL + "/core:/stable:/v1.28/deb/InRelease", Status: 302, Address: front.Listener.Addr().String()},
		{URL: cdn.URL + "/repositories/isv:/kubernetes:/core:/stable:/v1.28/deb/InRelease", Status: 200, Address: cdn.Listener.Addr().String()},
	}
	if diff := cmp.Diff(want, resp.Hops, cmpopts.IgnoreFields(repo.Hop{}, "Headers")); diff != "" {
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

func TestMeter(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("kubelet\n", 1000)
	m := fetch.NewMeter(strings.NewReader(text), int64(len(text)), nil, repo.SHA256, repo.MD5)
	if _, err := io.Copy(io.Discard, m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	got := m.Content()
	if got.Size != int64(len(text)) || got.Digests.SHA256 != hex.EncodeToString(sum[:]) || got.Digests.MD5 == "" || got.Digests.SHA1 != "" {
		t.Errorf("got %+v", got)
	}
	m = fetch.NewMeter(strings.NewReader(text), int64(len(text))-1, nil, repo.SHA256)
	if _, err := io.Copy(io.Discard, m); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("over the bound: got %v", err)
	}
	if _, err := m.Read(make([]byte, 1)); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("after that: got %v", err)
	}
	// What lies behind the bound is not read.
	behind := strings.NewReader(text)
	if _, err := io.Copy(io.Discard, fetch.NewMeter(behind, 100, nil)); !errors.Is(err, fetch.ErrTooLarge) || behind.Len() != len(text)-101 {
		t.Errorf("%v, %d bytes were read", err, len(text)-behind.Len())
	}
}

func ExampleError() {
	err := &fetch.Error{URL: "https://pkgs.k8s.io/core:/stable:/1.30/deb/InRelease", Status: 403, Kind: fetch.ErrAbsent}
	fmt.Println(err)
	// Output: https://pkgs.k8s.io/core:/stable:/1.30/deb/InRelease: not there: HTTP status 403
}

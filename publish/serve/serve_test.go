package serve_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/pkgverify/publish/serve"
)

func newRoot(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	root := filepath.Join(top, "root")
	for name, text := range map[string]string{
		filepath.Join(root, "core:", "Release"): "release",
		filepath.Join(root, ".publish-x", "a"):  "work",
		filepath.Join(top, "private.asc"):       "secret",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../private.asc", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestHandler(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve.Handler(newRoot(t)))
	t.Cleanup(server.Close)
	for _, test := range []struct {
		method, path, ranges string
		code                 int
		body                 string
	}{
		{"GET", "/core:/Release", "", 200, "release"},
		{"GET", "/core%3A/Release", "", 200, "release"},
		{"HEAD", "/core:/Release", "", 200, ""},
		{"GET", "/core:/Release", "bytes=2-3", 206, "le"},
		{"GET", "/core:/missing", "", 403, ""},
		{"GET", "/core:/", "", 403, ""},
		{"GET", "/", "", 403, ""},
		{"GET", "/core:", "", 403, ""},
		{"GET", "/link", "", 403, ""},
		{"GET", "/.publish-x/a", "", 403, ""},
		{"GET", "/core:/..%2f..%2fprivate.asc", "", 403, ""},
		{"GET", "/%2e%2e/private.asc", "", 403, ""},
		{"PUT", "/core:/Release", "", 405, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.ranges != "" {
			request.Header.Set("Range", test.ranges)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.code || (test.code < 300 && string(body) != test.body) {
			t.Errorf("%s %s: got %d %q, want %d %q", test.method, test.path, response.StatusCode, body, test.code, test.body)
		}
	}
}

func TestRunPassesURLAndExitCode(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var base string
	code, err := serve.Run(context.Background(), newRoot(t), "127.0.0.1:0", serve.Command{
		Arguments: []string{"sh", "-c", "echo at={url}/x; exit 7"}, Stdout: &out, Stderr: &out,
	}, func(url string) { base = url })
	if err != nil || code != 7 {
		t.Errorf("got exit code %d, error %v; want 7 and none", code, err)
	}
	if want := "at=" + base + "/x\n"; out.String() != want {
		t.Errorf("the command printed %q, want %q", out.String(), want)
	}
}

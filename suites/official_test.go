package suites

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/verify"
)

// released are a target and packages whose programs are released at a place.
func released(place, path string) (*verify.Expectation, *repo.Repository) {
	e := &verify.Expectation{Official: place, Packages: []verify.PackageExpectation{
		{Name: "kubelet", Binaries: []verify.BinaryExpectation{{Path: "/usr/bin/kubelet", Official: path}, {Path: "/usr/bin/kubelet", Official: path}}},
		{Name: "cri-tools", Binaries: []verify.BinaryExpectation{{Path: "/usr/bin/crictl"}}},
	}}
	r := &repo.Repository{}
	for _, name := range []string{"kubelet", "cri-tools", "unknown"} {
		for _, arch := range []string{"amd64", "armhf", "all"} {
			r.Packages = append(r.Packages, repo.Package{Name: name, Version: "1.26.0-1.1", Arch: arch, Artifact: &repo.Artifact{}})
		}
	}
	return e, r
}

func oneTry() *gatherer {
	return &gatherer{opts: Options{Parallel: 2, Policy: fetch.Policy{Tries: 1}}}
}

const perProgram = "v{version}/bin/linux/{arch}/kubelet.sha256"

func TestReadOfficial(t *testing.T) {
	t.Parallel()
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	files := map[string]string{
		"v1.26.0/bin/linux/amd64/kubelet.sha256": hash("amd64"),
		"v1.26.0/SHA256SUMS":                     hash("amd64") + "  linux/amd64/kubelet\n" + hash("arm") + "  linux/arm/kubelet\n",
		"v1.26.0/page":                           "<html>not here</html>",
	}
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		text, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"amd64/kubelet.sha256": hash("amd64") + "\n", "arm/kubelet": "the program"} {
		file := filepath.Join(dir, "v1.26.0/bin/linux", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, place, path string
		amd64, arm        string // a digest, or the kind of problem
		asked             int32
	}{
		{"beside each program", server.URL + "/", perProgram, hash("amd64"), string(repo.Absent), 2},
		{"in one list", server.URL + "/", "v{version}/SHA256SUMS", hash("amd64"), hash("arm"), 1},
		{"a page", server.URL + "/", "v{version}/page", string(repo.Malformed), string(repo.Malformed), 1},
		{"out of reach", closed.URL + "/", perProgram, string(repo.Unreachable), string(repo.Unreachable), 0},
		{"a folder of checksums and programs", dir + "/", perProgram, hash("amd64"), hash("the program"), 0},
		{"a folder as URL", "file://" + dir + "/", perProgram, hash("amd64"), hash("the program"), 0},
		{"no such place", "gopher://x/", perProgram, string(repo.Unreachable), string(repo.Unreachable), 0},
	} {
		before := asked.Load()
		e, r := released(tt.place, tt.path)
		got := oneTry().readOfficial(t.Context(), e, r)
		if len(got) != 2 {
			t.Errorf("%s: %d checksums, want 2: %v", tt.name, len(got), got)
		}
		for file, x := range got {
			want := map[repo.Arch]string{repo.AMD64: tt.amd64, repo.ARM: tt.arm}[file.Arch]
			is := x.Digests.SHA256
			if x.Problem != nil {
				is = string(x.Problem.Kind)
			}
			if is != want {
				t.Errorf("%s: %s: got %s (%v), want %s", tt.name, file.Arch, is, x.Problem, want)
			}
		}
		if n := asked.Load() - before; n != tt.asked {
			t.Errorf("%s: %d requests, want %d", tt.name, n, tt.asked)
		}
	}
}

// TestOfficialPathsStayInside: the version is the index's word.
func TestOfficialPathsStayInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, r := released(filepath.Join(dir, "official")+"/", "{version}/secret")
	if err := os.Mkdir(e.Official, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Packages = r.Packages[:1]
	r.Packages[0].Version = "..-1"
	for file, x := range oneTry().readOfficial(t.Context(), e, r) {
		if x.Problem == nil {
			t.Errorf("%+v: got %+v", file, x)
		}
	}
}

// TestOfficialEndsWithTheContext: an interrupted run does not wait for it.
func TestOfficialEndsWithTheContext(t *testing.T) {
	t.Parallel()
	e, _ := released("http://192.0.2.1/", perProgram)
	g := oneTry()
	g.opts.Plan = &verify.Plan{}
	g.targets = map[*verify.Expectation]*crawled{e: {done: make(chan struct{})}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.besides(ctx, e, []verify.Beside{verify.BesideOfficial}, nil)
	if got := g.targets[e].official.await(t.Context()); got != nil {
		t.Errorf("got %v", got)
	}
}

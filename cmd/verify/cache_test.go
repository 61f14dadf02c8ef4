package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/publish/serve"
	"sigs.k8s.io/pkgverify/verify"
)

// recorder serves a tree and notes what is asked for.
type recorder struct {
	http.Handler
	mu    sync.Mutex
	asked map[string]bool
	// before, if not nil, runs before each answer.
	before func(path string)
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked[path.Base(req.URL.Path)] = true
	if r.before != nil {
		r.before(req.URL.Path)
	}
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, req)
}

func record(t *testing.T, root string) (*recorder, string) {
	t.Helper()
	r := &recorder{Handler: serve.Handler(root), asked: make(map[string]bool)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL
}

// TestCache: the second run over an unchanged repository fetches signed roots
// and keys only, and comes to the same results; a package that changes later
// is seen as soon as the index names it.
func TestCache(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	server, url := record(t, p.root)
	args := p.arguments(noContainers, "--base-url", url, "--cache", filepath.Join(t.TempDir(), "cache"))
	first := program(t, args...)
	if first.exit != exitPass || len(server.asked) < 20 {
		t.Fatalf("first run: exit %d, %d files\n%s%s", first.exit, len(server.asked), first.stdout, first.stderr)
	}
	server.asked = make(map[string]bool)
	second := program(t, args...)
	want := []string{"InRelease", "Release", "Release.gpg", "Release.key", "repomd.xml", "repomd.xml.asc", "repomd.xml.key"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(server.asked))); diff != "" {
		t.Errorf("the second run asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first.with(verify.Pass), second.with(verify.Pass)); diff != "" || second.exit != exitPass {
		t.Errorf("exit %d, passing (-first +second):\n%s", second.exit, diff)
	}
}

// TestPublishingInProgress: an index that comes after its Release is waited
// for, and the report says so.
func TestPublishingInProgress(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	args := p.arguments("--suite=metadata", "--format", "deb", "--settle", "1ms")
	late, err := filepath.Glob(filepath.Join(p.root, "core:", "stable:", "v1.26", "deb", "Packages.gz"))
	if err != nil || len(late) != 1 {
		t.Fatalf("%v, %v", late, err)
	}
	whole, err := os.ReadFile(late[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(late[0], []byte("of the last publication"), 0o644); err != nil {
		t.Fatal(err)
	}
	server, url := record(t, p.root)
	const repository = "/core:/stable:/v1.26/deb/"
	stale := false // the first look has met the index of the last publication
	server.before = func(path string) {
		switch {
		case strings.HasSuffix(path, repository+"Packages.gz"):
			stale = true
		case stale && strings.HasSuffix(path, repository+"InRelease"):
			if err := os.WriteFile(late[0], whole, 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	o := program(t, append(args, "--base-url", url)...)
	restarts := 0
	for _, r := range o.report.Repositories {
		restarts += len(r.Restarts)
	}
	if o.exit != exitPass || restarts != 1 || !strings.Contains(o.stdout, "was being published") {
		t.Errorf("exit %d, %d restarts\n%s%s", o.exit, restarts, o.stdout, o.stderr)
	}
}

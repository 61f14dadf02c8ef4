package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "sigs.k8s.io/pkgverify/"

// layers are the layers of the tree, top first: a package may import those of
// its own layer's right and of the layers below, never one above. Packages are
// named by their longest prefix.
func layers() [][]string {
	return [][]string{
		{"cmd"},
		{"suites"},
		{"verify/checks", "verify/profile", "verify/known", "images/lab", "repo/crawl", "repo/probe", "reports"},
		{"verify"},
		{"images/build", "images/engine", "images/guest", "images/pull", "images/tamper", "publish"},
		{"images", "images/mounts"},
		{"repo/apt", "repo/deb", "repo/rpm", "repo/fetch"},
		{"repo/rpmmd", "repo/metalink", "repo/cpio", "repo/debrel", "repo/rpmdep", "repo/vercmp"},
		{"repo/deb822", "repo/pgp", "repo/compress", "repo/debver", "repo/rpmver", "repo/payload", "repo/hashes"},
		{"repo/repopath", "repo/xmlstream"},
		{"repo"},
	}
}

// layerOf returns the index and the name of a package's layer.
func layerOf(pkg string) (int, string) {
	layer, name := -1, ""
	for i, names := range layers() {
		for _, n := range names {
			if (pkg == n || strings.HasPrefix(pkg, n+"/")) && len(n) > len(name) {
				layer, name = i, n
			}
		}
	}
	return layer, name
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		from, fromName := layerOf(pkg)
		if from < 0 {
			t.Errorf("%s is in no layer: add it to layers", pkg)
			continue
		}
		for _, path := range p.Imports {
			if !strings.HasPrefix(path, module) {
				continue
			}
			imported := strings.TrimPrefix(path, module)
			to, toName := layerOf(imported)
			if to < from || (to == from && toName != fromName) {
				t.Errorf("%s imports %s, which is not below it", pkg, imported)
			}
		}
	}
}

// TestWriterAndReaderAreIndependent: what publishes shares no code with what
// verifies, so that one cannot hide the other's mistake.
func TestWriterAndReaderAreIndependent(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		publisher := pkg == "publish" || strings.HasPrefix(pkg, "publish/") || pkg == "cmd/publish"
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			importsPublisher := imported == "publish" || strings.HasPrefix(imported, "publish/")
			if publisher != importsPublisher {
				t.Errorf("%s imports %s: publishing and verifying must not share code", pkg, imported)
			}
		}
	}
}

// TestOnlySuitesKnowsGinkgo: checks are plain functions, testable without it.
func TestOnlySuitesKnowsGinkgo(t *testing.T) {
	t.Parallel()
	found := false
	for _, p := range listPackages(t) {
		for _, path := range p.Imports {
			if !strings.HasPrefix(path, "github.com/onsi/") {
				continue
			}
			found = true
			if p.ImportPath != module+"suites" {
				t.Errorf("%s imports %s; only suites may", p.ImportPath, path)
			}
		}
	}
	if !found {
		t.Error("suites no longer uses Ginkgo: this test has lost its sense")
	}
}

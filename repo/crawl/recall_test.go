package crawl_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
)

// cached crawls with a cache and returns the facts and what was asked for.
func cached(ctx context.Context, t *testing.T, dir string, m *memory, src fetch.Source) (repo.Repository, []string) {
	t.Helper()
	c, err := cache.Open(dir, cache.Options{Warn: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	m.asked = nil
	r := crawl.Crawl(ctx, src, repo.Target{Format: repo.Deb}, crawl.Options{
		Depth: func(repo.Package) crawl.Depth { return crawl.Payload }, Cache: c, Parallel: 1,
	})
	return r, slices.Sorted(maps.Keys(m.asked))
}

// TestSecondRun: of an unchanged repository only the signed roots are fetched,
// and the facts are the same.
func TestSecondRun(t *testing.T) {
	t.Parallel()
	m, dir := flat(t), t.TempDir()
	first, _ := cached(t.Context(), t, dir, m, m)
	second, asked := cached(t.Context(), t, dir, m, m)
	if diff := cmp.Diff([]string{"InRelease", "Release", "Release.gpg"}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	same := cmp.Options{
		cmpopts.IgnoreFields(repo.File{}, "Cached", "Duration", "URL"),
		cmpopts.IgnoreFields(repo.Repository{}, "Started", "Finished"),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(first, second, same); diff != "" {
		t.Errorf("facts of the first and the second run (-first +second):\n%s", diff)
	}
	for _, p := range second.Packages {
		if !p.Artifact.Cached || len(p.Artifact.Files) == 0 {
			t.Errorf("%s: cached %t, %d files", p, p.Artifact.Cached, len(p.Artifact.Files))
		}
	}
}

// TestChangedPackageIsFetched: a new index names new content; what stayed as it
// was is not fetched.
func TestChangedPackageIsFetched(t *testing.T) {
	t.Parallel()
	m, dir := flat(t), t.TempDir()
	cached(t.Context(), t, dir, m, m)
	bb := buildDeb(t, "bbb")
	m.files["amd64/bb.deb"] = bb
	index := ""
	for _, name := range []string{"aa", "bb", "cc"} {
		index += stanza(name, "./amd64/"+name+".deb", m.files["amd64/"+name+".deb"])
	}
	m.files["Packages"], m.files["Packages.gz"] = []byte(index), packed(t, []byte(index))
	m.files["Release"] = release(m.files, "Packages", "Packages.gz")
	r, asked := cached(t.Context(), t, dir, m, m)
	want := []string{"InRelease", "Packages", "Packages.gz", "Release", "Release.gpg", "amd64/bb.deb"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if a := r.Packages[1].Artifact; a.Fields.Value("Package") != "bbb" || a.Cached {
		t.Errorf("the old facts were taken for the new package: %v", a.Fields)
	}
}

// TestWrongBytesAreNotRemembered: a file that is not what its index says is
// looked at again each time.
func TestWrongBytesAreNotRemembered(t *testing.T) {
	t.Parallel()
	m, dir := flat(t), t.TempDir()
	whole := m.files["amd64/bb.deb"]
	m.files["amd64/bb.deb"] = buildDeb(t, "evil")
	for range 2 {
		r, asked := cached(t.Context(), t, dir, m, m)
		if p := r.Packages[1]; p.Claim.Fits(p.Artifact.Content) || !slices.Contains(asked, "amd64/bb.deb") {
			t.Errorf("the wrong file passes, or was not fetched: %v", asked)
		}
	}
	m.files["amd64/bb.deb"] = whole
	if r, _ := cached(t.Context(), t, dir, m, m); !r.Packages[1].Claim.Fits(r.Packages[1].Artifact.Content) {
		t.Error("the right file does not pass afterwards")
	}
}

// cutting ends the run when it is asked for a path.
type cutting struct {
	*memory
	path string
	end  context.CancelFunc
	done atomic.Bool
}

func (c *cutting) Open(ctx context.Context, path string) (*fetch.Response, error) {
	if path == c.path && c.done.CompareAndSwap(false, true) {
		c.end()
		return nil, &fetch.Error{URL: path, Kind: fetch.ErrUnreachable, Err: context.Canceled}
	}
	return c.memory.Open(ctx, path)
}

// TestInterruptedRunGoesOn where it was.
func TestInterruptedRunGoesOn(t *testing.T) {
	t.Parallel()
	m, dir := flat(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cached(ctx, t, dir, m, &cutting{memory: m, path: "amd64/cc.deb", end: cancel})
	r, asked := cached(t.Context(), t, dir, m, m)
	for _, path := range asked {
		if strings.HasPrefix(path, "amd64/") && path != "amd64/cc.deb" {
			t.Errorf("%s was fetched again", path)
		}
	}
	for _, p := range r.Packages {
		if !p.Artifact.OK() || !p.Claim.Fits(p.Artifact.Content) {
			t.Errorf("%s: %v", p, p.Artifact.Problem)
		}
	}
}

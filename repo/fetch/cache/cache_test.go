package cache_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
)

const path = "amd64/kubelet.deb"

// server serves one file, counts the requests and can break off.
type server struct {
	root     string
	text     atomic.Pointer[[]byte]
	requests atomic.Int32
	partial  atomic.Int32
	cutAt    atomic.Int64 // 0: not
}

func serve(t *testing.T, text []byte) *server {
	t.Helper()
	s := &server{}
	s.text.Store(&text)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if r.Header.Get("Range") != "" {
			s.partial.Add(1)
		}
		if at := s.cutAt.Load(); at > 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(*s.text.Load())))
			_, _ = w.Write((*s.text.Load())[:at])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "x.deb", time.Time{}, bytes.NewReader(*s.text.Load()))
	}))
	t.Cleanup(h.Close)
	s.root = h.URL
	return s
}

func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

func claimOf(b []byte) repo.Claim {
	sum := sha256.Sum256(b)
	return repo.Claim{Size: int64(len(b)), Digests: repo.Digests{SHA256: hex.EncodeToString(sum[:])}}
}

func open(t *testing.T, dir string, opts cache.Options) *cache.Cache {
	t.Helper()
	if opts.Warn == nil {
		opts.Warn = func(err error) { t.Error(err) }
	}
	c, err := cache.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// get does what a crawl does, and returns how many bytes the cache gave.
func get(t *testing.T, c *cache.Cache, root string, claim repo.Claim, kind cache.Kind) ([]byte, int64, error) {
	t.Helper()
	src, err := fetch.New(root, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	var cached int64
	err = fetch.Policy{}.Do(t.Context(), func() error {
		d, err := c.Fetch(t.Context(), src, path, claim, kind)
		if err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		if d.URL != fetch.Join(root, path) {
			t.Errorf("URL %q", d.URL)
		}
		m := fetch.NewMeter(d.Body, 1<<30, nil, repo.SHA256)
		data, err = io.ReadAll(m)
		cached = d.Cached
		if err != nil {
			return err
		}
		return d.Commit(m.Content())
	})
	return data, cached, err
}

// expect gets the file, and holds it and the way it came against what is wanted.
func expect(t *testing.T, c *cache.Cache, s *server, want []byte, cached int64, requests int32) {
	t.Helper()
	before := s.requests.Load()
	got, n, err := get(t, c, s.root, claimOf(want), cache.Metadata)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if asked := s.requests.Load() - before; n != cached || asked != requests {
		t.Errorf("%d bytes out of the cache with %d requests, want %d with %d", n, asked, cached, requests)
	}
}

func entry(dir string, claim repo.Claim) string {
	d := claim.Digests.SHA256
	return filepath.Join(dir, "v1", "body", d[:2], "sha256-"+d)
}

func partOf(dir string, claim repo.Claim) string {
	return filepath.Join(dir, "v1", "part", "sha256-"+claim.Digests.SHA256)
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestSecondRun(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(300_000)
	s := serve(t, want)
	claim := claimOf(want)
	c := open(t, dir, cache.Options{})
	if _, ok := c.Verified(claim.Digests, claim.Size); ok {
		t.Error("verified before it was fetched")
	}
	expect(t, c, s, want, 0, 1)
	c = open(t, dir, cache.Options{})
	expect(t, c, s, want, int64(len(want)), 0)
	content, ok := c.Verified(claim.Digests, claim.Size)
	if !ok || !claim.Fits(content) {
		t.Errorf("not verified: %v", content)
	}
	if _, ok := c.Verified(claim.Digests, claim.Size+1); ok {
		t.Error("another size is verified")
	}
	r, ok := c.Get(claim.Digests, -1)
	if !ok {
		t.Fatal("not there")
	}
	defer func() { _ = r.Close() }()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	c.Drop(claim.Digests)
	if _, ok := c.Get(claim.Digests, -1); ok {
		t.Error("there after Drop")
	}
	expect(t, c, s, want, 0, 1)
}

func TestPackagesAreKeptIfAsked(t *testing.T) {
	t.Parallel()
	for _, bodies := range []bool{false, true} {
		dir, want := t.TempDir(), text(1000)
		s := serve(t, want)
		c := open(t, dir, cache.Options{Bodies: bodies})
		if _, _, err := get(t, c, s.root, claimOf(want), cache.Package); err != nil {
			t.Fatal(err)
		}
		if exists(t, entry(dir, claimOf(want))) != bodies {
			t.Errorf("Bodies %v is not what was done", bodies)
		}
	}
}

func TestInterruptedRunGoesOn(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(500_000)
	s := serve(t, want)
	s.cutAt.Store(200_000)
	if _, _, err := get(t, open(t, dir, cache.Options{}), s.root, claimOf(want), cache.Metadata); !errors.Is(err, fetch.ErrUnreachable) {
		t.Fatalf("got %v", err)
	}
	if exists(t, entry(dir, claimOf(want))) {
		t.Fatal("half a file counts")
	}
	s.cutAt.Store(0)
	c := open(t, dir, cache.Options{})
	expect(t, c, s, want, 200_000, 1)
	if s.partial.Load() != 1 || exists(t, partOf(dir, claimOf(want))) {
		t.Errorf("%d range requests", s.partial.Load())
	}
	expect(t, c, s, want, int64(len(want)), 0)
}

// TestWrongStartIsFetchedAgain resumes from bytes that are not the file's, that
// are too many, or that are all of it.
func TestWrongStartIsFetchedAgain(t *testing.T) {
	t.Parallel()
	want := text(500_000)
	for _, tt := range []struct {
		name     string
		part     []byte
		cached   int64
		requests int32
	}{
		{"another start", bytes.Repeat([]byte("x"), 1000), 0, 2},
		{"longer than the file", text(600_000), 0, 1},
		{"all of another", bytes.Repeat([]byte("x"), len(want)), 0, 1},
		{"all of it", want, int64(len(want)), 0},
		{"nothing", nil, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := open(t, dir, cache.Options{})
			if err := os.WriteFile(partOf(dir, claimOf(want)), tt.part, 0o600); err != nil {
				t.Fatal(err)
			}
			s := serve(t, want)
			expect(t, c, s, want, tt.cached, tt.requests)
			expect(t, c, s, want, int64(len(want)), 0)
		})
	}
}

// TestOnlyWhatIsClaimedCounts serves another file than the index claims.
func TestOnlyWhatIsClaimedCounts(t *testing.T) {
	t.Parallel()
	want := text(1000)
	for name, served := range map[string][]byte{
		"other bytes": bytes.Repeat([]byte("x"), 1000), "shorter": want[:900], "longer": text(2000), "empty": {},
	} {
		dir := t.TempDir()
		c := open(t, dir, cache.Options{})
		s := serve(t, served)
		got, _, err := get(t, c, s.root, claimOf(want), cache.Metadata)
		if err != nil || !bytes.Equal(got, served) {
			t.Errorf("%s: the reader sees %d bytes, %v", name, len(got), err)
		}
		if exists(t, entry(dir, claimOf(want))) || exists(t, partOf(dir, claimOf(want))) {
			t.Errorf("%s: it is kept", name)
		}
	}
}

func TestDamagedEntryIsFetchedAgain(t *testing.T) {
	t.Parallel()
	want := text(300_000)
	flipped := bytes.Clone(want)
	flipped[200_000] ^= 1
	for name, damage := range map[string]func(string) error{
		"flipped":   func(name string) error { return os.WriteFile(name, flipped, 0o600) },
		"truncated": func(name string) error { return os.Truncate(name, 10) },
		"a folder":  func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) },
		"a pipe":    func(name string) error { return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o600)) },
		"a link":    func(name string) error { return errors.Join(os.Remove(name), os.Symlink("/etc/passwd", name)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := serve(t, want)
			c := open(t, dir, cache.Options{Warn: func(err error) { t.Log(err) }})
			expect(t, c, s, want, 0, 1)
			if err := damage(entry(dir, claimOf(want))); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Verified(claimOf(want).Digests, -1); ok {
				t.Error("a damaged entry is verified")
			}
			expect(t, c, s, want, 0, 1)
		})
	}
}

// TestRottenEntry changes bytes behind the back of the file system's times: the
// reader's own digest finds it.
func TestRottenEntry(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(1000)
	s := serve(t, want)
	c := open(t, dir, cache.Options{})
	expect(t, c, s, want, 0, 1)
	src, err := fetch.New(s.root, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Fetch(t.Context(), src, path, claimOf(want), cache.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, d.Body); err != nil {
		t.Fatal(err)
	}
	rotten := claimOf(bytes.Repeat([]byte("r"), 1000))
	if err := d.Commit(repo.Content{Size: rotten.Size, Digests: rotten.Digests}); !errors.Is(err, fetch.ErrChanged) {
		t.Errorf("got %v", err)
	}
	_ = d.Close()
	expect(t, c, s, want, 0, 1)
}

// TestTouchedEntryIsHashedAndMarkedAgain: other times, same bytes.
func TestTouchedEntryIsHashedAndMarkedAgain(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(1000)
	s := serve(t, want)
	c := open(t, dir, cache.Options{})
	expect(t, c, s, want, 0, 1)
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(entry(dir, claimOf(want)), then, then); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Verified(claimOf(want).Digests, -1); ok {
		t.Error("verified though it was written to")
	}
	expect(t, c, s, want, int64(len(want)), 0)
	if _, ok := c.Verified(claimOf(want).Digests, -1); !ok {
		t.Error("not verified after it was read whole")
	}
}

func TestHostileDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, text(10))
	c := open(t, dir, cache.Options{})
	for _, digest := range []string{"", "../../../x", strings.Repeat("../", 20) + "x", strings.Repeat("A", 64), strings.Repeat("g", 64), strings.Repeat("a", 63)} {
		claim := repo.Claim{Size: 10, Digests: repo.Digests{SHA256: digest, MD5: strings.Repeat("a", 32)}}
		if _, _, err := get(t, c, s.root, claim, cache.Metadata); err != nil {
			t.Error(err)
		}
		c.PutFacts(claim.Digests, "k", []byte("x"))
		if _, ok := c.Facts(claim.Digests, "k"); ok {
			t.Errorf("facts about %q", digest)
		}
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s was made", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, dir, cache.Options{})
	d, other := claimOf(text(10)).Digests, claimOf(text(11)).Digests
	const kind = "deb/../control 1\n"
	c.PutFacts(d, kind, []byte("facts"))
	c.PutFacts(d, "empty", nil)
	c.PutFacts(d, "large", make([]byte, cache.MaxFacts+1))
	got, ok := open(t, dir, cache.Options{}).Facts(d, kind)
	if string(got) != "facts" || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
	if got, ok := c.Facts(d, "empty"); len(got) != 0 || !ok {
		t.Errorf("empty: got %q, %v", got, ok)
	}
	for _, k := range []string{"large", "none", ""} {
		if _, ok := c.Facts(d, k); ok {
			t.Errorf("facts of kind %q", k)
		}
	}
	if _, ok := c.Facts(other, kind); ok {
		t.Error("facts about another file")
	}
	c.PutFacts(d, kind, []byte("newer"))
	if got, _ := c.Facts(d, kind); string(got) != "newer" {
		t.Errorf("got %q", got)
	}
	// Each byte of the file counts, and so does its name.
	files, err := filepath.Glob(filepath.Join(dir, "v1", "facts", "*", "*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			broken := bytes.Clone(whole)
			broken[i] ^= 1
			for _, b := range [][]byte{broken, whole[:i], append(bytes.Clone(whole), 0)} {
				if err := os.WriteFile(file, b, 0o600); err != nil {
					t.Fatal(err)
				}
				_, ok := c.Facts(d, kind)
				_, ok2 := c.Facts(d, "empty")
				if ok && ok2 {
					t.Fatalf("%s: damage at byte %d was not seen", file, i)
				}
			}
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(files[0], files[1]); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{kind, "empty"} {
		if _, ok := c.Facts(d, k); ok {
			t.Errorf("facts of another kind for %q", k)
		}
	}
}

func TestPrivateFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, dir, cache.Options{})
	for _, d := range []string{dir, filepath.Join(dir, "v1"), filepath.Join(dir, "v1", "facts")} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, info.Mode(), err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "v1"), 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(dir, cache.Options{}); err == nil || !strings.Contains(err.Error(), "others may write") {
		t.Errorf("got %v", err)
	}
	planted := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(planted, "v1")); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(planted, cache.Options{}); err == nil {
		t.Error("a planted link was followed")
	}
}

// TestCacheThatCannotBeWritten: the run goes on, and hears of it once.
func TestCacheThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(1000)
	s := serve(t, want)
	warnings := 0
	c := open(t, dir, cache.Options{Warn: func(error) { warnings++ }})
	for _, d := range []string{"part", "tmp"} {
		if err := os.Remove(filepath.Join(dir, "v1", d)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		expect(t, c, s, want, 0, 1)
		c.PutFacts(claimOf(want).Digests, "k", []byte("x"))
	}
	if warnings != 1 {
		t.Errorf("%d warnings", warnings)
	}
}

func TestNoCache(t *testing.T) {
	t.Parallel()
	var c *cache.Cache
	want := text(100)
	s := serve(t, want)
	expect(t, c, s, want, 0, 1)
	c.PutFacts(claimOf(want).Digests, "k", nil)
	c.Drop(claimOf(want).Digests)
	if _, ok := c.Facts(claimOf(want).Digests, "k"); ok {
		t.Error("facts")
	}
	if _, ok := c.Get(claimOf(want).Digests, -1); ok {
		t.Error("a file")
	}
	if n, err := c.Prune(0); n != 0 || err != nil {
		t.Error(n, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, dir, cache.Options{})
	old, fresh := text(1000), text(1001)
	for i, b := range [][]byte{old, fresh} {
		s := serve(t, b)
		expect(t, c, s, b, 0, 1)
		mark := strings.Replace(entry(dir, claimOf(b)), "/body/", "/mark/", 1)
		then := time.Now().Add(time.Duration(i-20) * time.Hour)
		if err := os.Chtimes(mark, then, then); err != nil {
			t.Fatal(err)
		}
	}
	// A use counts.
	if _, ok := c.Verified(claimOf(old).Digests, -1); !ok {
		t.Fatal("not verified")
	}
	for name, age := range map[string]time.Duration{"dead": 48 * time.Hour, "alive": time.Minute} {
		name = filepath.Join(dir, "v1", "tmp", name)
		then := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(name, []byte("x"), 0o600), os.Chtimes(name, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	left, err := c.Prune(1 << 20)
	if err != nil || left < 2001 || exists(t, filepath.Join(dir, "v1", "tmp", "dead")) || !exists(t, filepath.Join(dir, "v1", "tmp", "alive")) {
		t.Errorf("%d bytes left, %v", left, err)
	}
	left, err = c.Prune(1800)
	if err != nil || left > 1800 || !exists(t, entry(dir, claimOf(old))) || exists(t, entry(dir, claimOf(fresh))) {
		t.Errorf("%d bytes left, %v", left, err)
	}
	if left, err = c.Prune(0); err != nil || left != 1 {
		t.Errorf("%d bytes left, %v", left, err)
	}
}

// TestManyAtOnce opens one cache many times, as several processes do: a lock of
// flock's kind is of the open file and not of the process.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := [][]byte{text(200_000), text(200_001), text(200_002)}
	var servers []*server
	for _, b := range want {
		servers = append(servers, serve(t, b))
	}
	var all sync.WaitGroup
	for range 8 {
		c := open(t, dir, cache.Options{})
		all.Go(func() {
			for i, b := range want {
				got, _, err := get(t, c, servers[i].root, claimOf(b), cache.Metadata)
				if err != nil || !bytes.Equal(got, b) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				c.PutFacts(claimOf(b).Digests, "k", b)
				if f, ok := c.Facts(claimOf(b).Digests, "k"); !ok || !bytes.Equal(f, b) {
					t.Errorf("%d bytes of facts, %v", len(f), ok)
				}
			}
		})
	}
	all.Wait()
	c := open(t, dir, cache.Options{})
	for i, b := range want {
		expect(t, c, servers[i], b, int64(len(b)), 0)
	}
	for _, place := range []string{"part", "tmp"} {
		if left, err := os.ReadDir(filepath.Join(dir, "v1", place)); err != nil || len(left) != 0 {
			t.Errorf("%s: %v, %v", place, left, err)
		}
	}
}

// TestUnreachableKeepsWhatIsThere: an outage does not cost what was fetched.
func TestUnreachableKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), text(1000)
	c := open(t, dir, cache.Options{})
	if err := os.WriteFile(partOf(dir, claimOf(want)), want[:500], 0o600); err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, _, err := get(t, c, gone.URL, claimOf(want), cache.Metadata); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	expect(t, c, serve(t, want), want, 500, 1)
}

// TestFolderSource has no ranges: what was begun is begun again.
func TestFolderSource(t *testing.T) {
	t.Parallel()
	dir, root, want := t.TempDir(), t.TempDir(), text(1000)
	if err := errors.Join(os.Mkdir(filepath.Join(root, "amd64"), 0o755), os.WriteFile(filepath.Join(root, path), want, 0o644)); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir, cache.Options{})
	if err := os.WriteFile(partOf(dir, claimOf(want)), want[:500], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cached := range []int64{0, 1000} {
		got, n, err := get(t, c, "file://"+root, claimOf(want), cache.Metadata)
		if err != nil || !bytes.Equal(got, want) || n != cached {
			t.Errorf("%d bytes, %d out of the cache, %v", len(got), n, err)
		}
	}
}

package crawl_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// memory is a source in memory that counts what is asked of it.
type memory struct {
	files map[string][]byte
	// fail gives an error for a path instead of its content; cut ends a body
	// with an error after half.
	fail map[string]error
	cut  map[string]bool

	mu    sync.Mutex
	asked map[string]int
}

var _ fetch.Source = (*memory)(nil)

func (m *memory) Open(_ context.Context, path string) (*fetch.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked == nil {
		m.asked = make(map[string]int)
	}
	m.asked[path]++
	url := "memory:" + path
	if err := m.fail[path]; err != nil {
		return nil, &fetch.Error{URL: url, Kind: err}
	}
	data, ok := m.files[path]
	if !ok {
		return nil, &fetch.Error{URL: url, Status: 403, Kind: fetch.ErrAbsent}
	}
	var body io.Reader = bytes.NewReader(data)
	if m.cut[path] {
		cut := &fetch.Error{URL: url, Kind: fetch.ErrUnreachable, Err: io.ErrUnexpectedEOF}
		body = io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(cut))
	}
	return &fetch.Response{Body: io.NopCloser(body), Size: int64(len(data)), URL: url}, nil
}

// buildDeb makes a package with dpkg-deb.
func buildDeb(t *testing.T, name string) []byte {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for path, text := range map[string]string{
		"DEBIAN/control":  "Package: " + name + "\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.com>\nDescription: x\n",
		"usr/bin/" + name: "program",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "x.deb")
	if msg, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "-b", root, out).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func stanza(name, path string, data []byte) string {
	return fmt.Sprintf("Package: %s\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.com>\nFilename: %s\nSize: %d\nMD5sum: %x\nSHA256: %x\nDescription: x\n\n",
		name, path, len(data), md5.Sum(data), sha256.Sum256(data))
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// release lists the files that are given.
func release(files map[string][]byte, names ...string) []byte {
	text := "Origin: test\nDate: Wed Oct 23 04:37:05 2024\nSHA256:\n"
	for _, n := range names {
		text += fmt.Sprintf(" %x %d %s\n", sha256.Sum256(files[n]), len(files[n]), n)
	}
	return []byte(text)
}

// flat is an unsigned flat repository of three packages.
func flat(t *testing.T) *memory {
	t.Helper()
	m := &memory{files: make(map[string][]byte), fail: make(map[string]error), cut: make(map[string]bool)}
	index := ""
	for _, name := range []string{"aa", "bb", "cc"} {
		data := buildDeb(t, name)
		m.files["amd64/"+name+".deb"] = data
		index += stanza(name, "./amd64/"+name+".deb", data)
	}
	m.files["Packages"] = []byte(index)
	m.files["Packages.gz"] = packed(t, []byte(index))
	m.files["Release"] = release(m.files, "Packages", "Packages.gz")
	return m
}

func run(t *testing.T, m *memory) repo.Repository {
	t.Helper()
	return crawl.Crawl(t.Context(), m, repo.Target{Format: repo.Deb}, crawl.Options{
		KeyFiles: []string{"Release.key"},
		Depth:    func(repo.Package) crawl.Depth { return crawl.Payload },
	})
}

func TestFlatRepository(t *testing.T) {
	t.Parallel()
	m := flat(t)
	r := run(t, m)
	if len(r.Packages) != 3 {
		t.Fatalf("%d packages, want 3", len(r.Packages))
	}
	for _, p := range r.Packages {
		a := p.Artifact
		if !a.OK() || a.Inside != nil || !p.Claim.Fits(a.Content) {
			t.Errorf("%s: %v, %v", p, a.Problem, a.Inside)
		}
		if v, _ := a.Fields.Get("package"); v != p.Name {
			t.Errorf("%s: control says %q", p, v)
		}
		if n := len(a.Files); n == 0 || a.Files[n-1].SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte("program"))) {
			t.Errorf("%s: files %+v", p, a.Files)
		}
	}
	for path, n := range m.asked {
		if n != 1 {
			t.Errorf("%s was fetched %d times", path, n)
		}
	}
	if !r.Apt.InRelease.Problem.Is(repo.Absent) || !r.Keys[0].Problem.Is(repo.Absent) {
		t.Errorf("InRelease: %v, key: %v; want both absent", r.Apt.InRelease.Problem, r.Keys[0].Problem)
	}
}

// TestBrokenPackageStopsNoOther: each kind of broken file is a fact of that
// file alone.
func TestBrokenPackageStopsNoOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*memory)
		want   func(*repo.Artifact) bool
	}{
		{"absent", func(m *memory) { delete(m.files, "amd64/bb.deb") }, func(a *repo.Artifact) bool { return a.Problem.Is(repo.Absent) }},
		{"unreachable", func(m *memory) { m.fail["amd64/bb.deb"] = fetch.ErrUnreachable }, func(a *repo.Artifact) bool { return a.Problem.Is(repo.Unreachable) }},
		{"cut short", func(m *memory) { m.cut["amd64/bb.deb"] = true }, func(a *repo.Artifact) bool { return a.Problem.Is(repo.Unreachable) }},
		{"garbage", func(m *memory) { m.files["amd64/bb.deb"] = []byte(strings.Repeat("x", 5000)) }, func(a *repo.Artifact) bool {
			return a.OK() && a.Inside.Is(repo.Malformed) && a.Size == 5000
		}},
		{"empty", func(m *memory) { m.files["amd64/bb.deb"] = nil }, func(a *repo.Artifact) bool { return a.OK() && a.Inside.Is(repo.Malformed) && a.Size == 0 }},
		{"longer", func(m *memory) { m.files["amd64/bb.deb"] = append(m.files["amd64/bb.deb"], "more"...) }, func(a *repo.Artifact) bool {
			return a.OK() && len(a.Faults) > 0
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := flat(t)
			tt.change(m)
			r := run(t, m)
			for _, p := range r.Packages {
				if p.Name == "bb" {
					if !tt.want(p.Artifact) {
						t.Errorf("bb: %v, %v, %d bytes", p.Artifact.Problem, p.Artifact.Inside, p.Artifact.Size)
					}
				} else if !p.Artifact.OK() || p.Artifact.Inside != nil || !p.Claim.Fits(p.Artifact.Content) {
					t.Errorf("%s suffers: %v, %v", p, p.Artifact.Problem, p.Artifact.Inside)
				}
			}
		})
	}
}

// TestTakesTheIndexThatIsAsListed: of two forms of Packages the one that
// Release describes is believed, whichever that is.
func TestTakesTheIndexThatIsAsListed(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"Packages", "Packages.gz"} {
		m := flat(t)
		other := []byte(stanza("evil", "amd64/evil.deb", nil))
		if wrong == "Packages.gz" {
			other = packed(t, other)
		}
		m.files[wrong] = other
		r := run(t, m)
		if len(r.Packages) != 3 || r.Packages[0].Name != "aa" {
			t.Errorf("%s is wrong: got %v", wrong, r.Packages)
		}
		for _, x := range r.Apt.Indexes {
			if x.Parsed == (x.Path == wrong) {
				t.Errorf("%s is wrong: %s parsed: %t", wrong, x.Path, x.Parsed)
			}
		}
	}
}

// TestIndexThatIsNotAsListedIsReadAllTheSame: the mismatch is a fact; what the
// index says can still be judged.
func TestIndexThatIsNotAsListedIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	m := flat(t)
	m.files["Release"] = []byte("Origin: test\nDate: Wed Oct 23 04:37:05 2024\nSHA256:\n " + strings.Repeat("0", 64) + " 1 Packages\n")
	r := run(t, m)
	if len(r.Packages) != 3 || !r.Apt.Indexes[0].Parsed || r.Apt.Indexes[0].Claims[0].Fits(r.Apt.Indexes[0].Content) {
		t.Errorf("got %d packages, %+v", len(r.Packages), r.Apt.Indexes)
	}
}

// TestNeverLeavesTheRoot: paths that lead out are facts, and are not followed.
func TestNeverLeavesTheRoot(t *testing.T) {
	t.Parallel()
	m := flat(t)
	index := stanza("aa", "../../etc/passwd", nil) + stanza("bb", "/etc/passwd", nil) + stanza("cc", "http://evil.example/x.deb", nil)
	m.files["Packages"] = []byte(index)
	m.files["Release"] = release(m.files, "Packages")
	r := run(t, m)
	for path := range m.asked {
		if strings.Contains(path, "passwd") || strings.Contains(path, "evil") {
			t.Errorf("asked for %s", path)
		}
	}
	for _, p := range r.Packages {
		if !p.Artifact.Problem.Is(repo.Malformed) {
			t.Errorf("%s: %v, want malformed", p, p.Artifact.Problem)
		}
	}
}

// TestUnreachableIsSaidOnce: when the root cannot be reached, nothing else is
// tried, so that the run ends quickly.
func TestUnreachableIsSaidOnce(t *testing.T) {
	t.Parallel()
	for format, root := range map[repo.Format]string{repo.Deb: "InRelease", repo.RPM: "repodata/repomd.xml"} {
		m := &memory{fail: map[string]error{root: fetch.ErrUnreachable}}
		r := crawl.Crawl(t.Context(), m, repo.Target{Format: format}, crawl.Options{KeyFiles: []string{"key"}})
		if diff := cmp.Diff(map[string]int{root: 1}, m.asked); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", format, diff)
		}
		if !r.Keys[0].Problem.Is(repo.Unread) {
			t.Errorf("%s: key: %v, want unread", format, r.Keys[0].Problem)
		}
	}
}

// TestRetries: what fails once and then comes is whole.
func TestRetries(t *testing.T) {
	t.Parallel()
	m := flat(t)
	once := &flaky{memory: m, path: "amd64/bb.deb"}
	r := crawl.Crawl(t.Context(), once, repo.Target{Format: repo.Deb}, crawl.Options{
		Depth: func(repo.Package) crawl.Depth { return crawl.Payload }, Policy: fetch.Policy{Tries: 2},
	})
	for _, p := range r.Packages {
		if !p.Artifact.OK() || !p.Claim.Fits(p.Artifact.Content) || p.Artifact.Inside != nil {
			t.Errorf("%s: %v, %v", p, p.Artifact.Problem, p.Artifact.Inside)
		}
	}
}

// flaky cuts the first body of one path short.
type flaky struct {
	*memory
	path string
	once sync.Once
}

func (f *flaky) Open(ctx context.Context, path string) (*fetch.Response, error) {
	resp, err := f.memory.Open(ctx, path)
	if path == f.path && err == nil {
		f.once.Do(func() {
			cut := &fetch.Error{URL: path, Kind: fetch.ErrUnreachable, Err: errors.New("connection reset")}
			resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 100), iotest.ErrReader(cut)))
		})
	}
	return resp, err
}

package crawl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// announcer serves what memory has, but for one file: of that it announces a
// size, gives a few bytes, and breaks off. So a size is tested that nobody
// wants to send.
type announcer struct {
	memory
	path string
	size int64
	read atomic.Int64
}

func (a *announcer) Open(ctx context.Context, path string) (*fetch.Response, error) {
	if path != a.path {
		return a.memory.Open(ctx, path)
	}
	cut := &fetch.Error{URL: path, Kind: fetch.ErrUnreachable, Err: io.ErrUnexpectedEOF}
	return &fetch.Response{Body: io.NopCloser(&cutBody{a, strings.NewReader("some"), cut}), Size: a.size, URL: path}, nil
}

type cutBody struct {
	a    *announcer
	some io.Reader
	err  error
}

func (b *cutBody) Read(p []byte) (int, error) {
	n, err := b.some.Read(p)
	b.a.read.Add(int64(n))
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

// TestSizeBounds announces files of the largest size that is read, and of one
// byte more: those are not read at all.
func TestSizeBounds(t *testing.T) {
	t.Parallel()
	const claimed = 10
	list := func(size int64) []byte {
		return fmt.Appendf(nil, "Origin: x\nSHA256:\n %064d %d Packages\n", 0, size)
	}
	packages := func(size int64) []byte {
		return []byte(strings.Replace(stanza("a", "a.deb", nil), "Size: 0\n", fmt.Sprintf("Size: %d\n", size), 1))
	}
	index := func(r repo.Repository) repo.File { return r.Apt.Indexes[0].File }
	artifact := func(r repo.Repository) repo.File { return r.Packages[0].Artifact.File }
	for name, tt := range map[string]struct {
		path  string
		files func(size int64) map[string][]byte
		most  int64
		file  func(repo.Repository) repo.File
	}{
		"root": {"InRelease", nil, crawl.MaxRootSize, func(r repo.Repository) repo.File { return r.Apt.InRelease }},
		"key":  {"Release.key", nil, crawl.MaxRootSize, func(r repo.Repository) repo.File { return r.Keys[0].File }},
		"index": {"Packages", func(size int64) map[string][]byte {
			return map[string][]byte{"Release": list(size)}
		}, crawl.MaxIndexSize, index},
		"index whose claim is past all bounds": {"Packages", func(int64) map[string][]byte {
			return map[string][]byte{"Release": list(math.MaxInt64)}
		}, crawl.MaxIndexSize, index},
		"index and its claim": {"Packages", func(int64) map[string][]byte {
			return map[string][]byte{"Release": list(claimed)}
		}, claimed + crawl.SizeSlack, index},
		"package": {"a.deb", func(size int64) map[string][]byte {
			text := packages(size)
			return map[string][]byte{"Release": release(map[string][]byte{"Packages": text}, "Packages"), "Packages": text}
		}, crawl.MaxPackageSize, artifact},
		"package and its claim": {"a.deb", func(int64) map[string][]byte {
			text := packages(claimed)
			return map[string][]byte{"Release": release(map[string][]byte{"Packages": text}, "Packages"), "Packages": text}
		}, claimed + crawl.SizeSlack, artifact},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, past := range []int64{0, 1} {
				a := &announcer{path: tt.path, size: tt.most + past}
				if tt.files != nil {
					a.files = tt.files(a.size)
				}
				got := tt.file(crawl.Crawl(t.Context(), a, repo.Target{Format: repo.Deb}, crawl.Options{
					KeyFiles: []string{"Release.key"}, Depth: func(repo.Package) crawl.Depth { return crawl.Control },
				}))
				switch {
				case past == 0 && (!got.Problem.Is(repo.Unreachable) || a.read.Load() == 0):
					t.Errorf("%d bytes announced: %v after %d bytes, want them read up to the cut", a.size, got.Problem, a.read.Load())
				case past == 1 && (!got.Problem.Is(repo.Malformed) || a.read.Load() != 0 ||
					!strings.Contains(got.Problem.Text, fmt.Sprintf("at most %d are read", tt.most))):
					t.Errorf("%d bytes announced: %v after %d bytes, want none read", a.size, got.Problem, a.read.Load())
				}
			}
		})
	}
}

// endless serves zeros without end and announces no size.
type endless struct{ read atomic.Int64 }

func (e *endless) Open(context.Context, string) (*fetch.Response, error) {
	return &fetch.Response{Body: io.NopCloser(e), Size: -1, URL: "endless"}, nil
}

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.read.Add(int64(len(p)))
	return len(p), nil
}

// TestEndlessRoot reads a root of which nothing says how long it is.
func TestEndlessRoot(t *testing.T) {
	t.Parallel()
	src := &endless{}
	got := crawl.Crawl(t.Context(), src, repo.Target{Format: repo.RPM}, crawl.Options{}).RPM.RepomdFile
	if !got.Problem.Is(repo.Malformed) || !strings.Contains(got.Problem.Text, "16777216 bytes") {
		t.Errorf("%v, want the bound of %d bytes named", got.Problem, crawl.MaxRootSize)
	}
	// repomd.xml and its signature, each with what the buffer reads ahead.
	if most := int64(2 * (crawl.MaxRootSize + 1<<20)); src.read.Load() > most {
		t.Errorf("%d bytes read, want at most %d", src.read.Load(), most)
	}
}

// TestMaxIndexes lists as many indexes as are read, and one more.
func TestMaxIndexes(t *testing.T) {
	t.Parallel()
	for n, wantFault := range map[int]bool{crawl.MaxIndexes: false, crawl.MaxIndexes + 1: true} {
		var text bytes.Buffer
		text.WriteString("Origin: x\nSHA256:\n")
		for i := range n {
			fmt.Fprintf(&text, " %064d 1 d%d/Packages\n", 0, i)
		}
		m := &memory{files: map[string][]byte{"Release": text.Bytes()}}
		got := crawl.Crawl(t.Context(), m, repo.Target{Format: repo.Deb}, crawl.Options{}).Apt
		if len(got.Indexes) != crawl.MaxIndexes {
			t.Errorf("%d of %d indexes read, want %d", len(got.Indexes), n, crawl.MaxIndexes)
		}
		fault := slices.ContainsFunc(got.Detached.Faults, func(p repo.Problem) bool {
			return strings.Contains(p.Text, "lists more than 4096 files")
		})
		if fault != wantFault {
			t.Errorf("%d indexes: faults %v", n, got.Detached.Faults)
		}
	}
}

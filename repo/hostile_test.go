package repo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/cpio"
	"sigs.k8s.io/pkgverify/repo/deb"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/metalink"
	"sigs.k8s.io/pkgverify/repo/payload"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/rpm"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

const (
	// hostileSize is how long a hostile input is.
	hostileSize = 1 << 20
	// hostileMemory is what reading one may hold at a time, in bytes, what the
	// garbage collector has not come to included.
	hostileMemory = 256 << 20
	// hostileWork is what reading one may allocate in all, in bytes.
	hostileWork = 1 << 30
)

// reading is a parser as a test drives it: it returns how many entries it was
// given, and the last error.
type reading func(r io.Reader) (entries int, err error)

// all drives a parser that yields its entries.
func all[T any](parse func(io.Reader) iter.Seq2[T, error]) reading {
	return func(r io.Reader) (n int, last error) {
		for _, err := range parse(r) {
			if n++; err != nil {
				last = err
			}
		}
		return n, last
	}
}

// one drives a parser that returns one value.
func one[T any](parse func(io.Reader) (T, error)) reading {
	return func(r io.Reader) (int, error) {
		_, err := parse(r)
		return 1, err
	}
}

// text drives a parser of a value that is in memory.
func text[T any](parse func(string) (T, error)) reading {
	return func(r io.Reader) (int, error) {
		b, err := io.ReadAll(r)
		if err != nil {
			return 0, err
		}
		_, err = parse(string(b))
		return 1, err
	}
}

func parsers() map[string]reading {
	const by = "x"
	with := map[string]reading{
		"apt.ParseRelease":   one(func(r io.Reader) (*repo.Release, error) { return apt.ParseRelease(r, by) }),
		"apt.SplitInRelease": text(func(s string) (*apt.ClearSigned, error) { return apt.SplitInRelease([]byte(s)) }),
		"apt.Packages":       all(func(r io.Reader) iter.Seq2[repo.Package, error] { return apt.Packages(r, by) }),
		"apt.Sources":        all(func(r io.Reader) iter.Seq2[repo.SourcePackage, error] { return apt.Sources(r, by) }),
		"deb822.Stanzas":     all(deb822.Stanzas),
		"debver.Parse":       text(debver.Parse),
		"rpmver.Parse":       text(rpmver.Parse),
		"repopath.Clean":     text(repopath.Clean),
		"cpio": func(r io.Reader) (n int, err error) {
			for c := cpio.NewReader(r); err == nil; n++ {
				_, err = c.Next()
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		},
		"metalink.Parse":     one(metalink.Parse),
		"metalink.Mirrors":   one(metalink.ParseMirrorlist),
		"rpmmd.Primary":      all(func(r io.Reader) iter.Seq2[repo.Package, error] { return rpmmd.Primary(r, by) }),
		"rpmmd.Filelists":    all(rpmmd.Filelists),
		"rpmmd.FilelistsExt": all(rpmmd.FilelistsExt),
		"rpmmd.Other":        all(rpmmd.Other),
		"rpmmd.Updateinfo":   all(rpmmd.Updateinfo),
		"rpmmd.Groups":       all(rpmmd.Groups),
		"rpmmd.Modules":      all(rpmmd.Modules),
		"rpmmd.ParseRoot":    one(func(r io.Reader) (*rpmmd.Root, error) { return rpmmd.ParseRoot(r, by) }),
		"deb.Read":           one(func(r io.Reader) (*deb.Package, error) { return deb.Read(r, deb.Options{Payload: true}) }),
		"rpm.Read":           one(func(r io.Reader) (*rpm.Package, error) { return rpm.Options{Payload: true}.Read(r, nil) }),
		"pgp.ReadKeyring":    text(func(s string) (*pgp.Keyring, error) { return pgp.ReadKeyring([]byte(s)) }),
		"pgp.Start":          text(func(s string) (*pgp.Verification, error) { return (*pgp.Keyring)(nil).Start("x", []byte(s)) }),
		"payload": one(func(r io.Reader) (int64, error) {
			_, n, _, err := payload.NewInspector().File(r, 0o755)
			return n, err
		}),
	}
	for _, kind := range []debrel.Kind{debrel.BuildDepends, debrel.Provides} {
		with[fmt.Sprintf("debrel.Parse %d", kind)] = text(func(s string) (debrel.List, error) { return debrel.Parse(kind, s) })
	}
	with["rpmdep.ParseRich"] = text(func(s string) (rpmdep.Rich, error) { return rpmdep.ParseRich(s, rpmdep.Demand) })
	for _, kind := range []compress.Kind{compress.Gzip, compress.XZ, compress.LZMA, compress.Bzip2, compress.Zstd} {
		with["compress "+string(kind)] = func(r io.Reader) (int, error) {
			z, err := compress.NewReader(r, kind, 1<<40)
			if err != nil {
				return 0, err
			}
			defer z.Close()
			_, err = io.Copy(io.Discard, z)
			return 1, err
		}
	}
	return with
}

// counter counts what is read, and notes how large the heap is at each read.
type counter struct {
	r    io.Reader
	n    int64
	heap uint64 // at its largest, in bytes
}

func (c *counter) Read(p []byte) (int, error) {
	c.heap = max(c.heap, heapSize())
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// heapSize is how many bytes the objects of the heap take, dead ones included.
func heapSize() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peak reads data once more, and returns by how much the heap grew at most.
func peak(parse reading, data []byte) uint64 {
	runtime.GC()
	in := &counter{r: bytes.NewReader(data)}
	before := heapSize()
	_, _ = parse(in) // judged before
	return max(in.heap, heapSize(), before) - before
}

// userTime is what the process used of processors so far.
func userTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano())
}

// TestHostileInputs has every parser read every hostile input. Each comes to
// an end after the bytes that are there, hands out no more entries than those
// can hold, holds no more than hostileMemory, and has no error but those
// of its format. The time is logged only, for the machine has a say in it.
//
// It does not run beside other tests, whose memory it would count.
func TestHostileInputs(t *testing.T) { //nolint:paralleltest // memory is counted
	inputs := hostileInputs(t)
	for name, parse := range parsers() {
		t.Run(name, func(t *testing.T) {
			var worst uint64
			var slowest time.Duration
			var at, slow string
			for input, data := range inputs {
				if len(data) > hostileSize {
					t.Fatalf("%s has %d bytes, wanted at most %d", input, len(data), hostileSize)
				}
				in := &counter{r: bytes.NewReader(data)}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := userTime(t)
				n, err := parse(in)
				took := userTime(t) - start
				runtime.ReadMemStats(&after)
				if err != nil && !errors.As(err, new(*repo.FormatError)) && !errors.As(err, new(*debrel.SyntaxError)) {
					t.Errorf("%s: %v (%T), want an error of the format or none", input, err, err)
				}
				if n > len(data)+1 || in.n > int64(len(data)) {
					t.Errorf("%s: %d entries from %d bytes", input, n, len(data))
				}
				used := after.TotalAlloc - before.TotalAlloc
				if used > hostileWork {
					t.Errorf("%s: %d MiB allocated, want at most %d", input, used>>20, hostileWork>>20)
				}
				// What was not allocated cannot be held.
				if used > hostileMemory {
					if held := peak(parse, data); held > hostileMemory {
						t.Errorf("%s: up to %d MiB held, want at most %d", input, held>>20, hostileMemory>>20)
					}
				}
				if used > worst {
					worst, at = used, input
				}
				if took > slowest {
					slowest, slow = took, input
				}
			}
			t.Logf("at most %d MiB allocated, for %s, and %v of user time, for %s", worst>>20, at, slowest.Round(time.Millisecond), slow)
		})
	}
}

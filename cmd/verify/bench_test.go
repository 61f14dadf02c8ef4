package main

import (
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/publish/serve"
)

// BenchmarkWholeRun verifies a published tree, without containers, over
// loopback, and hashes the same files with sha256sum, as many processes as
// there are processors. It reports the ratio of the two and the peak memory.
//
// It takes the tree of `make demo`; BENCH_TREE names another one.
func BenchmarkWholeRun(b *testing.B) {
	dir := os.Getenv("BENCH_TREE")
	if dir == "" {
		dir = "../../build/demo"
	}
	root := filepath.Join(dir, "root")
	versions, err := os.ReadFile(filepath.Join(dir, "versions.txt"))
	if err != nil {
		b.Fatalf("no published tree (make bench makes one): %v", err)
	}
	server := httptest.NewServer(serve.Handler(root))
	b.Cleanup(server.Close)
	for _, depth := range []string{"metadata", "metadata,packages"} {
		b.Run(depth, func(b *testing.B) {
			var ours, theirs time.Duration
			var peak int64
			for b.Loop() {
				cmd, _ := command(b.Context(), b, "--profile", "kep-1731", "--base-url", server.URL, "--key", filepath.Join(dir, "key.asc"),
					"--channel", "stable,dev,nightly", "--minor", "1.26", "--versions", strings.TrimSpace(string(versions)), "--suite", depth)
				start := time.Now()
				if out, err := cmd.Output(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				ours += time.Since(start)
				peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)

				start = time.Now()
				sum := exec.CommandContext(b.Context(), "sh", "-c", `find "$0" -type f -print0 | xargs -0 -n 16 -P "$1" sha256sum >/dev/null`,
					root, strconv.Itoa(runtime.NumCPU()))
				if out, err := sum.CombinedOutput(); err != nil {
					b.Fatalf("sha256sum: %v\n%s", err, out)
				}
				theirs += time.Since(start)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "times-sha256sum")
			b.ReportMetric(float64(peak)/1024, "MB-peak")
			b.ReportMetric(treeSize(b, root)*float64(b.N)/1e6/ours.Seconds(), "MB/s")
		})
	}
}

// treeSize returns the bytes of all files below root.
func treeSize(b *testing.B, root string) float64 {
	b.Helper()
	var total int64
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(total)
}

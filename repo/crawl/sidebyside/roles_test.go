package sidebyside

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

// roleVariable makes this test binary run one role instead of the benchmarks.
const roleVariable = "PKGVERIFY_SIDEBYSIDE_ROLE"

// TestMain runs a role, or the benchmarks.
func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := runRole(role, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		os.Exit(1)
	}
}

func runRole(role string, args []string) error {
	switch role {
	case "serve":
		return serve(args[0])
	case "small-debs":
		return smallDebs(args[0], args[1], numbers(args[2:])...)
	case "rpm-index":
		return rpmIndex(args[0], args[1], numbers(args[2:])[0])
	case "crawl", "packages", "primary":
	default:
		return fmt.Errorf("no such role")
	}
	limitMemory()
	stop, err := profile()
	if err != nil {
		return err
	}
	work := map[string]func([]string) (any, error){"crawl": crawlRole, "packages": packagesRole, "primary": primaryRole}[role]
	start, before := time.Now(), cpuNow()
	kept, err := work(args)
	if err != nil {
		return err
	}
	spent := usage{Wall: time.Since(start), CPU: cpuNow() - before, Peak: peakNow()}
	if err := stop(); err != nil {
		return err
	}
	runtime.KeepAlive(kept) // what was learnt is in memory until the end
	return json.NewEncoder(os.Stdout).Encode(spent)
}

// limitMemory does what cmd/verify does before it begins; the two are to be
// kept the same.
func limitMemory() {
	const softMemory = 160 << 20
	debug.SetMemoryLimit(softMemory)
}

func numbers(args []string) []int {
	var all []int
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil {
			panic(err) // the caller is this program
		}
		all = append(all, n)
	}
	return all
}

// profile begins the processor's profile; stop writes it, and that of the
// memory in use.
func profile() (stop func() error, err error) {
	dir := os.Getenv("PKGVERIFY_PROFILE")
	if dir == "" {
		return func() error { return nil }, nil
	}
	stem := filepath.Join(dir, fmt.Sprintf("%s-%s", os.Getenv(roleVariable), os.Getenv(rowVariable)))
	cpu, err := os.Create(stem + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		heap, err := os.Create(stem + ".heap.pprof")
		if err != nil {
			return errors.Join(err, cpu.Close())
		}
		runtime.GC()
		return errors.Join(pprof.WriteHeapProfile(heap), heap.Close(), cpu.Close())
	}, nil
}

// cpuNow returns what this process has used so far, user and system time.
func cpuNow() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // the call has no other arguments that could be wrong
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// serve serves dir on loopback until its standard input ends.
func serve(dir string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "http://%s/\n", listener.Addr()); err != nil {
		return err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-failed:
		return err
	case err := <-ended:
		return errors.Join(err, server.Close())
	}
}

// crawlRole crawls repositories, two at once as cmd/verify does, and checks
// that all was found and right.
func crawlRole(args []string) (any, error) {
	flags := flag.NewFlagSet("crawl", flag.ContinueOnError)
	depth := flags.Int("depth", int(crawl.Nothing), "a crawl.Depth")
	key := flags.String("key", "", "the pinned key")
	want := flags.Int("want", 0, "packages that must be there")
	folder := flags.String("cache", "", "folder of the cache, as cmd/verify keeps it")
	parallel := flags.Int("parallel", 8, "package files of one repository at once")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	armored, err := os.ReadFile(*key)
	if err != nil {
		return nil, err
	}
	ring, err := pgp.ReadKeyring(armored)
	if err != nil {
		return nil, err
	}
	opts := crawl.Options{Keyring: ring, Parallel: *parallel, Policy: fetch.DefaultPolicy()}
	if *depth > int(crawl.Nothing) {
		opts.Depth = func(repo.Package) crawl.Depth { return crawl.Depth(*depth) }
	}
	if *folder != "" {
		opts.Cache, err = cache.Open(*folder, cache.Options{Warn: func(err error) { fmt.Fprintln(os.Stderr, err) }})
		if err != nil {
			return nil, err
		}
		defer func() { _ = opts.Cache.Close() }() // all was read
	}
	results := make([]repo.Repository, flags.NArg())
	problems := make([]error, flags.NArg())
	var all sync.WaitGroup
	for i, target := range flags.Args() {
		all.Go(func() {
			format, url, _ := strings.Cut(target, "=")
			src, err := fetch.New(url, fetch.Options{})
			if err != nil {
				problems[i] = err
				return
			}
			results[i] = crawl.Crawl(context.Background(), src, repo.Target{Format: repo.Format(format), URL: url}, opts)
			problems[i] = sound(&results[i], *depth > int(crawl.Nothing))
		})
	}
	all.Wait()
	found := 0
	for _, r := range results {
		found += len(r.Packages)
	}
	return results, errors.Join(errors.Join(problems...), wanted(found, fmt.Sprint(*want)))
}

// sound returns an error unless everything was read and is right.
func sound(r *repo.Repository, files bool) error {
	var signatures []repo.Signature
	var indexes []repo.Index
	switch {
	case r.Apt != nil:
		signatures, indexes = r.Apt.InlineSignatures, r.Apt.Indexes
	case r.RPM != nil:
		signatures, indexes = r.RPM.Signatures, r.RPM.Indexes
	}
	if len(signatures) == 0 || signatures[0].Verdict != repo.Good {
		return fmt.Errorf("%s: signatures: %+v", r.Target.URL, signatures)
	}
	if len(indexes) < 2 {
		return fmt.Errorf("%s: %d indexes", r.Target.URL, len(indexes))
	}
	for _, x := range indexes {
		if !x.OK() || x.FaultCount > 0 {
			return fmt.Errorf("%s: %v %v", x.URL, x.Problem, x.Faults)
		}
	}
	for _, p := range r.Packages {
		a := p.Artifact
		switch {
		case !files:
		case a == nil:
			return fmt.Errorf("%s was not read", p.Path)
		case !a.OK() || a.Inside != nil || len(a.Faults) > 0 || !p.Claim.Fits(a.Content):
			return fmt.Errorf("%s: %v %v %v", p.Path, a.Problem, a.Inside, a.Faults)
		}
	}
	return nil
}

// packagesRole parses a Packages file and keeps all fields, in a slice of the
// size that the crawl makes of what a Release says.
func packagesRole(args []string) (any, error) {
	file, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	const stanza = 800 // bytes, as the crawl guesses
	kept := make([]repo.Package, 0, info.Size()/stanza)
	for p, err := range apt.Packages(file, "Packages") {
		if err != nil {
			return nil, err
		}
		kept = append(kept, p)
	}
	return kept, wanted(len(kept), args[1])
}

// primaryRole parses a primary.xml and keeps all fields.
func primaryRole(args []string) (any, error) {
	file, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read
	var kept []repo.Package
	for p, err := range rpmmd.Primary(file, "primary.xml") {
		if err != nil {
			return nil, err
		}
		kept = append(kept, p)
	}
	return kept, wanted(len(kept), args[1])
}

func wanted(n int, want string) error {
	if fmt.Sprint(n) != want {
		return fmt.Errorf("%d packages, wanted %s", n, want)
	}
	return nil
}

package suites

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/repo/sums"
	"sigs.k8s.io/pkgverify/verify"
)

const (
	// maxOfficial bounds the files of checksums that are read for one target: a
	// minor of Kubernetes has some 300.
	maxOfficial = 10_000
	// maxProgram bounds a program that lies in a folder of official binaries;
	// kubelet has 130 MB.
	maxProgram = 1 << 30
)

// readOfficial reads the official checksums of the programs that the packages
// of a target should hold.
func (g *gatherer) readOfficial(ctx context.Context, e *verify.Expectation, r *repo.Repository) map[verify.OfficialFile]verify.Official {
	wanted := make(map[string][]verify.OfficialFile) // by path: a list may have several
	out := make(map[verify.OfficialFile]verify.Official)
	for _, p := range r.Packages {
		x := e.Package(p.Name)
		if x == nil || !p.Artifact.OK() {
			continue
		}
		for _, b := range x.Binaries {
			file, ok := b.OfficialFile(p)
			if !ok || out[file] != (verify.Official{}) {
				continue
			}
			if _, err := repopath.Clean(file.Path); err != nil { // the version is the index's word
				out[file] = verify.Official{Problem: &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}}
				continue
			}
			if len(wanted) == maxOfficial && wanted[file.Path] == nil {
				out[file] = verify.Official{Problem: &repo.Problem{Kind: repo.Unreachable, Text: fmt.Sprintf("more than %d checksums", maxOfficial)}}
				continue
			}
			wanted[file.Path] = append(wanted[file.Path], file)
			out[file] = verify.Official{URL: file.Path} // until it is read
		}
	}
	src, err := fetch.New(e.Official, g.opts.Fetch)
	if err != nil {
		for file := range out {
			out[file] = verify.Official{Problem: &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}}
		}
		return out
	}
	place := official{src: src, folder: isFolder(e.Official), policy: g.opts.Policy}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(g.opts.Parallel, 1))
	for path, files := range wanted {
		group.Go(func() error {
			found := place.read(ctx, path, files)
			mu.Lock()
			defer mu.Unlock()
			for i, file := range files {
				out[file] = found[i]
			}
			return nil // one that is missing does not stop the others
		})
	}
	_ = group.Wait() // no function returns an error
	return out
}

// isFolder reports whether an address is a folder of this machine.
func isFolder(address string) bool {
	return !strings.HasPrefix(strings.ToLower(address), "http://") && !strings.HasPrefix(strings.ToLower(address), "https://")
}

// official is a place that has the checksums of released binaries.
type official struct {
	src    fetch.Source
	folder bool
	policy fetch.Policy
}

// read reads one file of checksums, and returns what it says of each binary. In
// a folder the program may lie there in its stead.
func (o official) read(ctx context.Context, path string, files []verify.OfficialFile) []verify.Official {
	out := make([]verify.Official, len(files))
	var data bytes.Buffer
	err := o.copy(ctx, path, sums.MaxSize, &data, data.Reset)
	var list sums.List
	if err == nil {
		list, err = sums.Read(&data)
	}
	for i, file := range files {
		out[i].URL = fetch.Address(o.src, path)
		switch {
		case err == nil:
			digests, missing := list.Of(file.Name, string(file.Arch), file.Arch.In(repo.Deb), file.Arch.In(repo.RPM))
			if out[i].Digests = digests; missing != nil {
				out[i].Problem = &repo.Problem{Kind: repo.Malformed, Text: missing.Error()}
				if errors.Is(missing, sums.ErrNone) {
					out[i].Problem.Kind = repo.Absent
				}
			}
		case o.folder && errors.Is(err, fetch.ErrAbsent):
			out[i] = o.program(ctx, path, out[i].URL, err)
		default:
			out[i].Problem = problemOf(err)
		}
	}
	return out
}

// program makes the checksum of a program that lies where its checksum would.
func (o official) program(ctx context.Context, path, url string, absent error) verify.Official {
	name, ok := strings.CutSuffix(path, ".sha256")
	if !ok {
		return verify.Official{URL: url, Problem: problemOf(absent)}
	}
	h := sha256.New()
	switch err := o.copy(ctx, name, maxProgram, h, h.Reset); {
	case errors.Is(err, fetch.ErrAbsent):
		return verify.Official{URL: url, Problem: problemOf(absent)}
	case err != nil:
		return verify.Official{URL: url, Problem: problemOf(err)}
	}
	return verify.Official{URL: fetch.Address(o.src, name), Digests: repo.Digests{SHA256: hex.EncodeToString(h.Sum(nil))}}
}

// copy reads a file whole into w, which is reset before each try.
func (o official) copy(ctx context.Context, path string, limit int64, w io.Writer, reset func()) error {
	return o.policy.Do(ctx, func() error {
		reset()
		resp, err := o.src.Open(ctx, path)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read or given up
		meter := fetch.NewMeter(resp.Body, limit, nil)
		defer meter.Close()
		_, err = io.Copy(w, meter)
		return err
	})
}

// problemOf returns why a file of another place than the target's is missing.
func problemOf(err error) *repo.Problem {
	kind := repo.Unreachable
	var format *repo.FormatError
	switch {
	case errors.Is(err, fetch.ErrAbsent):
		kind = repo.Absent
	case errors.As(err, &format), errors.Is(err, fetch.ErrTooLarge):
		kind = repo.Malformed
	}
	return &repo.Problem{Kind: kind, Text: err.Error()}
}

package suites

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/lab"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/systemd"
	"sigs.k8s.io/pkgverify/verify"
)

// maxKeyFile bounds the key that is handed to a guest.
const maxKeyFile = 16 << 20

// Laboratory runs container cells. Close it after the run.
type Laboratory struct {
	// Engine is the engine's name, as engine.Open takes it.
	Engine    string
	Options   lab.Options
	Catalogue []images.Distribution
	Fetch     fetch.Options
	Policy    fetch.Policy
	// Note is told, in a line, what the user should know; it may be nil.
	Note func(string)

	started []*pending
}

// pending is the pool, or why there is none, once ready is closed.
type pending struct {
	ready chan struct{}
	cells map[string]images.Cell
	pool  *lab.Pool
	// blocked says why cells were not run, by ID.
	blocked map[string]*repo.Problem
	// closers undo what was opened, in reverse.
	closers []func() error
}

var _ Cells = (*pending)(nil)

// Start begins the work of the cells and returns at once.
func (l *Laboratory) Start(ctx context.Context, cells []CellWork) Cells {
	p := &pending{ready: make(chan struct{}), cells: make(map[string]images.Cell), blocked: make(map[string]*repo.Problem)}
	for _, c := range cells {
		p.cells[c.Cell.ID] = c.Cell
	}
	l.started = append(l.started, p)
	go func() {
		defer close(p.ready)
		pool, err := l.pool(ctx, p, cells)
		if err != nil {
			for id := range p.cells {
				p.blocked[id] = &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}
			}
		}
		p.pool = pool
	}()
	return p
}

// Close waits until every container is gone.
func (l *Laboratory) Close() error {
	var problems []error
	for _, p := range l.started {
		<-p.ready
		if p.pool != nil {
			problems = append(problems, p.pool.Close())
		}
		for _, c := range slices.Backward(p.closers) {
			problems = append(problems, c())
		}
	}
	l.started = nil
	return errors.Join(problems...)
}

// Await implements Cells.
func (p *pending) Await(ctx context.Context, id string) (images.CellFacts, error) {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return images.CellFacts{}, context.Cause(ctx)
	}
	if why := p.blocked[id]; why != nil {
		return images.CellFacts{Cell: p.cells[id], Blocked: why, Steps: []images.Step{}}, nil
	}
	return p.pool.Await(ctx, id)
}

// pool opens the engine, reaps what a killed run left, and starts the cells.
func (l *Laboratory) pool(ctx context.Context, p *pending, cells []CellWork) (*lab.Pool, error) {
	eng, info, err := engine.Open(ctx, l.Engine)
	if err != nil {
		return nil, err
	}
	if l.Note != nil {
		l.Note(choice(info))
	}
	if c, ok := eng.(engine.Closer); ok {
		p.closers = append(p.closers, c.Close)
	}
	if r, ok := eng.(engine.Reaper); ok {
		n, err := r.Reap(ctx)
		if err != nil {
			return nil, fmt.Errorf("remove containers of earlier runs: %w", err)
		}
		if n > 0 && l.Note != nil {
			l.Note(fmt.Sprintf("removed %d containers that an earlier run left behind", n))
		}
	}
	places := make(map[*verify.Expectation]place)
	var jobs []lab.Job
	for _, c := range cells {
		at, seen := places[c.Expectation]
		if !seen {
			at = l.place(ctx, p, c.Expectation)
			places[c.Expectation] = at
		}
		if at.blocked != nil {
			p.blocked[c.Cell.ID] = at.blocked
			continue
		}
		job, err := l.job(c, at)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	return lab.Start(ctx, eng, jobs, l.Options)
}

// choice says which engine runs the containers, and why none before it.
func choice(info engine.Info) string {
	s := "run by " + info.String()
	if info.Address != "" {
		s += " at " + info.Address
	}
	for _, why := range info.Passed {
		s += "; " + strings.ReplaceAll(why, "\n", ", ")
	}
	return s
}

// job says what is to be done in a cell.
func (l *Laboratory) job(c CellWork, at place) (lab.Job, error) {
	d, ok := images.Find(l.Catalogue, c.Cell.Distro)
	if !ok {
		return lab.Job{}, fmt.Errorf("distribution %s is not in the catalogue", c.Cell.Distro)
	}
	job := lab.Job{Cell: c.Cell, Distro: d, RepoURL: at.url, Key: at.key, Created: c.Created, Scenarios: []images.Scenario{}}
	for _, s := range images.Scenarios() {
		if slices.Contains(c.Checks, string(s)) {
			job.Scenarios = append(job.Scenarios, s)
		}
	}
	for _, x := range c.Packages {
		if len(x.Arches) > 0 && !slices.Contains(x.Arches, c.Cell.Arch) {
			continue
		}
		job.Packages = append(job.Packages, x.Name)
		if !x.OwnVersions {
			job.Released = append(job.Released, x.Name)
		}
		for _, b := range x.Binaries {
			job.Binaries = append(job.Binaries, lab.Binary{Package: x.Name, Argv: append([]string{b.Path}, b.Args...)})
		}
		for _, f := range x.Files {
			if at, ok := systemd.PlaceOf(f.Path); ok && at.Unit != "" && !at.DropIn {
				job.Units = append(job.Units, at.Unit)
			}
		}
	}
	return job, nil
}

// place is where guests find a repository, and the key that it serves.
type place struct {
	url     string
	key     []byte
	blocked *repo.Problem
}

func (l *Laboratory) place(ctx context.Context, p *pending, e *verify.Expectation) place {
	at := place{url: e.Target.URL}
	if e.Target.URL == e.Target.MirrorList {
		at.blocked = &repo.Problem{Kind: repo.Unreachable, Text: "no mirror of " + e.Target.MirrorList + " was found"}
		return at
	}
	if dir, ok := folderOf(e.Target.URL); ok {
		served, stop, err := serve(ctx, dir)
		if err != nil {
			at.blocked = &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}
			return at
		}
		p.closers = append(p.closers, stop)
		at.url = served
	}
	var err error
	if at.key, err = l.key(ctx, e); errors.Is(err, fetch.ErrUnreachable) {
		at.blocked = &repo.Problem{Kind: repo.Unreachable, Text: "the repository's key, which the set-up needs: " + err.Error()}
	}
	// A repository without its key goes on: the guest's package manager will
	// refuse it, as it does for users, and key-published says why.
	return at
}

// key reads the key that the documentation tells users to fetch.
func (l *Laboratory) key(ctx context.Context, e *verify.Expectation) ([]byte, error) {
	if len(e.KeyFiles) == 0 {
		return nil, nil
	}
	return readSmall(ctx, l.Fetch, l.Policy, e.Target.URL, e.KeyFiles[0], maxKeyFile)
}

// folderOf returns the folder that an address names, if it does.
func folderOf(address string) (string, bool) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", false
	case u.Scheme == "file":
		return u.Path, true
	case u.Scheme == "":
		return address, true
	}
	return "", false
}

// serve gives a folder out on loopback, where containers on the machine's own
// network reach it.
func serve(ctx context.Context, dir string) (address string, stop func() error, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, fmt.Errorf("serve the repository to containers: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("serve the repository to containers: %w", err), root.Close())
	}
	server := &http.Server{Handler: http.FileServerFS(root.FS()), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	stop = func() error { return errors.Join(server.Close(), root.Close()) }
	return "http://" + listener.Addr().String() + "/", stop, nil
}

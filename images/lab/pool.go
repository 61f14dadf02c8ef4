package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/repo"
)

// ErrUnknownCell says that no job has that ID.
var ErrUnknownCell = errors.New("no such cell")

// Pool runs the cells of one run.
type Pool struct {
	eng  engine.Engine
	info engine.Info
	opts Options

	cells  []*future
	byID   map[string]*future
	done   chan struct{}
	close  error
	mu     sync.Mutex
	loaded map[imageKey]*load

	removals errgroup.Group
}

// future is a cell that runs or has run; facts are set when done is closed.
type future struct {
	job   Job
	done  chan struct{}
	facts images.CellFacts
}

// Start begins to run jobs and returns. Cells start in the order of the jobs.
// When ctx ends, the cells that run are stopped and recorded as interrupted,
// and those that have not begun are recorded so at once. The caller ends with
// [Pool.Close].
//
// It fails when the jobs contradict each other, or when the engine does not
// answer ([engine.UnavailableError]); no cell has run then.
func Start(ctx context.Context, eng engine.Engine, jobs []Job, opts Options) (*Pool, error) {
	if opts.Run == "" || opts.Images == nil {
		return nil, errors.New("laboratory: a run ID and a source of images are needed")
	}
	p := &Pool{
		eng: eng, opts: opts, byID: map[string]*future{}, done: make(chan struct{}), loaded: map[imageKey]*load{},
	}
	p.opts.Timeouts = opts.Timeouts.orDefault()
	if p.opts.Emulation == nil {
		p.opts.Emulation = Binfmt
	}
	for _, j := range jobs {
		if j.Cell.ID == "" || p.byID[j.Cell.ID] != nil {
			return nil, fmt.Errorf("laboratory: cell ID %q is empty or used twice", j.Cell.ID)
		}
		f := &future{job: j, done: make(chan struct{})}
		p.cells = append(p.cells, f)
		p.byID[j.Cell.ID] = f
	}
	info, err := eng.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("laboratory: %w", err)
	}
	p.info = info
	p.removals.SetLimit(p.workers())
	go p.run(ctx)
	return p, nil
}

// Run runs all jobs and returns their facts in the order of the jobs.
func Run(ctx context.Context, eng engine.Engine, jobs []Job, opts Options) ([]images.CellFacts, error) {
	p, err := Start(ctx, eng, jobs, opts)
	if err != nil {
		return nil, err
	}
	facts := make([]images.CellFacts, len(jobs))
	for i, f := range p.cells {
		<-f.done // every cell ends, cancelled or not
		facts[i] = f.facts
	}
	return facts, p.Close()
}

// Await returns the facts of a cell once it has ended.
func (p *Pool) Await(ctx context.Context, id string) (images.CellFacts, error) {
	f := p.byID[id]
	if f == nil {
		return images.CellFacts{}, fmt.Errorf("laboratory: %q: %w", id, ErrUnknownCell)
	}
	select {
	case <-f.done:
		return f.facts, nil
	case <-ctx.Done():
		return images.CellFacts{}, fmt.Errorf("laboratory: wait for %s: %w", id, context.Cause(ctx))
	}
}

// Close waits until every cell has ended and the run's containers are gone. To
// end early, cancel the context that Start was given. The error says which
// containers could not be removed.
func (p *Pool) Close() error {
	<-p.done
	return p.close
}

// Engine returns what the engine said of itself.
func (p *Pool) Engine() engine.Info { return p.info }

func (p *Pool) run(ctx context.Context) {
	defer close(p.done)
	var g errgroup.Group
	g.SetLimit(p.workers())
	for _, f := range p.cells {
		g.Go(func() error {
			defer close(f.done)
			f.facts = p.cell(ctx, f.job)
			return nil
		})
	}
	_ = g.Wait() // no cell returns an error: what went wrong is in its facts
	p.close = p.removals.Wait()
	if r, ok := p.eng.(engine.Reaper); ok {
		// It has the last word: what could not be removed before may be gone.
		_, p.close = r.RemoveRun(ctx, p.opts.Run)
	}
}

// discard removes a container while the next cell begins: nobody waits for it
// but the end of the run.
func (p *Pool) discard(ctx context.Context, box engine.Container) {
	p.removals.Go(func() error { return box.Remove(ctx) })
}

// cellMemory is what a cell may need, in bytes: a package manager that solves and
// unpacks takes less, and so do two programs of Kubernetes.
const cellMemory = 1 << 30

// workers returns how many cells run at once: as many as there are processors,
// as far as the memory goes.
func (p *Pool) workers() int {
	if p.opts.Parallel > 0 {
		return p.opts.Parallel
	}
	n := p.info.CPUs
	if p.info.Memory > 0 {
		n = min(n, int(p.info.Memory/cellMemory))
	}
	return max(1, n)
}

// imageKey names an image; load is its way into the engine, gone once.
type imageKey struct {
	distro string
	arch   repo.Arch
}

type load struct {
	once sync.Once
	img  images.Image
	id   string
	err  error
}

// image has an image brought into the engine, once for all cells.
func (p *Pool) image(ctx context.Context, d images.Distribution, arch repo.Arch) (images.Image, string, error) {
	key := imageKey{d.Name, arch}
	p.mu.Lock()
	l := p.loaded[key]
	if l == nil {
		l = &load{}
		p.loaded[key] = l
	}
	p.mu.Unlock()
	l.once.Do(func() {
		ctx, cancel := context.WithTimeoutCause(ctx, p.opts.Timeouts.Image, engine.ErrTimeout)
		defer cancel()
		switch l.img, l.err = p.opts.Images.Image(ctx, d, arch); {
		case l.err != nil:
		case l.img.Image == nil: // the engine has it
			l.id = l.img.Ref
		default:
			l.id, l.err = p.eng.Load(ctx, l.img.Ref, l.img.Image)
		}
		if l.err != nil && ctx.Err() != nil {
			l.err = errors.Join(context.Cause(ctx), l.err)
		}
	})
	return l.img, l.id, l.err
}

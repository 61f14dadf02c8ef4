package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
)

// cellRun is a cell while it runs.
type cellRun struct {
	p     *Pool
	job   Job
	guest guest.Guest
	box   engine.Container
	log   *transcript
	facts images.CellFacts
	// dead is set when the container can take no more commands.
	dead bool
	// alone is set when the package manager has said that nothing is installed
	// but the packages under test.
	alone bool
}

// cell runs one cell to its end.
func (p *Pool) cell(ctx context.Context, job Job) (facts images.CellFacts) {
	c := &cellRun{p: p, job: job}
	c.facts = images.CellFacts{
		Cell: job.Cell, Platform: job.Cell.Arch.Platform(), Engine: p.info.String(), Notice: job.Distro.Notice,
		Emulated: !native(repo.Arch(p.info.Arch), job.Cell.Arch),
	}
	started := time.Now()
	c.facts.Started = started
	if err := c.openLog(); err != nil {
		c.block(images.FaultDisk, err)
		return c.facts
	}
	// A panic in one cell must not take the others with it.
	defer func() {
		if r := recover(); r != nil {
			c.block(images.FaultEngine, fmt.Errorf("a fault of the program itself: %v", r))
		}
		if c.box != nil {
			c.p.discard(ctx, c.box)
		}
		c.facts.Duration = time.Since(started)
		if err := c.log.end(c.facts); err != nil && c.facts.Blocked == nil {
			c.block(images.FaultDisk, err)
		}
		facts = c.facts
	}()
	if c.prepare(ctx) {
		c.scenarios(ctx)
	}
	return c.facts
}

// block records that the laboratory failed.
func (c *cellRun) block(f images.Fault, err error) {
	if c.facts.Blocked != nil {
		return
	}
	c.facts.Blocked = &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}
	c.facts.BlockedFault = f
	c.dead = true
	if c.log != nil {
		c.log.note("blocked (" + string(f) + "): " + err.Error())
	}
}

// faultOf returns the fault behind an error of the engine's.
func faultOf(ctx context.Context, err error) images.Fault {
	switch {
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), engine.ErrTimeout):
		return images.FaultInterrupted
	case errors.Is(err, engine.ErrTimeout):
		return images.FaultTimeout
	case strings.Contains(err.Error(), "no space left on device"):
		return images.FaultDisk
	case strings.Contains(err.Error(), "exec format error"):
		return images.FaultEmulation
	}
	return images.FaultEngine
}

// prepare gets the image, starts the container and looks whether it is what
// was asked for. It reports whether the scenarios can run.
func (c *cellRun) prepare(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		c.block(images.FaultInterrupted, fmt.Errorf("the run was interrupted before this cell began: %w", context.Cause(ctx)))
		return false
	}
	g, err := guest.For(c.job.Distro.Manager)
	if err != nil {
		c.block(images.FaultEngine, err)
		return false
	}
	c.guest = g
	network := NetworkFor(c.job.RepoURL)
	if network == engine.HostNetwork && !c.p.info.Local {
		c.block(images.FaultNetwork, fmt.Errorf("the repository %s is on this machine's loopback, and the engine at %s is on another machine: "+
			"serve the repository where the engine reaches it", c.job.RepoURL, c.p.info.Address))
		return false
	}
	if c.facts.Emulated && c.p.info.Local {
		if err := c.p.opts.Emulation(c.job.Cell.Arch); err != nil {
			c.block(images.FaultEmulation, err)
			return false
		}
	}
	img, id, err := c.p.image(ctx, c.job.Distro, c.job.Cell.Arch)
	if err != nil {
		c.block(faultOf(ctx, err), fmt.Errorf("image of %s for %s: %w", c.job.Distro.Name, c.job.Cell.Arch, err))
		return false
	}
	c.facts.Image, c.facts.ImageDigest = img.Name(), id
	return c.start(ctx, c.job.RepoURL)
}

// start starts a container that reaches a repository, in the place of the one
// before if there was one, and looks whether it is what was asked for.
func (c *cellRun) start(ctx context.Context, repoURL string) bool {
	if c.box != nil {
		c.p.discard(ctx, c.box)
		c.box = nil
	}
	startCtx, cancel := context.WithTimeoutCause(ctx, c.p.opts.Timeouts.Start, engine.ErrTimeout)
	defer cancel()
	var err error
	c.box, err = c.p.eng.Start(startCtx, engine.Spec{
		Image: c.facts.ImageDigest, Platform: c.facts.Platform, Run: c.p.opts.Run, Name: c.job.Cell.ID, Network: NetworkFor(repoURL),
		Tmpfs: map[string]string{c.mark(): "size=4k"},
	})
	if err != nil {
		c.box = nil
		c.block(faultOf(ctx, err), err)
		return false
	}
	return c.probe(ctx)
}

// mark is a folder that is mounted in this run's containers and is nowhere else.
// A command that does not see it runs elsewhere: an engine that is itself
// confined (in a chroot, say) has been seen to run them in the root of the
// machine, which the package manager would then have changed.
func (c *cellRun) mark() string { return "/run/pkgverify-" + c.p.opts.Run }

// probe checks that commands run in the container, and that it is of the
// architecture that was asked for: an engine may take another one of the same
// tag. One command does it all, since starting one takes most of its time.
func (c *cellRun) probe(ctx context.Context) bool {
	arch := c.job.Cell.Arch
	dbArch := []string{"dpkg", "--print-architecture"}
	wantDB := []string{arch.In(repo.Deb)}
	if c.job.Distro.Manager.Format() == repo.RPM {
		dbArch = []string{"rpm", "--eval", "%{_arch}"}
		wantDB = rpmArches(arch)
	}
	script := guest.Quote([]string{"test", "-d", c.mark()}) + " || { echo outside; exit; }; uname -m && " + guest.Quote(dbArch)
	step, out := c.exec(ctx, images.Prepare, guest.Command{Argv: []string{"sh", "-c", script}}, answerBytes)
	if c.dead {
		return false
	}
	if !step.OK() {
		f := step.Fault
		if f == "" {
			f = images.FaultEngine
		}
		c.block(f, fmt.Errorf("%s in the fresh container: exit %d: %s", guest.Quote(step.Argv), step.Exit, firstLine(step.Output)))
		return false
	}
	got := strings.Fields(string(out.data))
	if slices.Equal(got, []string{"outside"}) {
		c.block(images.FaultEngine, errors.New("the engine does not run commands inside the container: "+
			"what was mounted there is not seen; run the engine on the machine itself, not in a chroot"))
		return false
	}
	if len(got) != 2 || !slices.Contains(machineNames(arch), got[0]) || !slices.Contains(wantDB, got[1]) {
		c.block(images.FaultEngine, fmt.Errorf("the image is of another architecture: uname -m; %s: want %s; %s, got %q",
			guest.Quote(dbArch), strings.Join(machineNames(arch), " or "), strings.Join(wantDB, " or "), strings.Join(got, "; ")))
		return false
	}
	return true
}

// rpmArches returns what rpm --eval %{_arch} prints.
func rpmArches(arch repo.Arch) []string {
	switch arch {
	case repo.ARM:
		return []string{"arm", "armv7l", "armv7hl", "armhfp"}
	case repo.I386:
		return []string{"i386", "i686"}
	}
	return []string{arch.In(repo.RPM)}
}

// exec runs one command and records it. When the engine fails, or the command
// has to be killed, the container is given up: dead is set.
func (c *cellRun) exec(ctx context.Context, s images.Scenario, cmd guest.Command, answerLimit int) (images.Step, heard) {
	step, answer := c.unrecorded(ctx, s, cmd, answerLimit)
	c.record(step)
	return step, answer
}

// unrecorded is exec for a command whose output does not belong into the report.
func (c *cellRun) unrecorded(ctx context.Context, s images.Scenario, cmd guest.Command, answerLimit int) (images.Step, heard) {
	answer := heard{capped{limit: answerLimit}, capped{limit: answerLimit}}
	var all headTail
	limit := c.p.opts.Timeouts.of(s, c.facts.Emulated)
	res, seen, err := c.timed(ctx, engine.Command{
		Argv: cmd.Argv, Env: cmd.Env, Stdout: io.MultiWriter(&all, &answer), Stderr: io.MultiWriter(&all, &answer.errs),
	}, limit)
	step := images.Step{Scenario: s, Argv: envArgv(cmd), Exit: res.Exit, Duration: res.Duration}
	step.Output, step.Truncated = all.result()
	if err != nil {
		step.Exit = -1
		step.Fault, step.Detail = faultOf(ctx, err), err.Error()
		if step.Fault == images.FaultTimeout {
			step.Fault, step.Detail = c.whose(seen, step.Output, limit, s)
		}
		c.dead = true
	} else {
		step.Fault, step.Detail = guest.Fault(step.Exit, step.Output, c.facts.Emulated, c.job.RepoURL)
	}
	if err != nil && step.Fault.Blames() {
		c.block(step.Fault, err)
	}
	return step, answer
}

func (c *cellRun) record(s images.Step) {
	c.facts.Steps = append(c.facts.Steps, s)
	c.log.step(s)
}

// envArgv returns argv as a user would type it, with the variables in front.
func envArgv(cmd guest.Command) []string {
	if len(cmd.Env) == 0 {
		return cmd.Argv
	}
	return slices.Concat([]string{"env"}, cmd.Env, cmd.Argv)
}

func firstLine(s string) string {
	l, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return l
}

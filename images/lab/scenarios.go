package lab

import (
	"context"
	"fmt"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
)

// scenarios runs what the cell is for. Each one needs those before it: what
// cannot be set up cannot be listed, and what is not installed cannot be run.
func (c *cellRun) scenarios(ctx context.Context) {
	src := guest.Source{URL: c.job.RepoURL, Key: c.job.Key, Packages: c.job.Packages}
	c.setup(ctx, src)
	if !c.facts.Setup.OK {
		return
	}
	c.list(ctx, src)
	if c.dead {
		return
	}
	c.latest(ctx, src)
	if c.dead || !c.facts.Latest.OK {
		return
	}
	c.versions(ctx)
}

// begin and end frame the steps of a scenario.
func (c *cellRun) begin() images.Outcome {
	return images.Outcome{Ran: true, OK: true, First: len(c.facts.Steps)}
}

func (c *cellRun) end(o *images.Outcome) {
	o.Count = len(c.facts.Steps) - o.First
}

// note takes a failed step into an outcome, and reports whether it succeeded.
func note(o *images.Outcome, s images.Step) bool {
	if s.OK() {
		return true
	}
	o.OK, o.Fault, o.Detail = false, s.Fault, s.Detail
	if o.Detail == "" {
		o.Detail = fmt.Sprintf("%s: exit %d", guest.Quote(s.Argv), s.Exit)
	}
	return false
}

// setup runs the documented set-up.
func (c *cellRun) setup(ctx context.Context, src guest.Source) {
	f := &c.facts.Setup
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	set, err := c.guest.Setup(src)
	if err != nil {
		f.OK, f.Detail = false, err.Error()
		c.log.note(err.Error())
		return
	}
	for _, file := range set.Files {
		if err := c.box.Put(ctx, engine.File{Path: file.Path, Data: file.Data, Mode: file.Mode}); err != nil {
			f.OK, f.Fault, f.Detail = false, faultOf(ctx, err), err.Error()
			c.block(f.Fault, err)
			return
		}
		c.record(images.Step{Scenario: images.Setup, Argv: []string{"sh", "-c", file.Shell}, Note: file.Note})
	}
	for _, cmd := range set.Commands {
		step, _ := c.exec(ctx, images.Setup, cmd, 0)
		f.Warnings = append(f.Warnings, guest.Warnings(step.Output)...)
		if !note(&f.Outcome, step) {
			return
		}
	}
}

// list asks what is on offer.
func (c *cellRun) list(ctx context.Context, src guest.Source) {
	f := &c.facts.List
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	l := c.guest.List(src)
	var outputs []string
	for _, cmd := range l.Commands {
		step, out := c.exec(ctx, images.List, cmd, answerBytes)
		if !note(&f.Outcome, step) {
			return
		}
		if out.over {
			f.OK, f.Detail = false, fmt.Sprintf("%s: more than %d bytes of output", guest.Quote(cmd.Argv), answerBytes)
			return
		}
		outputs = append(outputs, string(out.data))
	}
	var err error
	if f.Offers, f.Candidates, err = l.Read(outputs); err != nil {
		f.OK, f.Detail = false, err.Error()
		c.log.note(err.Error())
	}
}

// latest installs the latest of everything that is wanted, and asks the
// package database what came of it, also after a failure.
func (c *cellRun) latest(ctx context.Context, src guest.Source) {
	f := &c.facts.Latest
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	inst := c.guest.InstallLatest(src)
	step, _ := c.exec(ctx, images.Latest, inst.Command, 0)
	f.Warnings = guest.Warnings(step.Output)
	note(&f.Outcome, step)
	if c.dead {
		return
	}
	query, out := c.exec(ctx, images.Latest, inst.Query, answerBytes)
	got, err := inst.Read(string(out.data))
	f.Installed = got
	switch {
	case !f.OK: // the installation's own failure says more
	case err != nil:
		f.OK, f.Detail = false, err.Error()
	default:
		note(&f.Outcome, query)
	}
}

// versions runs the installed programs, all of them whatever they do.
func (c *cellRun) versions(ctx context.Context) {
	f := &c.facts.Versions
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	for _, b := range c.job.Binaries {
		step, out := c.exec(ctx, images.Versions, guest.Command{Argv: b.Argv, Env: b.Env}, versionBytes)
		f.Runs = append(f.Runs, images.Run{
			Argv: step.Argv, Exit: step.Exit, Stdout: string(out.data), Fault: step.Fault, Detail: step.Detail,
		})
		if !note(&f.Outcome, step) && c.dead {
			return
		}
	}
}

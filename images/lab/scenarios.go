package lab

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
)

// scenarios runs what the cell is for. Each one needs those before it: what
// cannot be set up cannot be listed, and what is not installed cannot be run.
//
// One container is used for as much as it can be without changing a result:
// versions are changed in a fresh one unless the removal of the latest has left
// the first as it was, and copies that were tampered with are tried in one of
// their own.
func (c *cellRun) scenarios(ctx context.Context) {
	src := guest.Source{URL: c.job.RepoURL, Key: c.job.Key, Packages: c.job.Packages}
	c.setup(ctx, src)
	if c.dead || !c.facts.Setup.OK {
		return
	}
	var offered choice
	if c.job.wants(images.List, images.Solve, images.Latest, images.Pinned, images.Upgrade, images.Downgrade) {
		// What install-latest finds is compared with the preferred versions.
		c.list(ctx, src)
		if c.dead {
			return
		}
		offered = choice{c.job.Cell.Target.Format, c.facts.List.Offers, c.facts.List.Candidates, c.job.Released}
	}
	if c.job.wants(images.Solve) && c.facts.List.OK {
		c.solve(ctx, src, offered)
	}
	if !c.dead && c.job.wants(images.Latest, images.Versions, images.Origin, images.Remove) && !c.use(ctx, src) {
		return
	}
	if !c.dead && c.job.wants(images.Pinned, images.Upgrade, images.Downgrade) && c.facts.List.OK {
		c.changes(ctx, src, offered)
	}
	if !c.dead && c.job.wants(images.Tampering) && len(c.job.Packages) > 0 {
		c.tampering(ctx)
	}
}

// use installs the latest, looks at what is installed, and removes it again. It
// reports whether the installation went well.
func (c *cellRun) use(ctx context.Context, src guest.Source) bool {
	before := c.listFiles(ctx)
	if c.dead {
		return false
	}
	c.latest(ctx, src)
	if c.dead || !c.facts.Latest.OK {
		return false
	}
	if c.job.wants(images.Latest) {
		c.audit(ctx)
	}
	if !c.dead && c.job.wants(images.Versions) {
		c.versions(ctx)
	}
	if !c.dead && c.job.wants(images.Origin) {
		c.origin(ctx, src)
	}
	if !c.dead && c.job.wants(images.Remove) {
		c.remove(ctx, src, before)
	}
	return true
}

// begin and end frame the steps of a scenario.
func (c *cellRun) begin() images.Outcome {
	return images.Outcome{Ran: true, OK: true, First: len(c.facts.Steps)}
}

func (c *cellRun) end(o *images.Outcome) {
	o.Count = len(c.facts.Steps) - o.First
}

// note takes the step that has just been run into an outcome, if it failed, and
// reports whether it succeeded.
func (c *cellRun) note(o *images.Outcome, s images.Step) bool {
	if s.OK() {
		return true
	}
	o.OK, o.Fault, o.Detail, o.At = false, s.Fault, s.Detail, len(c.facts.Steps)-1
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
	if err := c.put(ctx, images.Setup, set.Files); err != nil {
		f.OK, f.Fault, f.Detail = false, faultOf(ctx, err), err.Error()
		c.block(f.Fault, err)
		return
	}
	for _, cmd := range set.Commands {
		step, _ := c.exec(ctx, images.Setup, cmd, 0)
		f.Warnings = append(f.Warnings, guest.Warnings(step.Output)...)
		if !c.note(&f.Outcome, step) {
			return
		}
	}
}

// put writes files into the guest, all at once.
func (c *cellRun) put(ctx context.Context, s images.Scenario, files []guest.File) error {
	all := make([]engine.File, 0, len(files))
	for _, file := range files {
		all = append(all, engine.File{Path: file.Path, Data: file.Data, Mode: file.Mode})
	}
	if err := c.box.Put(ctx, all...); err != nil {
		return err
	}
	for _, file := range files {
		c.record(images.Step{Scenario: s, Argv: []string{"sh", "-c", file.Shell}, Note: file.Note})
	}
	return nil
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
		if !c.note(&f.Outcome, step) {
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
	o := c.along(ctx, src)
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	if c.dead {
		f.OK, f.Fault, f.Detail = false, o.Fault, o.Detail
		return
	}
	inst := c.guest.InstallLatest(src)
	step, _ := c.exec(ctx, images.Latest, inst.Command, 0)
	f.Warnings = guest.Warnings(step.Output)
	c.note(&f.Outcome, step)
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
		c.note(&f.Outcome, query)
	}
}

// along asks which packages will come along with the wanted ones, for the
// removal. What the manager does not want to install it will say by itself.
func (c *cellRun) along(ctx context.Context, src guest.Source) (said images.Outcome) {
	if !c.job.wants(images.Remove) {
		return said
	}
	var o guest.Order
	for _, name := range src.Packages {
		o.Pins = append(o.Pins, guest.Pin{Package: name})
	}
	s, ok := ask(ctx, c, images.Solve, &said, c.guest.Solve(src, o))
	c.facts.Latest.Brought = slices.DeleteFunc(s.Would, func(p images.Installed) bool { return slices.Contains(src.Packages, p.Package) })
	c.alone = ok && s.OK && len(c.facts.Latest.Brought) == 0
	return said
}

// versions runs the installed programs, all of them whatever they do.
func (c *cellRun) versions(ctx context.Context) {
	f := &c.facts.Versions
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	f.Runs = c.runs(ctx, images.Versions, &f.Outcome, c.job.Binaries)
}

// runs runs programs, all of them whatever they do.
func (c *cellRun) runs(ctx context.Context, s images.Scenario, o *images.Outcome, programs []Binary) []images.Run {
	var runs []images.Run
	for _, b := range programs {
		step, out := c.exec(ctx, s, guest.Command{Argv: b.Argv, Env: b.Env}, versionBytes)
		// What CNI plugins say of themselves is on standard error.
		runs = append(runs, images.Run{
			Argv: b.Argv, Exit: step.Exit, Stdout: string(out.data), Stderr: string(out.errs.data), Fault: step.Fault, Detail: step.Detail,
		})
		if !c.note(o, step) && c.dead {
			break
		}
	}
	return runs
}

package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
)

// ask puts a question. It reports false when the laboratory failed, or when the
// answer cannot be read; the outcome says why. How a command exits is for the
// question to judge.
func ask[T any](ctx context.Context, c *cellRun, s images.Scenario, o *images.Outcome, q guest.Question[T]) (T, bool) {
	var none T
	var answers []guest.Answer
	for _, cmd := range q.Commands {
		step, out := c.exec(ctx, s, cmd, answerBytes)
		switch {
		case step.Fault != "":
			c.note(o, step)
			return none, false
		case out.over || out.errs.over:
			o.OK, o.Detail = false, fmt.Sprintf("%s: more than %d bytes of output", guest.Quote(cmd.Argv), answerBytes)
			return none, false
		}
		answers = append(answers, guest.Answer{Exit: step.Exit, Output: string(out.data), Errors: string(out.errs.data)})
	}
	v, err := q.Read(answers)
	if err != nil {
		o.OK, o.Detail = false, err.Error()
		c.log.note(err.Error())
		return none, false
	}
	return v, true
}

// solve simulates the installation of every version on offer.
func (c *cellRun) solve(ctx context.Context, src guest.Source, offered choice) {
	f := &c.facts.Solve
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	orders := offered.orders(c.job.Packages)
	if len(orders) > maxOrders {
		f.OK, f.Detail = false, fmt.Sprintf("%d versions are on offer: at most %d are simulated", len(orders), maxOrders)
		return
	}
	for _, o := range orders {
		s, ok := ask(ctx, c, images.Solve, &f.Outcome, c.guest.Solve(src, o))
		if !ok {
			return
		}
		f.Solutions = append(f.Solutions, images.Solution{Pins: facts(o.Pins), OK: s.OK, Reason: s.Reason})
	}
}

// origin asks where the installed packages came from.
func (c *cellRun) origin(ctx context.Context, src guest.Source) {
	f := &c.facts.Origin
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	f.Want = src.CalledBy(c.job.Distro.Manager)
	f.Origins, _ = ask(ctx, c, images.Origin, &f.Outcome, c.guest.Origins(src, c.job.Packages))
}

// audit asks the package manager and systemd about the installed files.
func (c *cellRun) audit(ctx context.Context) {
	f := &c.facts.Audit
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	var ok bool
	if f.Altered, ok = ask(ctx, c, images.Latest, &f.Outcome, c.guest.Altered(c.job.Packages)); !ok {
		return
	}
	owners, ok := ask(ctx, c, images.Latest, &f.Outcome, c.guest.Owners(c.job.Packages))
	if !ok {
		return
	}
	for _, b := range c.job.Binaries {
		if path := b.Argv[0]; owners[path] == "" && !slices.Contains(f.Unowned, path) {
			f.Unowned = append(f.Unowned, path)
		}
	}
	if c.units(ctx, owners); c.dead || len(c.job.Units) == 0 {
		return
	}
	step, _ := c.exec(ctx, images.Latest, guest.Command{Argv: []string{"sh", "-c", "command -v systemd-analyze || exit 3"}}, versionBytes)
	if step.Exit != 0 {
		return // an image without systemd has nothing to say
	}
	f.UnitsAsked = true
	step, out := c.exec(ctx, images.Latest, guest.Command{Argv: append([]string{"systemd-analyze", "--man=no", "verify"}, c.job.Units...)}, answerBytes)
	if step.Fault != "" {
		c.note(&f.Outcome, step)
		return
	}
	for l := range strings.Lines(string(out.errs.data)) {
		// It loads all that the units want, and complains of that too.
		if l = strings.TrimSpace(l); slices.ContainsFunc(c.job.Units, func(u string) bool { return strings.Contains(l, u) }) && len(f.Units) < images.MaxWarnings {
			f.Units = append(f.Units, l)
		}
	}
}

// changes installs an older version with its companions, goes to the latest,
// and comes back.
func (c *cellRun) changes(ctx context.Context, src guest.Source, offered choice) {
	old, latest := offered.before(), offered.latest()
	if old == nil {
		for _, f := range []*images.ChangeFacts{&c.facts.Pinned, &c.facts.Upgrade, &c.facts.Downgrade} {
			f.Absent = "no version before the latest is on offer for all of " + strings.Join(c.job.Released, ", ")
		}
		return
	}
	if r := c.facts.Remove; c.facts.Latest.Ran && (!r.OK || !r.Compared || len(r.Left)+len(r.Kept) > 0) {
		if !c.renew(ctx, src) {
			return
		}
	}
	c.change(ctx, src, images.Pinned, &c.facts.Pinned, guest.Order{Pins: old})
	if c.dead || !c.facts.Pinned.OK || !c.job.wants(images.Upgrade, images.Downgrade) {
		return
	}
	c.upgrade(ctx, src, latest)
	if c.dead || !c.facts.Upgrade.OK || !c.job.wants(images.Downgrade) {
		return
	}
	c.change(ctx, src, images.Downgrade, &c.facts.Downgrade, guest.Order{Pins: old, Downgrade: true})
}

// upgrade goes to the latest, with configuration files that were changed before.
func (c *cellRun) upgrade(ctx context.Context, src guest.Source, latest []guest.Pin) {
	f := &c.facts.Upgrade
	start := c.begin()
	defer func() { f.First = start.First; c.end(&f.Outcome) }()
	changed, ok := c.administer(ctx, images.Upgrade, &start)
	if !ok {
		f.Outcome = start
		return
	}
	c.change(ctx, src, images.Upgrade, f, guest.Order{Pins: latest})
	if f.OK && !c.dead {
		f.Lost = c.lost(ctx, images.Upgrade, &f.Outcome, changed)
	}
}

// renew sets a fresh container up. What goes wrong there, after it went well in
// the first one, is the laboratory's.
func (c *cellRun) renew(ctx context.Context, src guest.Source) bool {
	c.log.note("a fresh container")
	if !c.start(ctx, c.job.RepoURL) {
		return false
	}
	set, err := c.guest.Setup(src)
	if err == nil {
		err = c.put(ctx, images.Prepare, set.Files)
	}
	if err != nil {
		c.block(faultOf(ctx, err), err)
		return false
	}
	for _, cmd := range set.Commands {
		if step, _ := c.exec(ctx, images.Prepare, cmd, 0); !step.OK() {
			if !c.dead {
				c.block(images.FaultEngine, fmt.Errorf("the set-up that was accepted before fails in a second container: %s", firstLine(step.Output)))
			}
			return false
		}
	}
	return true
}

// change carries an order out, and looks what came of it.
func (c *cellRun) change(ctx context.Context, src guest.Source, s images.Scenario, f *images.ChangeFacts, o guest.Order) {
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	f.Want = facts(o.Pins)
	inst := c.guest.Install(src, o)
	step, _ := c.exec(ctx, s, inst.Command, 0)
	f.Warnings = guest.Warnings(step.Output)
	if c.note(&f.Outcome, step); c.dead {
		return
	}
	query, out := c.exec(ctx, s, inst.Query, answerBytes)
	got, err := inst.Read(string(out.data))
	f.Installed = got
	switch {
	case !f.OK: // the installation's own failure says more
		return
	case err != nil:
		f.OK, f.Detail = false, err.Error()
		return
	case !c.note(&f.Outcome, query):
		return
	}
	programs := slices.DeleteFunc(slices.Clone(c.job.Binaries), func(b Binary) bool {
		return !slices.ContainsFunc(o.Pins, func(p guest.Pin) bool { return p.Package == b.Package })
	})
	f.Runs = c.runs(ctx, s, &f.Outcome, programs)
}

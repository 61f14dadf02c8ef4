package lab

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/images/tamper"
	"sigs.k8s.io/pkgverify/repo"
)

// tampering offers copies of the repository that were tampered with, each to a
// fresh container: what a package manager remembers of one copy (zypper asks for
// another file when an address has changed) must not decide about the next.
func (c *cellRun) tampering(ctx context.Context) {
	f := &c.facts.Tampering
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	copies, err := tamper.Open(ctx, tamper.Options{Format: c.job.Cell.Target.Format, Root: c.job.RepoURL, Key: c.job.Key})
	if err != nil {
		c.block(faultOf(ctx, err), err)
		return
	}
	defer func() {
		if err := copies.Close(); err != nil {
			c.log.note(err.Error())
		}
	}()
	if err := copies.Forge(ctx, c.tried(), c.job.Cell.Arch.In(repo.RPM)); errors.Is(err, tamper.ErrNoPackage) {
		c.log.note(err.Error())
	} else if err != nil {
		f.OK, f.Fault, f.Detail = false, images.FaultNetwork, err.Error()
		return
	}
	for _, t := range copies.Trials() {
		c.log.note("a fresh container, for a copy of the repository (" + t.Name + "): " + t.What)
		if !c.start(ctx, t.URL) {
			return
		}
		result := c.trial(ctx, t)
		f.Trials = append(f.Trials, result)
		if c.dead {
			f.OK, f.Fault, f.Detail = false, result.Fault, result.Detail
			return
		}
		if t.Control && !result.Accepted {
			break // whatever the others do would tell nothing
		}
	}
	if err := copies.Err(); err != nil {
		f.OK, f.Fault, f.Detail = false, images.FaultNetwork, "the repository could not be passed on: "+err.Error()
	}
}

// tried returns the package that is installed from the copies: one with versions
// of its own needs the fewest others.
func (c *cellRun) tried() string {
	if i := slices.IndexFunc(c.job.Packages, func(p string) bool { return !slices.Contains(c.job.Released, p) }); i >= 0 {
		return c.job.Packages[i]
	}
	return c.job.Packages[0]
}

// trial sets a copy up and, if that is accepted, installs one package from it.
func (c *cellRun) trial(ctx context.Context, t tamper.Trial) images.Trial {
	result := images.Trial{Name: t.Name, What: t.What, Control: t.Control}
	src := guest.Source{URL: t.URL, Key: t.Key, Packages: []string{c.tried()}}
	set, err := c.guest.Setup(src)
	if keeper, ok := c.guest.(guest.KeyKeeper); ok && t.Kept != nil && err == nil {
		kept := keeper.KeepKey(t.Kept)
		set.Files, set.Commands = slices.Concat(kept.Files, set.Files), slices.Concat(kept.Commands, set.Commands)
	}
	if err == nil {
		err = c.put(ctx, images.Tampering, set.Files)
	}
	if err != nil {
		result.Fault, result.Detail = faultOf(ctx, err), err.Error()
		c.block(result.Fault, err)
		return result
	}
	commands := slices.Concat(set.Commands, []guest.Command{c.guest.InstallLatest(src).Command})
	for _, cmd := range commands {
		step, _ := c.exec(ctx, images.Tampering, cmd, 0)
		if !step.OK() {
			result.Word, result.Fault, result.Detail = lastWord(step.Output), step.Fault, step.Detail
			return result
		}
	}
	result.Accepted = true
	return result
}

// lastWord returns the line in which a package manager says why, else the last.
func lastWord(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, l := range lines {
		for _, p := range []string{"E: ", "Err:", "Error:", "error:"} {
			if strings.HasPrefix(l, p) {
				return l
			}
		}
	}
	return lines[len(lines)-1]
}

package lab

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/images/tamper"
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

// trial sets a copy up and, if that is accepted, installs one package from it.
func (c *cellRun) trial(ctx context.Context, t tamper.Trial) images.Trial {
	result := images.Trial{Name: t.Name, What: t.What, Control: t.Control}
	// A package of its own version needs the fewest others.
	name := c.job.Packages[0]
	if i := slices.IndexFunc(c.job.Packages, func(p string) bool { return !slices.Contains(c.job.Released, p) }); i >= 0 {
		name = c.job.Packages[i]
	}
	src := guest.Source{URL: t.URL, Key: t.Key, Packages: []string{name}}
	set, err := c.guest.Setup(src)
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

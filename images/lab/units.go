package lab

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo/systemd"
)

const (
	// maxUnits bounds the units and drop-ins that are read in one cell, and
	// unitBytes the length of each.
	maxUnits  = 64
	unitBytes = 1 << 20
)

// named is a file that a unit names, and where.
type named struct {
	systemd.Reference
	by string
	// meant is the environment file of the same name in the other family's
	// folder, "" where there is no such pair.
	meant string
}

// units reads the packages' units and drop-ins as they are installed, and looks
// for the files that they name. systemd-analyze does not follow environment
// files, and images for containers are without it.
func (c *cellRun) units(ctx context.Context, owners map[string]string) {
	f := &c.facts.Audit
	var refs []named
	read := 0
	for _, file := range slices.Sorted(maps.Keys(owners)) {
		place, ok := systemd.PlaceOf(file)
		if !ok || place.User || read == maxUnits {
			continue
		}
		read++
		step, out := c.exec(ctx, images.Latest, guest.Command{Argv: []string{"cat", file}}, unitBytes)
		if step.Fault != "" {
			c.note(&f.Outcome, step)
			return
		}
		if step.Exit == 0 && !out.over {
			refs = append(refs, demanded(file, string(out.data), c.job.Created)...)
		}
	}
	if len(refs) == 0 {
		return
	}
	there, ok := c.existing(ctx, refs)
	if !ok {
		return
	}
	for _, r := range refs {
		// An optional file is missed only where the other one was meant.
		if there[r.Path] || r.Optional && !there[r.meant] || len(f.Missing) == images.MaxMissing {
			continue
		}
		x := fmt.Sprintf("%s, line %d: %s=%s: the %s is not there", r.by, r.Line, r.By, r.Path, r.Kind)
		if there[r.meant] {
			x += ", but " + r.meant + " is"
		}
		f.Missing = append(f.Missing, x)
	}
}

// demanded returns what a unit names that must be there when it is started:
// programs, environment files and working directories, unless the unit is
// passed over without them, something makes them later, or the file of the
// other family is named too.
func demanded(file, text string, created []string) []named {
	settings := systemd.ParseUnit(text)
	later := slices.Concat(systemd.Conditions(settings), systemd.Made(settings), created)
	var refs []named
	all := systemd.References(settings)
	for _, r := range all {
		n := named{Reference: r, by: file}
		switch {
		case slices.Contains(later, r.Path) || r.Kind == systemd.Argument:
			continue
		case r.Kind == systemd.Program && (r.Optional || !strings.HasPrefix(r.Path, "/")):
			continue
		case r.Kind == systemd.EnvironmentFile:
			if n.meant = otherFamily(r.Path); slices.ContainsFunc(all, func(o systemd.Reference) bool { return n.meant != "" && o.Path == n.meant }) {
				continue
			}
		}
		if r.Optional && n.meant == "" {
			continue
		}
		refs = append(refs, n)
	}
	return refs
}

// otherFamily returns the path that an environment file has on the other family
// of distributions, "" where it has none.
func otherFamily(file string) string {
	switch dir, base := path.Split(file); dir {
	case "/etc/default/":
		return "/etc/sysconfig/" + base
	case "/etc/sysconfig/":
		return "/etc/default/" + base
	}
	return ""
}

// existing reports which of the files are there.
func (c *cellRun) existing(ctx context.Context, refs []named) (map[string]bool, bool) {
	argv := []string{"sh", "-c", `for f; do if [ -e "$f" ]; then printf '%s\n' "$f"; fi; done`, "sh"}
	for _, r := range refs {
		argv = append(argv, r.Path)
		if r.meant != "" {
			argv = append(argv, r.meant)
		}
	}
	step, out := c.exec(ctx, images.Latest, guest.Command{Argv: argv}, answerBytes)
	if !c.note(&c.facts.Audit.Outcome, step) {
		return nil, false
	}
	there := map[string]bool{}
	for _, p := range pathsOf(out.data) {
		there[p] = true
	}
	return there, true
}

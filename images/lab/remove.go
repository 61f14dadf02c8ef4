package lab

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
)

const (
	// maxFiles bounds the files of a guest that are compared, and listBytes the
	// length of their list.
	maxFiles  = 2_000_000
	listBytes = 256 << 20
)

// files are the paths of a guest with what is compared of each; nil when it
// cannot list them.
type files map[string]string

// volatile are the places that package managers and the system itself write to
// in the course of any installation (compare piuparts, "ignored files").
func volatile() []string {
	return []string{
		"/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp", "/var/cache", "/var/log", "/root", "/boot",
		"/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", "/usr/lib/sysimage", "/var/lib/dnf", "/var/lib/yum", "/var/lib/zypp", "/usr/share/info/dir",
		"/var/lib/ucf", "/var/lib/systemd/deb-systemd-helper-enabled", "/var/lib/systemd/deb-systemd-user-helper-enabled",
		"/etc/ld.so.cache", "/etc/zypp", "/etc/machine-id", "/etc/mtab",
	}
}

// listFiles lists the files of the guest, if their removal is to be looked at.
// The list is not kept in the report: it has tens of thousands of lines.
func (c *cellRun) listFiles(ctx context.Context) files {
	if !c.job.wants(images.Remove) {
		return nil
	}
	argv := []string{"find", "/", "-xdev", "("}
	for i, p := range volatile() {
		if i > 0 {
			argv = append(argv, "-o")
		}
		argv = append(argv, "-path", p)
	}
	// Type, mode and owner, and where a link leads.
	argv = append(argv, ")", "-prune", "-o", "-printf", `%y %m %U:%G %l\t%p\0`)
	step, out := c.unrecorded(ctx, images.Prepare, guest.Command{Argv: argv}, listBytes)
	step.Output, step.Truncated = fmt.Sprintf("(%d files)", bytes.Count(out.data, []byte{0})), 0
	c.record(step)
	if !step.OK() || out.over || bytes.Count(out.data, []byte{0}) > maxFiles {
		return nil
	}
	all := files{}
	for entry := range bytes.SplitSeq(out.data, []byte{0}) {
		if what, path, ok := bytes.Cut(entry, []byte{'\t'}); ok {
			all[string(path)] = string(what)
		}
	}
	return all
}

// left returns the paths of after that were not there before or are now of
// another kind, without what lies below another of them and what others own.
func left(before, after files, others map[string]string) []string {
	var paths []string
	for path, what := range after {
		if was, there := before[path]; (!there || was != what) && others[path] == "" {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	fresh := map[string]bool{} // folders that were not there
	var top []string
	for _, p := range paths {
		if _, there := before[p]; !there {
			fresh[p] = true
			if fresh[path.Dir(p)] {
				continue
			}
		}
		if top = append(top, p); len(top) == images.MaxLeft {
			break
		}
	}
	return top
}

// remove removes what was installed, and looks what is left of it.
func (c *cellRun) remove(ctx context.Context, src guest.Source, before files) {
	f := &c.facts.Remove
	f.Outcome = c.begin()
	defer c.end(&f.Outcome)
	others, ok := c.dependencies(ctx, &f.Outcome)
	if !ok {
		return
	}
	ours, ok := ask(ctx, c, images.Remove, &f.Outcome, c.guest.Owners(c.job.Packages))
	if !ok {
		return
	}
	run := func(cmd guest.Command) bool {
		step, _ := c.exec(ctx, images.Remove, cmd, 0)
		return c.note(&f.Outcome, step)
	}
	if !run(c.guest.Autoremove()) {
		return
	}
	there, ok := c.present(ctx, src, &f.Outcome)
	if !ok {
		return
	}
	for _, p := range c.facts.Latest.Installed {
		if !slices.ContainsFunc(there, func(q images.Installed) bool { return q.Package == p.Package && q.Wholly() }) {
			f.Dropped = append(f.Dropped, p.Package)
		}
	}
	if len(there) > 0 && !run(c.guest.Remove(names(there))) {
		return
	}
	if purge, ok := c.guest.Purge(c.job.Packages); ok && !run(purge) {
		return
	}
	if !run(c.guest.Autoremove()) {
		return
	}
	if there, ok = c.present(ctx, src, &f.Outcome); !ok {
		return
	}
	f.Kept = names(there)
	if after := c.listFiles(ctx); before != nil && after != nil {
		if c.job.Cell.Target.Format == repo.RPM {
			after.forgetParents(ours)
		}
		f.Compared, f.Left = true, left(before, after, others)
	}
}

// forgetParents takes the folders out that lead to a package's files and that
// the package does not own: rpm makes them and never removes them. On a whole
// distribution most of them (/etc/sysconfig) are another package's.
func (f files) forgetParents(owned map[string]string) {
	for file := range owned {
		for dir := path.Dir(file); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if owned[dir] == "" && strings.HasPrefix(f[dir], "d ") {
				delete(f, dir)
			}
		}
	}
}

// present returns which of the wanted packages the database has in any state.
func (c *cellRun) present(ctx context.Context, src guest.Source, o *images.Outcome) ([]images.Installed, bool) {
	inst := c.guest.InstallLatest(src)
	step, out := c.exec(ctx, images.Remove, inst.Query, answerBytes)
	if step.Fault != "" {
		return nil, c.note(o, step)
	}
	installed, err := inst.Read(string(out.data))
	if err != nil {
		o.OK, o.Detail = false, err.Error()
		return nil, false
	}
	return slices.DeleteFunc(installed, func(p images.Installed) bool { return strings.HasSuffix(p.Status, " not-installed") }), true
}

// names returns the names of packages, each once.
func names(all []images.Installed) []string {
	var out []string
	for _, p := range all {
		if !slices.Contains(out, p.Package) {
			out = append(out, p.Package)
		}
	}
	return out
}

// dependencies returns the files of the packages that came along with the
// wanted ones: what they leave behind is not ours.
func (c *cellRun) dependencies(ctx context.Context, o *images.Outcome) (map[string]string, bool) {
	var names []string
	for _, p := range c.facts.Latest.Brought {
		names = append(names, p.Package)
	}
	if len(names) == 0 {
		return nil, true
	}
	return ask(ctx, c, images.Remove, o, c.guest.Owners(names))
}

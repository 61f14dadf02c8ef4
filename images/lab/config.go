package lab

import (
	"context"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
)

// written is the line that stands for an administrator's settings: a comment in
// environment files, and nearly everywhere else.
const written = "# written by the administrator"

// administer changes the configuration files of the installed packages, as an
// administrator does between two upgrades. It returns those that were changed,
// and false when the laboratory failed.
func (c *cellRun) administer(ctx context.Context, s images.Scenario, o *images.Outcome) ([]string, bool) {
	configs, ok := ask(ctx, c, s, o, c.guest.Configs(c.job.Released))
	if !ok || len(configs) == 0 {
		return nil, ok
	}
	if g, ok := c.guest.(guest.Asker); ok {
		if err := c.put(ctx, s, []guest.File{g.Answered()}); err != nil {
			o.OK, o.Fault, o.Detail = false, faultOf(ctx, err), err.Error()
			c.block(o.Fault, err)
			return nil, false
		}
	}
	const script = `line=$1; shift; for f; do if [ -f "$f" ] && printf '%s\n' "$line" >>"$f"; then printf '%s\n' "$f"; fi; done`
	step, out := c.exec(ctx, s, guest.Command{Argv: append([]string{"sh", "-c", script, "sh", written}, configs...)}, answerBytes)
	return pathsOf(out.data), c.note(o, step)
}

// lost returns the files that no longer have what the administrator wrote.
func (c *cellRun) lost(ctx context.Context, s images.Scenario, o *images.Outcome, changed []string) []string {
	if len(changed) == 0 {
		return nil
	}
	const script = `line=$1; shift; for f; do grep -qxF -e "$line" -- "$f" 2>/dev/null || printf '%s\n' "$f"; done`
	step, out := c.exec(ctx, s, guest.Command{Argv: append([]string{"sh", "-c", script, "sh", written}, changed...)}, answerBytes)
	c.note(o, step)
	return pathsOf(out.data)
}

// pathsOf reads a path a line.
func pathsOf(text []byte) []string {
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

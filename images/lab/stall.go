package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
)

// Whose fault it is that a step does not end:
//
// When its time is up, and before it is killed, the laboratory looks which
// processes there are in the container. If a maintainer script of one of the
// packages under test has by then been running for half of the step's time or
// more, then the script does not end, or waits for somebody, and the package has
// failed: the limits are some ten times what all packages together take on a
// slow machine, and half of that is more than any machine needs for one script.
// Where the package manager does not say whose script it is (dnf 5 names a
// package when it is done with it), it is theirs if no other was to be installed.
// In all other cases (a download, unpacking, a script of the distribution's, no
// look) nobody can tell, and the step is blocked.
//
// Under emulation it is always blocked: qemu-user has been seen to hang in any
// program.

// lookTime bounds the look, after which the container is killed anyway.
const lookTime = 20 * time.Second

// timed runs a command and kills the container when its time is up. What was
// running then is returned; nil when nothing was seen.
func (c *cellRun) timed(ctx context.Context, cmd engine.Command, limit time.Duration) (engine.Result, []guest.Process, error) {
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	var seen []guest.Process
	looked := make(chan struct{})
	timer := time.AfterFunc(limit, func() {
		defer close(looked)
		seen = c.look(ctx)
		kill(engine.ErrTimeout)
	})
	res, err := c.box.Exec(ctx, cmd)
	if !timer.Stop() {
		<-looked
	}
	return res, seen, err
}

// look lists the processes in the container; nil where that fails.
func (c *cellRun) look(ctx context.Context) []guest.Process {
	q := guest.Processes()
	answer := capped{limit: answerBytes}
	cmd := q.Commands[0]
	res, err := c.box.Exec(ctx, engine.Command{Argv: cmd.Argv, Env: cmd.Env, Stdout: &answer, Stderr: io.Discard, Timeout: lookTime})
	if err != nil || res.Exit != 0 || answer.over {
		return nil
	}
	seen, err := q.Read([]guest.Answer{{Output: string(answer.data)}})
	if err != nil {
		return nil
	}
	return seen
}

// whose says whose fault a time-out is, by what was seen running.
func (c *cellRun) whose(seen []guest.Process, output string, limit time.Duration, s images.Scenario) (images.Fault, string) {
	killed := fmt.Sprintf("killed after %s, the limit for a step of %s", limit, s)
	script, ok := guest.RunningScript(seen, output, c.job.Packages)
	if !ok {
		return images.FaultTimeout, killed
	}
	what := fmt.Sprintf("the maintainer script %s had then been running for %s", script.Path, script.Age.Round(time.Second))
	if script.Package != "" {
		what += ", for the package " + script.Package
	}
	what += ": " + clipped(script.Doing)
	ours := slices.Contains(c.job.Packages, script.Package) || script.Package == "" && c.alone
	if c.facts.Emulated || script.Age < limit/2 || !ours {
		return images.FaultTimeout, killed + "; " + what
	}
	return "", "a maintainer script does not end: " + killed + "; " + what
}

// maxDoing bounds what is said of a process, in bytes.
const maxDoing = 200

func clipped(s string) string {
	if len(s) > maxDoing {
		s = s[:maxDoing] + " [...]"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

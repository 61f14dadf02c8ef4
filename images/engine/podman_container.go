package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// podmanContainer is a container of [Podman].
type podmanContainer struct {
	p    *Podman
	way  []string
	id   string
	name string
}

// Exec implements [Container].
func (c *podmanContainer) Exec(ctx context.Context, cmd Command) (Result, error) {
	if len(cmd.Argv) == 0 {
		return Result{}, errors.New("exec: no command")
	}
	if cmd.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cmd.Timeout, ErrTimeout)
		defer cancel()
	}
	started := time.Now()
	exit, err := c.exec(ctx, cmd)
	res := Result{Exit: exit, Duration: time.Since(started)}
	if ctx.Err() != nil && err != nil {
		return res, errors.Join(fmt.Errorf("%s: %w", cmd.Argv[0], context.Cause(ctx)), c.kill(ctx))
	}
	if err != nil {
		return res, fmt.Errorf("podman: run %s in %s: %w", cmd.Argv[0], c.name, err)
	}
	return res, nil
}

func (c *podmanContainer) exec(ctx context.Context, cmd Command) (int, error) {
	args := []string{"exec", "--preserve-fds", "1", "--user", "0:0", "--workdir", "/"}
	for _, e := range cmd.Env {
		args = append(args, "--env", e)
	}
	args = append(args, c.id, "/bin/sh", "-c", wrapper, "sh")
	call := c.p.command(ctx, c.way, append(args, cmd.Argv...)...)
	// The exit code of podman itself may be its own (125) or the command's: only
	// the wrapper's word is the command's.
	said := bounded{limit: maxComplaint}
	both := cmd.Stdout == cmd.Stderr
	cmd.Stderr = io.MultiWriter(orDiscard(cmd.Stderr), &said)
	if both {
		cmd.Stdout = cmd.Stderr
	}
	exit, told, err := runWrapped(ctx, call, cmd, func() error { return c.kill(ctx) })
	if told || ctx.Err() != nil {
		return exit, err
	}
	return -1, errors.Join(err, errors.New(lastLine(string(said.data))))
}

// kill ends everything in the container, also after ctx.
func (c *podmanContainer) kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	_, err := finish(c.p.command(ctx, c.way, "kill", "--signal", "KILL", c.id), "kill")
	if err != nil && !c.gone(err) {
		return fmt.Errorf("kill the container of %s: %w", c.name, err)
	}
	return nil
}

// gone reports whether podman complains that there is no such container, or that
// it has ended.
func (c *podmanContainer) gone(err error) bool {
	for _, s := range []string{"no such container", "no container with", "can only kill running containers", "not running"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// putScript writes the files that it is told, by pairs of a path and a size, from
// its standard input: as the container sees its folders, and with no more than a
// shell and coreutils.
const putScript = `umask 022
while [ $# -gt 0 ]; do
  mkdir -p -- "$(dirname -- "$1")" && head -c "$2" >"$1" && chmod "$3" "$1" || exit
  shift 3
done`

// Put implements [Container].
func (c *podmanContainer) Put(ctx context.Context, files ...File) error {
	args := []string{"exec", "--interactive", "--user", "0:0", "--workdir", "/", c.id, "/bin/sh", "-c", putScript, "sh"}
	var data bytes.Buffer
	for _, f := range files {
		p := path.Clean(f.Path)
		if !path.IsAbs(f.Path) || p == "/" {
			return fmt.Errorf("put %q: want an absolute path of a file", f.Path)
		}
		args = append(args, p, fmt.Sprint(len(f.Data)), fmt.Sprintf("%o", f.Mode.Perm()))
		data.Write(f.Data)
	}
	call := c.p.command(ctx, c.way, args...)
	call.Stdin = &data
	if _, err := finish(call, "exec"); err != nil {
		return fmt.Errorf("podman: put files into %s: %w", c.name, err)
	}
	return nil
}

// Remove implements [Container].
func (c *podmanContainer) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	_, err := finish(c.p.command(ctx, c.way, "rm", "--force", "--ignore", "--volumes", "--time", "0", c.id), "rm")
	if err != nil && !c.gone(err) {
		return fmt.Errorf("podman: remove the container of %s: %w", c.name, err)
	}
	return nil
}

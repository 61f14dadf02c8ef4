package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

const (
	// lookInterval is how often a running command is asked after, and
	// strayTime how long after its end its output is still waited for: a
	// process that it left behind can hold the stream open.
	lookInterval = 2 * time.Second
	strayTime    = 2 * time.Second
	// inspectTries and inspectPause bound the wait for an exit code, which the
	// engine can write down a moment after the output has ended.
	inspectTries = 50
	inspectPause = 20 * time.Millisecond
)

// dockerContainer is a container of [Docker].
type dockerContainer struct {
	d    *Docker
	id   string
	name string
}

// Exec implements [Container].
func (c *dockerContainer) Exec(ctx context.Context, cmd Command) (Result, error) {
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
		// Docker's API has no way to end one command, so all of them end.
		killed := c.kill(ctx)
		return res, errors.Join(fmt.Errorf("%s: %w", cmd.Argv[0], context.Cause(ctx)), killed)
	}
	if err != nil {
		return res, c.d.fail("run "+cmd.Argv[0]+" in "+c.name, err)
	}
	return res, nil
}

func (c *dockerContainer) exec(ctx context.Context, cmd Command) (int, error) {
	made, err := c.d.cli.ExecCreate(ctx, c.id, client.ExecCreateOptions{
		Cmd: cmd.Argv, Env: cmd.Env, User: "0:0", AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return -1, err
	}
	conn, err := c.d.cli.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return -1, err
	}
	defer conn.Close()

	copied := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(orDiscard(cmd.Stdout), orDiscard(cmd.Stderr), conn.Reader)
		copied <- err
	}()
	if err := c.wait(ctx, made.ID, copied, func() { conn.Close() }); err != nil {
		return -1, err
	}
	return c.exitCode(ctx, made.ID)
}

// wait returns when the output has ended and been written. Output that a left
// behind process keeps open is cut off a short time after the command's end.
func (c *dockerContainer) wait(ctx context.Context, id string, copied <-chan error, cut func()) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	var stray <-chan time.Time
	for {
		select {
		case err := <-copied:
			return err
		case <-ctx.Done():
			cut()
			<-copied //nolint:errcheck // the cause is ctx; the caller's writers are not used any more
			return ctx.Err()
		case <-stray:
			cut()
			<-copied //nolint:errcheck // cut off on purpose
			return nil
		case <-look.C:
			if stray != nil {
				continue
			}
			got, err := c.d.cli.ExecInspect(ctx, id, client.ExecInspectOptions{})
			if err == nil && !got.Running {
				stray = time.After(strayTime)
			}
		}
	}
}

func (c *dockerContainer) exitCode(ctx context.Context, id string) (int, error) {
	for range inspectTries {
		got, err := c.d.cli.ExecInspect(ctx, id, client.ExecInspectOptions{})
		if err != nil {
			return -1, err
		}
		if !got.Running {
			return got.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return -1, ctx.Err()
		case <-time.After(inspectPause):
		}
	}
	return -1, errors.New("the output has ended and the command has not")
}

// kill ends everything in the container, also after ctx.
func (c *dockerContainer) kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	_, err := c.d.cli.ContainerKill(ctx, c.id, client.ContainerKillOptions{Signal: "KILL"})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return c.d.fail("kill container of "+c.name, err)
	}
	return nil
}

// Put implements [Container].
func (c *dockerContainer) Put(ctx context.Context, files ...File) error {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{}
	for _, f := range files {
		p := path.Clean(f.Path)
		if !path.IsAbs(f.Path) || p == "/" {
			return fmt.Errorf("put %q: want an absolute path of a file", f.Path)
		}
		for _, dir := range parents(p) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if _, err := c.d.cli.ContainerStatPath(ctx, c.id, client.ContainerStatPathOptions{Path: dir}); err == nil {
				continue // its mode and owner stay as they are
			} else if !errdefs.IsNotFound(err) {
				return c.d.fail("look for "+dir+" in "+c.name, err)
			}
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: 0o755}); err != nil {
				return fmt.Errorf("put %s: %w", p, err)
			}
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p[1:], Mode: int64(f.Mode.Perm()), Size: int64(len(f.Data))}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("put %s: %w", p, err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return fmt.Errorf("put %s: %w", p, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	_, err := c.d.cli.CopyToContainer(ctx, c.id, client.CopyToContainerOptions{DestinationPath: "/", Content: &buf})
	if err != nil {
		return c.d.fail("copy files into "+c.name, err)
	}
	return nil
}

// parents returns the folders above a clean absolute path, outermost first,
// without the root.
func parents(p string) []string {
	var dirs []string
	for i, r := range p {
		if r == '/' && i > 0 {
			dirs = append(dirs, p[:i])
		}
	}
	return dirs
}

// Remove implements [Container].
func (c *dockerContainer) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	_, err := c.d.cli.ContainerRemove(ctx, c.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	// Another removal may be on its way: that is what was wanted.
	if err != nil && !errdefs.IsNotFound(err) && !strings.Contains(err.Error(), "already in progress") {
		return c.d.fail("remove container of "+c.name, err)
	}
	return nil
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sigs.k8s.io/pkgverify/images/mounts"
)

// ociContainer is a container of [OCI]. Its folder holds the labels, the bundle
// (config.json, root) and the layer that it writes to.
type ociContainer struct {
	o      *OCI
	id     string
	name   string
	dir    string
	labels labels
	// pid is that of the main process, as the machine numbers it, and main the
	// process itself (pidfd_open(2)); nil when it is not known.
	pid  int
	main *os.File
}

func (c *ociContainer) root() string { return filepath.Join(c.dir, "root") }

// mount lays the container's own layer over the image. Where the kernel cannot
// (an overlay whose upper layer would be on an overlay), the image is copied.
func (c *ociContainer) mount(ctx context.Context, image string) error {
	upper, work := filepath.Join(c.dir, "upper"), filepath.Join(c.dir, "work")
	for _, dir := range []string{upper, work, c.root()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`, ":", `\:`).Replace
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", escape(image), escape(upper), escape(work))
	err := unix.Mount("overlay", c.root(), "overlay", 0, options)
	if err == nil {
		return nil
	}
	out, copyErr := exec.CommandContext(ctx, "cp", "--archive", "--reflink=auto", image+"/.", c.root()).CombinedOutput()
	if copyErr != nil {
		return fmt.Errorf("no overlay (%w), and no copy of the image: %w: %s", err, copyErr, lastLine(string(out)))
	}
	return nil
}

// callError is a runtime's own word on why it did not do something.
type callError struct {
	what, text string
	err        error
}

func (e *callError) Error() string { return e.what + ": " + e.text }
func (e *callError) Unwrap() error { return e.err }

// command returns a call of the runtime, which writes its own messages to a
// file: what a command in the container writes must not be mixed with them.
func (c *ociContainer) command(ctx context.Context, log string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.labels.Runtime, append([]string{"--root", c.o.stateDir(), "--log", log, "--log-format", "json"}, args...)...)
}

// newLog returns the path of a log for one call; remove it after.
func (c *ociContainer) newLog() (string, error) {
	f, err := os.CreateTemp(c.dir, "log-")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// call runs the runtime and returns what it prints.
func (c *ociContainer) call(ctx context.Context, args ...string) ([]byte, error) {
	log, err := c.newLog()
	if err != nil {
		return nil, err
	}
	defer os.Remove(log)
	cmd := c.command(ctx, log, args...)
	// A container that is created keeps its output open: it gets none of ours.
	var out bytes.Buffer
	if args[0] != "create" {
		cmd.Stdout = &out
	}
	if err := cmd.Run(); err != nil {
		return nil, &callError{what: filepath.Base(c.labels.Runtime) + " " + args[0], text: complaint(log, err.Error()), err: err}
	}
	return out.Bytes(), nil
}

// complaint returns the last error in a runtime's log, or otherwise.
func complaint(log, otherwise string) string {
	data, err := os.ReadFile(log)
	if err != nil {
		return otherwise
	}
	last := otherwise
	for line := range bytes.Lines(data) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && (entry.Level == "error" || entry.Level == "fatal" || entry.Level == "") && entry.Msg != "" {
			last = entry.Msg
		}
	}
	return last
}

// locate learns the main process.
func (c *ociContainer) locate(ctx context.Context) error {
	out, err := c.call(ctx, "state", c.id)
	if err != nil {
		return err
	}
	var state struct {
		PID    int    `json:"pid"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(out, &state); err != nil {
		return fmt.Errorf("%s state: %w", filepath.Base(c.labels.Runtime), err)
	}
	if state.PID <= 0 || state.Status == "stopped" {
		return errors.New("its main process ended at once")
	}
	c.pid = state.PID
	// Where the kernel has none (before Linux 5.3) the runtime ends the process.
	if fd, err := unix.PidfdOpen(c.pid, 0); err == nil {
		c.main = os.NewFile(uintptr(fd), "pidfd")
	}
	return nil
}

// Exec implements [Container].
func (c *ociContainer) Exec(ctx context.Context, cmd Command) (Result, error) {
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
		return res, fmt.Errorf("oci: run %s in %s: %w", cmd.Argv[0], c.name, err)
	}
	return res, nil
}

func (c *ociContainer) exec(ctx context.Context, cmd Command) (int, error) {
	log, err := c.newLog()
	if err != nil {
		return -1, err
	}
	defer os.Remove(log)
	args := []string{"exec", "--preserve-fds", "1", "--user", "0:0", "--cwd", "/"}
	for _, e := range cmd.Env {
		args = append(args, "--env", e)
	}
	args = append(args, c.id, "/bin/sh", "-c", wrapper, "sh")
	call := c.command(ctx, log, append(args, cmd.Argv...)...)
	exit, told, err := runWrapped(ctx, call, cmd, func() error { return c.kill(ctx) })
	if told || ctx.Err() != nil {
		return exit, err
	}
	if why := complaint(log, ""); why != "" {
		return startFault(why)
	}
	return -1, err
}

// startFault tells a command that cannot be started, which is the command's
// fault and has the shell's exit codes (POSIX, "Exit Status for Commands"), from
// a runtime that failed.
func startFault(why string) (int, error) {
	lower := strings.ToLower(why)
	switch {
	case strings.Contains(lower, "exec format error"):
	case strings.Contains(lower, "executable file not found"), strings.Contains(lower, "no such file or directory"):
		return 127, nil
	case strings.Contains(lower, "permission denied"):
		return 126, nil
	}
	return -1, errors.New(why)
}

// kill ends everything in the container, also after ctx.
func (c *ociContainer) kill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if _, err := c.call(ctx, "kill", c.id, "KILL"); err != nil && !gone(err) {
		return fmt.Errorf("oci: kill the container of %s: %w", c.name, err)
	}
	return nil
}

// gone reports whether a runtime complains that there is no such container, or
// no process in it.
func gone(err error) bool {
	text := strings.ToLower(err.Error())
	for _, s := range []string{"does not exist", "no such file", "no such process", "not running", "already finished"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// Put implements [Container]. Files are written through the container's own
// view of its mounts; a link cannot lead out of it.
func (c *ociContainer) Put(_ context.Context, files ...File) error {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/%d/root", c.pid))
	if err != nil {
		return fmt.Errorf("oci: put files into %s: %w", c.name, err)
	}
	defer root.Close()
	for _, f := range files {
		p := path.Clean(f.Path)
		if !path.IsAbs(f.Path) || p == "/" {
			return fmt.Errorf("put %q: want an absolute path of a file", f.Path)
		}
		if err := put(root, p[1:], f); err != nil {
			return fmt.Errorf("oci: put %s into %s: %w", p, c.name, err)
		}
	}
	return nil
}

func put(root *os.Root, name string, f File) error {
	for _, dir := range parents(name) {
		if err := root.Mkdir(dir, 0o755); err == nil {
			err = root.Chmod(dir, 0o755) // whatever the umask
			if err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := root.WriteFile(name, f.Data, f.Mode.Perm()); err != nil {
		return err
	}
	return root.Chmod(name, f.Mode.Perm())
}

// Remove implements [Container].
func (c *ociContainer) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if _, err := os.Lstat(c.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if c.labels.Runtime != "" { // else none was asked to make it
		force := []string{"delete", "--force", c.id}
		if c.end() {
			force = []string{"delete", c.id}
		}
		if _, err := c.call(ctx, force...); err != nil && !gone(err) {
			return fmt.Errorf("oci: remove the container of %s: %w", c.name, err)
		}
	}
	if err := removeLabelsLast(c.dir); err != nil {
		return fmt.Errorf("oci: remove the container of %s: %w", c.name, err)
	}
	return nil
}

// endTime is how long the main process may take to end after it was killed.
const endTime = 10 * time.Second

// end kills the main process, and with it all in its namespace, and reports
// whether it has seen it end. A runtime does the same by looking ten times a
// second whether it is done.
func (c *ociContainer) end() bool {
	if c.main == nil {
		return false
	}
	defer func() { _ = c.main.Close(); c.main = nil }()
	fd := int(c.main.Fd())
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return false
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(endTime); ; {
		n, err := unix.Poll(poll, int(time.Until(deadline).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n == 1
		}
	}
}

// removeLabelsLast removes a container's folder so that it stays known, by its
// labels, for as long as there is anything in it.
func removeLabelsLast(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == labelsFile {
			continue
		}
		if err := mounts.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

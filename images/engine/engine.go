// Package engine starts containers and runs commands in them.
//
// [Engine] is what every container engine can do, and [Container] what can be
// done with a container. What only some can do is asked for by further
// interfaces, such as [Reaper]. Every driver passes the contract suite of
// package enginetest.
//
// A container belongs to a run and to the process that started it. Both are
// recorded on the container itself, as labels, so that nothing needs to be
// remembered: a run removes its containers when it ends, and the next run
// reaps those whose process has died.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Engine is a container engine. Its methods may be called from several
// goroutines at once.
type Engine interface {
	// Info asks the engine what it is. It fails with an [UnavailableError] when
	// the engine does not answer.
	Info(ctx context.Context) (Info, error)
	// Load makes img available under the reference ref ("name:tag") and returns
	// the ID by which to start it. It does nothing when the engine has just
	// that image already.
	Load(ctx context.Context, ref string, img v1.Image) (id string, err error)
	// Start starts a container that does nothing until a command is run in it.
	// On error nothing is left behind.
	Start(ctx context.Context, spec Spec) (Container, error)
}

// Container is a running container.
type Container interface {
	// Exec runs a command to its end, as root, with nothing on its standard
	// input. The error is nil whenever the command ran to its end, whatever its
	// exit code. When ctx ends or the command's time is up the container is
	// killed, so that the command does not go on unseen: the error is then
	// ctx's, or ErrTimeout, and the container is good only for Remove.
	Exec(ctx context.Context, cmd Command) (Result, error)
	// Put writes files into the container, making the folders above them.
	Put(ctx context.Context, files ...File) error
	// Remove kills and removes the container with all it has written. It does
	// its work also when ctx has ended, and may be called again.
	Remove(ctx context.Context) error
}

// Reaper is an engine that finds containers by their labels.
type Reaper interface {
	// Reap removes the containers of dead runs of this machine, and returns
	// how many it removed. It leaves alone what another machine or a living
	// process owns.
	Reap(ctx context.Context) (int, error)
	// RemoveRun removes the containers of one run. It does its work also when
	// ctx has ended.
	RemoveRun(ctx context.Context, run string) (int, error)
}

// Info is what an engine says of itself.
type Info struct {
	// Name is "docker" or "podman"; Version the engine's own; Address where it
	// answers; OS and Arch its machine's, Arch by Go's name.
	Name, Version, Address, OS, Arch string
	// CPUs and Memory (bytes) are what containers can have.
	CPUs   int
	Memory int64
	// Passed are the engines that were looked for before this one, each with why
	// it was not taken.
	Passed []string
	// Local is true when the engine runs on this machine, so that its kernel
	// is this kernel and its loopback this loopback.
	Local bool
}

// String returns name and version.
func (i Info) String() string { return i.Name + " " + i.Version }

// Network says what a container can reach.
type Network string

const (
	// DefaultNetwork is the engine's own choice, usually a bridge.
	DefaultNetwork Network = "default"
	// HostNetwork shares the machine's network, and with it its loopback.
	HostNetwork Network = "host"
	// NoNetwork leaves only the container's own loopback.
	NoNetwork Network = "none"
)

// Spec is how to start a container.
type Spec struct {
	// Image is an ID that Load returned, or a reference that the engine has.
	Image string
	// Platform is an OCI platform, such as "linux/arm/v7".
	Platform string
	// Run names the run that owns the container; Name is what it is for.
	Run, Name string
	Network   Network
	// Env are further variables, "NAME=value".
	Env []string
	// Memory in bytes and CPUs limit the container; 0 is without limit. Limits
	// of processes (rlimits) are never asked for: a machine that restricts them
	// would refuse to start the container.
	Memory int64
	CPUs   float64
	// Tmpfs are folders that are kept in memory, with the mount options of each.
	Tmpfs map[string]string
	// Mounts are files and folders of the engine's machine (see Info.Local) that
	// are seen in the container.
	Mounts []Mount
}

// Mount is a file or folder of the engine's machine, seen in a container.
type Mount struct {
	// Source is where it is on the machine, Target where it is seen; both are
	// absolute, and the source is there.
	Source, Target string
	// ReadOnly keeps the container from changing it.
	ReadOnly bool
}

// checkMounts holds mounts against what [Mount] asks for: some engines make a
// source that is not there.
func checkMounts(all []Mount) error {
	for _, m := range all {
		if _, err := os.Stat(m.Source); err != nil || !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) {
			return errors.Join(fmt.Errorf("mount %q on %q: want absolute paths, and the first there", m.Source, m.Target), err)
		}
	}
	return nil
}

// checkPlatform holds the architecture of an image, as an engine knows it, against
// the platform that is asked for: some engines start what they have.
func checkPlatform(arch, platform string) error {
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return fmt.Errorf("platform %q: %w", platform, err)
	}
	if arch != want.Architecture {
		return fmt.Errorf("the image is for %s, wanted %s", arch, want.Architecture)
	}
	return nil
}

// Command is what to run.
type Command struct {
	Argv []string
	Env  []string
	// Stdout and Stderr get the output as it comes; nil discards it. They are
	// never written to at the same time, so they may be the same writer, which
	// then has both in the order in which they came.
	Stdout, Stderr io.Writer
	// Timeout is how long it may run; 0 is as long as ctx lets it.
	Timeout time.Duration
}

// Result is how a command ended.
type Result struct {
	// Exit is its exit code: 128 plus the signal when a signal ended it.
	Exit     int
	Duration time.Duration
}

// File is a regular file to be written.
type File struct {
	// Path is absolute.
	Path string
	Data []byte
	Mode fs.FileMode
}

// ReadFile returns the bytes of a file in a container. It is read by a command in
// there, so that a link leads to where it leads in the container. A file of more
// than limit bytes is a [TooLargeError].
func ReadFile(ctx context.Context, c Container, path string, limit int64) ([]byte, error) {
	var data, errs bounded
	data.limit, errs.limit = limit, maxComplaint
	res, err := c.Exec(ctx, Command{Argv: []string{"cat", "--", path}, Stdout: &data, Stderr: &errs})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s in a container: %w", path, err)
	case res.Exit != 0:
		return nil, fmt.Errorf("read %s in a container: cat: exit %d: %s", path, res.Exit, lastLine(string(errs.data)))
	case data.over:
		return nil, &TooLargeError{Path: path, Limit: limit}
	}
	return data.data, nil
}

// maxComplaint bounds what is kept of a program's complaint, in bytes.
const maxComplaint = 4 << 10

// bounded keeps the first limit bytes that are written to it.
type bounded struct {
	data  []byte
	limit int64
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - int64(len(b.data))
	b.over = b.over || int64(len(p)) > room
	b.data = append(b.data, p[:min(int64(len(p)), room)]...)
	return len(p), nil
}

// TooLargeError says that a file in a container is larger than what was to be
// read of it.
type TooLargeError struct {
	Path string
	// Limit is in bytes.
	Limit int64
}

// Error returns the file and the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s in a container: more than %d bytes", e.Path, e.Limit)
}

// ErrTimeout says that a command was killed because its time was up.
var ErrTimeout = errors.New("the time for the command is up")

// UnavailableError says that there is no engine to work with. It is a fault of
// the machine: nothing is known of the packages.
type UnavailableError struct {
	// Engine is what was asked for; Address where it was looked for.
	Engine, Address string
	Err             error
	// Hint is what mends it, a command where there is one.
	Hint string
}

// Error returns what is missing, where, and what mends it.
func (e *UnavailableError) Error() string {
	s := "container engine " + e.Engine
	if e.Address != "" {
		s += " at " + e.Address
	}
	s += " is not available"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// UnknownError says that no driver has the name that was asked for.
type UnknownError struct{ Name string }

// Error returns the name and what there is.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("container engine %q is not known: there are auto, docker, podman, oci and none", e.Name)
}

// ErrNone says that the user asked for no engine.
var ErrNone = errors.New("no container engine was asked for (--engine none)")

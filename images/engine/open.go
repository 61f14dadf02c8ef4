package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The engines that can be asked for by name.
const (
	// Auto is the first that answers: what DOCKER_HOST or Docker's context names,
	// Docker's socket, Podman's, Podman's command, an OCI runtime.
	Auto = "auto"
	// DockerName is what DOCKER_HOST or Docker's context names, or Docker's own
	// socket.
	DockerName = "docker"
	// PodmanName is Podman: by what CONTAINER_HOST names, by its Docker-compatible
	// socket (the user's, or the machine's), or by its command.
	PodmanName = "podman"
	// OCIName is an OCI runtime without a daemon: runc or crun.
	OCIName = "oci"
	// NoneName is no engine: whatever needs one is blocked.
	NoneName = "none"
)

// Names returns the engines that can be asked for.
func Names() []string { return []string{Auto, DockerName, PodmanName, OCIName, NoneName} }

// Closer is an engine that holds connections.
type Closer interface{ Close() error }

// Open returns the engine of that name, after it has answered. It fails with
// an [UnknownError] for a name that is not among [Names], with [ErrNone] for
// "none", and with an [UnavailableError] for an engine that does not answer.
func Open(ctx context.Context, name string) (Engine, Info, error) {
	switch name {
	case NoneName:
		return nil, Info{}, ErrNone
	case DockerName:
		d, err := NewDocker("")
		if err != nil {
			return nil, Info{}, err
		}
		return answered(ctx, d)
	case PodmanName:
		return openPodman(ctx)
	case OCIName:
		return openOCI(ctx)
	case Auto, "":
		return openAuto(ctx)
	}
	return nil, Info{}, &UnknownError{Name: name}
}

func answered(ctx context.Context, d *Docker) (Engine, Info, error) {
	info, err := d.Info(ctx)
	if err != nil {
		return nil, Info{}, errors.Join(err, d.Close())
	}
	return d, info, nil
}

// candidate is an engine that may be there; one that the user chose is not passed
// over.
type candidate struct {
	open   func(context.Context) (Engine, Info, error)
	chosen bool
}

func openAuto(ctx context.Context) (Engine, Info, error) {
	_, docker, _ := dockerOptions() // its error is that of opening it
	return firstOf(ctx, []candidate{
		{func(ctx context.Context) (Engine, Info, error) { return Open(ctx, DockerName) }, docker != ""},
		{openPodman, os.Getenv(containerHost) != ""},
		{openOCI, false},
	})
}

// firstOf returns the first engine that works, with why those before it do not.
func firstOf(ctx context.Context, all []candidate) (Engine, Info, error) {
	var passed []string
	var errs []error
	for _, c := range all {
		e, info, err := c.open(ctx)
		if err == nil {
			info.Passed = passed
			return e, info, nil
		}
		if c.chosen {
			return nil, Info{}, err
		}
		passed, errs = append(passed, err.Error()), append(errs, err)
	}
	return nil, Info{}, &UnavailableError{
		Engine: Auto, Err: fmt.Errorf("neither docker nor podman answers, and there is no OCI runtime: %w", errors.Join(errs...)),
		Hint: "'images/setup.sh docker' starts Docker",
	}
}

func openOCI(ctx context.Context) (Engine, Info, error) {
	dir, err := DefaultOCIDir()
	if err != nil {
		return nil, Info{}, err
	}
	o, err := NewOCI(dir)
	if err != nil {
		return nil, Info{}, err
	}
	info, err := o.Info(ctx)
	if err != nil {
		return nil, Info{}, err
	}
	return o, info, nil
}

// openPodman takes what CONTAINER_HOST names, else Podman's socket where one
// answers, and else its command.
func openPodman(ctx context.Context) (Engine, Info, error) {
	if host := os.Getenv(containerHost); host != "" {
		if !strings.HasPrefix(host, "unix://") && !strings.HasPrefix(host, "tcp://") {
			return nil, Info{}, &UnavailableError{
				Engine: PodmanName, Address: host, Err: errors.New("only unix:// and tcp:// are driven"),
				Hint: "forward the socket: 'ssh -L /tmp/podman.sock:/run/podman/podman.sock HOST', then " + containerHost + "=unix:///tmp/podman.sock",
			}
		}
		return openPodmanAt(ctx, host)
	}
	var errs []error
	for _, host := range podmanSockets() {
		e, info, err := openPodmanAt(ctx, host)
		if err == nil {
			return e, info, nil
		}
		errs = append(errs, err)
	}
	p, err := NewPodman()
	if err != nil {
		return nil, Info{}, errors.Join(append(errs, err)...)
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, Info{}, errors.Join(append(errs, err)...)
	}
	return p, info, nil
}

func openPodmanAt(ctx context.Context, host string) (Engine, Info, error) {
	const hint = "start it with 'systemctl --user start podman.socket'"
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, Info{}, &UnavailableError{Engine: PodmanName, Address: host, Err: err, Hint: hint}
		}
	}
	d, err := newDocker(PodmanName, host, hint)
	if err != nil {
		return nil, Info{}, err
	}
	return answered(ctx, d)
}

// containerHost names Podman's API: podman(1), "Environment Variables".
const containerHost = "CONTAINER_HOST"

// podmanSockets returns where Podman listens: podman-system-service(1).
func podmanSockets() []string {
	var s []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		s = append(s, "unix://"+filepath.Join(dir, "podman", "podman.sock"))
	}
	return append(s, "unix:///run/podman/podman.sock")
}

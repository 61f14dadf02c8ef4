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

func openAuto(ctx context.Context) (Engine, Info, error) {
	e, info, docker := Open(ctx, DockerName)
	if docker == nil {
		return e, info, nil
	}
	if _, chosen, _ := dockerOptions(); chosen != "" {
		return nil, Info{}, docker // the user's choice is not passed over
	}
	e, info, podman := openPodman(ctx)
	if podman == nil {
		info.Passed = []string{docker.Error()}
		return e, info, nil
	}
	e, info, oci := openOCI(ctx)
	if oci == nil {
		info.Passed = []string{docker.Error(), podman.Error()}
		return e, info, nil
	}
	return nil, Info{}, &UnavailableError{
		Engine: Auto, Err: fmt.Errorf("neither docker nor podman answers, and there is no OCI runtime: %w", errors.Join(docker, podman, oci)),
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

// openPodman takes Podman's socket where one answers, and else its command.
func openPodman(ctx context.Context) (Engine, Info, error) {
	var errs []error
	for _, host := range podmanHosts() {
		if path, ok := strings.CutPrefix(host, "unix://"); ok {
			if _, err := os.Stat(path); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		d, err := newDocker(PodmanName, host, "start it with 'systemctl --user start podman.socket'")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e, info, err := answered(ctx, d)
		if err == nil {
			return e, info, nil
		}
		errs = append(errs, err)
	}
	if os.Getenv(containerHost) != "" {
		return nil, Info{}, errors.Join(errs...) // the user's choice is not passed over
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

// containerHost names Podman's API: podman(1), "Environment Variables".
const containerHost = "CONTAINER_HOST"

// podmanHosts returns where Podman listens: podman-system-service(1).
func podmanHosts() []string {
	if host := os.Getenv(containerHost); host != "" {
		return []string{host}
	}
	var s []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		s = append(s, "unix://"+filepath.Join(dir, "podman", "podman.sock"))
	}
	return append(s, "unix:///run/podman/podman.sock")
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// cleanupTime is how long removing containers may take after a run's own
	// context has ended.
	cleanupTime = 60 * time.Second
	// answerTime is how long an engine may take to say that it is there.
	answerTime = 10 * time.Second
	// maxLoadAnswer bounds what is read of an engine's answer to a load.
	maxLoadAnswer = 1 << 20
)

// Docker drives an engine by Docker's API, which Podman's socket speaks too.
type Docker struct {
	cli   *client.Client
	self  Owner
	label string // the name that was asked for
	hint  string

	mu     sync.Mutex
	podman *bool // whether Podman answers; nil until it is known
	// arches are the architectures of the images that were loaded, by ID.
	arches map[string]string
}

var (
	_ Engine = (*Docker)(nil)
	_ Reaper = (*Docker)(nil)
)

// NewDocker returns a driver for the API at host, such as
// "unix:///run/docker.sock"; with an empty host for the engine that the docker
// command would ask: that of DOCKER_HOST (with the certificates that
// DOCKER_CERT_PATH and DOCKER_TLS_VERIFY name), of the chosen context, or
// Docker's default. It does not ask the engine anything yet.
func NewDocker(host string) (*Docker, error) {
	return newDocker("docker", host, "start it with 'systemctl start docker', or 'images/setup.sh docker'")
}

func newDocker(label, host, hint string) (*Docker, error) {
	var opts []client.Opt
	if host != "" {
		opts = []client.Opt{client.WithHost(host)}
	} else {
		var err error
		if opts, host, err = dockerOptions(); err != nil {
			return nil, &UnavailableError{Engine: label, Address: host, Err: err, Hint: "see DOCKER_HOST and 'docker context'"}
		}
	}
	cli, err := client.New(opts...)
	if err != nil {
		return nil, &UnavailableError{Engine: label, Address: host, Err: err, Hint: "see DOCKER_HOST and 'docker context'"}
	}
	self, err := Self()
	if err != nil {
		return nil, err
	}
	return &Docker{cli: cli, self: self, label: label, hint: hint, arches: map[string]string{}}, nil
}

// Address returns where the engine is asked.
func (d *Docker) Address() string { return d.cli.DaemonHost() }

// Close gives up the connections to the engine.
func (d *Docker) Close() error { return d.cli.Close() }

// Info implements [Engine].
func (d *Docker) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	v, err := d.cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return Info{}, d.unavailable(err)
	}
	sys, err := d.cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, d.unavailable(err)
	}
	info := Info{
		Name: "docker", Version: v.Version, Address: d.cli.DaemonHost(),
		OS: v.Os, Arch: v.Arch, CPUs: sys.Info.NCPU, Memory: sys.Info.MemTotal, Local: local(d.cli.DaemonHost()),
	}
	if a, ok := repo.ParseArch(v.Arch); ok {
		info.Arch = string(a)
	}
	if isPodman(v) {
		info.Name = PodmanName
	}
	return info, nil
}

func isPodman(v client.ServerVersionResult) bool {
	return slices.ContainsFunc(v.Components, func(c system.ComponentVersion) bool { return strings.Contains(c.Name, "Podman") })
}

// rlimits are the limits of processes to ask for: none of Docker, and see
// podmanLimits.
func (d *Docker) rlimits(ctx context.Context) ([]*container.Ulimit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.podman == nil {
		v, err := d.cli.ServerVersion(ctx, client.ServerVersionOptions{})
		if err != nil {
			return nil, d.fail("ask for the version", err)
		}
		podman := isPodman(v)
		d.podman = &podman
	}
	if !*d.podman || !local(d.cli.DaemonHost()) {
		return nil, nil
	}
	limits, err := podmanLimits()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.label, err)
	}
	var all []*container.Ulimit
	for _, l := range limits {
		all = append(all, &container.Ulimit{Name: l.name, Soft: l.limit, Hard: l.limit})
	}
	return all, nil
}

func (d *Docker) unavailable(err error) error {
	return &UnavailableError{Engine: d.label, Address: d.cli.DaemonHost(), Err: err, Hint: d.hint}
}

// fail gives err its place: an engine that does not answer any more is an
// UnavailableError, whatever it was asked.
func (d *Docker) fail(what string, err error) error {
	if client.IsErrConnectionFailed(err) {
		err = d.unavailable(err)
	}
	return fmt.Errorf("%s: %s: %w", d.label, what, err)
}

// local reports whether an address of the API is on this machine.
func local(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	if u.Scheme == "unix" || u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// Load implements [Engine]. The image goes to the engine as the tar that
// "docker save" writes, streamed.
func (d *Docker) Load(ctx context.Context, ref string, img v1.Image) (string, error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return "", fmt.Errorf("%s: load image: %w", d.label, err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", fmt.Errorf("%s: load image %s: %w", d.label, ref, err)
	}
	if id, ok, err := d.has(ctx, ref, config); err != nil || ok {
		return id, err
	}
	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		err := tarball.Write(tag, img, w)
		w.CloseWithError(err)
		// An engine need not read what follows the last member: whether it has
		// the image is asked below.
		if errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		return err
	})
	g.Go(func() error {
		defer r.Close() // the writer must not wait for a reader that has gone
		return d.load(ctx, r)
	})
	if err := g.Wait(); err != nil {
		return "", d.fail("load image "+ref, err)
	}
	id, ok, err := d.has(ctx, ref, config)
	if err == nil && !ok {
		err = fmt.Errorf("%s: load image %s: the engine took it and does not have it", d.label, ref)
	}
	return id, err
}

func (d *Docker) load(ctx context.Context, r io.Reader) error {
	res, err := d.cli.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer res.Close()
	answer, err := io.ReadAll(io.LimitReader(res, maxLoadAnswer))
	if err != nil {
		return err
	}
	if strings.Contains(string(answer), `"errorDetail"`) {
		return fmt.Errorf("the engine answered %s", strings.TrimSpace(string(answer)))
	}
	return nil
}

// has returns the ID of the image under ref if it is the one of that
// configuration: of the same layers and labels. An engine's ID is not compared,
// since one with containerd's store gives an ID of its own making.
func (d *Docker) has(ctx context.Context, ref string, want *v1.ConfigFile) (string, bool, error) {
	got, err := d.cli.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, d.fail("look for image "+ref, err)
	}
	var layers []string
	for _, l := range want.RootFS.DiffIDs {
		layers = append(layers, l.String())
	}
	if !slices.Equal(layers, got.RootFS.Layers) || got.Architecture != want.Architecture || got.Config == nil {
		return "", false, nil
	}
	for k, v := range want.Config.Labels {
		if got.Config.Labels[k] != v {
			return "", false, nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arches[got.ID] = got.Architecture
	return got.ID, true, nil
}

// Start implements [Engine].
func (d *Docker) Start(ctx context.Context, spec Spec) (Container, error) {
	if local(d.cli.DaemonHost()) {
		if err := checkMounts(spec.Mounts); err != nil {
			return nil, fmt.Errorf("%s: start %s: %w", d.label, spec.Name, err)
		}
	}
	rlimits, err := d.rlimits(ctx)
	if err != nil {
		return nil, err
	}
	host := &container.HostConfig{
		Tmpfs:      spec.Tmpfs,
		AutoRemove: false, // a container that died is looked at before it goes
		LogConfig:  container.LogConfig{Type: "none"},
		Resources:  container.Resources{Memory: spec.Memory, NanoCPUs: int64(spec.CPUs * 1e9), Ulimits: rlimits},
	}
	for _, m := range spec.Mounts {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	if spec.Network != "" && spec.Network != DefaultNetwork {
		host.NetworkMode = container.NetworkMode(spec.Network)
	}
	var platform *ocispec.Platform
	if spec.Platform != "" {
		p, err := v1.ParsePlatform(spec.Platform)
		if err != nil {
			return nil, fmt.Errorf("%s: start %s: platform %q: %w", d.label, spec.Name, spec.Platform, err)
		}
		d.mu.Lock()
		arch, known := d.arches[spec.Image]
		d.mu.Unlock()
		if known {
			if err := checkPlatform(arch, spec.Platform); err != nil {
				return nil, fmt.Errorf("%s: start %s: %w", d.label, spec.Name, err)
			}
		}
		platform = &ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
	}
	made, err := d.cli.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image:      spec.Image,
			Env:        spec.Env,
			Entrypoint: idle(),
			Labels:     map[string]string{LabelRun: spec.Run, LabelOwner: d.self.String(), LabelName: spec.Name},
		},
		HostConfig: host,
		Platform:   platform,
	})
	if err != nil {
		return nil, d.fail("create container for "+spec.Name, err)
	}
	c := &dockerContainer{d: d, id: made.ID, name: spec.Name}
	if _, err := d.cli.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return nil, errors.Join(d.fail("start container for "+spec.Name, err), c.Remove(ctx))
	}
	return c, nil
}

// idle returns the main process of a container: a shell that waits, and as
// process 1 reaps what commands leave behind. It needs no init program of the
// engine, which not every machine has, and runs for any platform.
func idle() []string {
	return []string{"/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 1000000 & wait $!; done"}
}

// Reap implements [Reaper].
func (d *Docker) Reap(ctx context.Context) (int, error) {
	return d.remove(ctx, client.Filters{}.Add("label", LabelRun), func(labels map[string]string) bool {
		owner, ok := ParseOwner(labels[LabelOwner])
		return ok && owner.Dead(d.self)
	})
}

// RemoveRun implements [Reaper].
func (d *Docker) RemoveRun(ctx context.Context, run string) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return d.remove(ctx, client.Filters{}.Add("label", LabelRun+"="+run), func(map[string]string) bool { return true })
}

func (d *Docker) remove(ctx context.Context, f client.Filters, which func(labels map[string]string) bool) (int, error) {
	list, err := d.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: f})
	if err != nil {
		return 0, d.fail("list containers", err)
	}
	removed := 0
	var errs []error
	for _, item := range list.Items {
		if !which(item.Labels) {
			continue
		}
		c := &dockerContainer{d: d, id: item.ID, name: item.Labels[LabelName]}
		if err := c.Remove(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

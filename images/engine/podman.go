package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sys/unix"

	"sigs.k8s.io/pkgverify/repo"
)

// Podman drives Podman by its command, which needs no socket and no daemon, and
// no root where the machine has what Podman needs for that (newuidmap, an entry
// in /etc/subuid).
type Podman struct {
	path string
	self Owner

	mu sync.Mutex
	// ways are options before the subcommand: those that may work, the one that
	// does first.
	ways [][]string
	// arches are the architectures of the images that were loaded, by ID.
	arches map[string]string
}

var (
	_ Engine = (*Podman)(nil)
	_ Reaper = (*Podman)(nil)
)

const podmanHint = "install it: 'apt-get install podman'"

// NewPodman returns a driver for the command. It fails with an [UnavailableError]
// where there is none.
func NewPodman() (*Podman, error) {
	path, err := exec.LookPath(PodmanName)
	if err != nil {
		return nil, &UnavailableError{Engine: PodmanName, Err: err, Hint: podmanHint}
	}
	self, err := Self()
	if err != nil {
		return nil, err
	}
	p := &Podman{path: path, self: self, ways: [][]string{nil}, arches: map[string]string{}}
	// Podman's own choice of a runtime can be one that does not work here (crun
	// 1.8 with cgroups of both versions).
	for _, runtime := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(runtime); err == nil {
			p.ways = append(p.ways, []string{"--runtime", path})
		}
	}
	return p, nil
}

// podmanError is Podman's own word on why it did not do something.
type podmanError struct {
	what, text string
	err        error
}

func (e *podmanError) Error() string { return "podman " + e.what + ": " + e.text }
func (e *podmanError) Unwrap() error { return e.err }

// podmanDir is where podman is run, and with it conmon, which stays with the
// container and writes a file "oom" to its working folder when the container
// runs out of memory. Nobody can make a file there.
const podmanDir = "/proc"

// command returns a call of podman. It is in a process group of its own: what is
// typed at a terminal must not end it before the container is gone.
func (p *Podman) command(ctx context.Context, way []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, slices.Concat([]string{"--log-level", "error"}, way, args)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Dir = podmanDir
	return cmd
}

// way returns the options with which podman works, as far as is known.
func (p *Podman) way() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ways[0]
}

// call runs podman and returns what it prints.
func (p *Podman) call(ctx context.Context, args ...string) ([]byte, error) {
	return finish(p.command(ctx, p.way(), args...), args[0])
}

// maxAnswer bounds what is read of an answer of podman's: a list of containers, or
// an image's labels.
const maxAnswer = 16 << 20

// finish runs a call of podman to its end and returns what it prints.
func finish(cmd *exec.Cmd, what string) ([]byte, error) {
	out, errs := bounded{limit: maxAnswer}, bounded{limit: maxComplaint}
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = strayTime // conmon may hold the output open
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success() {
		if out.over {
			return nil, &podmanError{what: what, text: fmt.Sprintf("it answered with more than %d bytes", maxAnswer)}
		}
		return out.data, nil
	}
	text := lastLine(string(errs.data))
	if text == "" {
		text = err.Error()
	}
	return nil, &podmanError{what: what, text: strings.TrimPrefix(text, "Error: "), err: err}
}

// Info implements [Engine].
func (p *Podman) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	out, err := p.call(ctx, "info", "--format", "json")
	if err != nil {
		return Info{}, &UnavailableError{Engine: PodmanName, Address: p.path, Err: err, Hint: "see whether 'podman info' works"}
	}
	var said struct {
		Host struct {
			Arch, OS        string
			CPUs            int
			MemTotal        int64
			ServiceIsRemote bool
		}
		Version struct{ Version string }
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return Info{}, &UnavailableError{Engine: PodmanName, Address: p.path, Err: fmt.Errorf("podman info: %w", err), Hint: podmanHint}
	}
	info := Info{
		Name: PodmanName, Version: said.Version.Version, Address: p.path, OS: said.Host.OS, Arch: said.Host.Arch,
		CPUs: said.Host.CPUs, Memory: said.Host.MemTotal, Local: !said.Host.ServiceIsRemote,
	}
	if a, ok := repo.ParseArch(said.Host.Arch); ok {
		info.Arch = string(a)
	}
	return info, nil
}

// Load implements [Engine]. Podman reads an archive twice, so it is a file.
func (p *Podman) Load(ctx context.Context, ref string, img v1.Image) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("podman: load image %s: %w", ref, err) }
	tag, err := name.NewTag(ref)
	if err != nil {
		return fail(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return fail(err)
	}
	if id, ok, err := p.has(ctx, ref, config); err != nil || ok {
		return id, err
	}
	dir, err := os.MkdirTemp("", "pkgverify-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "image.tar")
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		return fail(err)
	}
	if _, err := p.call(ctx, "load", "--input", file); err != nil {
		return fail(err)
	}
	id, ok, err := p.has(ctx, ref, config)
	if err == nil && !ok {
		return fail(errors.New("podman took it and does not have it"))
	}
	return id, err
}

// has returns the ID of the image under ref if it is of that configuration.
func (p *Podman) has(ctx context.Context, ref string, want *v1.ConfigFile) (string, bool, error) {
	out, err := p.call(ctx, "image", "inspect", "--format", "json", ref)
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && strings.Contains(err.Error(), "image not known") {
			return "", false, nil
		}
		return "", false, fmt.Errorf("podman: look for image %s: %w", ref, err)
	}
	var all []struct {
		ID           string
		Architecture string
		RootFS       struct{ Layers []string }
		Config       struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return "", false, fmt.Errorf("podman: image inspect %s: %w", ref, err)
	}
	if len(all) != 1 {
		return "", false, fmt.Errorf("podman: image inspect %s: want one image, got %d", ref, len(all))
	}
	got := all[0]
	var layers []string
	for _, l := range want.RootFS.DiffIDs {
		layers = append(layers, l.String())
	}
	if !slices.Equal(layers, got.RootFS.Layers) || got.Architecture != want.Architecture {
		return "", false, nil
	}
	for k, v := range want.Config.Labels {
		if got.Config.Labels[k] != v {
			return "", false, nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arches[got.ID] = got.Architecture
	return got.ID, true, nil
}

// rlimit is a limit of processes, soft and hard.
type rlimit struct {
	name  string
	limit int64
}

// podmanLimits returns the limits to ask of Podman, which otherwise asks for some
// of its own (2^20 open files, podman-run(1), --ulimit) that a machine that
// restricts them refuses. Those of this process are allowed; of processes Podman
// 4 has kept itself to 32768 before it starts a container.
func podmanLimits() ([]rlimit, error) {
	var all []rlimit
	for _, l := range []struct {
		name  string
		which int
		most  uint64
	}{{"nofile", unix.RLIMIT_NOFILE, 1 << 20}, {"nproc", unix.RLIMIT_NPROC, 32768}} {
		var r unix.Rlimit
		if err := unix.Getrlimit(l.which, &r); err != nil {
			return nil, fmt.Errorf("limits of this process: %w", err)
		}
		all = append(all, rlimit{l.name, int64(min(r.Max, l.most))})
	}
	return all, nil
}

// Start implements [Engine].
func (p *Podman) Start(ctx context.Context, spec Spec) (Container, error) {
	err := checkMounts(spec.Mounts)
	var args []string
	if err == nil {
		args, err = p.runArgs(spec)
	}
	if err != nil {
		return nil, fmt.Errorf("podman: start %s: %w", spec.Name, err)
	}
	p.mu.Lock()
	ways := slices.Clone(p.ways)
	p.mu.Unlock()
	var refused []error
	for i, way := range ways {
		c := &podmanContainer{p: p, way: way, id: newID(), name: spec.Name}
		_, err := finish(p.command(ctx, way, slices.Concat([]string{"run", "--name", c.id}, args)...), "run")
		if err == nil {
			p.prefer(i, way)
			return c, nil
		}
		refused = append(refused, err, c.Remove(ctx))
		if ctx.Err() != nil {
			refused = []error{context.Cause(ctx), c.Remove(ctx)}
			break
		}
		if !strings.Contains(strings.ToLower(err.Error()), "oci") && !strings.Contains(err.Error(), "runtime") {
			break // another runtime would not mend it
		}
	}
	return nil, fmt.Errorf("podman: start %s: %w", spec.Name, errors.Join(refused...))
}

// prefer remembers the way that works.
func (p *Podman) prefer(i int, way []string) {
	if i == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for j, w := range p.ways {
		if slices.Equal(w, way) {
			p.ways[0], p.ways[j] = p.ways[j], p.ways[0]
		}
	}
}

// runArgs returns the arguments of "podman run" but for the name.
func (p *Podman) runArgs(spec Spec) ([]string, error) {
	args := []string{
		"--detach", "--pull", "never", "--log-driver", "none",
		"--label", LabelRun + "=" + spec.Run, "--label", LabelOwner + "=" + p.self.String(), "--label", LabelName + "=" + spec.Name,
	}
	if spec.Network != "" && spec.Network != DefaultNetwork {
		args = append(args, "--network", string(spec.Network))
	}
	if spec.Platform != "" {
		p.mu.Lock()
		arch, known := p.arches[spec.Image]
		p.mu.Unlock()
		if known {
			if err := checkPlatform(arch, spec.Platform); err != nil {
				return nil, err
			}
		}
		args = append(args, "--platform", spec.Platform)
	}
	limits, err := podmanLimits()
	if err != nil {
		return nil, err
	}
	for _, l := range limits {
		args = append(args, "--ulimit", fmt.Sprintf("%s=%d:%d", l.name, l.limit, l.limit))
	}
	for _, e := range spec.Env {
		args = append(args, "--env", e)
	}
	if spec.Memory > 0 {
		args = append(args, "--memory", fmt.Sprint(spec.Memory))
	}
	if spec.CPUs > 0 {
		args = append(args, "--cpus", fmt.Sprint(spec.CPUs))
	}
	for folder, options := range spec.Tmpfs {
		args = append(args, "--tmpfs", strings.TrimSuffix(folder+":"+options, ":"))
	}
	for _, m := range spec.Mounts {
		if strings.Contains(m.Source+m.Target, ",") {
			return nil, fmt.Errorf("mount %q on %q: podman takes no comma there", m.Source, m.Target)
		}
		args = append(args, "--mount", fmt.Sprintf("type=bind,source=%s,target=%s,readonly=%t", m.Source, m.Target, m.ReadOnly))
	}
	entry, err := json.Marshal(idle())
	if err != nil {
		return nil, err
	}
	return append(args, "--entrypoint", string(entry), spec.Image), nil
}

// Reap implements [Reaper].
func (p *Podman) Reap(ctx context.Context) (int, error) {
	return p.remove(ctx, LabelRun, func(labels map[string]string) bool {
		owner, ok := ParseOwner(labels[LabelOwner])
		return ok && owner.Dead(p.self)
	})
}

// RemoveRun implements [Reaper].
func (p *Podman) RemoveRun(ctx context.Context, run string) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return p.remove(ctx, LabelRun+"="+run, func(map[string]string) bool { return true })
}

func (p *Podman) remove(ctx context.Context, label string, which func(labels map[string]string) bool) (int, error) {
	out, err := p.call(ctx, "ps", "--all", "--filter", "label="+label, "--format", "json")
	if err != nil {
		return 0, fmt.Errorf("podman: list containers: %w", err)
	}
	var all []struct {
		ID     string `json:"Id"`
		Labels map[string]string
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return 0, fmt.Errorf("podman: list containers: %w", err)
	}
	removed := 0
	var errs []error
	for _, item := range all {
		if !which(item.Labels) {
			continue
		}
		c := &podmanContainer{p: p, way: p.way(), id: item.ID, name: item.Labels[LabelName]}
		if err := c.Remove(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

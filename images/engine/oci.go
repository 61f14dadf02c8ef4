package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// OCI runs containers without any daemon: an image is unpacked once, each
// container has it below a layer of its own (overlayfs), and an OCI runtime
// (runc, crun) starts it. It needs root.
//
// What belongs to a container is one folder, with the owner's labels in it, so
// that a later run finds what a killed one left. Folders that are being made have
// their owner in their names, and get their own name when they are whole: one
// without labels is then the remainder of a removal.
type OCI struct {
	dir  string
	self Owner

	mu       sync.Mutex
	runtimes []string // those that may work, the one that does first
}

var (
	_ Engine = (*OCI)(nil)
	_ Reaper = (*OCI)(nil)
)

const ociHint = "install one: 'apt-get install runc', and run as root"

// NewOCI returns a driver that keeps images and containers below dir. It fails
// with an [UnavailableError] where there is no runtime, or no right to use it.
func NewOCI(dir string) (*OCI, error) {
	o := &OCI{dir: dir}
	for _, name := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			o.runtimes = append(o.runtimes, path)
		}
	}
	switch {
	case runtime.GOOS != "linux":
		return nil, &UnavailableError{Engine: OCIName, Err: errors.New("only Linux has OCI runtimes"), Hint: "use docker"}
	case len(o.runtimes) == 0:
		return nil, &UnavailableError{Engine: OCIName, Err: errors.New("neither runc nor crun is on the path"), Hint: ociHint}
	case os.Geteuid() != 0:
		return nil, &UnavailableError{Engine: OCIName, Address: o.runtimes[0], Err: errors.New("it needs root"), Hint: "use podman, which does not"}
	}
	self, err := Self()
	if err != nil {
		return nil, err
	}
	o.self = self
	for _, folder := range []string{o.imagesDir(), o.containersDir(), o.stateDir()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, &UnavailableError{Engine: OCIName, Err: err, Hint: "make room for it"}
		}
	}
	return o, nil
}

// DefaultOCIDir returns where the program keeps unpacked images and containers:
// below $XDG_CACHE_HOME/pkgverify, or ~/.cache/pkgverify.
func DefaultOCIDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("folder of containers: %w", err)
	}
	return filepath.Join(cache, "pkgverify", "oci"), nil
}

func (o *OCI) imagesDir() string     { return filepath.Join(o.dir, "images") }
func (o *OCI) containersDir() string { return filepath.Join(o.dir, "containers") }
func (o *OCI) stateDir() string      { return filepath.Join(o.dir, "state") }

// Info implements [Engine].
func (o *OCI) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	path := o.runtime()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return Info{}, &UnavailableError{Engine: OCIName, Address: path, Err: err, Hint: ociHint}
	}
	// "runc version 1.1.5+ds1" is the first line of both.
	line, _, _ := strings.Cut(string(out), "\n")
	memory, err := totalMemory()
	if err != nil {
		return Info{}, fmt.Errorf("oci: %w", err)
	}
	return Info{
		Name: OCIName, Version: strings.Replace(line, " version ", " ", 1), Address: path,
		OS: "linux", Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Memory: memory, Local: true,
	}, nil
}

// totalMemory returns the machine's memory in bytes (proc(5), meminfo).
func totalMemory() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal")
}

func (o *OCI) runtime() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.runtimes[0]
}

// Load implements [Engine]: it unpacks the image, unless one of the same
// configuration is there. An image's name is of no use to anyone here.
func (o *OCI) Load(ctx context.Context, ref string, img v1.Image) (string, error) {
	digest, err := img.ConfigName()
	if err != nil {
		return "", fmt.Errorf("oci: load image %s: %w", ref, err)
	}
	final := o.imageDir(digest.String())
	if _, err := os.Stat(final); err == nil {
		return digest.String(), nil
	}
	work, err := o.making(o.imagesDir())
	if err != nil {
		return "", fmt.Errorf("oci: load image %s: %w", ref, err)
	}
	defer os.RemoveAll(work) // after a failure; else it has another name
	if err := o.unpack(ctx, img, work); err != nil {
		return "", fmt.Errorf("oci: load image %s: %w", ref, err)
	}
	// Another process may have been first; both have the same.
	if err := os.Rename(work, final); err != nil && !errors.Is(err, fs.ErrExist) && !isDir(final) {
		return "", fmt.Errorf("oci: load image %s: %w", ref, err)
	}
	return digest.String(), nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// imageDir returns the folder of an image: its root and its configuration.
func (o *OCI) imageDir(id string) string {
	return filepath.Join(o.imagesDir(), strings.ReplaceAll(id, ":", "-"))
}

// unpack writes the image's configuration and its files, layers flattened, with
// the owners, modes and attributes that they have there. tar refuses names that
// lead out of the folder.
func (o *OCI) unpack(ctx context.Context, img v1.Image, dir string) error {
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	layers := mutate.Extract(img)
	defer layers.Close()
	var errs strings.Builder
	cmd := exec.CommandContext(ctx, "tar", "--extract", "--preserve-permissions", "--numeric-owner",
		"--xattrs", "--xattrs-include=*", "--directory", root)
	cmd.Stdin, cmd.Stderr = layers, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("unpack: %w: %s", err, lastLine(errs.String()))
	}
	return nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// config reads the configuration of an image that Load has unpacked.
func (o *OCI) config(id string) (*v1.ConfigFile, error) {
	f, err := os.Open(filepath.Join(o.imageDir(id), "config.json"))
	if err != nil {
		return nil, fmt.Errorf("image %s was not loaded: %w", id, err)
	}
	defer f.Close()
	return v1.ParseConfigFile(f)
}

// Start implements [Engine].
func (o *OCI) Start(ctx context.Context, spec Spec) (Container, error) {
	c := &ociContainer{o: o, id: newID(), name: spec.Name}
	c.dir = filepath.Join(o.containersDir(), c.id)
	if err := o.start(ctx, c, spec); err != nil {
		return nil, errors.Join(fmt.Errorf("oci: start %s: %w", spec.Name, err), c.Remove(ctx))
	}
	return c, nil
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "pkgverify-" + hex.EncodeToString(b[:])
}

func (o *OCI) start(ctx context.Context, c *ociContainer, spec Spec) error {
	config, err := o.config(spec.Image)
	if err != nil {
		return err
	}
	if spec.Platform != "" {
		if err := checkPlatform(config.Architecture, spec.Platform); err != nil {
			return err
		}
	}
	if err := checkMounts(spec.Mounts); err != nil {
		return err
	}
	// The labels come first: what comes later is then found by Reap.
	work, err := o.making(o.containersDir())
	if err != nil {
		return err
	}
	c.labels = labels{Run: spec.Run, Owner: o.self.String(), Name: spec.Name}
	if err := c.labels.write(work); err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	if err := os.Rename(work, c.dir); err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	if err := c.mount(ctx, filepath.Join(o.imageDir(spec.Image), "root")); err != nil {
		return err
	}
	if err := o.create(ctx, c, spec, config); err != nil {
		return err
	}
	if _, err := c.call(ctx, "start", c.id); err != nil {
		return err
	}
	return c.locate(ctx)
}

// create has a runtime make the container. A runtime can be on the path and not
// be able to work here (crun 1.8 with cgroups of both versions), and a machine
// can refuse limits: what is asked for is reduced until it is given.
func (o *OCI) create(ctx context.Context, c *ociContainer, spec Spec, config *v1.ConfigFile) error {
	o.mu.Lock()
	candidates := append([]string(nil), o.runtimes...)
	o.mu.Unlock()
	var refused []error
	for _, limited := range []bool{true, false} {
		if !limited && spec.Memory == 0 && spec.CPUs == 0 {
			break
		}
		if err := c.writeSpec(spec, config, limited); err != nil {
			return err
		}
		for i, path := range candidates {
			// Before it is asked: it may do its work and this process be killed.
			c.labels.Runtime = path
			if err := c.labels.write(c.dir); err != nil {
				return err
			}
			_, err := c.call(ctx, "create", "--bundle", c.dir, c.id)
			if err == nil {
				o.prefer(i, path)
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			refused = append(refused, err)
			_, _ = c.call(ctx, "delete", "--force", c.id) // what it made of it, if anything
		}
	}
	return errors.Join(refused...)
}

// prefer remembers the runtime that works.
func (o *OCI) prefer(i int, path string) {
	if i == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for j, p := range o.runtimes {
		if p == path {
			o.runtimes[0], o.runtimes[j] = o.runtimes[j], o.runtimes[0]
		}
	}
}

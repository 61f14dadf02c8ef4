// Package build makes images from Debian's packages with mmdebstrap, for
// machines that reach no container registry.
//
// An image is one layer in an OCI layout in the cache folder, under a key made
// of its recipe: a changed recipe is built anew, and nothing else is. Building
// needs root, and runs nothing but Debian's own packages and this project's
// hooks.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/filelock"
	"sigs.k8s.io/pkgverify/repo"
)

// Builder makes and keeps images. Its methods may be called from several
// goroutines and processes at once: each image is made once.
type Builder struct {
	// Dir is the cache folder; see [DefaultDir].
	Dir string
	// Sources is where Debian's packages come from: an apt source line, a
	// mirror's URL, or a sources file. When it is empty this machine's own
	// sources are used if they have the suite, and else deb.debian.org.
	Sources string
	// Log gets what mmdebstrap says, prefixed with the image's name; nil
	// discards it. The end of it is part of the error when a build fails.
	Log io.Writer
	// Temp is where roots are unpacked; empty is [DefaultTemp].
	Temp string

	users filelock.Users
}

// DefaultDir returns the folder in which images are kept: pkgverify/images in
// the user's cache folder.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder of images: %w", err)
	}
	return filepath.Join(dir, "pkgverify", "images"), nil
}

// buildLimit bounds the time of one build.
const buildLimit = 30 * time.Minute

// Cached returns the image of a distribution if it is in the cache, and false
// if it is not.
func (b *Builder) Cached(d images.Distribution, arch repo.Arch) (images.Image, bool, error) {
	if d.Build == nil {
		return images.Image{}, false, nil
	}
	p, err := b.place(d, arch)
	if err != nil {
		return images.Image{}, false, err
	}
	return b.open(p)
}

// placed is a plan with its place in the cache.
type placed struct {
	plan
	id, key, dir, ref string
}

func (b *Builder) place(d images.Distribution, arch repo.Arch) (placed, error) {
	p, err := newPlan(d, arch)
	if err != nil {
		return placed{}, err
	}
	key, err := p.key()
	if err != nil {
		return placed{}, err
	}
	id := fmt.Sprintf("%s-%s", d.Name, arch)
	return placed{
		plan: p, id: id, key: key,
		dir: filepath.Join(b.Dir, id+"-"+key),
		ref: fmt.Sprintf("pkgverify/%s:%s-%s", d.Name, arch, key),
	}, nil
}

// heldBy is the file of an OCI layout by which who uses it holds it.
const heldBy = "oci-layout"

// open returns the image if it is there. It is not removed from then on.
func (b *Builder) open(p placed) (images.Image, bool, error) {
	var img v1.Image
	err := b.users.Hold(p.dir, heldBy)
	if err == nil {
		img, err = read(p.dir)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return images.Image{}, false, nil
	case err != nil:
		return images.Image{}, false, fmt.Errorf("image %s in the cache: %w (remove %s)", p.id, err, p.dir)
	}
	return images.Image{Ref: p.ref, Image: img}, true, nil
}

// Image returns the image of a distribution, and makes it first where it is
// not in the cache.
func (b *Builder) Image(ctx context.Context, d images.Distribution, arch repo.Arch) (images.Image, error) {
	p, err := b.place(d, arch)
	if err != nil {
		return images.Image{}, err
	}
	if img, ok, err := b.open(p); ok || err != nil {
		return img, err
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", p.id, err)
	}
	lock, err := filelock.Lock(ctx, filepath.Join(b.Dir, p.id+".lock"))
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", p.id, err)
	}
	defer func() { _ = lock.Close() }()              // nothing was written to it
	if img, ok, err := b.open(p); ok || err != nil { // another process may have made it meanwhile
		return img, err
	}
	if err := b.make(ctx, p, d, lock); err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", p.id, err)
	}
	img, ok, err := b.open(p)
	if err == nil && !ok {
		err = fmt.Errorf("image %s: it is not in the cache, though it was made there", p.id)
	}
	return img, err
}

// read returns the one image of an OCI layout.
func read(dir string) (v1.Image, error) {
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(m.Manifests) != 1 {
		return nil, fmt.Errorf("want one image, got %d", len(m.Manifests))
	}
	return index.Image(m.Manifests[0].Digest)
}

// make builds an image into dir, which appears complete or not at all.
func (b *Builder) make(ctx context.Context, p placed, d images.Distribution, lock *os.File) error {
	id := p.id
	log := &buildLog{prefix: id, w: b.Log}
	temp := b.Temp
	if temp == "" {
		temp = DefaultTemp(b.Dir)
	}
	// The image's lock is held, and every mmdebstrap has a copy of it as long as
	// it lives: what has these names is left over.
	making, rootTemp := ".making-"+id+"-", "pkgverify-root-"+id+"-"
	removeLeftovers(log, filepath.Join(b.Dir, making+"*"), filepath.Join(temp, rootTemp+"*"))
	work, err := os.MkdirTemp(b.Dir, making)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	rootDir, err := os.MkdirTemp(temp, rootTemp)
	if err != nil {
		return err
	}
	defer func() {
		if err := removeTree(rootDir); err != nil {
			log.say("%v", err)
		}
	}()
	if err := os.Chmod(rootDir, 0o755); err != nil { // apt downloads as a user of its own
		return err
	}
	root := filepath.Join(work, "root.tar")
	if err := b.bootstrap(ctx, p.plan, log, work, rootDir, root, lock); err != nil {
		return err
	}
	img, err := assemble(root, p.plan, d, p.key)
	if err != nil {
		return err
	}
	made := filepath.Join(work, "layout")
	if err := write(made, img); err != nil {
		return err
	}
	return os.Rename(made, p.dir)
}

// bootstrap runs mmdebstrap and keeps the root as a tar file.
func (b *Builder) bootstrap(ctx context.Context, p plan, log *buildLog, work, temp, root string, lock *os.File) error {
	tool, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return &ToolError{Tool: "mmdebstrap", Hint: "images/setup.sh packages"}
	}
	if os.Geteuid() != 0 {
		return errors.New("building needs root: run it as root, or name a ready image with --image")
	}
	hooks, err := unpackRecipes(filepath.Join(work, "hooks"))
	if err != nil {
		return err
	}
	out, err := os.Create(root)
	if err != nil {
		return err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	log.say("building from Debian %s with mmdebstrap", p.suite)
	started := time.Now()
	for i, sources := range b.sources(p.suite) {
		if i > 0 {
			log.say("the mirror does not give all of the suite and its updates: without updates, from %s", sources)
			if err := rewind(out); err != nil {
				return err
			}
		}
		err = b.mmdebstrap(ctx, tool, p.argv(hooks, mergedHooks(), !p.native, sources), temp, out, log, lock)
		if !errors.Is(err, errMirror) {
			break
		}
	}
	if errors.Is(err, errMirror) {
		err = fmt.Errorf("%w\n%s", err, archived(p.suite))
	}
	if err != nil {
		return err
	}
	log.say("built in %s", time.Since(started).Round(time.Second))
	return out.Close()
}

// rewind empties a file.
func rewind(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// mmdebstrap runs the tool, which writes the root to out as a tar file.
func (b *Builder) mmdebstrap(ctx context.Context, tool string, argv []string, temp string, out io.Writer, log *buildLog, lock *os.File) error {
	cmd := exec.CommandContext(ctx, tool, argv[1:]...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
		"TMPDIR=" + temp, "SOURCE_DATE_EPOCH=" + sourceDate, "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NOWARNINGS=yes",
	}
	for _, k := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v := os.Getenv(k); v != "" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.Stdout, cmd.Stderr = out, log
	// It goes on cleaning up when this process is killed, and keeps the lock.
	cmd.ExtraFiles = []*os.File{lock}
	// mmdebstrap unmounts and removes what it made when it is asked to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	// The death signal is tied to the thread that starts the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		last := log.last()
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case mirrorFailed(last):
			err = fmt.Errorf("%w: %w", errMirror, err)
		}
		return fmt.Errorf("mmdebstrap: %w; it said last:\n%s", err, last)
	}
	return nil
}

// ToolError says that a program that is needed is not on this machine.
type ToolError struct {
	Tool string
	// Hint is the command that installs it.
	Hint string
}

// Error returns the program and the command that installs it.
func (e *ToolError) Error() string {
	return fmt.Sprintf("%s is not installed (run '%s')", e.Tool, e.Hint)
}

// mergedHooks returns mmdebstrap's hooks that merge /usr beforehand, or "".
func mergedHooks() string {
	const dir = "/usr/share/mmdebstrap/hooks/merged-usr"
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

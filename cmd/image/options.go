package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/pflag"

	"sigs.k8s.io/pkgverify/repo"
)

// options are the flags.
type options struct {
	out     string
	arches  []string
	archive string
	tag     string
	push    string

	platforms []repo.Arch // arches, read
}

func (o *options) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.out, "out", "build/image", "folder for the OCI layout; one that is there is replaced")
	f.StringSliceVar(&o.arches, "arch", []string{"amd64", "arm64"}, "architectures")
	f.StringVar(&o.archive, "archive", "", "also write this machine's image as a tar file for docker load")
	f.StringVar(&o.tag, "tag", "pkgverify:latest", "the name of the image in --archive")
	f.StringVar(&o.push, "push", "", "also push the image to this reference, with the credentials of docker login")
}

// validate reports every mistake in the flags.
func (o *options) validate() error {
	var problems []error
	o.platforms = nil
	for _, text := range o.arches {
		a, ok := repo.ParseArch(text)
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("--arch %q: want one of %v", text, repo.Arches()))
		case !slices.Contains(o.platforms, a):
			o.platforms = append(o.platforms, a)
		}
	}
	if len(o.arches) == 0 {
		problems = append(problems, errors.New("--arch: want at least one architecture"))
	}
	if o.archive != "" {
		if _, err := name.NewTag(o.tag); err != nil {
			problems = append(problems, fmt.Errorf("--tag: %w", err))
		}
		if len(problems) == 0 && !slices.Contains(o.platforms, repo.Arch(runtime.GOARCH)) {
			problems = append(problems, fmt.Errorf("--archive is for this machine: add %s to --arch", runtime.GOARCH))
		}
	}
	if o.push != "" {
		if _, err := name.ParseReference(o.push); err != nil {
			problems = append(problems, fmt.Errorf("--push: %w", err))
		}
	}
	return errors.Join(problems...)
}

// make makes the image and puts it where the flags say.
func (o *options) make(ctx context.Context, stdout, stderr io.Writer) error {
	work, err := os.MkdirTemp("", "pkgverify-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // nothing that anybody needs is left in it
	base, err := baseLayer()
	if err != nil {
		return err
	}
	images := map[repo.Arch]v1.Image{}
	for _, a := range o.platforms {
		_, _ = fmt.Fprintf(stderr, "image: compiling for %s\n", a)
		program := filepath.Join(work, string(a), "verify")
		if err := compile(ctx, a, program, stderr); err != nil {
			return err
		}
		if images[a], err = assemble(a, program, base); err != nil {
			return err
		}
	}
	index, err := indexOf(o.platforms, images)
	if err != nil {
		return err
	}
	if err := replaceLayout(o.out, index); err != nil {
		return err
	}
	if o.archive != "" {
		if err := o.writeArchive(images[repo.Arch(runtime.GOARCH)]); err != nil {
			return err
		}
	}
	if o.push != "" {
		if err := o.pushIndex(ctx, index); err != nil {
			return err
		}
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, digest)
	return err
}

// replaceLayout writes an OCI layout beside the folder and then puts it in its
// place, so that nobody finds half of one. It removes only what is a layout.
func replaceLayout(dir string, index v1.ImageIndex) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
			return fmt.Errorf("--out %s: holds something else than an OCI layout; name another folder", dir)
		}
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }() // renamed, or of no use
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	if _, err := layout.Write(fresh, index); err != nil {
		return fmt.Errorf("write the OCI layout: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// writeArchive writes the image as docker load reads it.
func (o *options) writeArchive(img v1.Image) error {
	tag, err := name.NewTag(o.tag)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.archive), 0o755); err != nil {
		return err
	}
	if err := tarball.WriteToFile(o.archive, tag, img); err != nil {
		return fmt.Errorf("write %s: %w", o.archive, err)
	}
	return nil
}

// pushIndex pushes the image.
func (o *options) pushIndex(ctx context.Context, index v1.ImageIndex) error {
	ref, err := name.ParseReference(o.push)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("push to %s: %w", ref, err)
	}
	return nil
}

// sourceDate returns SOURCE_DATE_EPOCH (reproducible-builds.org), if it is set.
func sourceDate() (time.Time, bool, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, false, fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), true, nil
}

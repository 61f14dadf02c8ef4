// Package pull gets the image of a distribution for one platform: from what
// the user named, from the images built here, or from a registry.
package pull

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

// ErrNoImage is matched when there is no way to the image of a distribution.
var ErrNoImage = errors.New("there is no image")

// Cache holds images that were built here.
type Cache interface {
	// Cached returns the image, and false when it was not built.
	Cached(d images.Distribution, arch repo.Arch) (images.Image, bool, error)
}

// Source finds images. It may be used by several goroutines at once.
type Source struct {
	// References are the user's, by distribution: a registry reference,
	// "oci:DIR" or "tar:FILE".
	References map[string]string
	Cache      Cache
}

// Image returns the image of d for arch. A registry's tag names an index of
// several platforms: the platform's own manifest is taken, by its digest.
func (s *Source) Image(ctx context.Context, d images.Distribution, arch repo.Arch) (images.Image, error) {
	if ref, ok := s.References[d.Name]; ok {
		return open(ctx, ref, d, arch)
	}
	if img, ok, err := s.Cache.Cached(d, arch); err != nil || ok {
		return img, err
	}
	if d.Reference == "" {
		return images.Image{}, fmt.Errorf("%w of %s for %s; make it with 'verify images build %s --arch %s'", ErrNoImage, d.Name, arch, d.Name, arch)
	}
	img, err := open(ctx, d.Reference, d, arch)
	if err != nil && d.Build != nil {
		err = fmt.Errorf("%w; where no registry can be reached, 'verify images build %s --arch %s' makes it", err, d.Name, arch)
	}
	return img, err
}

// open gets the image behind a reference.
func open(ctx context.Context, ref string, d images.Distribution, arch repo.Arch) (images.Image, error) {
	platform, err := v1.ParsePlatform(arch.Platform())
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	var img v1.Image
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		img, err = fromLayout(dir, *platform)
	} else if file, ok := strings.CutPrefix(ref, "tar:"); ok {
		img, err = tarball.ImageFromPath(file, nil)
	} else {
		img, err = fromRegistry(ctx, ref, *platform)
	}
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s for %s: %w", ref, arch.Platform(), err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	if got := config.Platform(); got == nil || !got.Satisfies(v1.Platform{OS: platform.OS, Architecture: platform.Architecture}) {
		return images.Image{}, fmt.Errorf("image %s: wanted an image for %s, got one for %v", ref, platform, got)
	}
	digest, err := img.Digest()
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	return images.Image{Ref: fmt.Sprintf("pkgverify/%s:%s-%.12s", d.Name, arch, digest.Hex), Image: img}, nil
}

func fromRegistry(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	return remote.Image(parsed, remote.WithContext(ctx), remote.WithPlatform(platform), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// fromLayout returns the one image of an OCI layout that is for the platform.
// A layout with a single image without a platform is taken at its word.
func fromLayout(dir string, platform v1.Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	found, err := partial.FindImages(index, match.Platforms(platform))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		if found, err = partial.FindImages(index, func(v1.Descriptor) bool { return true }); err != nil {
			return nil, err
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("wanted one image for %s, found %d", platform, len(found))
	}
	return found[0], nil
}

// Package pull gets the image of a distribution for one platform: from what
// the user named, from the images built here, or from a registry.
package pull

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
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
	// References are the user's, by distribution; see [CheckReference].
	References map[string]string
	Cache      Cache
	Registry   *Registry
}

// The kinds of reference beside that of a registry.
const (
	fromOCI    = "oci:"
	fromTar    = "tar:"
	fromEngine = "engine:"
)

// imageID is an engine's own name of an image.
var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// CheckReference fails for a user's reference that can name no image: neither
// "oci:DIR" (an OCI layout), nor "tar:FILE" (what docker save writes), nor
// "engine:NAME" (an image that the engine has, by name or ID), nor a registry's.
func CheckReference(ref string) error {
	for _, kind := range []string{fromOCI, fromTar, fromEngine} {
		rest, ok := strings.CutPrefix(ref, kind)
		switch {
		case !ok:
			continue
		case rest == "":
			return fmt.Errorf("image %q: what is it? %s is followed by a name", ref, kind)
		case kind == fromEngine && !imageID.MatchString(rest):
			ref = rest
			continue
		}
		return nil
	}
	if strings.Contains(ref, "..") {
		return fmt.Errorf("image %q: a name has no \"..\" in it", ref)
	}
	_, err := name.ParseReference(ref)
	return err
}

// Image returns the image of d for arch. A registry's tag names an index of
// several platforms: the platform's own manifest is taken, by its digest.
func (s *Source) Image(ctx context.Context, d images.Distribution, arch repo.Arch) (images.Image, error) {
	if ref, ok := s.References[d.Name]; ok {
		return s.open(ctx, ref, d, arch)
	}
	if img, ok, err := s.Cache.Cached(d, arch); err != nil || ok {
		return img, err
	}
	if d.Reference == "" {
		return images.Image{}, fmt.Errorf("%w of %s for %s; make it with 'verify images build %s --arch %s'", ErrNoImage, d.Name, arch, d.Name, arch)
	}
	img, err := s.open(ctx, d.Reference, d, arch)
	if err != nil && d.Build != nil {
		err = fmt.Errorf("%w; where no registry can be reached, 'verify images build %s --arch %s' makes it", err, d.Name, arch)
	}
	return img, err
}

// open gets the image behind a reference.
func (s *Source) open(ctx context.Context, ref string, d images.Distribution, arch repo.Arch) (images.Image, error) {
	platform, err := v1.ParsePlatform(arch.Platform())
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	var img images.Image
	if dir, ok := strings.CutPrefix(ref, fromOCI); ok {
		img.Image, err = fromLayout(dir, *platform)
	} else if file, ok := strings.CutPrefix(ref, fromTar); ok {
		img.Image, err = tarball.ImageFromPath(file, nil)
	} else if has, ok := strings.CutPrefix(ref, fromEngine); ok {
		return images.Image{Ref: has, Origin: ref}, CheckReference(ref)
	} else {
		img, err = s.Registry.Image(ctx, ref, arch)
	}
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s for %s: %w", ref, arch.Platform(), err)
	}
	if err := fits(ref, img.Image, *platform); err != nil {
		return images.Image{}, err
	}
	digest, err := img.Image.Digest()
	if err != nil {
		return images.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	img.Ref = fmt.Sprintf("pkgverify/%s:%s-%.12s", d.Name, arch, digest.Hex)
	if img.Origin == "" {
		img.Origin = ref + "@" + digest.String()
	}
	return img, nil
}

// fromLayout returns the image of an OCI layout that is for the platform. A
// layout with a single image without a platform is taken at its word.
func fromLayout(dir string, platform v1.Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	// What docker and skopeo write has an index of the platforms in the index.
	if len(m.Manifests) == 1 && m.Manifests[0].MediaType.IsIndex() {
		if index, err = index.ImageIndex(m.Manifests[0].Digest); err != nil {
			return nil, err
		}
		if m, err = index.IndexManifest(); err != nil {
			return nil, err
		}
	}
	if len(m.Manifests) == 1 && m.Manifests[0].MediaType.IsImage() && m.Manifests[0].Platform == nil {
		return index.Image(m.Manifests[0].Digest)
	}
	chosen, err := choose(fromOCI+dir, m.Manifests, platform)
	if err != nil {
		return nil, err
	}
	return index.Image(chosen.Digest)
}

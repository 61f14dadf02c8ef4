package pull

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// PlatformError says that there is no image for a platform.
type PlatformError struct {
	Reference, Want string
	// Have are the platforms for which there is one.
	Have []string
}

// Error names the platform that was asked for and those that there are.
func (e *PlatformError) Error() string {
	have := "names no platform"
	if len(e.Have) > 0 {
		have = "has " + strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("%s has no image for %s: it %s", e.Reference, e.Want, have)
}

// maxManifests bounds the entries of an index; going past it is an error. What
// distributions publish has some twenty.
const maxManifests = 1000

// choose returns the one image of an index that is for the platform. An entry
// that says more of its platform than was asked for (arm64 v8) is as good. The
// first of several is taken, as every engine does.
func choose(reference string, manifests []v1.Descriptor, want v1.Platform) (v1.Descriptor, error) {
	if len(manifests) > maxManifests {
		return v1.Descriptor{}, fmt.Errorf("%s lists %d images, at most %d are looked at", reference, len(manifests), maxManifests)
	}
	e := &PlatformError{Reference: reference, Want: want.String()}
	for _, m := range manifests {
		if m.Platform == nil || m.Platform.OS == "unknown" || !m.MediaType.IsImage() {
			continue // an attestation, an index in the index
		}
		if m.Platform.Satisfies(want) {
			return m, nil
		}
		if p := m.Platform.String(); !slices.Contains(e.Have, p) {
			e.Have = append(e.Have, p)
		}
	}
	return v1.Descriptor{}, e
}

// fits fails unless the image's own configuration is for the platform.
func fits(reference string, img v1.Image, want v1.Platform) error {
	config, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("%s: %w", reference, err)
	}
	// Many an image for arm says nothing of its variant.
	got := config.Platform()
	if got == nil || got.OS != want.OS || got.Architecture != want.Architecture ||
		want.Variant != "" && got.Variant != "" && got.Variant != want.Variant {
		e := &PlatformError{Reference: reference, Want: want.String()}
		if got != nil {
			e.Have = []string{got.String()}
		}
		return e
	}
	return nil
}

// Bounds of an image; going past one is an error.
const (
	// maxLayers is what engines take (127), and some.
	maxLayers = 500
	// maxBytes bounds the layers as they are sent: distributions' are below 100 MB.
	maxBytes = 8 << 30
	// maxManifest bounds manifests, indexes and configurations, in bytes.
	maxManifest = 8 << 20
)

// bounded fails for an image that is out of all proportion, and for one whose
// layers lie elsewhere: they would be fetched from any address.
func bounded(reference string, m *v1.Manifest) (total int64, err error) {
	if len(m.Layers) > maxLayers {
		return 0, fmt.Errorf("%s has %d layers, at most %d are taken", reference, len(m.Layers), maxLayers)
	}
	if m.Config.Size > maxManifest {
		return 0, fmt.Errorf("%s has a configuration of %d bytes, at most %d are taken", reference, m.Config.Size, maxManifest)
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxBytes-total {
			return 0, fmt.Errorf("%s is larger than %d bytes", reference, int64(maxBytes))
		}
		if len(l.URLs) > 0 || !l.MediaType.IsDistributable() {
			return 0, fmt.Errorf("%s: layer %s is not in the registry (%s)", reference, l.Digest, l.MediaType)
		}
		total += l.Size
	}
	return total, nil
}

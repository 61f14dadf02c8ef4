package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"sigs.k8s.io/pkgverify/images"
)

// configEnv is the environment of every command in an image.
func configEnv() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
}

// assemble makes a one-layer image of a root file system.
func assemble(root string, p plan, d images.Distribution, key string) (v1.Image, error) {
	// Not compressed: it never leaves this machine, and packing it would take
	// longer than all the rest.
	layer, err := tarball.LayerFromFile(root, tarball.WithCompression(compression.None), tarball.WithMediaType(types.OCIUncompressedLayer))
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	platform, err := v1.ParsePlatform(p.arch.Platform())
	if err != nil {
		return nil, fmt.Errorf("platform %q: %w", p.arch.Platform(), err)
	}
	seconds, err := strconv.ParseInt(sourceDate, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("source date: %w", err)
	}
	created := time.Unix(seconds, 0).UTC()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "mmdebstrap " + p.suite, Comment: d.Notice},
	})
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Created = v1.Time{Time: created}
	config.Config = v1.Config{
		Env: configEnv(), Cmd: []string{"/bin/sh"},
		Labels: map[string]string{
			"org.opencontainers.image.title": d.Title,
			"pkgverify.image":                d.Name,
			"pkgverify.recipe":               key,
			"pkgverify.sources":              "none: the image has no distribution mirror",
			"pkgverify.stand-in":             strconv.FormatBool(d.StandIn),
			"pkgverify.notice":               d.Notice,
		},
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return img, nil
}

// write makes an OCI layout that holds one image.
func write(dir string, img v1.Image) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("OCI layout: %w", err)
	}
	if err := path.AppendImage(img); err != nil {
		return fmt.Errorf("OCI layout: %w", err)
	}
	return nil
}

// unpackRecipes writes the hooks where mmdebstrap can run them.
func unpackRecipes(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("hooks: %w", err)
	}
	entries, err := recipeFiles.ReadDir("recipes")
	if err != nil {
		return "", fmt.Errorf("hooks: %w", err)
	}
	for _, e := range entries {
		data, err := recipeFiles.ReadFile("recipes/" + e.Name())
		if err != nil {
			return "", fmt.Errorf("hooks: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o755); err != nil {
			return "", fmt.Errorf("hooks: %w", err)
		}
	}
	return dir, nil
}

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// user is whom verify runs as: nobody in particular. Only the install suite
	// may need another, to reach a container engine's socket.
	user = 65532
	// home is its home and working folder: caches and artifacts go there unless
	// flags say otherwise.
	home = "/home/verify"
	// certificates is where Go looks first on Linux (crypto/x509).
	certificates = "/etc/ssl/certs/ca-certificates.crt"
	// binary is the program's path in the image.
	binary = "/usr/local/bin/verify"
)

// entry is one file of a layer; without data it is a folder.
type entry struct {
	path  string
	mode  int64
	owner int
	data  []byte
}

// layerOf makes a layer of entries. Dates are left at 1970, so that a layer
// changes only with what is in it.
func layerOf(entries []entry) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{
			Typeflag: tar.TypeDir, Name: e.path[1:], Mode: e.mode, Uid: e.owner, Gid: e.owner,
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if e.data != nil {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.data))
		} else {
			h.Name += "/"
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("layer: %s: %w", e.path, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("layer: %s: %w", e.path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// baseLayer makes the layer below the program: the same for all architectures.
func baseLayer() (v1.Layer, error) {
	roots, err := authorities()
	if err != nil {
		return nil, err
	}
	id := fmt.Sprint(user)
	return layerOf([]entry{
		{path: "/etc", mode: 0o755},
		{path: "/etc/group", mode: 0o644, data: []byte("root:x:0:\nverify:x:" + id + ":\n")},
		{path: "/etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/root:/sbin/nologin\nverify:x:" + id + ":" + id + ":verify:" + home + ":/sbin/nologin\n")},
		{path: "/etc/ssl", mode: 0o755},
		{path: "/etc/ssl/certs", mode: 0o755},
		{path: certificates, mode: 0o644, data: roots},
		{path: "/home", mode: 0o755},
		{path: home, mode: 0o755, owner: user},
		{path: "/tmp", mode: 0o1777},
	})
}

// assemble makes the image of one architecture.
func assemble(a repo.Arch, path string, base v1.Layer) (v1.Image, error) {
	from, err := sourceOf(path)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	top, err := layerOf([]entry{
		{path: "/usr", mode: 0o755}, {path: "/usr/local", mode: 0o755}, {path: "/usr/local/bin", mode: 0o755},
		{path: binary, mode: 0o755, data: data},
	})
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: from.Date}
	for _, l := range []struct {
		layer v1.Layer
		what  string
	}{{base, "certificate authorities, user and home"}, {top, "verify"}} {
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: l.layer, History: v1.History{Created: created, CreatedBy: "cmd/image", Comment: l.what},
		})
		if err != nil {
			return nil, err
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	platform, err := v1.ParsePlatform(a.Platform())
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Created, file.OS, file.Architecture, file.Variant = created, platform.OS, platform.Architecture, platform.Variant
	file.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", user, user),
		Env:        []string{"PATH=/usr/local/bin", "HOME=" + home},
		WorkingDir: home,
		Entrypoint: []string{binary},
		Labels:     labels(from),
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, err
	}
	return img, nil
}

// labels says what the image is, in the terms of the OCI image specification
// (annotations.md, "Pre-Defined Annotation Keys").
func labels(from source) map[string]string {
	out := map[string]string{
		"org.opencontainers.image.title":         "pkgverify",
		"org.opencontainers.image.description":   "Verifies published package repositories the way their users get them",
		"org.opencontainers.image.url":           "https://sigs.k8s.io/pkgverify",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.documentation": "https://github.com/kubernetes/enhancements/tree/master/keps/sig-release/1731-publishing-packages",
		"org.opencontainers.image.created":       from.Date.Format(time.RFC3339),
	}
	if from.Revision != "" {
		revision := from.Revision
		if from.Modified {
			revision += "-dirty"
		}
		out["org.opencontainers.image.revision"] = revision
	}
	return out
}

// indexOf joins the images of all architectures, in the order given.
func indexOf(order []repo.Arch, images map[repo.Arch]v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, a := range order {
		platform, err := v1.ParsePlatform(a.Platform())
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: images[a], Descriptor: v1.Descriptor{Platform: platform}})
	}
	// What the images say of themselves holds for all of them.
	if len(order) > 0 {
		file, err := images[order[0]].ConfigFile()
		if err != nil {
			return nil, err
		}
		index, _ = mutate.Annotations(index, file.Config.Labels).(v1.ImageIndex)
	}
	return index, nil
}

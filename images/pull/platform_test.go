package pull

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	entry := func(n string, kind types.MediaType, os, arch, variant string) v1.Descriptor {
		return v1.Descriptor{MediaType: kind, Digest: v1.Hash{Algorithm: "sha256", Hex: n}, Platform: &v1.Platform{OS: os, Architecture: arch, Variant: variant}}
	}
	// As docker.io/library/debian:12 is, with an attestation beside each image.
	all := []v1.Descriptor{
		entry("1", types.OCIManifestSchema1, "linux", "amd64", ""),
		entry("2", types.OCIManifestSchema1, "unknown", "unknown", ""),
		entry("3", types.OCIManifestSchema1, "linux", "arm", "v5"),
		entry("4", types.OCIManifestSchema1, "linux", "arm", "v7"),
		entry("5", types.OCIManifestSchema1, "linux", "arm64", "v8"),
		entry("6", types.OCIImageIndex, "linux", "s390x", ""),
		{MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: "7"}},
		entry("8", types.DockerManifestSchema2, "windows", "amd64", ""),
	}
	for _, tc := range []struct {
		want v1.Platform
		hex  string
	}{
		{v1.Platform{OS: "linux", Architecture: "amd64"}, "1"},
		{v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, "4"},
		{v1.Platform{OS: "linux", Architecture: "arm64"}, "5"},
		{v1.Platform{OS: "linux", Architecture: "s390x"}, ""},
		{v1.Platform{OS: "linux", Architecture: "ppc64le"}, ""},
	} {
		got, err := choose("debian:12", all, tc.want)
		var e *PlatformError
		switch {
		case tc.hex != "" && (err != nil || got.Digest.Hex != tc.hex):
			t.Errorf("%s: got %s, %v; want %s", tc.want, got.Digest.Hex, err, tc.hex)
		case tc.hex == "" && !errors.As(err, &e):
			t.Errorf("%s: got %s, %v", tc.want, got.Digest.Hex, err)
		case tc.hex == "":
			if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"}, e.Have); diff != "" {
				t.Errorf("%s: platforms (-want +got):\n%s", tc.want, diff)
			}
		}
	}
	if _, err := choose("x", make([]v1.Descriptor, maxManifests+1), v1.Platform{}); err == nil {
		t.Error("an endless index: want an error")
	}
	if _, err := choose("x", nil, v1.Platform{OS: "linux", Architecture: "amd64"}); err == nil || !strings.Contains(err.Error(), "names no platform") {
		t.Errorf("an empty index: got %v", err)
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	layer := v1.Descriptor{MediaType: types.OCILayer, Size: 100}
	sized := func(size int64) v1.Descriptor { return v1.Descriptor{MediaType: types.OCILayer, Size: size} }
	for _, tc := range []struct {
		name string
		m    v1.Manifest
		want string
	}{
		{"good", v1.Manifest{Layers: []v1.Descriptor{layer, layer}}, ""},
		{"layers without end", v1.Manifest{Layers: make([]v1.Descriptor, maxLayers+1)}, "layers"},
		{"a huge layer", v1.Manifest{Layers: []v1.Descriptor{sized(maxBytes + 1)}}, "larger"},
		{"huge together", v1.Manifest{Layers: []v1.Descriptor{sized(maxBytes), sized(1)}}, "larger"},
		{"sizes that overflow", v1.Manifest{Layers: []v1.Descriptor{layer, sized(1<<63 - 1)}}, "larger"},
		{"a size below nothing", v1.Manifest{Layers: []v1.Descriptor{sized(-1)}}, "larger"},
		{"a huge configuration", v1.Manifest{Config: v1.Descriptor{Size: maxManifest + 1}}, "configuration"},
		{"a layer elsewhere", v1.Manifest{Layers: []v1.Descriptor{{MediaType: types.OCILayer, URLs: []string{"http://169.254.169.254/"}}}}, "not in the registry"},
		{"a foreign layer", v1.Manifest{Layers: []v1.Descriptor{{MediaType: types.DockerForeignLayer}}}, "not in the registry"},
	} {
		total, err := bounded("x", &tc.m)
		if tc.want == "" && (err != nil || total != 200) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %d, %v; want an error with %q", tc.name, total, err, tc.want)
		}
	}
}

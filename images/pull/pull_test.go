package pull_test

import (
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
)

// built is a cache of images by architecture.
type built map[repo.Arch]v1.Image

func (b built) Cached(_ images.Distribution, arch repo.Arch) (images.Image, bool, error) {
	img, ok := b[arch]
	return images.Image{Ref: "built", Image: img}, ok, nil
}

func image(t *testing.T, platform v1.Platform) v1.Image {
	t.Helper()
	img, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// index is an index of an amd64 and a 32-bit arm image.
func index(t *testing.T) (v1.ImageIndex, map[repo.Arch]v1.Image) {
	t.Helper()
	all := make(map[repo.Arch]v1.Image)
	var idx v1.ImageIndex = empty.Index
	for arch, p := range map[repo.Arch]v1.Platform{
		repo.AMD64: {OS: "linux", Architecture: "amd64"},
		repo.ARM:   {OS: "linux", Architecture: "arm", Variant: "v7"},
	} {
		all[arch] = image(t, p)
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: all[arch], Descriptor: v1.Descriptor{Platform: &p}})
	}
	return idx, all
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestWaysToAnImage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	idx, all := index(t)
	ref, err := name.ParseReference(host + "/debian:12")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, idx); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "oci")
	if _, err := layout.Write(dir, idx); err != nil {
		t.Fatal(err)
	}
	tar := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(tar, ref, all[repo.AMD64]); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		reference string // the user's
		catalogue string
		cache     built
		arch      repo.Arch
		want      v1.Image
		err       string
	}{
		{name: "catalogue's registry, the platform's own manifest", catalogue: host + "/debian:12", arch: repo.ARM, want: all[repo.ARM]},
		{name: "user's registry", reference: host + "/debian:12", arch: repo.AMD64, want: all[repo.AMD64]},
		{name: "by digest", reference: host + "/debian@" + digest(t, all[repo.AMD64]), arch: repo.AMD64, want: all[repo.AMD64]},
		{name: "built here, before the registry", catalogue: host + "/debian:12", cache: built{repo.AMD64: all[repo.ARM]}, arch: repo.AMD64, want: all[repo.ARM]},
		{name: "user's word, before what was built", reference: "oci:" + dir, cache: built{repo.AMD64: all[repo.ARM]}, arch: repo.AMD64, want: all[repo.AMD64]},
		{name: "layout", reference: "oci:" + dir, arch: repo.ARM, want: all[repo.ARM]},
		{name: "tar", reference: "tar:" + tar, arch: repo.AMD64, want: all[repo.AMD64]},
		{name: "platform missing in the registry", catalogue: host + "/debian:12", arch: repo.S390X, err: "linux/s390x"},
		{name: "platform missing in the layout", reference: "oci:" + dir, arch: repo.S390X, err: "linux/s390x"},
		{name: "tar of another platform", reference: "tar:" + tar, arch: repo.S390X, err: "has no image for linux/s390x: it has linux/amd64"},
		{name: "tag missing", reference: host + "/debian:13", arch: repo.AMD64, err: "debian:13"},
		{name: "not built, nowhere else", arch: repo.AMD64, err: "verify images build debian-12 --arch amd64"},
		{name: "no such folder", reference: "oci:" + dir + "/none", arch: repo.AMD64, err: "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &pull.Source{References: map[string]string{}, Cache: tt.cache, Registry: &pull.Registry{Dir: t.TempDir()}}
			if tt.reference != "" {
				s.References["debian-12"] = tt.reference
			}
			d := images.Distribution{Name: "debian-12", Reference: tt.catalogue}
			got, err := s.Image(t.Context(), d, tt.arch)
			switch {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Fatalf("got %v, want an error with %q", err, tt.err)
			case tt.err != "":
				if tt.reference == "" && tt.catalogue == "" && !errors.Is(err, pull.ErrNoImage) {
					t.Errorf("%v is not ErrNoImage", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				if g, w := digest(t, got.Image), digest(t, tt.want); g != w {
					t.Errorf("got %s, want %s", g, w)
				}
				if got.Ref == "" {
					t.Error("the engine needs a name for it")
				}
			}
		})
	}
}

package lab

import (
	"context"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

// thisImage is a source of one image.
type thisImage struct{ img images.Image }

func (i thisImage) Image(context.Context, images.Distribution, repo.Arch) (images.Image, error) {
	return i.img, nil
}

// noLoad is an engine that takes no image.
type noLoad struct {
	scripted
	t *testing.T
}

func (n *noLoad) Load(context.Context, string, v1.Image) (string, error) {
	n.t.Error("an image that the engine has was loaded")
	return "", nil
}

// TestNameOfTheImage is what the report has: where it came from, by digest.
func TestNameOfTheImage(t *testing.T) {
	t.Parallel()
	eng := &scripted{arch: "amd64", answer: healthy(repo.AMD64)}
	for _, tc := range []struct {
		img  images.Image
		want string
	}{
		{images.Image{Ref: "pkgverify/debian-12:x", Image: empty.Image}, "pkgverify/debian-12:x"},
		{images.Image{Ref: "pkgverify/debian-12:x", Image: empty.Image, Origin: "debian:12@sha256:1"}, "debian:12@sha256:1"},
	} {
		facts, err := Run(t.Context(), eng, []Job{scriptedJob(repo.AMD64, 1)}, Options{Run: "r", Images: thisImage{tc.img}})
		if err != nil || facts[0].Image != tc.want || facts[0].ImageDigest != "sha256:1" {
			t.Errorf("got %s (%s), %v; want %s", facts[0].Image, facts[0].ImageDigest, err, tc.want)
		}
	}
}

// TestImageOfTheEngine starts what the engine has, without loading anything.
func TestImageOfTheEngine(t *testing.T) {
	t.Parallel()
	eng := &noLoad{scripted: scripted{arch: "amd64", answer: healthy(repo.AMD64)}, t: t}
	facts, err := Run(t.Context(), eng, []Job{scriptedJob(repo.AMD64, 1)}, Options{Run: "r", Images: thisImage{images.Image{Ref: "debian:12", Origin: "engine:debian:12"}}})
	if err != nil || facts[0].ImageDigest != "debian:12" || facts[0].Image != "engine:debian:12" || facts[0].Blocked != nil {
		t.Errorf("got %+v, %v", facts, err)
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/demo"
	"sigs.k8s.io/pkgverify/publish/sample"
	"sigs.k8s.io/pkgverify/publish/serve"
)

// made is one image that most tests look at: compiling takes long.
type made struct {
	dir, archive, tag, digest string
}

// image makes the image once, for the architectures that make demo installs on.
var image = sync.OnceValues(func() (made, error) {
	dir := scratch()
	m := made{dir: filepath.Join(dir, "layout"), archive: filepath.Join(dir, "image.tar"), tag: fmt.Sprintf("pkgverify-test:%d", os.Getpid())}
	var stdout, stderr bytes.Buffer
	args := []string{"--out", m.dir, "--archive", m.archive, "--tag", m.tag, "--arch", "amd64,arm64," + runtime.GOARCH}
	if code := run(context.Background(), &stdout, &stderr, args); code != exitOK {
		return m, fmt.Errorf("exit %d\n%s", code, stderr.String())
	}
	m.digest = strings.TrimSpace(stdout.String())
	return m, nil
})

// scratch is the folder of the image that the tests share.
func scratch() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("pkgverify-image-test-%d", os.Getpid()))
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(scratch())
	os.Exit(code)
}

func theImage(t *testing.T) made {
	t.Helper()
	m, err := image()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSameDigestAgain: what the image is depends on the sources alone.
func TestSameDigestAgain(t *testing.T) {
	t.Parallel()
	first := theImage(t)
	var stdout, stderr bytes.Buffer
	out := filepath.Join(t.TempDir(), "again")
	for range 2 { // the second time in the place of the first
		stdout.Reset()
		if code := run(t.Context(), &stdout, &stderr, []string{"--out", out, "--arch", "amd64,arm64," + runtime.GOARCH}); code != exitOK {
			t.Fatalf("exit %d\n%s", code, stderr.String())
		}
		if got := strings.TrimSpace(stdout.String()); got != first.digest {
			t.Errorf("want digest %s again, got %s", first.digest, got)
		}
	}
	left, err := os.ReadDir(filepath.Dir(out))
	if err != nil || len(left) != 1 {
		t.Errorf("want the layout alone, got %v (%v)", left, err)
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	m := theImage(t)
	index, err := layout.ImageIndexFromPath(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range manifest.Manifests {
		platforms = append(platforms, d.Platform.String())
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		file, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if file.Architecture != d.Platform.Architecture || file.OS != "linux" {
			t.Errorf("the index says %s, the image %s/%s", d.Platform, file.OS, file.Architecture)
		}
		if diff := cmp.Diff([]string{binary}, file.Config.Entrypoint); diff != "" {
			t.Errorf("entrypoint (-want +got):\n%s", diff)
		}
		if file.Config.User != "65532:65532" || file.Config.Labels["org.opencontainers.image.title"] != "pkgverify" {
			t.Errorf("%s: user %q, labels %v", d.Platform, file.Config.User, file.Config.Labels)
		}
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms[:2], want) {
		t.Errorf("want platforms %v, got %v", want, platforms)
	}
	if manifest.Annotations["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("annotations of the index: %v", manifest.Annotations)
	}
}

// TestAuthorities: those that the servers of the embedded profile use today.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	data, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		t.Fatal("no certificate can be read")
	}
	for _, authority := range []string{"CN=ISRG Root X1", "CN=GTS Root R1", "CN=Amazon Root CA 1"} {
		if !bytes.Contains(data, []byte("# "+authority)) {
			t.Errorf("%s is not there", authority)
		}
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	m := theImage(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(t.Output(), "", 0))))
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/releng/pkgverify:v1"
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), &stdout, &stderr, []string{"--out", filepath.Join(t.TempDir(), "layout"), "--arch", "amd64,arm64," + runtime.GOARCH, "--push", ref}); code != exitOK {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(parsed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := index.Digest(); err != nil || got.String() != m.digest {
		t.Errorf("want %s in the registry, got %s (%v)", m.digest, got, err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"every mistake at once", []string{"--arch", "vax", "--push", "no spaces", "--archive", "x", "--tag", "A:B:C"}, exitUsage, []string{"vax", "--push", "--tag"}},
		{"archive of another machine", []string{"--arch", "s390x", "--archive", "x"}, exitUsage, []string{runtime.GOARCH}},
		{"unknown flag", []string{"--frob"}, exitUsage, []string{"frob"}},
		{"argument", []string{"push"}, exitUsage, []string{"push"}},
		{"folder of something else", []string{"--out", other}, exitFailed, []string{"not", "OCI layout", other}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), &stdout, &stderr, tc.args); code != tc.code {
				t.Errorf("want exit %d, got %d", tc.code, code)
			}
			for _, s := range tc.says {
				if !strings.Contains(stderr.String(), s) {
					t.Errorf("want %q in\n%s", s, stderr.String())
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output: %s", stdout.String())
			}
		})
	}
	if _, err := os.Stat(filepath.Join(other, "precious")); err != nil {
		t.Error(err)
	}
}

// TestVerifiesInAContainer loads the image into Docker and verifies a
// repository from there: as its own user, and with nothing but home and /tmp
// to write to.
func TestVerifiesInAContainer(t *testing.T) {
	t.Parallel()
	m := theImage(t)
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal("install docker.io (make deps)")
	}
	call := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), docker, args...).CombinedOutput()
		return string(out), err
	}
	if out, err := call("load", "--input", m.archive); err != nil {
		t.Fatalf("docker load (make deps starts an engine): %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), docker, "image", "rm", "--force", m.tag).CombinedOutput(); err != nil {
			t.Errorf("docker image rm: %v\n%s", err, out)
		}
	})
	if out, err := call("run", "--rm", m.tag, "checks"); err != nil || !strings.Contains(out, "packages-published") {
		t.Errorf("verify checks: %v\n%s", err, out)
	}

	url, key := published(t)
	out, err := call("run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--tmpfs", home+":uid=65532",
		"--volume", key+":/key.asc:ro", m.tag, "--profile", "kep-1731", "--base-url", url, "--key", "/key.asc",
		"--channel", "stable", "--minor", "1.26", "--versions", "1.26.0,1.26.1,1.26.2", "--arch", runtime.GOARCH,
		"--suite", "metadata,packages", "--official-binaries", "none")
	if err != nil || !strings.Contains(out, "PASS") {
		t.Errorf("verify in the container: %v\n%s", err, out)
	}
}

// published publishes the demonstration's stable channel for this machine and
// serves it; it returns the address and the file of the public key.
func published(t *testing.T) (url, key string) {
	t.Helper()
	p, err := publish.ParseLayout("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	arch, err := publish.ParseArch(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := publish.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	samples, err := sample.FindSources(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	result, err := demo.Publish(t.Context(), demo.Options{
		Dir: dir, Layout: p, Cache: cache, Samples: samples, Now: time.Now, Log: func(string) {}, Architectures: []publish.Arch{arch},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.Handler(result.Root))
	t.Cleanup(server.Close)
	return server.URL, filepath.Join(dir, demo.PublicKey)
}

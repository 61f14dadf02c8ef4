package engine_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/engine/enginetest"
	"sigs.k8s.io/pkgverify/repo"
)

// image returns the Debian image for this machine, from the cache or built.
func image(t testing.TB) (images.Image, repo.Arch) {
	t.Helper()
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := images.Find(all, "debian-12")
	arch, known := repo.ParseArch(runtime.GOARCH)
	dir, err := build.DefaultDir()
	if !ok || !known || err != nil {
		t.Fatalf("no image for this machine: %v", err)
	}
	img, err := (&build.Builder{Dir: dir}).Image(t.Context(), d, arch)
	if err != nil {
		t.Fatal(err)
	}
	return img, arch
}

func docker(t *testing.T) *engine.Docker {
	t.Helper()
	d, err := engine.NewDocker("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := d.Info(t.Context()); err != nil {
		t.Fatalf("this test needs a Docker engine (make deps): %v", err)
	}
	return d
}

func TestDockerContract(t *testing.T) {
	img, arch := image(t)
	enginetest.Run(t, enginetest.Harness{
		New:   func(t *testing.T) engine.Engine { return docker(t) },
		Image: img.Image, Ref: img.Ref, Platform: arch.Platform(),
	})
}

func TestOCIContract(t *testing.T) {
	img, arch := image(t)
	enginetest.Run(t, enginetest.Harness{
		New: func(t *testing.T) engine.Engine {
			o, err := engine.NewOCI(t.TempDir())
			if err != nil {
				t.Fatalf("this test needs an OCI runtime (make deps): %v", err)
			}
			return o
		},
		Image: img.Image, Ref: img.Ref, Platform: arch.Platform(),
	})
}

func TestPodmanContract(t *testing.T) {
	img, arch := image(t)
	enginetest.Run(t, enginetest.Harness{
		New: func(t *testing.T) engine.Engine {
			p, err := engine.NewPodman()
			if err != nil {
				t.Fatalf("this test needs podman (make deps): %v", err)
			}
			return p
		},
		Image: img.Image, Ref: img.Ref, Platform: arch.Platform(),
	})
}

// podmanSocket starts Podman's API for the time of a test and returns its address.
func podmanSocket(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "podman.sock")
	args := []string{"system", "service", "--time", "0", "unix://" + socket}
	if runc, err := exec.LookPath("runc"); err == nil { // see NewPodman
		args = append([]string{"--runtime", runc}, args...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "podman", args...)
	cmd.Dir = t.TempDir() // conmon writes there, see podmanDir
	// It does not say when it listens: its own first words are awaited.
	cmd.Args = slices.Insert(cmd.Args, 1, "--log-level", "info")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs podman (make deps): %v", err)
	}
	listens := make(chan struct{})
	go func() {
		defer close(listens)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "API service listening on") {
				listens <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range listens { // to the end of what it says
		}
		_ = cmd.Wait() // it was killed
	})
	if _, ok := <-listens; !ok {
		t.Fatal("podman system service ended before it listened")
	}
	return "unix://" + socket
}

func TestPodmanSocketContract(t *testing.T) {
	img, arch := image(t)
	socket := podmanSocket(t)
	enginetest.Run(t, enginetest.Harness{
		New: func(t *testing.T) engine.Engine {
			d, err := engine.NewDocker(socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return d
		},
		Image: img.Image, Ref: img.Ref, Platform: arch.Platform(),
	})
}

// childEnv makes this test program start a container and wait to be killed.
const childEnv = "PKGVERIFY_TEST_KILLED_CHILD"

func TestMain(m *testing.M) {
	if id := os.Getenv(childEnv); id != "" {
		if err := killedChild(id); err != nil {
			os.Stderr.WriteString(err.Error())
		}
		os.Exit(1) // it should have been killed
	}
	os.Exit(m.Run())
}

func killedChild(image string) error {
	d, err := engine.NewDocker("")
	if err != nil {
		return err
	}
	if _, err := d.Start(context.Background(), engine.Spec{Image: image, Run: "killed", Name: "killed", Network: engine.NoNetwork}); err != nil {
		return err
	}
	os.Stdout.WriteString("started\n")
	select {}
}

// TestReapAfterKill kills a process that has a container, and has the next run
// find it.
func TestReapAfterKill(t *testing.T) {
	img, _ := image(t)
	d := docker(t)
	id, err := d.Load(t.Context(), img.Ref, img.Image)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Reap(t.Context()); err != nil { // what earlier runs left
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+id)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if n, err := d.Reap(t.Context()); err != nil || n != 0 {
		t.Errorf("while the process lives: want none reaped, got %d, %v", n, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if line != "started\n" {
		t.Fatalf("the child did not start its container: %q", line)
	}
	if n, err := d.Reap(t.Context()); err != nil || n != 1 {
		t.Errorf("after the kill: want 1 reaped, got %d, %v", n, err)
	}
	if n, err := d.RemoveRun(t.Context(), "killed"); err != nil || n != 0 {
		t.Errorf("after the reaping: want none left, got %d, %v", n, err)
	}
}

func TestOpen(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		if _, _, err := engine.Open(t.Context(), "none"); !errors.Is(err, engine.ErrNone) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		_, _, err := engine.Open(t.Context(), "lxc")
		var unknown *engine.UnknownError
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "docker, podman, oci") {
			t.Errorf("want an UnknownError that names what there is, got %v", err)
		}
	})
	for _, name := range []string{engine.DockerName, engine.Auto} {
		t.Run(name+" that does not answer", func(t *testing.T) {
			t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/no.sock")
			_, _, err := engine.Open(t.Context(), name)
			var missing *engine.UnavailableError
			if !errors.As(err, &missing) || !strings.Contains(err.Error(), "images/setup.sh docker") {
				t.Errorf("want an UnavailableError with a hint, got %v", err)
			}
		})
	}
	t.Run("podman by its socket", func(t *testing.T) {
		t.Setenv("CONTAINER_HOST", podmanSocket(t))
		_, info, err := engine.Open(t.Context(), engine.PodmanName)
		if err != nil || info.Name != engine.PodmanName || !strings.HasPrefix(info.Address, "unix://") {
			t.Errorf("got %+v, %v", info, err)
		}
	})
	t.Run("podman without a socket", func(t *testing.T) {
		t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
		_, info, err := engine.Open(t.Context(), engine.PodmanName)
		if err != nil || info.Name != engine.PodmanName || info.CPUs < 1 || !info.Local {
			t.Errorf("got %+v, %v", info, err)
		}
	})
	t.Run("podman that does not answer", func(t *testing.T) {
		// Nor is it passed over where Docker cannot be had.
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		for _, host := range []string{"unix://" + t.TempDir() + "/no.sock", "ssh://me@127.0.0.1:1/run/podman/podman.sock"} {
			t.Setenv("CONTAINER_HOST", host)
			_, _, err := engine.Open(t.Context(), engine.PodmanName)
			var missing *engine.UnavailableError
			if !errors.As(err, &missing) || !strings.Contains(err.Error(), host) || missing.Hint == "" {
				t.Errorf("want an UnavailableError that names %s, got %v", host, err)
			}
		}
	})
	t.Run("no podman", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := engine.NewPodman()
		var missing *engine.UnavailableError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install podman") {
			t.Errorf("want an UnavailableError with a hint, got %v", err)
		}
	})
	t.Run("docker by DOCKER_HOST", func(t *testing.T) {
		t.Setenv("DOCKER_HOST", docker(t).Address())
		_, info, err := engine.Open(t.Context(), engine.Auto)
		if err != nil || !info.Local {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

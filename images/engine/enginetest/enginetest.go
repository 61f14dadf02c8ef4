// Package enginetest is the contract of package engine as a test suite: every
// driver runs it, for real.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"sigs.k8s.io/pkgverify/images/engine"
)

// Harness is what a driver brings to the suite.
type Harness struct {
	// New returns an engine that answers.
	New func(t *testing.T) engine.Engine
	// Image is a Debian-like image for this machine: with sh, cat, sleep, stat
	// and ps's files in /proc.
	Image v1.Image
	// Ref is a name for it in the engine.
	Ref string
	// Platform is the image's.
	Platform string
}

// endless is far longer than any test waits: whatever waits for it hangs.
const endless = "1000000"

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	eng := h.New(t)
	id, err := eng.Load(t.Context(), h.Ref, h.Image)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	start := func(t *testing.T, more func(*engine.Spec)) engine.Container {
		t.Helper()
		spec := engine.Spec{Image: id, Platform: h.Platform, Run: runID(t), Name: t.Name(), Network: engine.NoNetwork}
		if more != nil {
			more(&spec)
		}
		c, err := eng.Start(t.Context(), spec)
		if err != nil {
			t.Fatalf("start: %v", err)
		}
		t.Cleanup(func() {
			if err := c.Remove(context.Background()); err != nil {
				t.Errorf("remove: %v", err)
			}
		})
		return c
	}

	t.Run("Info", func(t *testing.T) {
		info, err := eng.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Name == "" || info.Version == "" || info.OS != "linux" || info.Arch == "" || info.CPUs < 1 || info.Memory < 1 {
			t.Errorf("want everything filled in, got %+v", info)
		}
	})
	t.Run("LoadAgain", func(t *testing.T) {
		again, err := eng.Load(t.Context(), h.Ref, h.Image)
		if err != nil || again != id {
			t.Errorf("want %s again, got %s, %v", id, again, err)
		}
	})
	t.Run("Exec", func(t *testing.T) { testExec(t, start(t, nil)) })
	t.Run("ExecOutput", func(t *testing.T) { testOutput(t, start(t, nil)) })
	t.Run("ExecStray", func(t *testing.T) { testStray(t, start(t, nil)) })
	t.Run("Timeout", func(t *testing.T) {
		testEnded(t.Context(), t, start(t, nil), 300*time.Millisecond, engine.ErrTimeout)
	})
	t.Run("Cancel", func(t *testing.T) {
		why := errors.New("the user had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
		testEnded(ctx, t, start(t, nil), 0, why)
	})
	t.Run("Put", func(t *testing.T) { testPut(t, start(t, nil)) })
	t.Run("Env", func(t *testing.T) {
		c := start(t, func(s *engine.Spec) { s.Env = []string{"FROM_SPEC=a b"} })
		out, _ := run(t, c, engine.Command{Argv: []string{"sh", "-c", "echo $FROM_SPEC,$FROM_EXEC"}, Env: []string{"FROM_EXEC=c"}})
		if out != "a b,c\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("Tmpfs", func(t *testing.T) {
		c := start(t, func(s *engine.Spec) { s.Tmpfs = map[string]string{"/scratch": "size=1m"} })
		out, _ := run(t, c, engine.Command{Argv: []string{"stat", "-f", "-c", "%T", "/scratch"}})
		if out != "tmpfs\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("Mounts", func(t *testing.T) { testMounts(t, start) })
	t.Run("ReadFile", func(t *testing.T) { testReadFile(t, start(t, nil)) })
	t.Run("Limits", func(t *testing.T) { testLimits(t, start) })
	t.Run("Network", func(t *testing.T) { testNetwork(t, start) })
	t.Run("Streamed", func(t *testing.T) { testStreamed(t, start(t, nil)) })
	t.Run("AtOnce", func(t *testing.T) { testAtOnce(t, start) })
	t.Run("Reaped", func(t *testing.T) { testZombies(t, start(t, nil)) })
	t.Run("UnknownImage", func(t *testing.T) {
		_, err := eng.Start(t.Context(), engine.Spec{Image: "pkgverify/there-is-no-such:image", Run: runID(t), Name: "x"})
		if err == nil {
			t.Error("want an error")
		}
	})
	t.Run("WrongPlatform", func(t *testing.T) {
		other := "linux/s390x"
		if h.Platform == other {
			other = "linux/amd64"
		}
		c, err := eng.Start(t.Context(), engine.Spec{Image: id, Platform: other, Run: runID(t), Name: t.Name()})
		if err == nil {
			t.Errorf("an image for %s was started for %s", h.Platform, other)
			_ = c.Remove(t.Context())
		}
	})
	t.Run("MissingSource", func(t *testing.T) {
		c, err := eng.Start(t.Context(), engine.Spec{Image: id, Platform: h.Platform, Run: runID(t), Name: t.Name(),
			Mounts: []engine.Mount{{Source: filepath.Join(t.TempDir(), "nothing"), Target: "/mnt"}}})
		if err == nil {
			t.Error("mount of what is not there: want an error")
			_ = c.Remove(t.Context())
		}
		if n, err := eng.(engine.Reaper).RemoveRun(t.Context(), runID(t)); n != 0 || err != nil {
			t.Errorf("a start that failed left %d containers (%v)", n, err)
		}
	})
	t.Run("RemoveTwice", func(t *testing.T) {
		c := start(t, nil)
		for range 2 {
			if err := c.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := c.Exec(t.Context(), engine.Command{Argv: []string{"true"}}); err == nil {
			t.Error("exec in a container that is gone: want an error")
		}
	})
	if r, ok := eng.(engine.Reaper); ok {
		t.Run("RemoveRun", func(t *testing.T) { testRemoveRun(t, r, start) })
	}
}

func runID(t *testing.T) string {
	return "contract-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
}

// run runs a command that has to end, and returns its output and exit code.
func run(t *testing.T, c engine.Container, cmd engine.Command) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	res, err := c.Exec(t.Context(), cmd)
	if err != nil {
		t.Fatalf("exec %q: %v", cmd.Argv, err)
	}
	return out.String(), res.Exit
}

func testExec(t *testing.T, c engine.Container) {
	for _, tc := range []struct {
		name string
		argv []string
		out  string
		exit int
	}{
		{"ok", []string{"echo", "a b", "$HOME"}, "a b $HOME\n", 0},
		{"exit code", []string{"sh", "-c", "exit 42"}, "", 42},
		{"signal", []string{"sh", "-c", "kill -SEGV $$"}, "", 139},
		{"no input", []string{"cat"}, "", 0},
		{"root", []string{"sh", "-c", "id -u"}, "0\n", 0},
		{"both streams in order", []string{"sh", "-c", "echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3"}, "1\n2\n3\n", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, exit := run(t, c, engine.Command{Argv: tc.argv})
			if out != tc.out || exit != tc.exit {
				t.Errorf("want %q, exit %d; got %q, exit %d", tc.out, tc.exit, out, exit)
			}
		})
	}
	t.Run("no program", func(t *testing.T) {
		res, err := c.Exec(t.Context(), engine.Command{Argv: []string{"/there/is/no/such"}})
		if err == nil && res.Exit != 126 && res.Exit != 127 {
			t.Errorf("want exit 126 or 127, or an error; got exit %d", res.Exit)
		}
	})
	t.Run("no command", func(t *testing.T) {
		if _, err := c.Exec(t.Context(), engine.Command{}); err == nil {
			t.Error("want an error")
		}
	})
}

func testOutput(t *testing.T, c engine.Container) {
	var out, errs bytes.Buffer
	_, err := c.Exec(t.Context(), engine.Command{
		Argv: []string{"sh", "-c", "head -c 5000000 /dev/zero; echo done >&2"}, Stdout: &out, Stderr: &errs,
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() != 5_000_000 || errs.String() != "done\n" {
		t.Errorf("want 5000000 bytes and %q, got %d and %q", "done\n", out.Len(), errs.String())
	}
}

// testStray checks that a process left behind with the output open does not
// keep the command from ending.
func testStray(t *testing.T, c engine.Container) {
	out, exit := run(t, c, engine.Command{Argv: []string{"sh", "-c", "sleep " + endless + " & echo started"}})
	if out != "started\n" || exit != 0 {
		t.Errorf("got %q, exit %d", out, exit)
	}
}

// testEnded checks that a command that has to be ended is, and that the
// container can still be removed.
func testEnded(ctx context.Context, t *testing.T, c engine.Container, limit time.Duration, want error) {
	_, err := c.Exec(ctx, engine.Command{Argv: []string{"sleep", endless}, Timeout: limit})
	if !errors.Is(err, want) {
		t.Errorf("want %v, got %v", want, err)
	}
	if _, err := c.Exec(t.Context(), engine.Command{Argv: []string{"true"}}); err == nil {
		t.Error("the container must have been killed with the command")
	}
	if err := c.Remove(ctx); err != nil {
		t.Errorf("remove after the end: %v", err)
	}
}

func testPut(t *testing.T, c engine.Container) {
	err := c.Put(t.Context(),
		engine.File{Path: "/etc/new/deep/file", Data: []byte("one\n"), Mode: 0o640},
		engine.File{Path: "/etc/new/other", Data: []byte("two\n"), Mode: 0o644})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := run(t, c, engine.Command{Argv: []string{"stat", "-c", "%a", "/tmp"}})
	if err := c.Put(t.Context(), engine.File{Path: "/tmp/x", Data: nil, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		argv []string
		want string
	}{
		{[]string{"cat", "/etc/new/deep/file", "/etc/new/other"}, "one\ntwo\n"},
		{[]string{"stat", "-c", "%a %u %g", "/etc/new/deep/file"}, "640 0 0\n"},
		{[]string{"stat", "-c", "%a", "/etc/new/deep"}, "755\n"},
		{[]string{"stat", "-c", "%a", "/tmp"}, before}, // a folder that is there stays as it is
	} {
		if out, _ := run(t, c, engine.Command{Argv: tc.argv}); out != tc.want {
			t.Errorf("%q: want %q, got %q", tc.argv, tc.want, out)
		}
	}
	for _, bad := range []string{"relative", "/", ""} {
		if err := c.Put(t.Context(), engine.File{Path: bad}); err == nil {
			t.Errorf("put %q: want an error", bad)
		}
	}
}

// testZombies checks that the main process collects orphans.
func testZombies(t *testing.T, c engine.Container) {
	run(t, c, engine.Command{Argv: []string{"sh", "-c", "for i in 1 2 3; do (sleep 0.1 &) ; done; sleep 0.5"}})
	out, _ := run(t, c, engine.Command{Argv: []string{"sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status || true"}})
	if out != "" {
		t.Errorf("zombies are left: %q", out)
	}
}

func testRemoveRun(t *testing.T, r engine.Reaper, start func(*testing.T, func(*engine.Spec)) engine.Container) {
	mine := start(t, nil)
	other := start(t, func(s *engine.Spec) { s.Run += "-other" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the end of a run is cleaned up after too
	n, err := r.RemoveRun(ctx, runID(t))
	if err != nil || n != 1 {
		t.Errorf("want 1 removed, got %d, %v", n, err)
	}
	if _, err := mine.Exec(t.Context(), engine.Command{Argv: []string{"true"}}); err == nil {
		t.Error("the run's container is still there")
	}
	if _, err := other.Exec(t.Context(), engine.Command{Argv: []string{"true"}}); err != nil {
		t.Errorf("another run's container was removed: %v", err)
	}
	// This process lives, so its containers are nobody's to reap.
	if _, err := r.Reap(t.Context()); err != nil {
		t.Errorf("reap: %v", err)
	}
	if _, err := other.Exec(t.Context(), engine.Command{Argv: []string{"true"}}); err != nil {
		t.Errorf("a living process's container was reaped: %v", err)
	}
}

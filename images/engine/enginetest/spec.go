package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images/engine"
)

type starter func(*testing.T, func(*engine.Spec)) engine.Container

func testMounts(t *testing.T, start starter) {
	dir := t.TempDir()
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("file")
	c := start(t, func(s *engine.Spec) {
		s.Mounts = []engine.Mount{
			{Source: dir, Target: "/mnt/open"}, {Source: dir, Target: "/mnt/closed", ReadOnly: true}, {Source: file, Target: "/etc/deep/one", ReadOnly: true},
		}
	})
	for _, tc := range []struct {
		script string
		exit   bool
		want   string
	}{
		{"cat /mnt/open/file /mnt/closed/file /etc/deep/one", true, "file\nfile\nfile\n"},
		{"echo new >/mnt/open/new && cat /mnt/closed/new", true, "new\n"},
		{"echo x >/mnt/closed/file", false, ""},
		{"echo x >/etc/deep/one", false, ""},
	} {
		out, exit := run(t, c, engine.Command{Argv: []string{"sh", "-c", tc.script}})
		if (exit == 0) != tc.exit || tc.exit && out != tc.want {
			t.Errorf("%s: exit %d, %q", tc.script, exit, out)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "new")); err != nil || string(got) != "new\n" {
		t.Errorf("what the container wrote: %q, %v", got, err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "file\n" {
		t.Errorf("after the container was removed: %q, %v", got, err)
	}
}

func testReadFile(t *testing.T, c engine.Container) {
	run(t, c, engine.Command{Argv: []string{"sh", "-c", "printf 12345 >/five && ln -s /etc/../../../../five /link && mkdir -p -- /d/-x && echo >/d/-x/-n"}})
	for _, tc := range []struct {
		path  string
		limit int64
		want  string
		large bool
		fails bool
	}{
		{"/five", 5, "12345", false, false},
		{"/link", 100, "12345", false, false},
		{"/d/-x/-n", 1, "\n", false, false},
		{"/five", 4, "", true, true},
		{"/none", 100, "", false, true},
		{"/d", 100, "", false, true},
	} {
		got, err := engine.ReadFile(t.Context(), c, tc.path, tc.limit)
		var large *engine.TooLargeError
		if string(got) != tc.want || (err != nil) != tc.fails || errors.As(err, &large) != tc.large {
			t.Errorf("%s, %d bytes: got %q, %v", tc.path, tc.limit, got, err)
		}
	}
}

// testLimits asks the container's own cgroup whether the limits hold, where the
// engine could set them, and takes more memory than there is. None of it may leave
// a file where the program was started.
func testLimits(t *testing.T, start starter) {
	const memory = 64 << 20
	here := t.TempDir()
	t.Chdir(here)
	c := start(t, func(s *engine.Spec) { s.Memory, s.CPUs = memory, 0.5 })
	// A shell that keeps what it reads: four times the limit.
	out, exit := run(t, c, engine.Command{Argv: []string{"sh", "-c", fmt.Sprintf("x=$(head -c %d /dev/zero | tr '\\0' x); echo ${#x}", 4*memory)}})
	if exit == 0 {
		t.Errorf("a command had %s bytes, four times the limit", strings.TrimSpace(out))
	}
	if out, exit := run(t, c, engine.Command{Argv: []string{"sh", "-c", "x=$(head -c 1000000 /dev/zero | tr '\\0' x); echo ${#x}"}}); exit != 0 || out != "1000000\n" {
		t.Errorf("below the limit, after that: %q, exit %d", out, exit)
	}
	if left, err := os.ReadDir(here); err != nil || len(left) != 0 {
		t.Errorf("the engine left files in the caller's working folder: %v, %v", left, err)
	}
}

// testNetwork has a container look for a server on the machine's loopback.
func testNetwork(t *testing.T, start starter) {
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	// proc(5): what the container's own network stack listens on, in hexadecimal.
	port := fmt.Sprintf("0100007F:%04X", server.Addr().(*net.TCPAddr).Port)
	for network, sees := range map[engine.Network]bool{engine.HostNetwork: true, engine.NoNetwork: false} {
		c := start(t, func(s *engine.Spec) { s.Network = network })
		out, _ := run(t, c, engine.Command{Argv: []string{"cat", "/proc/net/tcp"}})
		if strings.Contains(out, port) != sees {
			t.Errorf("network %s: sees the machine's loopback: %v, want %v", network, !sees, sees)
		}
		// proc_pid_net(5): without a route nothing beyond loopback is reached.
		out, _ = run(t, c, engine.Command{Argv: []string{"sh", "-c", "tail -n +2 /proc/net/route"}})
		if network == engine.NoNetwork && out != "" {
			t.Errorf("network %s has routes:\n%s", network, out)
		}
	}
}

// testStreamed has a command wait, after its first output, for something that
// only comes when that output has been read.
func testStreamed(t *testing.T, c engine.Container) {
	run(t, c, engine.Command{Argv: []string{"mkfifo", "/go"}})
	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		res, err := c.Exec(t.Context(), engine.Command{Argv: []string{"sh", "-c", "echo first; read x </go; echo $x"}, Stdout: w})
		if err == nil && res.Exit != 0 {
			err = fmt.Errorf("exit %d", res.Exit)
		}
		w.CloseWithError(err)
		return err
	})
	first := make([]byte, len("first\n"))
	if _, err := io.ReadFull(r, first); err != nil || string(first) != "first\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	run(t, c, engine.Command{Argv: []string{"sh", "-c", "echo second >/go"}})
	rest, err := io.ReadAll(r)
	if err = errors.Join(err, g.Wait()); err != nil || string(rest) != "second\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

// testAtOnce runs several commands at once in each of several containers of one
// image: none sees another's files.
func testAtOnce(t *testing.T, start starter) {
	var g errgroup.Group
	for i := range 3 {
		c := start(t, func(s *engine.Spec) { s.Name = fmt.Sprint(i) })
		for j := range 4 {
			g.Go(func() error {
				var out bytes.Buffer
				script := fmt.Sprintf("echo %d >>/mine-%d; cat /mine-*", i, j)
				res, err := c.Exec(t.Context(), engine.Command{Argv: []string{"sh", "-c", script}, Stdout: &out})
				if err != nil || res.Exit != 0 {
					return fmt.Errorf("exit %d: %w", res.Exit, err)
				}
				for line := range strings.Lines(out.String()) {
					if line != fmt.Sprintln(i) {
						return fmt.Errorf("container %d has the file of container %s", i, line)
					}
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

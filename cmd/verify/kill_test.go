package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sigs.k8s.io/pkgverify/images/engine"
)

// left returns what there is of the containers of a process: with an engine its
// containers, without one their folders and what is mounted.
func left(t *testing.T, name string, pid int) []string {
	t.Helper()
	mine := fmt.Sprintf("%s=%d-", engine.LabelRun, pid)
	var found []string
	switch name {
	case engine.OCIName:
		dir, err := engine.DefaultOCIDir()
		if err != nil {
			t.Fatal(err)
		}
		all, err := filepath.Glob(filepath.Join(dir, "containers", "*"))
		if err != nil {
			t.Fatal(err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			labels, err := os.ReadFile(filepath.Join(c, "labels.json"))
			if err == nil && !strings.Contains(string(labels), fmt.Sprintf(`"Run":"%d-`, pid)) {
				continue // another's
			}
			found = append(found, c)
			if strings.Contains(string(mounts), c+"/") {
				found = append(found, "mount in "+c)
			}
		}
	default:
		out, err := exec.CommandContext(t.Context(), name, "ps", "--all", "--format", "{{.ID}} {{.Labels}}").Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(strings.ReplaceAll(line, ":", "="), mine) {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}

// stalled is a server before another one, that never answers apt.
type stalled struct {
	*httptest.Server
	once    sync.Once
	reached chan struct{} // closed when apt has asked
}

func stall(t *testing.T, origin string) *stalled {
	t.Helper()
	to, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	s := &stalled{reached: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.UserAgent(), "APT") {
			s.once.Do(func() { close(s.reached) })
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestEnded ends the program in the middle of a container's work, with every
// engine. What it was asked to end it cleans up itself; what it was killed over
// the next run does.
func TestEnded(t *testing.T) {
	t.Parallel()
	p := publishTree(t, "kep-1731", "")
	for _, name := range []string{engine.DockerName, engine.PodmanName, engine.OCIName} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				server := stall(t, p.url)
				cmd, o := command(t.Context(), t, p.arguments("--base-url", server.URL, "--engine", name, "--suite", "install",
					"--install-arch", hostArch(), "--label-filter", "channel:stable && format:deb && check: consistsOf install-setup")...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				select {
				case <-server.reached:
				case err := <-ended:
					t.Fatalf("ended before a container was at work: %v", err)
				}
				if len(left(t, name, cmd.Process.Pid)) == 0 {
					t.Error("a container is at work, and has no label of the run")
				}
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				err := <-ended
				if signal == syscall.SIGKILL {
					next, _, err := engine.Open(t.Context(), name)
					if err != nil {
						t.Fatal(err)
					}
					// Another run that has just begun may have done it.
					if _, err := next.(engine.Reaper).Reap(t.Context()); err != nil {
						t.Errorf("reap: %v", err)
					}
				} else if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
					t.Errorf("ended with %v, want exit %d", err, exitInterrupted)
				}
				if found := left(t, name, cmd.Process.Pid); len(found) > 0 {
					t.Errorf("left behind: %q", found)
				}
				o.read(t)
				if told := o.report != nil && o.report.Interrupted; told != (signal != syscall.SIGKILL) {
					t.Errorf("report: %+v", o.report)
				}
				if slices.Contains(o.with("fail"), "install-setup") {
					t.Error("what was not told is called a failure")
				}
			})
		}
	}
}

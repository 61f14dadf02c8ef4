package sidebyside

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rowVariable names the measurement, for the profiles.
const rowVariable = "PKGVERIFY_SIDEBYSIDE_ROW"

// usage is what a run cost: time on the clock, user and system time of all its
// processes, and the most memory that one of them had, in bytes.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64
}

// add returns the cost of two runs, one after the other.
func (u usage) add(o usage) usage {
	return usage{u.Wall + o.Wall, u.CPU + o.CPU, max(u.Peak, o.Peak)}
}

// faster returns the run that took less time. A usage of no time is none.
func (u usage) faster(o usage) usage {
	if u.Wall == 0 || o.Wall != 0 && o.Wall < u.Wall {
		return o
	}
	return u
}

// peakNow returns the most memory that this process has had (VmHWM of proc(5)).
// Unlike ru_maxrss it does not begin with that of the process before exec.
func peakNow() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err) // Linux has it for each process that lives
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		panic(err)
	}
	return kilobytes << 10
}

// run runs a program and returns its cost, that of its descendants included,
// and what it wrote to its standard output.
//
// The peak is ru_maxrss of wait4(2), which a process inherits from the one that
// starts it. This one does nothing that needs memory, and has some 20 MB.
func run(b *testing.B, environment []string, argv ...string) (usage, []byte) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		b.Fatalf("%s: %v\n%s%s", strings.Join(argv, " "), err, tail(stdout.Bytes()), tail(stderr.Bytes()))
	}
	r := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), r.Maxrss << 10}, stdout.Bytes()
}

// tail returns the end of what a program said.
func tail(text []byte) []byte {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// ours runs a role of this test binary. whole is the cost of the process from
// its start to its end, inner that of the work alone.
func ours(b *testing.B, role string, args ...string) (whole, inner usage) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	environment := []string{roleVariable + "=" + role, rowVariable + "=" + strings.ReplaceAll(b.Name(), "/", "-")}
	whole, out := run(b, environment, append([]string{self}, args...)...)
	if err := json.Unmarshal(out, &inner); err != nil {
		b.Fatalf("%s: %v\n%s", role, err, out)
	}
	whole.Peak = inner.Peak // without what it inherited
	return whole, inner
}

// server is a process that serves a folder.
type server struct {
	url string
	cmd *exec.Cmd
}

// serving starts a server of dir that ends with the benchmark.
func serving(b *testing.B, dir string) *server {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self, dir)
	cmd.Env = append(os.Environ(), roleVariable+"=serve")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // it may have been ended by the context
	})
	url, err := bufio.NewReader(io.LimitReader(stdout, 1000)).ReadString('\n')
	if err != nil {
		b.Fatalf("serving %s: %v", dir, err)
	}
	return &server{strings.TrimSpace(url), cmd}
}

// cpu returns what the server has used so far.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	// Behind the name in brackets: utime and stime are fields 14 and 15 of
	// proc(5), in hundredths of a second.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

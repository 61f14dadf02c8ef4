package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Exit codes, as the help text says.
const (
	exitPass        = 0
	exitFail        = 1
	exitUsage       = 2
	exitBlocked     = 3
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
  0    everything passed (warnings and known issues allowed)
  1    at least one check failed
  2    bad usage or configuration
  3    nothing failed, but something was blocked: nobody could tell
  130  interrupted; the report is written and says so`

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// verdict is the error that carries an exit code of a finished run.
type verdict int

// Error implements error; it is never shown, the report was.
func (v verdict) Error() string { return fmt.Sprintf("exit code %d", int(v)) }

// run runs one command line and returns the exit code.
func run(ctx context.Context, s streams, args []string) int {
	root := newVerify(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	var v verdict
	switch {
	case err == nil, closedPipe(err):
		return exitPass
	case errors.As(err, &v):
		return int(v)
	}
	// One line for each problem.
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(s.err, "verify: %s\n", strings.TrimRight(line, "\n"))
	}
	_, _ = fmt.Fprintln(s.err, "verify: see verify --help")
	return exitUsage
}

// isTerminal reports whether w is a terminal that can redraw a line.
func isTerminal(w io.Writer) bool {
	return os.Getenv("TERM") != "dumb" && terminalWidth(w) >= 0
}

// terminalWidth returns the columns of a terminal, 0 when it does not say, and
// -1 for what is none, such as a file, a pipe or the null device.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return -1
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return -1
	}
	return int(size.Col)
}

// closedPipe reports whether err says that the reader of standard output has
// gone, as head does when it has enough: that is no fault.
func closedPipe(err error) bool {
	var p *fs.PathError
	return errors.Is(err, syscall.EPIPE) && errors.As(err, &p) && p.Path == os.Stdout.Name()
}

// noArguments refuses arguments, naming the likely mistake.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is not a command of %s, and it takes no arguments; lists are written with commas", args[0], cmd.CommandPath())
}

// hostArch is this machine's architecture by this project's name.
func hostArch() string { return runtime.GOARCH }

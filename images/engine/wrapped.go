package engine

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// wrapper runs its arguments and writes their exit code to descriptor 3, which
// they do not get themselves: a runtime that waits for a command waits also for
// what the command leaves behind with its output open. Words of the shell's own,
// such as "Segmentation fault", are not the command's output.
const wrapper = `exec 4>&2 2>/dev/null; (exec "$@" 2>&4 3>&- 4>&-); echo $? >&3`

// maxStatus bounds the exit code as text.
const maxStatus = 16

// runWrapped runs call, a program that runs the wrapper in a container and hands
// descriptor 3 on, with the output of cmd. It returns the exit code that the
// wrapper told; where it told none, told is false and the error says what is
// known. When ctx ends, kill ends what is in the container.
func runWrapped(ctx context.Context, call *exec.Cmd, cmd Command, kill func() error) (exit int, told bool, err error) {
	var lock sync.Mutex
	call.Stdout = &lockedWriter{mu: &lock, w: orDiscard(cmd.Stdout)}
	call.Stderr = &lockedWriter{mu: &lock, w: orDiscard(cmd.Stderr)}
	if cmd.Stdout == cmd.Stderr {
		call.Stderr = call.Stdout // one pipe keeps the order
	}
	// What is in the container ends with it, and with that the call.
	call.Cancel = func() error { return errors.Join(kill(), call.Process.Kill()) }
	call.WaitDelay = strayTime
	status, w, err := os.Pipe()
	if err != nil {
		return -1, false, err
	}
	defer status.Close()
	call.ExtraFiles = []*os.File{w}
	err = call.Start()
	_ = w.Close() // the container has its own
	if err != nil {
		return -1, false, err
	}
	text, readErr := bufio.NewReader(io.LimitReader(status, maxStatus)).ReadString('\n')
	// The command has ended. A process that it left behind can hold the output
	// open, and the call with it.
	stray := time.AfterFunc(strayTime, func() { _ = call.Process.Kill() })
	err = call.Wait()
	stray.Stop()
	if ctx.Err() != nil {
		return -1, false, ctx.Err()
	}
	if exit, bad := strconv.Atoi(strings.TrimSpace(text)); bad == nil {
		return exit, true, nil
	}
	return -1, false, errors.Join(errors.New("the command ended without an exit code: the container was killed, or its shell crashed"), readErr, err)
}

// lockedWriter keeps two streams from being written at the same time.
type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

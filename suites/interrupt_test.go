package suites_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/suites"
)

// interruptRole is what a process of this test is to do with itself, in place
// of the test.
const interruptRole = "PKGVERIFY_TEST_INTERRUPT"

// TestInterruptedBySignal: Ginkgo ends a spec at a signal before the caller's
// context knows of one, or where the caller has no ear for signals at all.
// Ginkgo runs once a process, so each case is one.
func TestInterruptedBySignal(t *testing.T) {
	if role := os.Getenv(interruptRole); role != "" {
		interruptMyself(t, role)
		return
	}
	t.Parallel()
	for _, role := range []string{"signal", "context", "timeout", "nothing"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestInterruptedBySignal$")
			cmd.Env = append(os.Environ(), interruptRole+"="+role)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func interruptMyself(t *testing.T, role string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := suites.Options{
		Plan: plan(t), LabelFilter: "check:install-setup", Timeout: time.Hour,
		StartCells: func(run context.Context, _ []suites.CellWork) suites.Cells {
			return cellsFunc(func(ctx context.Context, _ string) (images.CellFacts, error) {
				switch role {
				case "signal":
					if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
						t.Error(err)
					}
				case "context":
					cancel()
				case "nothing":
					return images.CellFacts{}, nil
				}
				select {
				case <-ctx.Done():
					return images.CellFacts{}, context.Cause(ctx)
				case <-run.Done():
					return images.CellFacts{}, context.Cause(run)
				}
			})
		},
	}
	if role == "timeout" {
		opts.Timeout = time.Millisecond
	}
	out, err := suites.Run(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	if want := role == "signal" || role == "context"; out.Interrupted != want {
		t.Errorf("interrupted: %t, want %t", out.Interrupted, want)
	}
	if len(out.Results) == 0 {
		t.Error("no results")
	}
}

type cellsFunc func(context.Context, string) (images.CellFacts, error)

func (f cellsFunc) Await(ctx context.Context, id string) (images.CellFacts, error) { return f(ctx, id) }

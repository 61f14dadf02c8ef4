// Image makes the container image of verify, without a container engine: it
// compiles the program for each architecture and writes one multi-architecture
// image as an OCI layout, and on request a tar file for docker load, and pushes
// it to a registry.
//
// The image holds one static program, certificate authorities, and an empty
// home. The same sources make the same digest on every machine: the files have
// the date of the commit, and the authorities come from a Go module, with its
// hash in go.sum, and not from the machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	stop()
	os.Exit(code)
}

// usageError is a mistake in the command line.
type usageError struct{ error }

// Unwrap implements errors.Unwrap.
func (e usageError) Unwrap() error { return e.error }

// run runs the command line and returns the exit code.
func run(ctx context.Context, stdout, stderr io.Writer, args []string) int {
	var o options
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Make the container image of verify, without a container engine",
		Long: "Make the container image of verify, without a container engine. The digest goes to standard output.\n\n" +
			"Exit codes: 0 done; 1 failed; 2 wrong usage.",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.make(cmd.Context(), stdout, stderr)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	o.addFlags(cmd.Flags())
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "image: %v\nSee image --help.\n", err)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(stderr, "image: %v\n", err)
		return exitFailed
	}
}

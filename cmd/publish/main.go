// Publish builds the Kubernetes packages and publishes them as signed apt and
// rpm-md repositories, in the form that OBS writes for pkgs.k8s.io.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

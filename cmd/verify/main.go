// Command verify checks published package repositories: that the packages are
// there, are what the index says, are signed, and install.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	limitMemory()
	// net/http logs what a hostile server sends unasked; what matters of it is an
	// error of the fetch.
	log.SetOutput(io.Discard)
	// A closed pipe is an error of the write then, and not the end of the program
	// with its containers left behind. Programs that it starts are not concerned.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// softMemory is the size of the heap, in bytes, from which on it is collected
// more often: facts of 100,000 packages fit into it. It is no bound: what is
// needed is had.
const softMemory = 160 << 20

// limitMemory sets the limit, unless the environment does (package runtime).
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
}

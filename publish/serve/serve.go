// Package serve serves a published root over http, as pkgs.k8s.io does: what
// is missing answers 403 (a private S3 bucket behind a CDN), there are no
// listings, and a colon in a path may be written as %3A.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// How long the server waits: for the header of a request, on an idle
// connection, for open requests when it ends, and for a command that was
// interrupted.
const (
	headerTimeout   = 10 * time.Second
	idleTimeout     = 60 * time.Second
	shutdownTimeout = 5 * time.Second
	commandTimeout  = 30 * time.Second
)

// URLPlaceholder stands for the server's base URL in a command's arguments.
const URLPlaceholder = "{url}"

// Handler serves the files below root. It opens root anew for each request, so
// that a root that was exchanged is seen at once, and never leaves it: not by
// "..", nor by a symbolic link.
func Handler(root string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
			return
		}
		file, info, err := open(root, r.URL.Path)
		if err != nil {
			denied(w)
			return
		}
		defer file.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", info.ModTime(), file)
	})
}

// open opens a regular file below root by the path of a URL.
func open(root, path string) (*os.File, fs.FileInfo, error) {
	name := strings.TrimPrefix(path, "/")
	if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return nil, nil, fs.ErrInvalid
	}
	for part := range strings.SplitSeq(name, "/") {
		// What begins with a dot is a publisher's work, or a lock.
		if strings.HasPrefix(part, ".") {
			return nil, nil, fs.ErrNotExist
		}
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	// The kind is asked first: opening a named pipe would wait.
	info, err := dir.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, err
	}
	file, err := dir.Open(name)
	return file, info, err
}

// denied answers as S3 does when the caller may not list the bucket.
func denied(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
}

// Command is what runs while the server does.
type Command struct {
	// Arguments is the program and its arguments; "{url}" in any of them
	// becomes the server's base URL, without a slash at the end.
	Arguments []string
	// Environment is added to that of this process.
	Environment    []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run serves root on listen, such as 127.0.0.1:0, and calls ready with the
// base URL. With a command it ends with it, and returns its exit code;
// otherwise it ends with ctx. When ctx ends first, the command is interrupted.
func Run(ctx context.Context, root, listen string, command Command, ready func(url string)) (exit int, err error) {
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return 0, errors.Join(fmt.Errorf("%s: want the folder that was published", root), err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return 0, fmt.Errorf("listening on %s: %w", listen, err)
	}
	url := "http://" + listener.Addr().String()
	server := &http.Server{Handler: Handler(root), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer func() {
		// The context has ended by now, but open requests may be finished.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(ending) != nil {
			err = errors.Join(err, server.Close())
		}
	}()
	ready(url)
	if len(command.Arguments) > 0 {
		return command.run(ctx, url)
	}
	select {
	case <-ctx.Done():
		return 0, nil
	case err := <-failed:
		return 0, fmt.Errorf("serving %s: %w", root, err)
	}
}

func (c Command) run(ctx context.Context, url string) (int, error) {
	arguments := make([]string, len(c.Arguments))
	for i, argument := range c.Arguments {
		arguments[i] = strings.ReplaceAll(argument, URLPlaceholder, url)
	}
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = c.Stdin, c.Stdout, c.Stderr
	command.Env = append(os.Environ(), c.Environment...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = commandTimeout
	err := command.Run()
	if command.ProcessState != nil && command.ProcessState.Exited() {
		return command.ProcessState.ExitCode(), nil
	}
	return 0, fmt.Errorf("running %s: %w", arguments[0], err)
}

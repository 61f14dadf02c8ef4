package engine

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
)

// defaultContext is the context that is no choice: Docker's default socket.
const defaultContext = "default"

// dockerOptions returns how the docker command would reach its engine (docker(1),
// "Environment variables"; docker-context(1)): by DOCKER_HOST, else by the context
// that DOCKER_CONTEXT names, or that "docker context use" has chosen, else by
// Docker's default. Chosen says whether it was anybody's choice, and how.
func dockerOptions() (opts []client.Opt, chosen string, err error) {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		opts, err := hostOptions(host)
		return opts, "DOCKER_HOST=" + host, err
	}
	dir, err := dockerDir()
	if err != nil {
		return nil, "", err
	}
	name := os.Getenv("DOCKER_CONTEXT")
	how := "DOCKER_CONTEXT=" + name
	if name == "" {
		file, err := config.Load(dir)
		if err != nil {
			return nil, "", fmt.Errorf("docker's configuration: %w", err)
		}
		name = file.CurrentContext
		how = "docker context use " + name
	}
	if name == "" || name == defaultContext {
		return []client.Opt{client.FromEnv}, "", nil
	}
	opts, err = contextOptions(filepath.Join(dir, "contexts"), name)
	return opts, how, err
}

// dockerDir returns the folder of Docker's configuration.
func dockerDir() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("docker's configuration: %w", err)
	}
	return filepath.Join(home, ".docker"), nil
}

// hostOptions returns how to reach an address; one of ssh:// by the ssh command.
func hostOptions(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host, err)
	}
	if helper == nil {
		return []client.Opt{client.FromEnv}, nil
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
		client.WithHost(helper.Host), client.WithDialContext(helper.Dialer), client.WithAPIVersionFromEnv(),
	}, nil
}

// contextOptions returns how to reach the engine of a context, with its
// certificates.
func contextOptions(dir, name string) ([]client.Opt, error) {
	s := store.New(dir, store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	fail := func(err error) ([]client.Opt, error) {
		return nil, fmt.Errorf("docker context %s: %w ('docker context ls' lists those that there are)", name, err)
	}
	meta, err := s.GetMetadata(name)
	if err != nil {
		return fail(err)
	}
	endpoint, err := docker.EndpointFromContext(meta)
	if err != nil {
		return fail(err)
	}
	if endpoint.Host == "" {
		return fail(errors.New("it names no host"))
	}
	whole, err := docker.WithTLSData(s, name, endpoint)
	if err != nil {
		return fail(err)
	}
	opts, err := whole.ClientOpts()
	if err != nil {
		return fail(err)
	}
	return opts, nil
}

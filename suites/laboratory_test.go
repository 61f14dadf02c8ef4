package suites

import (
	"testing"

	"sigs.k8s.io/pkgverify/images/engine"
)

// TestChoice: which engine, where, and why none that was looked for before.
func TestChoice(t *testing.T) {
	t.Parallel()
	for want, info := range map[string]engine.Info{
		"run by docker 28.1 at unix:///run/docker.sock": {Name: "docker", Version: "28.1", Address: "unix:///run/docker.sock"},
		"run by oci runc 1.1; container engine docker is not available: no socket; container engine podman is not available": {
			Name: "oci", Version: "runc 1.1",
			Passed: []string{"container engine docker is not available: no socket", "container engine podman is not available"},
		},
	} {
		if got := choice(info); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

package engine_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/images/engine"
)

// BenchmarkStart measures, by driver, how long it takes until a first command has
// run in a container, and the container is gone again.
func BenchmarkStart(b *testing.B) {
	img, arch := image(b)
	for _, name := range []string{engine.DockerName, engine.PodmanName, engine.OCIName} {
		b.Run(name, func(b *testing.B) {
			e, _, err := engine.Open(b.Context(), name)
			if err != nil {
				b.Fatal(err)
			}
			id, err := e.Load(b.Context(), img.Ref, img.Image)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c, err := e.Start(b.Context(), engine.Spec{Image: id, Platform: arch.Platform(), Run: "bench", Name: "start", Network: engine.HostNetwork})
				if err != nil {
					b.Fatal(err)
				}
				if res, err := c.Exec(b.Context(), engine.Command{Argv: []string{"true"}}); err != nil || res.Exit != 0 {
					b.Errorf("exit %d, %v", res.Exit, err)
				}
				if err := c.Remove(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

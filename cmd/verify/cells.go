package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
)

// validEngine complains of an engine that is not known.
func validEngine(name string) error {
	if slices.Contains(engine.Names(), name) {
		return nil
	}
	return fmt.Errorf("--engine %q: there is %s", name, strings.Join(engine.Names(), ", "))
}

// transcripts opens cells/<cell>.log in the artifacts folder.
func transcripts(dir string) func(images.Cell) (io.WriteCloser, error) {
	return func(c images.Cell) (io.WriteCloser, error) {
		return os.Create(filepath.Join(dir, "cells", c.ID+".log"))
	}
}

// parseImages reads the values of --image. Its error joins every problem.
func parseImages(values []string, all []images.Distribution) (map[string]string, error) {
	out := make(map[string]string, len(values))
	var problems []error
	for _, v := range values {
		distro, ref, ok := strings.Cut(v, "=")
		if !ok || distro == "" || ref == "" {
			problems = append(problems, fmt.Errorf("--image %q: write DISTRO=REF", v))
			continue
		}
		if _, known := images.Find(all, distro); !known {
			problems = append(problems, fmt.Errorf("--image %q: distribution %q is not in the catalogue; verify images list shows it", v, distro))
		}
		out[distro] = ref
	}
	return out, errors.Join(problems...)
}

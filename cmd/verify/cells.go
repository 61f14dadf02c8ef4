package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/verify"
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

// noticesAt makes the notices of the distributions say what holds on the day of
// the run, so that the facts of each cell have it, and returns those of ended
// distributions on which the plan, which may be nil, installs.
func noticesAt(now time.Time, plan *verify.Plan, all []images.Distribution) []string {
	var notes []string
	for i, d := range all {
		all[i].Notice = d.NoticeAt(now)
		if plan != nil && d.EndOfLife.Before(now) &&
			slices.ContainsFunc(plan.Cells, func(c *verify.CellExpectation) bool { return c.Cell.Distro == d.Name }) {
			notes = append(notes, all[i].Notice)
		}
	}
	return notes
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
		if err := pull.CheckReference(ref); err != nil {
			problems = append(problems, fmt.Errorf("--image %q: %w", v, err))
		}
		out[distro] = ref
	}
	return out, errors.Join(problems...)
}

// mirrorHelp is the help of --registry-mirror, wherever there is one.
const mirrorHelp = "REGISTRY=HOST: ask this host before the registry, such as docker.io=mirror.example.org; http:// in front of HOST is for plain http"

// parseMirrors reads the values of --registry-mirror. Its error joins every
// problem.
func parseMirrors(values []string) ([]pull.Mirror, error) {
	var out []pull.Mirror
	var problems []error
	for _, v := range values {
		m, err := pull.ParseMirror(v)
		if err != nil {
			problems = append(problems, fmt.Errorf("--registry-mirror: %w", err))
			continue
		}
		out = append(out, m)
	}
	return out, errors.Join(problems...)
}

package lab

import (
	"context"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/repo"
)

// Job is one cell to be run.
type Job struct {
	Cell   images.Cell
	Distro images.Distribution
	// RepoURL is the repository's root as the harness reaches it.
	RepoURL string
	// Key is the key that the repository serves (Release.key), as bytes.
	Key []byte
	// Packages are the packages to be listed and installed.
	Packages []string
	// Released are those of Packages that are versioned with the release, and
	// are installed together in one version.
	Released []string
	// Binaries are the programs to be run after the installation.
	Binaries []Binary
	// Units are the systemd units that the packages bring, by name.
	Units []string
	// Created are files that are made after the installation, so that a unit may
	// name them.
	Created []string
	// Scenarios are to be tried; nil is all. What one of them needs is done too.
	Scenarios []images.Scenario
}

// wants reports whether one of the scenarios is to be tried.
func (j Job) wants(some ...images.Scenario) bool {
	return j.Scenarios == nil || slices.ContainsFunc(some, func(s images.Scenario) bool { return slices.Contains(j.Scenarios, s) })
}

// Binary is one installed program and how it is asked for its version.
type Binary struct {
	// Package brings it.
	Package string
	Argv    []string
	// Env are further variables, such as "CNI_COMMAND=VERSION".
	Env []string
}

// ImageSource gives the image of a distribution for an architecture. It may be
// asked by several goroutines at once.
type ImageSource interface {
	Image(ctx context.Context, d images.Distribution, arch repo.Arch) (images.Image, error)
}

// Options are the bounds and surroundings of a pool.
type Options struct {
	// Run names the run; its containers carry it as a label.
	Run    string
	Images ImageSource
	// Parallel is how many cells run at once; 0 is one for each two
	// processors of the engine, and at least one.
	Parallel int
	Timeouts Timeouts
	// Transcript opens the transcript of a cell; nil keeps none. It is written
	// while the cell runs and closed when the cell has ended.
	Transcript func(cell images.Cell) (io.WriteCloser, error)
	// Emulation tells whether a foreign architecture can be run; nil is
	// [Binfmt], which looks at this machine's kernel.
	Emulation func(arch repo.Arch) error
}

// Timeouts bounds every kind of step. A zero is replaced by the default.
type Timeouts struct {
	// Image is for building or fetching an image and handing it to the engine.
	Image time.Duration
	// Start is for starting a container, Probe for each look around in it.
	Start, Probe time.Duration
	// Setup is for apt-get update or dnf makecache, List for each question,
	// Install for installing everything at once, Version for one program.
	Setup, List, Install, Version time.Duration
	// Emulated is how many times as long an emulated cell may take.
	Emulated int
}

// DefaultTimeouts returns the bounds in force where none are given: some ten
// times what a step takes on a slow machine.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Image: 30 * time.Minute, Start: 2 * time.Minute, Probe: time.Minute,
		Setup: 5 * time.Minute, List: 2 * time.Minute, Install: 10 * time.Minute, Version: time.Minute,
		Emulated: 4,
	}
}

// orDefault fills in what t leaves open.
func (t Timeouts) orDefault() Timeouts {
	d := DefaultTimeouts()
	for _, x := range []struct{ t, d *time.Duration }{
		{&t.Image, &d.Image}, {&t.Start, &d.Start}, {&t.Probe, &d.Probe}, {&t.Setup, &d.Setup},
		{&t.List, &d.List}, {&t.Install, &d.Install}, {&t.Version, &d.Version},
	} {
		if *x.t <= 0 {
			*x.t = *x.d
		}
	}
	if t.Emulated <= 0 {
		t.Emulated = d.Emulated
	}
	return t
}

// of returns the bound of one step of a scenario.
func (t Timeouts) of(s images.Scenario, emulated bool) time.Duration {
	d := t.Probe
	switch s {
	case images.Setup:
		d = t.Setup
	case images.List, images.Solve, images.Origin:
		d = t.List
	case images.Latest, images.Pinned, images.Upgrade, images.Downgrade, images.Remove, images.Tampering:
		d = t.Install
	case images.Versions:
		d = t.Version
	}
	if emulated {
		d *= time.Duration(t.Emulated)
	}
	return d
}

// NetworkFor returns the network from which a container reaches a repository:
// the machine's own for a loopback address, the engine's default otherwise.
func NetworkFor(rawURL string) engine.Network {
	u, err := url.Parse(rawURL)
	if err != nil {
		return engine.DefaultNetwork
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return engine.HostNetwork
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return engine.HostNetwork
	}
	return engine.DefaultNetwork
}

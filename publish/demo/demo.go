// Package demo publishes a small world to try verification on: final releases
// in stable, pre-releases in dev and a nightly, signed with a key of its own.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/sample"
)

// What lies in the folder of a demonstration. Only RootFolder is served.
const (
	RootFolder   = "root"
	PublicKey    = "key.asc"
	PrivateKey   = "private.asc"
	VersionsFile = "versions.txt"
)

// keyAge is how old a new key is said to be: the fault of an expired key needs
// room between its making and today.
const keyAge = 30 * 24 * time.Hour

// Options says what to publish.
type Options struct {
	// Dir is the folder to write; what an earlier run wrote is replaced,
	// except for the key.
	Dir    string
	Layout publish.Layout
	// Real publishes the real programs, for this machine's architecture.
	Real bool
	// Quick is the publisher's.
	Quick bool
	// Fault is broken into the tree at the end; nil for none.
	Fault *fault.Fault
	// Architectures narrow those of the layout.
	Architectures []publish.Arch
	Cache         publish.Cache
	Samples       string // folder of the sample programs' sources
	Now           func() time.Time
	Log           func(line string)
}

// Result is what was published.
type Result struct {
	Root        string
	Fingerprint string
	Versions    []publish.Version
	// Releases are what was built of them, in the same order.
	Releases []publish.Release
	// Touched are the files that the fault changed, below Root.
	Touched []string
}

// releases returns the versions of the demonstration and when each was built.
// The dates are fixed, so that equal sources make equal packages.
func releases(genuine bool) map[publish.Version]time.Time {
	day := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
	}
	if genuine {
		return map[publish.Version]time.Time{"1.26.14": day(2024, 2, 14), "1.26.15": day(2024, 3, 14)}
	}
	return map[publish.Version]time.Time{
		"1.26.0-alpha.3":                   day(2022, 10, 25),
		"1.26.0-alpha.3.45+0123456789abcd": day(2022, 10, 28),
		"1.26.0-beta.0":                    day(2022, 11, 8),
		"1.26.0-rc.1":                      day(2022, 11, 29),
		"1.26.0":                           day(2022, 12, 8),
		"1.26.1":                           day(2023, 1, 18),
		"1.26.2":                           day(2023, 2, 22),
	}
}

// Publish writes the demonstration. The served root appears, or takes the
// place of an earlier one, in one step.
func Publish(ctx context.Context, options Options) (Result, error) {
	manifest, err := publish.DefaultManifest()
	if err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return Result{}, err
	}
	key, err := signingKey(options)
	if err != nil {
		return Result{}, err
	}
	work, err := os.MkdirTemp(options.Dir, ".publish-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return Result{}, err
	}
	builder, publisher := tools(options, work, manifest, key)
	result := Result{Root: filepath.Join(options.Dir, RootFolder), Fingerprint: key.Fingerprint()}
	byChannel, err := build(ctx, options, builder, publisher, &result)
	if err != nil {
		return Result{}, err
	}
	for _, channel := range []publish.Channel{publish.Stable, publish.Dev, publish.Nightly} {
		if list := byChannel[channel]; len(list) > 0 {
			if err := publisher.Publish(ctx, channel, fault.Minor, list...); err != nil {
				return Result{}, err
			}
		}
	}
	if options.Fault != nil {
		if result.Touched, err = apply(ctx, *options.Fault, options, builder, publisher); err != nil {
			return Result{}, err
		}
		result.Fingerprint = publisher.Key.Fingerprint()
	}
	if err := writePublic(options.Dir, publisher.Key); err != nil {
		return Result{}, err
	}
	if err := writeVersions(options.Dir, result.Versions); err != nil {
		return Result{}, err
	}
	return result, publish.Replace(work, result.Root)
}

// Break breaks a copy of what was published into options.Dir, in the folder
// root: the fault of the options. It returns the files that were touched, below
// root, and writes the key to pin, in its public form, to the file key.
func Break(ctx context.Context, options Options, root, key string) (touched []string, err error) {
	manifest, err := publish.DefaultManifest()
	if err != nil {
		return nil, err
	}
	private, err := signingKey(options)
	if err != nil {
		return nil, err
	}
	builder, publisher := tools(options, root, manifest, private)
	if touched, err = apply(ctx, *options.Fault, options, builder, publisher); err != nil {
		return nil, err
	}
	public, err := publisher.Key.Public()
	if err != nil {
		return nil, err
	}
	return touched, os.WriteFile(key, public, 0o644)
}

// tools returns what builds programs and what publishes them.
func tools(options Options, root string, manifest *publish.Manifest, key *publish.Key) (*sample.Builder, *publish.Publisher) {
	builder := &sample.Builder{Sources: options.Samples, Cache: options.Cache, Manifest: manifest, Log: options.Log}
	publisher := &publish.Publisher{
		Root: root, Layout: options.Layout, Manifest: manifest, Key: key, Cache: options.Cache, Now: options.Now, Log: options.Log,
		Architectures: options.Architectures, Quick: options.Quick,
	}
	if len(publisher.Architectures) == 0 {
		publisher.Architectures = options.Layout.Architectures()
	}
	return builder, publisher
}

// apply breaks the publisher's tree.
func apply(ctx context.Context, f fault.Fault, options Options, builder *sample.Builder, publisher *publish.Publisher) ([]string, error) {
	tree := &fault.Tree{Publisher: publisher, Release: func(ctx context.Context, version publish.Version) (publish.Release, error) {
		return builder.Release(ctx, version, options.Now().Add(-24*time.Hour).Truncate(24*time.Hour), publisher.Architectures)
	}}
	touched, err := f.Apply(ctx, tree)
	if err != nil {
		return nil, fmt.Errorf("fault %s: %w", f.Name, err)
	}
	return touched, nil
}

// build builds the programs, in the order of the versions.
func build(ctx context.Context, options Options, builder *sample.Builder, publisher *publish.Publisher, result *Result) (map[publish.Channel][]publish.Release, error) {
	dates := releases(options.Real)
	for version := range dates {
		result.Versions = append(result.Versions, version)
	}
	slices.SortFunc(result.Versions, publish.Version.Compare)
	out := map[publish.Channel][]publish.Release{}
	for _, version := range result.Versions {
		var release publish.Release
		var err error
		if options.Real {
			release, err = builder.Real(ctx, version, dates[version])
			publisher.Architectures = sample.RealArchitectures()
		} else {
			release, err = builder.Release(ctx, version, dates[version], publisher.Architectures)
		}
		if err != nil {
			return nil, err
		}
		if options.Log != nil {
			options.Log("programs of " + string(version) + " are ready")
		}
		result.Releases = append(result.Releases, release)
		out[version.Channel()] = append(out[version.Channel()], release)
	}
	return out, nil
}

// signingKey returns the key of an earlier run in this folder, or a new one.
func signingKey(options Options) (*publish.Key, error) {
	name := filepath.Join(options.Dir, PrivateKey)
	text, err := os.ReadFile(name)
	if err == nil {
		return publish.ReadKey(bytes.NewReader(text))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := publish.GenerateKey("pkgverify demonstration", "demo@pkgverify.invalid",
		options.Now().Add(-keyAge), publish.DefaultKeyLifetime)
	if err != nil {
		return nil, err
	}
	private, err := key.Private()
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(name, private, 0o600)
}

func writePublic(dir string, key *publish.Key) error {
	public, err := key.Public()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, PublicKey), public, 0o644)
}

func writeVersions(dir string, versions []publish.Version) error {
	names := make([]string, len(versions))
	for i, version := range versions {
		names[i] = string(version)
	}
	return os.WriteFile(filepath.Join(dir, VersionsFile), []byte(strings.Join(names, ",")+"\n"), 0o644)
}

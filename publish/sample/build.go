// Package sample builds the programs that the packages of a demonstration
// hold: sample programs, whose sources are the nested modules beside this
// file, or the real ones from their own Go modules.
//
// The sample programs are real executables for each architecture. They answer
// the version commands as the real ones do, and carry the version in the
// link-time variables that the real ones use.
package sample

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/publish"
)

// ErrBuild says that the Go tool could not build a program.
var ErrBuild = errors.New("building a program failed")

// ErrNoSources says that the sources of the sample programs were not found.
var ErrNoSources = errors.New("sources of the sample programs not found")

// Builder builds programs into a cache.
type Builder struct {
	// Sources is the folder of the nested modules; see FindSources.
	Sources  string
	Cache    publish.Cache
	Manifest *publish.Manifest
	// Log takes one line of progress at a time.
	Log func(line string)
}

// FindSources looks for publish/sample in a folder and those above it.
func FindSources(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for {
		sources := filepath.Join(dir, "publish", "sample")
		if _, err := os.Stat(filepath.Join(sources, "kubernetes", "go.mod")); err == nil {
			return sources, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w: no publish/sample in %s or above it: run in the project's folder, or pass --samples", ErrNoSources, from)
		}
		dir = parent
	}
}

// unit is a build of the Go tool: the programs of one module.
type unit struct {
	module  string   // folder below the sources, or the name of a real one
	targets []string // package patterns
	into    string   // folder below the architecture's
	flags   string   // -ldflags
}

// Release builds the programs of a version for some architectures and returns
// a release that points to them. The release's date is linked in as the build
// date.
func (b *Builder) Release(ctx context.Context, version publish.Version, date time.Time, arches []publish.Arch) (publish.Release, error) {
	units, err := b.units(version, date)
	if err != nil {
		return publish.Release{}, err
	}
	folders := make([]folder, len(arches)*len(units))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, arch := range arches {
		group.Go(func() error {
			// One after another: builds for one architecture that run side by
			// side each compile the same standard library.
			for j, u := range units {
				dir, err := b.build(ctx, u, arch)
				if err != nil {
					return fmt.Errorf("%s for %s: %w", version, arch.Go, err)
				}
				folders[i*len(units)+j] = folder{dir, filepath.Join(arch.Go, u.into)}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return publish.Release{}, err
	}
	set, err := assemble(b.Cache, folders)
	return publish.Release{Version: version, Date: date, Binaries: set}, err
}

func (b *Builder) units(version publish.Version, date time.Time) ([]unit, error) {
	crictl, err := packageVersion(b.Manifest, "cri-tools", version)
	if err != nil {
		return nil, err
	}
	cni, err := packageVersion(b.Manifest, "kubernetes-cni", version)
	if err != nil {
		return nil, err
	}
	commit := fmt.Sprintf("%x", sha1.Sum([]byte("sample "+version)))
	return []unit{
		{module: "kubernetes", targets: []string{"./cmd/..."}, flags: kubernetesFlags(version, commit, date)},
		{module: "cri-tools", targets: []string{"./cmd/..."}, flags: crictlFlags(crictl)},
		{module: "plugins", targets: []string{"./plugins/..."}, into: "cni", flags: cniFlags(cni)},
	}, nil
}

func packageVersion(manifest *publish.Manifest, name string, release publish.Version) (publish.Version, error) {
	pkg, err := manifest.Package(name)
	if err != nil {
		return "", err
	}
	return pkg.Version(release)
}

// kubernetesFlags sets the variables that hack/lib/version.sh of Kubernetes
// sets, in both packages.
func kubernetesFlags(version publish.Version, commit string, date time.Time) string {
	major, minor, _ := strings.Cut(version.Minor(), ".")
	var flags strings.Builder
	flags.WriteString("-s -w")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, variable := range [][2]string{
			{"gitVersion", "v" + string(version)},
			{"gitMajor", major},
			{"gitMinor", minor},
			{"gitCommit", commit},
			{"gitTreeState", "clean"},
			{"buildDate", date.UTC().Format("2006-01-02T15:04:05Z")},
		} {
			fmt.Fprintf(&flags, " -X %s.%s=%s", pkg, variable[0], variable[1])
		}
	}
	return flags.String()
}

func crictlFlags(version publish.Version) string {
	return "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=v" + string(version)
}

func cniFlags(version publish.Version) string {
	return "-s -w -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v" + string(version)
}

// build builds the unit for an architecture, or finds it in the cache.
func (b *Builder) build(ctx context.Context, u unit, arch publish.Arch) (string, error) {
	h := sha256.New()
	compiler, err := goTool(ctx, b.Sources, nil, "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%s %s %s %q\n", compiler, u.module, u.flags, arch)
	if err := hashSources(h, b.Sources); err != nil {
		return "", err
	}
	return b.Cache.Folder(filepath.Join("bin", fmt.Sprintf("%x", h.Sum(nil))), func(dir string) error {
		arguments := append([]string{"build", "-trimpath", "-ldflags", u.flags, "-o", dir + "/"}, u.targets...)
		_, err := goTool(ctx, filepath.Join(b.Sources, u.module), goEnvironment(arch), arguments...)
		return err
	})
}

// goEnvironment is the environment of a static build for an architecture.
func goEnvironment(arch publish.Arch) []string {
	return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch.Go, "GOARM=7", "GOWORK=off", "GOFLAGS=-buildvcs=false"}
}

// hashSources adds the names and contents of the nested modules' files.
func hashSources(w io.Writer, dir string) error {
	return fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(name, "/") {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		fmt.Fprintf(w, "%s %x\n", name, sha256.Sum256(data))
		return err
	})
}

// folder is a folder of programs and its place in a folder of binaries.
type folder struct{ from, to string }

// assemble puts folders of programs together in the cache.
func assemble(cache publish.Cache, folders []folder) (string, error) {
	h := sha256.New()
	for _, f := range folders {
		fmt.Fprintf(h, "%s %s\n", filepath.Base(f.from), f.to)
	}
	return cache.Folder(filepath.Join("set", fmt.Sprintf("%x", h.Sum(nil))), func(dir string) error {
		for _, f := range folders {
			to := filepath.Join(dir, f.to)
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			entries, err := os.ReadDir(f.from)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if err := os.Link(filepath.Join(f.from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// goTool runs the Go tool and returns what it prints.
func goTool(ctx context.Context, dir string, environment []string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), environment...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: go %s in %s: %w: %s", ErrBuild, strings.Join(arguments, " "), dir, err,
			strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

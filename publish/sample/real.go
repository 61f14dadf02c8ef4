package sample

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/modfile"

	"sigs.k8s.io/pkgverify/publish"
)

// The modules that the real programs come from. The staging modules have the
// versions that Kubernetes v1.26.15 was released with; k8s.io/kube-proxy is an
// exception, since its v0.26.15 is not served.
const (
	kubernetesModule  = "k8s.io/kubernetes"
	kubernetesVersion = "v1.26.15"
	stagingVersion    = "v0.26.15"
	kubeProxyVersion  = "v0.26.0"
	pluginsModule     = "github.com/containernetworking/plugins"
	pluginsVersion    = "v1.2.0"
	realCommit        = "1649f592f1909b97aa3c2a0a8f968a3fd05a7b8b"
)

// Real builds the real kubelet, kubeadm and kubectl and the real CNI plugins
// for this machine's architecture. crictl stays the sample program: its module
// cannot be built alone from what is served. The first build takes some eight
// minutes of two cores; a second version is only linked.
func (b *Builder) Real(ctx context.Context, version publish.Version, date time.Time) (publish.Release, error) {
	arch, err := publish.ParseArch(runtime.GOARCH)
	if err != nil {
		return publish.Release{}, err
	}
	samples, err := b.units(version, date)
	if err != nil {
		return publish.Release{}, err
	}
	crictl, err := b.build(ctx, samples[1], arch)
	if err != nil {
		return publish.Release{}, err
	}
	kubernetes, err := b.realKubernetes(ctx, version, date, arch)
	if err != nil {
		return publish.Release{}, err
	}
	plugins, err := b.realPlugins(ctx, arch)
	if err != nil {
		return publish.Release{}, err
	}
	set, err := assemble(b.Cache, []folder{
		{kubernetes, arch.Go}, {crictl, arch.Go}, {plugins, filepath.Join(arch.Go, "cni")},
	})
	return publish.Release{Version: version, Date: date, Binaries: set}, err
}

func (b *Builder) realKubernetes(ctx context.Context, version publish.Version, date time.Time, arch publish.Arch) (string, error) {
	return b.buildReal(ctx, arch, "kubernetes", kubernetesFlags(version, realCommit, date),
		[]string{kubernetesModule + "/cmd/kubelet", kubernetesModule + "/cmd/kubeadm", kubernetesModule + "/cmd/kubectl"},
		func() (*modfile.File, error) { return kubernetesGoMod(ctx, b.Sources) })
}

func (b *Builder) realPlugins(ctx context.Context, arch publish.Arch) (string, error) {
	var targets []string
	for _, plugin := range []string{
		"ipam/dhcp", "ipam/host-local", "ipam/static", "main/bridge", "main/dummy", "main/host-device",
		"main/ipvlan", "main/loopback", "main/macvlan", "main/ptp", "main/vlan", "meta/bandwidth",
		"meta/firewall", "meta/portmap", "meta/sbr", "meta/tuning", "meta/vrf",
	} {
		targets = append(targets, pluginsModule+"/plugins/"+plugin)
	}
	return b.buildReal(ctx, arch, "plugins", cniFlags(publish.Version(strings.TrimPrefix(pluginsVersion, "v"))), targets,
		func() (*modfile.File, error) {
			file := newGoMod()
			return file, file.AddRequire(pluginsModule, pluginsVersion)
		})
}

// buildReal builds programs of a module that is only required: through a
// generated module, whose go.mod may replace what the real one replaces by
// folders of its own repository.
func (b *Builder) buildReal(ctx context.Context, arch publish.Arch, name, flags string, targets []string, goMod func() (*modfile.File, error)) (string, error) {
	compiler, err := goTool(ctx, b.Sources, nil, "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256([]byte(strings.Join(append(targets, "real v1", compiler, flags, arch.Go,
		kubernetesVersion, stagingVersion, pluginsVersion), "\n")))
	return b.Cache.Folder(filepath.Join("bin", fmt.Sprintf("%x", digest)), func(dir string) error {
		if b.Log != nil {
			b.Log("building the real " + name + " programs for " + arch.Go + "; the first time takes minutes")
		}
		file, err := goMod()
		if err != nil {
			return err
		}
		text, err := file.Format()
		if err != nil {
			return err
		}
		module, err := os.MkdirTemp("", "pkgverify-real-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(module)
		if err := os.WriteFile(filepath.Join(module, "go.mod"), text, 0o644); err != nil {
			return err
		}
		arguments := append([]string{"build", "-mod=mod", "-trimpath", "-ldflags", flags, "-o", dir + "/"}, targets...)
		_, err = goTool(ctx, module, goEnvironment(arch), arguments...)
		return err
	})
}

func newGoMod() *modfile.File {
	file := new(modfile.File)
	// Neither call can fail on a constant path and version.
	_ = file.AddModuleStmt("pkgverify.invalid/real")
	_ = file.AddGoStmt("1.21")
	return file
}

// kubernetesGoMod requires Kubernetes and replaces its staging modules, which
// its own go.mod takes from folders, by their published versions.
func kubernetesGoMod(ctx context.Context, dir string) (*modfile.File, error) {
	out, err := goTool(ctx, dir, []string{"GOWORK=off"}, "mod", "download", "-json", kubernetesModule+"@"+kubernetesVersion)
	if err != nil {
		return nil, err
	}
	var download struct{ GoMod string }
	if err := json.Unmarshal([]byte(out), &download); err != nil {
		return nil, fmt.Errorf("go mod download: %w", err)
	}
	text, err := os.ReadFile(download.GoMod)
	if err != nil {
		return nil, err
	}
	theirs, err := modfile.Parse(download.GoMod, text, nil)
	if err != nil {
		return nil, err
	}
	file := newGoMod()
	if err := file.AddRequire(kubernetesModule, kubernetesVersion); err != nil {
		return nil, err
	}
	for _, require := range theirs.Require {
		if strings.HasPrefix(require.Mod.Path, "k8s.io/") && require.Mod.Version == "v0.0.0" {
			continue
		}
		if err := file.AddRequire(require.Mod.Path, require.Mod.Version); err != nil {
			return nil, err
		}
	}
	for _, replace := range theirs.Replace {
		path, version := replace.New.Path, replace.New.Version
		if strings.HasPrefix(path, "./staging/") {
			path, version = replace.Old.Path, stagingVersion
			if path == "k8s.io/kube-proxy" {
				version = kubeProxyVersion
			}
		}
		if err := file.AddReplace(replace.Old.Path, replace.Old.Version, path, version); err != nil {
			return nil, err
		}
	}
	file.Cleanup()
	return file, nil
}

// RealArchitectures returns the one architecture that Real builds for.
func RealArchitectures() []publish.Arch {
	arch, err := publish.ParseArch(runtime.GOARCH)
	if err != nil {
		return nil // Real says why
	}
	return []publish.Arch{arch}
}

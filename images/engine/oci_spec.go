package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// cpuPeriod is the share of processor time that limits are counted in, in
// microseconds: the kernel's default.
const cpuPeriod = 100_000

// writeSpec writes the bundle's config.json. It asks for nothing that a
// restricted machine may refuse: no rlimits, no seccomp filter, no cgroup
// namespace, no devices beyond those every runtime makes, and limits only if
// they are wanted.
func (c *ociContainer) writeSpec(spec Spec, config *v1.ConfigFile, limited bool) error {
	env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, config.Config.Env...)
	s := specs.Spec{
		Version:  specs.Version,
		Hostname: "pkgverify",
		Root:     &specs.Root{Path: "root"},
		Process: &specs.Process{
			Args: idle(), Env: append(env, spec.Env...), Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: capabilities(), Effective: capabilities(), Permitted: capabilities(),
			},
		},
		Mounts: mountsOf(spec),
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
			MaskedPaths: []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"},
			// What packages' scripts set with sysctl must not reach the machine.
			ReadonlyPaths: []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"},
		},
	}
	if spec.Network == NoNetwork {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	if limited {
		s.Linux.Resources = limits(spec)
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, "config.json"), text, 0o600)
}

func limits(spec Spec) *specs.LinuxResources {
	if spec.Memory == 0 && spec.CPUs == 0 {
		return nil
	}
	r := &specs.LinuxResources{}
	if spec.Memory > 0 {
		r.Memory = &specs.LinuxMemory{Limit: &spec.Memory}
	}
	if spec.CPUs > 0 {
		quota, period := int64(spec.CPUs*cpuPeriod), uint64(cpuPeriod)
		r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
	}
	return r
}

// mountsOf returns what is mounted over the root. Without a network of its own a
// container resolves names as the machine does.
func mountsOf(spec Spec) []specs.Mount {
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"bind", "ro", "nosuid", "noexec", "nodev"}},
	}
	if spec.Network != NoNetwork {
		for _, name := range []string{"/etc/resolv.conf", "/etc/hosts"} {
			if _, err := os.Stat(name); err == nil {
				all = append(all, specs.Mount{Destination: name, Type: "bind", Source: name, Options: []string{"bind", "ro"}})
			}
		}
	}
	folders := make([]string, 0, len(spec.Tmpfs))
	for folder := range spec.Tmpfs {
		folders = append(folders, folder)
	}
	slices.Sort(folders) // an outer one before an inner one
	for _, folder := range folders {
		m := specs.Mount{Destination: folder, Type: "tmpfs", Source: "tmpfs"}
		if options := spec.Tmpfs[folder]; options != "" {
			m.Options = strings.Split(options, ",")
		}
		all = append(all, m)
	}
	for _, m := range spec.Mounts {
		options := []string{"rbind"}
		if m.ReadOnly {
			options = append(options, "ro")
		}
		all = append(all, specs.Mount{Destination: m.Target, Type: "bind", Source: m.Source, Options: options})
	}
	return all
}

// capabilities are those that Docker gives a container.
func capabilities() []string {
	return []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

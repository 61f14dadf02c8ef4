package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// EmulationError says that programs of an architecture cannot be run here.
type EmulationError struct {
	Arch repo.Arch
	Text string
	// Hint is the command that mends it.
	Hint string
}

// Error returns what is missing and what mends it.
func (e *EmulationError) Error() string {
	return fmt.Sprintf("programs for %s cannot be run here: %s (run '%s')", e.Arch, e.Text, e.Hint)
}

// Binfmt asks this machine's kernel whether it hands programs of a foreign
// architecture to qemu-user, in a way that works inside containers: the
// handler is registered, enabled, and opened beforehand (flag F of
// binfmt_misc), since the container has no qemu of its own.
func Binfmt(arch repo.Arch) error {
	return binfmt("/proc/sys/fs/binfmt_misc", arch)
}

func binfmt(dir string, arch repo.Arch) error {
	const hint = "images/setup.sh binfmt"
	name := "qemu-" + qemuName(arch)
	data, err := os.ReadFile(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &EmulationError{Arch: arch, Text: "the kernel has no handler " + name, Hint: hint}
	case err != nil:
		return &EmulationError{Arch: arch, Text: err.Error(), Hint: hint}
	}
	enabled, fixed := false, false
	for l := range strings.Lines(string(data)) {
		l = strings.TrimSpace(l)
		if l == "enabled" {
			enabled = true
		}
		if flags, ok := strings.CutPrefix(l, "flags:"); ok {
			fixed = strings.Contains(flags, "F")
		}
	}
	switch {
	case !enabled:
		return &EmulationError{Arch: arch, Text: "the handler " + name + " is disabled", Hint: hint}
	case !fixed:
		return &EmulationError{Arch: arch, Text: "the handler " + name + " lacks the flag F, which containers need", Hint: hint}
	}
	return nil
}

// qemuName returns what qemu calls an architecture.
func qemuName(arch repo.Arch) string {
	switch arch {
	case repo.AMD64:
		return "x86_64"
	case repo.ARM64:
		return "aarch64"
	case repo.I386:
		return "i386"
	case repo.Loong64:
		return "loongarch64"
	}
	return string(arch) // arm, ppc64le, riscv64, s390x
}

// native reports whether a machine runs programs of an architecture itself.
func native(machine, arch repo.Arch) bool {
	return machine == arch || machine == repo.AMD64 && arch == repo.I386
}

// machineName returns what uname -m prints on a machine of an architecture.
// A 64-bit kernel says its own name also to the 32-bit programs that it runs.
func machineNames(arch repo.Arch) []string {
	switch arch {
	case repo.ARM:
		return []string{"armv7l", "armv8l", "aarch64"}
	case repo.I386:
		return []string{"i686", "i386", "x86_64"}
	}
	return []string{arch.In(repo.RPM)}
}

package repo

import "slices"

// Arch is a processor architecture by this project's own name, which is Go's
// and OCI's. Repositories spell architectures in their own ways: see [Arch.In].
type Arch string

// The architectures that are known by all their names.
const (
	AMD64   Arch = "amd64"
	ARM64   Arch = "arm64"
	ARM     Arch = "arm"
	I386    Arch = "386"
	Loong64 Arch = "loong64"
	PPC64LE Arch = "ppc64le"
	RISCV64 Arch = "riscv64"
	S390X   Arch = "s390x"
)

// archNames is how an architecture is called elsewhere.
type archNames struct {
	arch     Arch
	deb      string
	rpm      string
	platform string   // OCI platform: os/architecture[/variant]
	aliases  []string // further spellings
}

// archTable returns the names. Debian's are those of dpkg's cputable, rpm's
// those of rpmrc. KEP-1731 publishes 32-bit arm rpms as armv7l; Fedora and
// openSUSE call theirs armv7hl.
func archTable() []archNames {
	return []archNames{
		{AMD64, "amd64", "x86_64", "linux/amd64", []string{"x86-64"}},
		{ARM64, "arm64", "aarch64", "linux/arm64", nil},
		{ARM, "armhf", "armv7l", "linux/arm/v7", []string{"armv7hl", "armv7"}},
		{I386, "i386", "i686", "linux/386", []string{"i586", "x86"}},
		{Loong64, "loong64", "loongarch64", "linux/loong64", nil},
		{PPC64LE, "ppc64el", "ppc64le", "linux/ppc64le", nil},
		{RISCV64, "riscv64", "riscv64", "linux/riscv64", nil},
		{S390X, "s390x", "s390x", "linux/s390x", nil},
	}
}

// ParseArch returns the architecture that any of its spellings names: Go's,
// Debian's or rpm's. It reports false for a name it does not know, and for
// "all" and "noarch", which are not architectures of a machine.
func ParseArch(name string) (Arch, bool) {
	for _, n := range archTable() {
		if name == string(n.arch) || name == n.deb || name == n.rpm || slices.Contains(n.aliases, name) {
			return n.arch, true
		}
	}
	return "", false
}

// Arches returns every known architecture, sorted by name.
func Arches() []Arch {
	var all []Arch
	for _, n := range archTable() {
		all = append(all, n.arch)
	}
	slices.Sort(all)
	return all
}

// In returns how a repository of format f spells a, or a's own name when a is
// not known.
func (a Arch) In(f Format) string {
	for _, n := range archTable() {
		if n.arch == a {
			if f == Deb {
				return n.deb
			}
			return n.rpm
		}
	}
	return string(a)
}

// Platform returns a as an OCI platform, such as "linux/arm/v7".
func (a Arch) Platform() string {
	for _, n := range archTable() {
		if n.arch == a {
			return n.platform
		}
	}
	return "linux/" + string(a)
}

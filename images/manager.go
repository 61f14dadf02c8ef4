package images

import "sigs.k8s.io/pkgverify/repo"

// Manager is a package manager.
type Manager string

// The package managers that guests are driven through. DNF is dnf 4; Yum is the
// command of that name, which has been dnf 4 since EL8 and dnf5 since Fedora 41.
const (
	APT      Manager = "apt"
	DNF      Manager = "dnf"
	DNF5     Manager = "dnf5"
	Zypper   Manager = "zypper"
	Yum      Manager = "yum"
	MicroDNF Manager = "microdnf"
)

// Managers returns all package managers that are known.
func Managers() []Manager { return []Manager{APT, DNF, DNF5, Zypper, Yum, MicroDNF} }

// Format returns the package format that m installs.
func (m Manager) Format() repo.Format {
	if m == APT {
		return repo.Deb
	}
	return repo.RPM
}

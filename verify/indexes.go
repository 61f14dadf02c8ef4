package verify

import (
	"path"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// IsPackageIndex reports whether x lists packages: apt's Packages in any
// compression, or rpm-md's primary.
func IsPackageIndex(x repo.Index) bool {
	base, _, _ := strings.Cut(path.Base(x.Type), ".")
	return base == "Packages" || x.Type == "primary"
}

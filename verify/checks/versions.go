package checks

import (
	"cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// compareVersions orders two versions as the format's own tools do. A version
// that dpkg refuses is ordered by its text; apt-packages-wellformed reports it.
func compareVersions(f repo.Format, a, b string) int {
	if f == repo.RPM {
		return rpmver.Compare(a, b)
	}
	if n, err := debver.Compare(a, b); err == nil {
		return n
	}
	return cmp.Compare(a, b)
}

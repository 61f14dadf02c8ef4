// Package vercmp compares versions of packages as the package manager of their
// format does.
package vercmp

import (
	"cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Compare returns a negative number when version a is older than b, zero when
// neither is older, and a positive number otherwise. What dpkg refuses as a
// version is compared byte by byte.
func Compare(f repo.Format, a, b string) int {
	if f == repo.RPM {
		return rpmver.Compare(a, b)
	}
	if n, err := debver.Compare(a, b); err == nil {
		return n
	}
	return cmp.Compare(a, b)
}

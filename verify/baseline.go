package verify

import (
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Baseline is what an earlier run saw of a target.
type Baseline struct {
	// Source names the report that it is from.
	Source string
	// Finished is when that run ended.
	Finished time.Time
	// URL is where that run read the repository.
	URL string
	// Unknown says why the earlier run knows nothing of the target's packages,
	// "" when it does.
	Unknown  string
	Packages []Published
}

// Published is a package as an index once listed it.
type Published struct {
	Name, Version, Arch string
	// Path is relative to the root of the repository.
	Path string
	// Size in bytes; -1 when the index named none.
	Size int64
	// Digests are the strong ones of the index, or all when none is.
	Digests repo.Digests
}

// Package returns p as an entry of an index.
func (p Published) Package() repo.Package {
	return repo.Package{Name: p.Name, Version: p.Version, Arch: p.Arch, Path: p.Path, Claim: repo.Claim{Size: p.Size, Digests: p.Digests}}
}

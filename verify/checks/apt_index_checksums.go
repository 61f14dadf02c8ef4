package checks

import (
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "RepositoryFormat", "MD5Sum, SHA1, SHA256": "Those fields shall
// be multi-line fields containing multiple lines of whitespace separated data:
// checksum, size, and path"; and: "the file may not exist on the server
// uncompressed".
func aptIndexChecksums() verify.Check {
	return verify.Check{
		ID:       "apt-index-checksums",
		Title:    "each file that Release lists has its size and hashes",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that each index named in Release has the size and every hash that Release gives it, and that Packages.gz, decompressed, is Packages.

Why: apt refuses an index that differs ("Hash Sum mismatch", "File has unexpected size"). It happened to mirrors that copied Release and Packages at different moments (tuna/issues #2002: 16328 bytes against 17601).

When it fails: if the publication is not finished, wait and run again. Else publish the repository again; on a mirror, synchronise again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			var listed bool
			for _, x := range r.Apt.Indexes {
				listed = listed || verify.IsPackageIndex(x)
				if x.Problem.Is(repo.Absent) && standsIn(r.Apt.Indexes, x) {
					continue
				}
				found = append(found, judgeIndex(x)...)
			}
			if !listed {
				found = append(found, verify.Finding{
					Message: "the release file lists no Packages: apt sees an empty repository",
					URL:     r.Apt.InRelease.URL,
					Hint:    "publish the repository again",
				})
			}
			return found
		},
	}
}

// standsIn reports whether a compressed form of the plain file x is there and
// holds exactly what is listed: the plain file need not be served then.
func standsIn(all []repo.Index, x repo.Index) bool {
	if x.Type != x.Path {
		return false
	}
	for _, other := range all {
		if other.Type == x.Type && other.Open != nil && len(judgeIndex(other)) == 0 {
			return true
		}
	}
	return false
}

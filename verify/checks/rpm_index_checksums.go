package checks

import (
	"sigs.k8s.io/pkgverify/verify"
)

// createrepo_c's repomd.xml: each data element has checksum, open-checksum,
// size and open-size; librepo refuses a file whose checksum differs.
func rpmIndexChecksums() verify.Check {
	return verify.Check{
		ID:       "rpm-index-checksums",
		Title:    "each index that repomd.xml lists has its size and checksums, packed and open",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that each data element of repomd.xml is served with its checksum and size, and has its open-checksum and open-size after decompression.

Why: dnf and zypper refuse an index that differs. A stale or redirected file is found here (k/r #3969: filelists.xml.gz answered 403; k/r #3883: dnf got the 138 bytes of a redirect's body).

When it fails: if the publication is not finished, wait and run again. Else publish the repository again; on a mirror or CDN, synchronise or purge.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			var listed bool
			for _, x := range r.RPM.Indexes {
				listed = listed || verify.IsPackageIndex(x)
				found = append(found, judgeIndex(x)...)
			}
			if !listed {
				found = append(found, verify.Finding{
					Message: "repomd.xml lists no primary: dnf and zypper cannot read the repository",
					URL:     r.RPM.RepomdFile.URL,
					Hint:    "publish the repository again",
				})
			}
			return found
		},
	}
}

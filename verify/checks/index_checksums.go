package checks

import (
	"fmt"
	"strings"

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

// judgeIndex holds one index against what is claimed of it, packed and open.
func judgeIndex(x repo.Index) []verify.Finding {
	f := verify.Finding{
		Subject: verify.Subject{File: x.Path},
		URL:     x.URL,
		Hint:    "if the publication is still going on, run again later; else publish the repository again",
	}
	// A file whose bytes are as claimed and that still does not parse is
	// another check's.
	if x.Problem != nil && (!x.Problem.Is(repo.Malformed) || x.Size == 0) {
		return []verify.Finding{fileProblem(f, x.Problem)}
	}
	for _, claim := range x.Claims {
		if differs(&f, claim, x.Content) {
			f.Message = fmt.Sprintf("%s is not what %s says", x.Path, claim.By)
			return []verify.Finding{f}
		}
	}
	if x.Problem != nil && len(x.OpenClaims) > 0 && x.Open == nil {
		return []verify.Finding{fileProblem(f, x.Problem)}
	}
	if x.Open == nil {
		return nil
	}
	for _, claim := range x.OpenClaims {
		if differs(&f, claim, *x.Open) {
			f.Message = fmt.Sprintf("%s, decompressed, is not what %s says", x.Path, claim.By)
			return []verify.Finding{f}
		}
	}
	return nil
}

// differs fills in want, got and evidence of f where the content is not what
// is claimed.
func differs(f *verify.Finding, claim repo.Claim, got repo.Content) bool {
	if claim.Fits(got) {
		return false
	}
	algorithm, _ := claim.Digests.Disagreement(got.Digests)
	f.Want, f.Got = describe(claim.Size, algorithm, claim.Digests), describe(got.Size, algorithm, got.Digests)
	if claim.Line > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s line %d", claim.By, claim.Line))
	}
	return true
}

// describe writes a size and one digest, "" meaning none.
func describe(size int64, algorithm repo.Algorithm, digests repo.Digests) string {
	var parts []string
	if size >= 0 {
		parts = append(parts, fmt.Sprintf("%d bytes", size))
	}
	if algorithm != "" {
		parts = append(parts, string(algorithm)+" "+digests[algorithm])
	}
	return strings.Join(parts, ", ")
}

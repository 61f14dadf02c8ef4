package checks

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/verify"
)

// apt, apt-pkg/contrib/hashes.cc: HashStringList::usable wants SHA256 or SHA512;
// a file with only MD5Sum and SHA1 has no hash that counts. rpm-md has one checksum each; librepo and libzypp
// take any that they know, so that only the publisher can see to it.
func metadataStrongHash() verify.Check {
	return verify.Check{
		ID:       "metadata-strong-hash",
		Title:    "SHA-256 or better wherever the chain of trust needs a hash",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks for SHA-256 or better, deb: in the release file for every form of Packages and Sources, and in every stanza; rpm: in checksum and open-checksum of every data element of repomd.xml, and as the checksum of every package. Primary, filelists and other must have an open-checksum where they are compressed. MD5 and SHA-1 beside a strong hash do no harm.

Why: the signature covers the release file or repomd.xml only; all else hangs on hashes. With MD5 or SHA-1 two packages can be made that share one, and one signature then holds for both. apt has not counted MD5 and SHA-1 as hashes since 2017 and refuses ("No Hash entry in Release file ... which is considered strong enough for security purposes"); dnf and zypper still take SHA-1 without a word.

When it fails: make the index again with SHA-256 (apt-ftparchive and dpkg-scanpackages write it by default; createrepo_c --checksum sha256), and sign it again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			if r.Apt != nil {
				found = weakRelease(r.Apt)
				found = append(found, weakSources(r)...)
			} else {
				found = weakRepomd(r.RPM)
			}
			return append(found, weakPackages(r)...)
		},
	}
}

const hashHint = "make the index again with SHA-256, and sign it again"

// strong reports whether one of the digests is.
func strong(d repo.Digests) bool {
	for a := range d.All() {
		return a.Strong() // the strongest comes first
	}
	return false
}

// algorithms names those of the digests.
func algorithms(d repo.Digests) string {
	var all []string
	for a := range d.All() {
		all = append(all, string(a))
	}
	if len(all) == 0 {
		return "no hash"
	}
	return strings.Join(all, ", ") + " only"
}

// weakRelease judges what apt's root says of the lists of packages. What it
// says of other files is not needed: apt fetches none of them for a package.
func weakRelease(a *repo.Apt) []verify.Finding {
	file := a.InRelease
	if a.Inline == nil {
		file = a.Release
	}
	var weak lines
	var first string
	for _, e := range a.Root().Entries {
		kind := apt.ParseIndexPath(e.Path).Kind
		if kind != apt.PackagesIndex && kind != apt.SourcesIndex || strong(e.Digests) {
			continue
		}
		if first == "" {
			first = algorithms(e.Digests)
		}
		weak.add("%s line %d: %s has %s", e.By, e.Line, e.Path, algorithms(e.Digests))
	}
	if weak.count == 0 {
		return nil
	}
	return []verify.Finding{{
		Subject:  verify.Subject{File: file.Path},
		URL:      file.URL,
		Message:  fmt.Sprintf("%s gives no strong hash of %s: apt refuses the repository", file.Path, plural(weak.count, "index", "indexes")),
		Want:     "SHA256 or SHA512 of every index",
		Got:      first,
		Evidence: weak.evidence(),
		Hint:     hashHint,
	}}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// weakSources judges the files of source packages.
func weakSources(r *verify.Facts) []verify.Finding {
	var c causes
	for _, s := range r.Sources {
		for _, f := range s.Files {
			if !strong(f.Digests) {
				c.add(verify.Finding{
					Subject: verify.Subject{Package: s.Name, Version: s.Version, Arch: "source", File: f.Path},
					Message: s.By + " gives no strong hash of a source file",
					Want:    "Checksums-Sha256",
					Got:     algorithms(f.Digests),
					URL:     indexURL(r, s.By),
					Hint:    hashHint,
				})
			}
		}
	}
	return c.findings()
}

// weakPackages judges the hashes of the package files: one finding for each
// index and kind of weakness.
func weakPackages(r *verify.Facts) []verify.Finding {
	var c causes
	for _, p := range r.Packages {
		if strong(p.Claim.Digests) {
			continue
		}
		c.add(verify.Finding{
			Subject: verify.SubjectOf(p),
			Message: p.Claim.By + " gives no strong hash of a package",
			Want:    "sha256 or sha512",
			Got:     algorithms(p.Claim.Digests),
			URL:     indexURL(r, p.Claim.By),
			Hint:    hashHint,
		})
	}
	return c.findings()
}

// indexURL returns the address of the index at a path.
func indexURL(r *verify.Facts, path string) string {
	var indexes []repo.Index
	if r.Apt != nil {
		indexes = r.Apt.Indexes
	} else {
		indexes = r.RPM.Indexes
	}
	for _, x := range indexes {
		if x.Path == path {
			return x.URL
		}
	}
	return r.Target.URL
}

// weakRepomd judges the data elements of repomd.xml. A checksum that is missing
// is a fault of repomd.xml (rpm-repomd-present).
func weakRepomd(m *repo.RPMMD) []verify.Finding {
	file := m.RepomdFile
	f := verify.Finding{Subject: verify.Subject{File: file.Path}, URL: file.URL, Hint: "run createrepo_c again with --checksum sha256, and sign repomd.xml"}
	var weak, open lines
	for _, d := range m.Repomd.Data {
		if !strong(d.Claim.Digests) {
			weak.add("%s line %d: checksum of %s is %s", d.Claim.By, d.Claim.Line, d.Type, algorithms(d.Claim.Digests))
		}
		switch {
		case d.Open != nil && !d.Open.Digests.IsZero():
			if !strong(d.Open.Digests) {
				weak.add("%s line %d: open-checksum of %s is %s", d.Claim.By, d.Claim.Line, d.Type, algorithms(d.Open.Digests))
			}
		case needsOpen(d):
			open.add("%s line %d: %s, a compressed file, has none", d.Claim.By, d.Claim.Line, d.Type)
		}
	}
	var found []verify.Finding
	if weak.count > 0 {
		g := f
		g.Message = fmt.Sprintf("%s has %s by which content can be forged", file.Path, plural(weak.count, "checksum", "checksums"))
		g.Want, g.Got, g.Evidence = "sha256, sha384 or sha512", weak.kept[0], weak.evidence()
		found = append(found, g)
	}
	if open.count > 0 {
		g := f
		g.Message = fmt.Sprintf("%s gives %s no open-checksum: what is inside the compression is not vouched for", file.Path, plural(open.count, "index", "indexes"))
		g.Want, g.Got, g.Evidence = "an open-checksum by sha256, sha384 or sha512", open.kept[0], open.evidence()
		g.Hint = "run createrepo_c again, and sign repomd.xml"
		found = append(found, g)
	}
	return found
}

// needsOpen reports whether createrepo_c gives the data element an
// open-checksum. Others (modules, licences, product IDs) are added by tools
// that may leave it away, and no client needs it of those.
func needsOpen(d repo.RepomdData) bool {
	switch d.Type {
	case "primary", "filelists", "other":
		return compress.ByName(d.Location) != compress.None
	}
	return false
}

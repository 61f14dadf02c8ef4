package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// createrepo_c(8) writes one entry a package into each of primary, filelists
// and other, joined by pkgid, the checksum of the package file; libsolv
// (ext/repo_rpmmd.c) adds the files of an entry to the package of that pkgid,
// and passes over an entry whose pkgid primary does not have.
func rpmFilelistsConsistent() verify.Check {
	return verify.Check{
		ID:       "rpm-filelists-consistent",
		Title:    "filelists and primary list the same packages",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that repomd.xml lists filelists, and that filelists and, if there is one, other have exactly the packages of primary: each pkgid once for each time that primary has it, under the same name, version and architecture.

Why: primary names some files of a package only (below /etc and in bin folders). A dependency on any other path, and "dnf provides", are answered from filelists, and clients join the two by pkgid: a package that filelists lacks, or has under another pkgid, has no such files for them. Nothing else notices, because clients pass over it in silence. dnf and zypper read a repository without filelists, too (dnf5 fetches it only when asked); these questions then have no answer. Metadata of two publications mixed on a mirror are found here (k/r #3969: filelists.xml.gz answered 403, from a stale repomd.xml).

When it fails: run createrepo_c again over all packages, sign repomd.xml, and publish all of repodata at once.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			primary := parsedIndex(r.RPM.Indexes, "primary")
			if primary == nil {
				return []verify.Finding{unjudged(nil, verify.Finding{}, "filelists and primary were not compared", "rpm-index-checksums")}
			}
			if len(judgeIndex(*primary)) > 0 {
				f := verify.Finding{Subject: verify.Subject{File: primary.Path}, URL: primary.URL}
				return []verify.Finding{unjudged(primary.Problem, f, primary.Path+" was compared with nothing", "rpm-index-checksums")}
			}
			var found []verify.Finding
			if f := noFilelists(r); f != nil {
				found = append(found, *f)
			}
			for _, list := range []struct {
				kind    string
				entries []repo.FilelistEntry
			}{{"filelists", r.RPM.Filelists}, {"other", r.RPM.Others}} {
				if x := firstIndex(r.RPM.Indexes, list.kind); x != nil {
					found = append(found, judgeList(r, primary, x, list.entries)...)
				}
			}
			return found
		},
	}
}

// noFilelists returns a finding when repomd.xml lists none, packed as it may
// be: zchunk clients take theirs, sqlite is older than all of today's.
func noFilelists(r *verify.Facts) *verify.Finding {
	for _, x := range r.RPM.Indexes {
		if x.Type == "filelists" || x.Type == "filelists_zck" {
			return nil
		}
	}
	if r.RPM.RepomdFile.Problem != nil {
		// A data element that does not parse is not among the indexes.
		f := unjudged(nil, verify.Finding{Subject: verify.Subject{File: r.RPM.RepomdFile.Path}, URL: r.RPM.RepomdFile.URL},
			"it is not known whether filelists is listed", "rpm-repomd-present")
		return &f
	}
	return &verify.Finding{
		Subject: verify.Subject{File: r.RPM.RepomdFile.Path},
		URL:     r.RPM.RepomdFile.URL,
		Message: r.RPM.RepomdFile.Path + " lists no filelists: no client can tell which files the packages have",
		Want:    "a data element of type filelists",
		Got:     types(r.RPM.Indexes),
		Hint:    "run createrepo_c again over all packages, and sign repomd.xml",
	}
}

func types(indexes []repo.Index) string {
	var all []string
	for _, x := range indexes {
		all = append(all, x.Type)
	}
	return fmt.Sprint(all)
}

// firstIndex returns the first index of a type, which is the one that clients
// take; parsedIndex only if its entries were read.
func firstIndex(indexes []repo.Index, kind string) *repo.Index {
	for i := range indexes {
		if indexes[i].Type == kind {
			return &indexes[i]
		}
	}
	return nil
}

func parsedIndex(indexes []repo.Index, kind string) *repo.Index {
	if x := firstIndex(indexes, kind); x != nil && x.Parsed {
		return x
	}
	return nil
}

// judgeList holds one list against primary. The list is wrong in one way at a
// time: entries that do not parse are missing as well.
func judgeList(r *verify.Facts, primary, x *repo.Index, entries []repo.FilelistEntry) []verify.Finding {
	f := verify.Finding{Subject: verify.Subject{File: x.Path}, URL: x.URL}
	if len(judgeIndex(*x)) > 0 {
		return []verify.Finding{unjudged(x.Problem, f, x.Path+" was not compared with primary", "rpm-index-checksums")}
	}
	f.Hint = "run createrepo_c again over all packages, sign repomd.xml, and publish all of repodata at once"
	if !x.Parsed {
		return []verify.Finding{fileProblem(f, x.Problem)}
	}
	if x.FaultCount > 0 {
		f.Message = fmt.Sprintf("%s has %d bad entries, which are no entries of any package in primary", x.Path, x.FaultCount)
		f.Want, f.Got = fmt.Sprintf("%d entries", len(r.Packages)), fmt.Sprintf("%d that can be read", x.Entries)
		var all lines
		for _, p := range x.Faults {
			all.add("%s", p.String())
		}
		all.count += x.FaultCount - len(x.Faults)
		f.Evidence = append(all.evidence(), unrest(r)...)
		return []verify.Finding{f}
	}
	d := compareList(r.Packages, entries)
	switch {
	case d.missing+d.surplus+d.renamed == 0:
		return nil
	case d.missing+d.renamed == 0 && d.surplus <= primary.FaultCount:
		// They may well be of the packages that primary has in bad entries.
		return []verify.Finding{unjudged(nil, f, fmt.Sprintf("%s lists %d more packages than primary", x.Path, d.surplus), "rpm-primary-wellformed")}
	}
	f.Message = fmt.Sprintf("%s and %s list different packages: %s", x.Path, primary.Path, d.summary())
	f.Want, f.Got = fmt.Sprintf("the %d packages of primary", len(r.Packages)), fmt.Sprintf("%d entries, %d of them right", len(entries), len(entries)-d.surplus-d.renamed)
	f.Evidence = append(d.evidence.evidence(), unrest(r)...)
	return []verify.Finding{f}
}

// listDifference is how a list differs from primary.
type listDifference struct {
	missing, surplus, renamed int
	evidence                  lines
}

func (d *listDifference) summary() string {
	text := ""
	for _, x := range []struct {
		n    int
		what string
	}{{d.missing, "missing"}, {d.surplus, "that primary does not have"}, {d.renamed, "under another name, version or architecture"}} {
		if x.n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", x.n, x.what)
		}
	}
	return text
}

// compareList joins by pkgid, as clients do. A pkgid may be there several
// times: one file in two folders.
func compareList(packages []repo.Package, entries []repo.FilelistEntry) *listDifference {
	d := &listDifference{}
	if inOrder(packages, entries) {
		return d
	}
	at := make(map[string][]int32, len(packages)) // by pkgid, those not met yet
	for i, p := range packages {
		id := pkgID(p)
		at[id] = append(at[id], int32(i))
	}
	for _, x := range entries {
		left := at[x.PkgID]
		if len(left) == 0 {
			d.surplus++
			d.evidence.add("%s %s %s (pkgid %s) is listed and not in primary, or once too often", x.Name, x.Version, x.Arch, x.PkgID)
			continue
		}
		p := packages[left[0]]
		at[x.PkgID] = left[1:]
		if !sameName(p, x) {
			d.renamed++
			d.evidence.add("pkgid %s is %s in primary, and %s %s %s here", x.PkgID, p, x.Name, x.Version, x.Arch)
		}
	}
	for _, p := range packages {
		if left := at[pkgID(p)]; len(left) > 0 {
			at[pkgID(p)] = left[1:]
			d.missing++
			d.evidence.add("%s (pkgid %s) is missing", p, pkgID(p))
		}
	}
	return d
}

// inOrder reports whether the list has the packages of primary in its order,
// as createrepo_c writes them.
func inOrder(packages []repo.Package, entries []repo.FilelistEntry) bool {
	if len(packages) != len(entries) {
		return false
	}
	for i, x := range entries {
		if pkgID(packages[i]) != x.PkgID || !sameName(packages[i], x) {
			return false
		}
	}
	return true
}

func sameName(p repo.Package, x repo.FilelistEntry) bool {
	return p.Name == x.Name && p.Version == x.Version && p.Arch == x.Arch
}

// pkgID returns the one digest that primary gives of a package.
func pkgID(p repo.Package) string {
	for _, digest := range p.Claim.Digests.All() {
		return digest
	}
	return ""
}

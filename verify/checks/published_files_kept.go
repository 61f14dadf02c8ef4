package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// kubernetes/release #3623: 1.28.9-1.1 was gone, -2.1 was there in its place.
// cri-o #5343, #5424, #5802, #7587: packages were built again under the same
// name, and what users had pinned or mirrored no longer fitted.
func publishedFilesKept() verify.Check {
	return verify.Check{
		ID:       "published-files-kept",
		Title:    "nothing that was published before has vanished or changed under its name",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each package that an earlier run saw (--baseline report.json) is still there, in the same revision, with the same size and digest, and that no path has come to hold another package. New packages, new keys and new metadata are as they should be. Without --baseline there is nothing to ask.

Why: users pin versions, mirrors keep files, and clusters install an old patch again. A revision that vanishes breaks every pin (k/r #3623: 1.28.9-1.1 went when -2.1 came); a package that is built again in place breaks every checksum that was kept (cri-o #5343, #5424, #5802, #7587).

When it fails: put the old files back beside the new ones and publish again. If they were withdrawn on purpose, tell users, and take a report of today as the next baseline.`,
		Moot: func(e *verify.Expectation) string {
			if e.Baseline == nil {
				return "there is no earlier run to hold the repository against (--baseline)"
			}
			return ""
		},
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			b := e.Baseline
			if b.Unknown != "" {
				return []verify.Finding{{
					Status:  verify.Warn,
					Message: "the baseline says nothing of this repository: " + b.Unknown,
					URL:     e.Target.URL,
					Want:    "a report in which its list of packages was read",
					Got:     baselineName(b),
					Hint:    "take the report of a newer run as the baseline",
				}}
			}
			k := keeping{e: e, now: newListing(r.Packages), unread: unreadLists(r.Repository)}
			for _, p := range b.Packages {
				k.look(p)
			}
			return k.findings()
		},
	}
}

func baselineName(b *verify.Baseline) string {
	return fmt.Sprintf("%s of %s", b.Source, b.Finished.UTC().Format(time.RFC3339))
}

// identity is what package managers know a package by.
type identity struct{ name, version, arch string }

func identityOf(p repo.Package) identity { return identity{p.Name, p.Version, p.Arch} }

// listing finds the packages that are listed now.
type listing struct {
	packages []repo.Package
	of       map[identity]int // the first of that identity
	at       map[string]int   // by path
	// upstream finds other revisions; its version is the upstream one.
	upstream map[identity]int
	// again finds, from each package, the next one of its identity.
	again map[int]int
}

func newListing(packages []repo.Package) *listing {
	l := &listing{
		packages: packages,
		of:       make(map[identity]int, len(packages)),
		at:       make(map[string]int, len(packages)),
		upstream: make(map[identity]int, len(packages)),
		again:    make(map[int]int),
	}
	for i, p := range slices.Backward(packages) {
		if next, ok := l.of[identityOf(p)]; ok {
			l.again[i] = next
		}
		l.of[identityOf(p)], l.at[p.Path] = i, i
		l.upstream[identity{p.Name, p.Upstream(), p.Arch}] = i
	}
	return l
}

// next returns the package behind i that has its identity too.
func (l *listing) next(i int) (int, bool) {
	j, ok := l.again[i]
	return j, ok
}

// keeping holds a baseline against what is listed now.
type keeping struct {
	e   *verify.Expectation
	now *listing
	// unread are the lists that could not be read now.
	unread []repo.Index

	asked, gone       []slot // the version is the whole one
	hidden            int    // not seen, because a list was not read
	changed, replaced causes
	moved             causes
	rebuilt           map[string]*verify.Finding // by upstream version
	rebuiltOrder      []string
}

// look asks of one package of the baseline.
func (k *keeping) look(p verify.Published) {
	if arch, ok := repo.ParseArch(p.Arch); ok && k.e.Target.Suite != "" && !slices.Contains(k.e.Arches, arch) {
		return // below dists/ only the lists of the chosen architectures are read
	}
	was := p.Package()
	s := slot{name: p.Name, version: p.Version, arch: p.Arch}
	k.asked = append(k.asked, s)
	at, ok := k.now.of[identityOf(was)]
	if ok {
		k.compare(was, at)
		return
	}
	if i, taken := k.now.at[p.Path]; taken {
		k.replace(was, k.now.packages[i])
		return
	}
	if len(k.unread) > 0 {
		k.hidden++
		return
	}
	if i, other := k.now.upstream[identity{p.Name, was.Upstream(), p.Arch}]; other {
		k.rebuild(was, k.now.packages[i])
		return
	}
	k.gone = append(k.gone, s)
}

// replace notes a path that has come to hold another package.
func (k *keeping) replace(was, is repo.Package) {
	k.replaced.add(k.finding(was, verify.Finding{
		Message: "a path now holds another package than before",
		Want:    was.String() + " at " + was.Path,
		Got:     is.String(),
		Hint:    "put the old file back, and publish the new one under a name of its own",
	}))
}

// compare holds a package against those that have its identity now.
func (k *keeping) compare(was repo.Package, at int) {
	is := k.now.packages[at]
	for i, ok := at, true; ok; i, ok = k.now.next(i) {
		x := k.now.packages[i]
		if sameBytes(was.Claim, x.Claim) {
			if x.Path == was.Path {
				return
			}
			is = x
		}
	}
	if !sameBytes(was.Claim, is.Claim) {
		algorithm, _ := was.Claim.Digests.Disagreement(is.Claim.Digests)
		k.changed.add(k.finding(was, verify.Finding{
			Message:  "a package was changed under its name and version",
			Want:     describe(was.Claim.Size, algorithm, was.Claim.Digests),
			Got:      describe(is.Claim.Size, algorithm, is.Claim.Digests),
			Evidence: []string{place(is)},
			Hint:     "put the old file back; publish what was built anew under a new revision",
		}))
		return
	}
	if i, taken := k.now.at[was.Path]; taken {
		k.replace(was, k.now.packages[i])
		return
	}
	k.moved.add(k.finding(was, verify.Finding{
		Status:  verify.Warn,
		Message: "a package has moved to another path",
		Want:    was.Path,
		Got:     is.Path,
		Hint:    "serve the old path as well until mirrors and clients have the new list",
	}))
}

// sameBytes reports whether two claims may be of one file.
func sameBytes(a, b repo.Claim) bool {
	return (a.Size < 0 || b.Size < 0 || a.Size == b.Size) && sameDigests(a.Digests, b.Digests)
}

func (k *keeping) finding(was repo.Package, f verify.Finding) verify.Finding {
	f.Subject = verify.SubjectOf(was)
	f.URL = k.e.Target.URL
	return f
}

// rebuild notes that another revision has taken a package's place: one cause
// for each upstream version.
func (k *keeping) rebuild(was, is repo.Package) {
	v := was.Upstream()
	f := k.rebuilt[v]
	if f == nil {
		if k.rebuilt == nil {
			k.rebuilt = make(map[string]*verify.Finding)
		}
		f = &verify.Finding{
			Subject: verify.SubjectOf(was),
			URL:     k.e.Target.URL,
			Message: fmt.Sprintf("%s was published again as another revision, and the old one has vanished", v),
			Want:    was.Version,
			Got:     is.Version + " only",
			Hint:    "put the old revision back beside the new one: users have pinned it",
		}
		k.rebuilt[v] = f
		k.rebuiltOrder = append(k.rebuiltOrder, v)
	}
	f.Subject = common(f.Subject, verify.SubjectOf(was))
	switch n := len(f.Evidence); {
	case n < maxListed:
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: now %s", was, is.Version))
	case n == maxListed:
		f.Evidence = append(f.Evidence, "and more")
	}
}

func (k *keeping) findings() []verify.Finding {
	var found []verify.Finding
	found = append(found, vanished(k.e, k.asked, k.gone)...)
	for _, v := range k.rebuiltOrder {
		found = append(found, *k.rebuilt[v])
	}
	found = append(found, k.changed.findings()...)
	found = append(found, k.replaced.findings()...)
	found = append(found, k.moved.findings()...)
	if k.hidden > 0 {
		f := verify.Finding{
			Status:  verify.Skipped,
			URL:     k.e.Target.URL,
			Message: fmt.Sprintf("not asked of %d packages: a list was not read, see %s", k.hidden, listReporter(k.e.Target.Format)),
		}
		for _, x := range k.unread {
			f.Evidence = append(f.Evidence, x.Path+": "+x.Problem.String())
			if x.Problem.Is(repo.Unreachable) {
				f.Status = verify.Blocked
			}
		}
		found = append(found, f)
	}
	for i := range found {
		if found[i].Status != verify.Skipped && found[i].Status != verify.Blocked {
			found[i].Evidence = append(found[i].Evidence, "held against "+baselineName(k.e.Baseline))
		}
	}
	return found
}

// vanished says what is gone, each cause once: everything, a whole
// architecture, a whole version, a whole package, and then what is left.
func vanished(e *verify.Expectation, asked, gone []slot) []verify.Finding {
	upstream := func(s slot) string { return repo.Package{Version: s.version}.Upstream() }
	causes := []struct {
		key  func(slot) string
		says func([]slot) string
	}{
		{func(slot) string { return "" }, func([]slot) string { return "every package of the baseline has vanished" }},
		{func(s slot) string { return s.arch }, func(g []slot) string { return "the architecture " + g[0].arch + " has vanished" }},
		{upstream, func(g []slot) string {
			return fmt.Sprintf("the version %s has vanished: %s", upstream(g[0]), list(names(g)))
		}},
		{func(s slot) string { return s.name }, func(g []slot) string { return fmt.Sprintf("the package %s has vanished", g[0].name) }},
	}
	var found []verify.Finding
	report := func(g []slot, message string) {
		f := verify.Finding{
			Message: message,
			URL:     e.Target.URL,
			Want:    some(names(g)) + " in " + some(versions(g)) + " for " + some(arches(g)),
			Got:     "none of them",
			Hint:    "put the files back and publish again; if they were withdrawn on purpose, take a report of today as the next baseline",
		}
		f.Subject = verify.Subject{Package: g[0].name, Version: g[0].version, Arch: g[0].arch}
		for _, s := range g {
			f.Subject = common(f.Subject, verify.Subject{Package: s.name, Version: s.version, Arch: s.arch})
		}
		for i, s := range g {
			if i == maxListed {
				f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", len(g)-i))
				break
			}
			f.Evidence = append(f.Evidence, strings.Join([]string{s.name, s.version, s.arch}, " "))
		}
		found = append(found, f)
	}
	for _, c := range causes {
		all, byKey := partition(asked, c.key), partition(gone, c.key)
		reported := make(map[string]bool)
		for _, key := range unique(gone, c.key) {
			if g := byKey[key]; len(g) == len(all[key]) {
				report(g, c.says(g))
				reported[key] = true
			}
		}
		gone = slices.DeleteFunc(gone, func(s slot) bool { return reported[c.key(s)] })
	}
	key := func(s slot) string { return s.name + " " + s.version }
	byKey := partition(gone, key)
	for _, id := range unique(gone, key) {
		g := byKey[id]
		report(g, fmt.Sprintf("%s has vanished for %s", id, list(arches(g))))
	}
	return found
}

// some writes at most maxListed names.
func some(s []string) string {
	if len(s) > maxListed {
		return fmt.Sprintf("%s and %d more", list(s[:maxListed]), len(s)-maxListed)
	}
	return list(s)
}

// unreadLists returns the lists of packages of which no form could be read.
func unreadLists(r *repo.Repository) []repo.Index {
	var indexes []repo.Index
	if r.Apt != nil {
		indexes = r.Apt.Indexes
	} else if r.RPM != nil {
		indexes = r.RPM.Indexes
	}
	read := make(map[string]bool)
	for _, x := range indexes {
		if x.Parsed {
			read[path.Clean(x.Type)] = true
		}
	}
	var out []repo.Index
	for _, x := range indexes {
		if verify.IsPackageIndex(x) && !read[path.Clean(x.Type)] && x.Problem != nil {
			out = append(out, x)
		}
	}
	return out
}

// listReporter returns the check that reports lists that cannot be read.
func listReporter(f repo.Format) string {
	if f == repo.RPM {
		return "rpm-index-checksums"
	}
	return "apt-index-checksums"
}

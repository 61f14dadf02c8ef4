package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: "assert that all the packages we expect to be published
// are actually published".
func packagesPublished() verify.Check {
	return verify.Check{
		ID:       "packages-published",
		Title:    "every expected package is there in every version and architecture",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that the index lists every expected package, in every expected version, for every expected architecture. Revisions (-1.1, 150500.2.1) are not asked for. Packages with versions of their own (cri-tools, kubernetes-cni) must be there in one version or more, the newest for every architecture.

Why: packages have been missing at release after release: kubernetes-cni and cri-tools at the .0 of v1.30, v1.31, v1.34, v1.35, v1.36 (k/r #3575, #4100; k/k #126660, #133735, #135803, #138534); one architecture whose build had failed while the job exited 0 (k/r #3632); kubelet 1.28.5 for s390x, missing to this day.

When it fails: look at the build of the package named, for the architecture named; build it again and publish.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			if e.Unknown != nil {
				found = append(found, verify.Problemf(e.Unknown,
					verify.Finding{Hint: "name the versions with --versions or --expect"},
					"the versions that must be there are not known"))
			}
			slots, unmet := wanted(e, r.Packages)
			found = append(found, unmet...)
			found = append(found, missing(slots, r.Packages)...)
			for i := range found {
				if found[i].URL == "" {
					found[i].URL = e.Target.URL
				}
				if found[i].Hint == "" {
					found[i].Hint = "look at this build in the publishing project, build it again and publish"
				}
			}
			return found
		},
	}
}

// slot is one package that an index must list, by upstream version.
type slot struct {
	name, version, arch string
	own                 bool // the version is the package's own
}

// wanted returns every slot that must be filled. Of a package with versions of
// its own that is the newest version there is; where there is none, or none new
// enough, a finding says so.
func wanted(e *verify.Expectation, packages []repo.Package) ([]slot, []verify.Finding) {
	var slots []slot
	var found []verify.Finding
	for _, p := range e.Packages {
		versions, own := p.Versions, p.OwnVersions
		if own && len(versions) == 0 {
			newest := newestOf(e.Target.Format, p.Name, packages)
			f := verify.Finding{Subject: verify.Subject{Package: p.Name}}
			switch {
			case newest == nil:
				f.Message = "the package " + p.Name + " is missing"
				f.Want = p.Name + " in any version, for " + list(spelled(e, p))
				f.Got = "no " + p.Name
				found = append(found, f)
				continue
			case p.MinVersion != "" && vercmp.Compare(e.Target.Format, newest.Version, p.MinVersion) < 0:
				f.Subject.Version = newest.Upstream()
				f.Message = "the newest " + p.Name + " is too old"
				f.Want, f.Got = p.MinVersion+" or newer", newest.Upstream()
				found = append(found, f)
			}
			versions = []string{newest.Upstream()}
		}
		for _, v := range versions {
			for _, a := range spelled(e, p) {
				slots = append(slots, slot{p.Name, v, a, own})
			}
		}
	}
	return slots, found
}

// newestOf returns the entry with the highest version of a package.
func newestOf(f repo.Format, name string, packages []repo.Package) *repo.Package {
	var newest *repo.Package
	for i := range packages {
		p := &packages[i]
		if p.Name == name && (newest == nil || vercmp.Compare(f, p.Version, newest.Version) > 0) {
			newest = p
		}
	}
	return newest
}

// missing finds the holes and says each cause once: nothing at all, a whole
// architecture, a whole version, a whole package, and then what is left.
func missing(all []slot, packages []repo.Package) []verify.Finding {
	type entry struct{ name, version, arch string }
	there := make(map[entry]bool, len(packages))
	for _, p := range packages {
		there[entry{p.Name, p.Upstream(), p.Arch}] = true
	}
	var holes []slot
	for _, s := range all {
		if !there[entry{s.name, s.version, s.arch}] && !there[entry{s.name, s.version, "all"}] && !there[entry{s.name, s.version, "noarch"}] {
			holes = append(holes, s)
		}
	}
	return explain(all, holes, len(packages))
}

// explain says the cause of each hole among the slots once, beginning with the
// one that explains most. There are so many packages in all.
func explain(all, holes []slot, packages int) []verify.Finding {
	causes := []struct {
		key  func(slot) string // what holes of this cause share; "" for a slot that has no such cause
		says func([]slot) verify.Finding
	}{
		{func(slot) string { return "all" }, func([]slot) verify.Finding {
			return verify.Finding{Message: "none of the expected packages is there", Got: fmt.Sprintf("%d other packages", packages)}
		}},
		{func(s slot) string { return s.arch }, func(h []slot) verify.Finding {
			return verify.Finding{
				Subject: verify.Subject{Arch: h[0].arch},
				Message: fmt.Sprintf("the architecture %s is missing: %s", h[0].arch, list(names(h))),
				Got:     "none of them for " + h[0].arch,
			}
		}},
		// A version is the product's: packages with versions of their own have
		// nothing to do with one another.
		{func(s slot) string {
			if s.own {
				return ""
			}
			return s.version
		}, func(h []slot) verify.Finding {
			return verify.Finding{
				Subject: verify.Subject{Version: h[0].version},
				Message: fmt.Sprintf("the version %s is missing: %s", h[0].version, list(names(h))),
				Got:     "none of them in " + h[0].version,
			}
		}},
		{func(s slot) string { return s.name }, func(h []slot) verify.Finding {
			return verify.Finding{
				Subject: verify.Subject{Package: h[0].name},
				Message: fmt.Sprintf("the package %s is missing in every expected version", h[0].name),
				Got:     "no " + h[0].name,
			}
		}},
		{func(s slot) string { return s.name + " " + s.version }, func(h []slot) verify.Finding {
			return verify.Finding{
				Subject: verify.Subject{Package: h[0].name, Version: h[0].version},
				Message: fmt.Sprintf("%s %s is missing for every architecture", h[0].name, h[0].version),
				Got:     "nothing",
			}
		}},
	}
	var found []verify.Finding
	for _, c := range causes {
		expected, byKey := partition(all, c.key), partition(holes, c.key)
		for _, key := range unique(holes, c.key) {
			h := byKey[key]
			if key == "" || len(h) < len(expected[key]) {
				continue
			}
			f := c.says(h)
			f.Want = list(names(h)) + " in " + list(versions(h)) + " for " + list(arches(h))
			found = append(found, f)
			holes = slices.DeleteFunc(holes, func(s slot) bool { return c.key(s) == key })
		}
	}
	return append(found, rest(holes)...)
}

// rest reports the holes that are no whole row, one finding for each package
// and version.
func rest(holes []slot) []verify.Finding {
	key := func(s slot) string { return s.name + " " + s.version }
	byKey := partition(holes, key)
	var found []verify.Finding
	for _, k := range unique(holes, key) {
		h := byKey[k]
		f := verify.Finding{
			Subject: verify.Subject{Package: h[0].name, Version: h[0].version},
			Message: fmt.Sprintf("%s is missing for %s", k, list(arches(h))),
			Want:    k + " for " + list(arches(h)),
			Got:     k + " for other architectures only",
		}
		if len(h) == 1 {
			f.Subject.Arch = h[0].arch
		}
		found = append(found, f)
	}
	return found
}

// spelled returns the architectures that are expected of p, as the repository
// writes them.
func spelled(e *verify.Expectation, p verify.PackageExpectation) []string {
	arches := p.Arches
	if len(arches) == 0 {
		arches = e.Arches
	}
	var out []string
	for _, a := range arches {
		out = append(out, a.In(e.Target.Format))
	}
	return out
}

func names(s []slot) []string    { return unique(s, func(x slot) string { return x.name }) }
func versions(s []slot) []string { return unique(s, func(x slot) string { return x.version }) }
func arches(s []slot) []string   { return unique(s, func(x slot) string { return x.arch }) }

// unique returns the different keys in order of first mention.
func unique(s []slot, key func(slot) string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, x := range s {
		if k := key(x); !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// partition sorts slots by a key.
func partition(s []slot, key func(slot) string) map[string][]slot {
	out := make(map[string][]slot)
	for _, x := range s {
		out[key(x)] = append(out[key(x)], x)
	}
	return out
}

// list writes names with commas.
func list(s []string) string { return strings.Join(s, ", ") }

package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "When an End User inspects the officially documented
// deb and rpm kubernetes repositories for this specific kubernetes minor version
// Then they see the newly cut releases published".
func formatParity() verify.Check {
	return verify.Check{
		ID:       "format-parity",
		Title:    "deb and rpm hold the same versions and architectures",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Beside:   []verify.Beside{verify.BesideSiblings},
		Doc: `Asks that the deb and the rpm repository of one channel and minor list the same upstream versions of each expected package, for the same architectures. Revisions are not compared; architectures that the profile knows for one format only are left aside. A pair is judged once, on the rpm side.

Why: users of both families follow the same release notes, and mixed clusters need the same version on all nodes. Builds fail for one format alone: kubelet 1.28.5 for s390x is there as rpm and not as deb to this day, and one run exited 0 with all debs for ppc64le missing (k/r #3632). It finds holes also where the versions that must be there are not known.

When it fails: look at the build of the format that lacks the package, build it again and publish. If packages-published reports the same hole, it is the same cause.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, s := range r.Siblings {
				if s.Target.Format < e.Target.Format {
					found = append(found, disparity(e, r, s)...)
				}
			}
			return found
		},
	}
}

// disparity says what each of two repositories has that the other lacks.
func disparity(e *verify.Expectation, r *verify.Facts, s *repo.Repository) []verify.Finding {
	if blocked, why := verify.Unmet(s, verify.NeedIndex); why != "" {
		f := verify.Finding{Status: verify.Skipped, URL: s.Target.URL,
			Message: fmt.Sprintf("the list of the %s packages could not be read", s.Target.Format), Got: why}
		if blocked {
			f.Status = verify.Blocked
			f.Hint = "check the network and the server from here, then run again"
		}
		return []verify.Finding{f}
	}
	mine, theirs := held(e, r.Packages), held(e, s.Packages)
	all := union(e, mine, theirs)
	var found []verify.Finding
	for _, side := range []struct {
		lacks, has repo.Target
		there      map[slot]bool
	}{{s.Target, e.Target, theirs}, {e.Target, s.Target, mine}} {
		rows := inFormat(side.lacks.Format, all)
		holes := inFormat(side.lacks.Format, slices.DeleteFunc(slices.Clone(all), func(x slot) bool { return side.there[x] }))
		for _, f := range explain(rows, holes, len(side.there)) {
			f.Message = fmt.Sprintf("%s lacks what %s has: %s", side.lacks.Format, side.has.Format, f.Message)
			f.URL = side.lacks.URL
			f.Hint = fmt.Sprintf("look at the %s build of it, build it again and publish; if %s should not have it, take it out there",
				side.lacks.Format, side.has.Format)
			found = append(found, f)
		}
	}
	return found
}

// held returns what a repository has of the expected packages, for the
// architectures that both formats have, by the architectures' own names.
func held(e *verify.Expectation, packages []repo.Package) map[slot]bool {
	out := make(map[slot]bool)
	for _, p := range packages {
		x := e.Package(p.Name)
		if x == nil {
			continue
		}
		arch, known := repo.ParseArch(p.Arch)
		for _, a := range shared(e, x) {
			if a == arch || !known && (p.Arch == "all" || p.Arch == "noarch") {
				out[slot{p.Name, p.Upstream(), string(a), x.OwnVersions}] = true
			}
		}
	}
	return out
}

// shared returns the architectures for which x is expected in every format.
func shared(e *verify.Expectation, x *verify.PackageExpectation) []repo.Arch {
	switch {
	case len(x.Arches) > 0:
		return x.Arches
	case e.SharedArches != nil:
		return e.SharedArches
	}
	return e.Arches
}

// union returns what either has, by package, version and architecture.
func union(e *verify.Expectation, a, b map[slot]bool) []slot {
	all := maps.Clone(a)
	maps.Copy(all, b)
	place := make(map[string]int)
	for i, x := range e.Packages {
		place[x.Name] = i
	}
	return slices.SortedFunc(maps.Keys(all), func(x, y slot) int {
		return cmp.Or(cmp.Compare(place[x.name], place[y.name]), compareUpstream(e.Target.Format, x.version, y.version),
			cmp.Compare(x.version, y.version), cmp.Compare(x.arch, y.arch))
	})
}

// inFormat spells the architectures as a format does.
func inFormat(f repo.Format, slots []slot) []slot {
	out := slices.Clone(slots)
	for i := range out {
		out[i].arch = repo.Arch(out[i].arch).In(f)
	}
	return out
}

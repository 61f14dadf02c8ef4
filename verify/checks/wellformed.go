package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/repopath"
	"sigs.k8s.io/pkgverify/verify"
)

// wellformed judges the entries of the package indexes.
func wellformed(indexes []repo.Index, packages []repo.Package, entry string) []verify.Finding {
	var found []verify.Finding
	for _, x := range indexes {
		if !verify.IsPackageIndex(x) {
			continue
		}
		f := verify.Finding{Subject: verify.Subject{File: x.Path}, URL: x.URL,
			Hint: "make the index again from the packages, and sign it again"}
		if x.Problem.Is(repo.Malformed) && len(judgeIndex(x)) == 0 {
			found = append(found, fileProblem(f, x.Problem))
		}
		if x.FaultCount == 0 || !x.Parsed {
			continue
		}
		found = append(found, faults(f, x, entry)...)
	}
	return append(found, contradictions(packages)...)
}

// faults tells those that hide entries from clients apart from those that
// clients read over.
func faults(f verify.Finding, x repo.Index, entry string) []verify.Finding {
	bad, odd := f, f
	odd.Status = verify.Warn
	nOdd := 0
	for _, p := range x.Faults {
		g := &bad
		if p.Tolerated {
			nOdd++
			g = &odd
		}
		if g.Got == "" {
			g.Got = p.String()
		}
		if len(g.Evidence) < maxListed {
			g.Evidence = append(g.Evidence, p.String())
		}
	}
	var found []verify.Finding
	if nBad := x.FaultCount - nOdd; nBad > 0 {
		// What is beyond repo.MaxFaults is not known to be tolerated.
		bad.Message = fmt.Sprintf("%s has %d bad %s(s); clients do not see them", x.Path, nBad, entry)
		if bad.Got == "" {
			bad.Got = fmt.Sprintf("%d faults, of which the first %d are tolerated", x.FaultCount, nOdd)
		}
		found = append(found, bad)
	}
	if nOdd > 0 {
		odd.Message = fmt.Sprintf("%s has %d odd %s(s), which clients read all the same", x.Path, nOdd, entry)
		odd.Hint = "mend the control files of these packages"
		found = append(found, odd)
	}
	return found
}

// contradictions finds packages under one name, version and architecture that
// are not the same file, and paths that lead out of the repository.
func contradictions(packages []repo.Package) []verify.Finding {
	type identity struct{ name, version, arch string }
	first := make(map[identity]int, len(packages))
	var found []verify.Finding
	for i, p := range packages {
		if _, err := repopath.Clean(p.Path); err != nil {
			found = append(found, verify.Finding{
				Subject:  verify.SubjectOf(p),
				Message:  "the index names a file outside the repository",
				Want:     "a path below the root",
				Got:      fmt.Sprintf("%q", p.Path),
				Evidence: []string{place(p), err.Error()},
				Hint:     "treat the repository as tampered with until it is known how this entry came about",
			})
		}
		id := identity{p.Name, p.Version, p.Arch}
		at, seen := first[id]
		if !seen {
			first[id] = i
			continue
		}
		earlier := packages[at]
		if earlier.Claim.Size != p.Claim.Size || !sameDigests(earlier.Claim.Digests, p.Claim.Digests) {
			found = append(found, verify.Finding{
				Subject:  verify.SubjectOf(p),
				Message:  fmt.Sprintf("two different packages are listed as %s", p),
				Want:     "one package of that name, version and architecture",
				Got:      fmt.Sprintf("%s (%d bytes) and %s (%d bytes)", earlier.Path, earlier.Claim.Size, p.Path, p.Claim.Size),
				Evidence: []string{place(earlier), place(p)},
				Hint:     "remove the one that was not meant to be published; never rebuild under the same version",
			})
		}
	}
	return found
}

func sameDigests(a, b repo.Digests) bool {
	_, differ := a.Disagreement(b)
	return !differ
}

// place says where the index lists p.
func place(p repo.Package) string {
	return fmt.Sprintf("%s line %d", p.Claim.By, p.Claim.Line)
}

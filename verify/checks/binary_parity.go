package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Design Details: the packages of both formats are made from the
// binaries of one release; kubernetes/release builds deb and rpm from one spec
// file and one archive for each architecture.
func binaryParity() verify.Check {
	return verify.Check{
		ID:       "binary-parity",
		Title:    "deb and rpm of one version and architecture carry the same programs",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Beside:   []verify.Beside{verify.BesideSiblings},
		Doc: `Asks that the newest deb and the newest rpm of each upstream version and architecture hold the same programs and libraries: at the same paths, byte for byte. Other files may differ. The pair is reported once, on the rpm repository; a version that only one of the two has is for format-parity to report.

Why: both are made from the same release, so a difference means that one was built from something else: another version, another run of the build, or a file that was changed on the way. Packages that were stripped again differ, too, and can no longer be held against the release.

When it fails: the evidence names the programs and what each says of itself. Find out which of the two is the release's (binary-official says it where a checksum is published), and build the other one again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, sibling := range r.Siblings {
				if sibling.Target.Format < e.Target.Format {
					found = append(found, compareFormats(r.Repository, sibling)...)
				}
			}
			return found
		},
	}
}

// build is what makes two packages the same in two formats.
type build struct {
	name, upstream string
	arch           repo.Arch
}

// newestBuilds returns the newest package of each build.
func newestBuilds(r *repo.Repository) map[build]repo.Package {
	newest := make(map[build]repo.Package)
	for _, p := range r.Packages {
		arch, ok := repo.ParseArch(p.Arch)
		if !ok || p.Artifact == nil {
			continue
		}
		k := build{p.Name, p.Upstream(), arch}
		if before, ok := newest[k]; !ok || vercmp.Compare(r.Target.Format, p.Version, before.Version) > 0 {
			newest[k] = p
		}
	}
	return newest
}

func compareFormats(mine, other *repo.Repository) []verify.Finding {
	ours, theirs := newestBuilds(mine), newestBuilds(other)
	var c causes
	for _, p := range mine.Packages {
		arch, _ := repo.ParseArch(p.Arch)
		k := build{p.Name, p.Upstream(), arch}
		q, ok := theirs[k]
		if newest, known := ours[k]; !ok || !known || newest.Path != p.Path {
			continue // format-parity reports it, or it is superseded
		}
		delete(theirs, k) // an index may name a package twice
		if p.Artifact.Problem.Is(repo.Unreachable) || q.Artifact.Problem.Is(repo.Unreachable) {
			continue // package-checksums of its own target says that nobody could tell
		}
		if !intact(p) || !intact(q) {
			continue // package-checksums or package-matches-index reports it
		}
		for _, f := range comparePrograms(p, q, other.Target.Format) {
			f.Subject, f.URL = verify.SubjectOf(p), p.Artifact.URL
			f.Evidence = append(f.Evidence, p.Artifact.URL, q.Artifact.URL)
			c.add(f)
		}
	}
	return c.findings()
}

// programs returns the ELF programs and libraries of a package by their paths,
// as they are where /usr is merged.
func programs(p repo.Package) map[string]repo.PayloadFile {
	all := make(map[string]repo.PayloadFile)
	for _, f := range p.Artifact.Files {
		if f.Program != nil && f.Program.ELF != nil && f.SHA256 != "" && !f.Ghost {
			all[merged(f.Path)] = f
		}
	}
	return all
}

// comparePrograms returns what differs between p and q, which is of the other
// format.
func comparePrograms(p, q repo.Package, other repo.Format) []verify.Finding {
	mine, theirs := programs(p), programs(q)
	var paths []string
	for name := range mine {
		paths = append(paths, name)
	}
	for name := range theirs {
		if _, ok := mine[name]; !ok {
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	hint := "find out which one is the release's, and build the other package again from it"
	var found []verify.Finding
	for _, name := range paths {
		a, inMine := mine[name]
		b, inTheirs := theirs[name]
		switch {
		case !inMine:
			found = append(found, verify.Finding{Message: fmt.Sprintf("%s is a program in the %s only", name, other), Want: describeProgram(b), Got: "none", Hint: hint})
		case !inTheirs:
			found = append(found, verify.Finding{Message: fmt.Sprintf("%s is no program in the %s", name, other), Want: "none", Got: describeProgram(a), Hint: hint})
		case a.SHA256 != b.SHA256:
			found = append(found, verify.Finding{Message: fmt.Sprintf("%s is another program than in the %s", name, other),
				Want: describeProgram(b), Got: describeProgram(a), Hint: hint})
		}
	}
	return found
}

// describeProgram says what can be told of a program: enough to see how two
// differ.
func describeProgram(f repo.PayloadFile) string {
	words := []string{fmt.Sprintf("%d bytes", f.Size), "sha256 " + f.SHA256}
	if e := f.Program.ELF; e.Stripped {
		words = append(words, "stripped")
	}
	if g := f.Program.Go; g != nil {
		words = append(words, g.GoVersion)
	}
	if n := len(f.Program.LinkStrings); n > 0 {
		words = append(words, strings.Join(f.Program.LinkStrings[:min(n, maxSaid)], " "))
	}
	return strings.Join(words, ", ")
}

package checks

import (
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Kubernetes releases have the checksum of each program beside it:
// https://dl.k8s.io/release/v1.26.0/bin/linux/amd64/kubelet.sha256
// (kubernetes.io, "Download Kubernetes"). KEP-1731 packages those programs, and
// does not build them.
func binaryOfficial() verify.Check {
	return verify.Check{
		ID:       "binary-official",
		Title:    "each program is the one of the official release, by its checksum",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Beside:   []verify.Beside{verify.BesideOfficial},
		Doc: `Asks that the SHA-256 of each program that is released by itself is the one that is published with the release (the profile's official, or --official-binaries URL, or a folder that holds the same tree of checksums or of the programs themselves; "none" switches the check off).

A release without a checksum is a warning; a build between two releases (its version ends in "+" and a commit) has none and is not asked. A checksum that could not be fetched blocks the check.

Why: it is the only proof from outside of the build service that users get the binaries that were tested and released.

When it fails: the package was built from another binary: another version, a rebuild, or one that was changed. Do not release it; compare with what the program says of itself (binary-version, binary-parity).`,
		Moot: func(e *verify.Expectation) string {
			if e.Official == "" {
				return "nowhere are official checksums known to be"
			}
			for _, x := range e.Packages {
				for _, b := range x.Binaries {
					if b.Official != "" {
						return ""
					}
				}
			}
			return "no program of these packages is released by itself"
		},
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				x := e.Package(p.Name)
				if x == nil || !intact(p) || !belongs(e, p) {
					return nil // another check reports it
				}
				var found []verify.Finding
				asked := make(map[string]bool)
				for _, b := range x.Binaries {
					file, ok := b.OfficialFile(p)
					if !ok || asked[b.Path] {
						continue
					}
					asked[b.Path] = true
					if f, wrong := official(p, b.Path, r.Official[file]); wrong {
						found = append(found, f)
					}
				}
				return found
			})
		},
	}
}

// official holds one program against its checksum.
func official(p repo.Package, name string, want verify.Official) (verify.Finding, bool) {
	finding := verify.Finding{URL: want.URL, Hint: "do not release it: find out which binary the package was built from"}
	f, ok := fileAt(p.Artifact.Files, name)
	switch {
	case !ok:
		finding.Status, finding.Message, finding.Got = verify.Skipped, name+" was not compared: see package-files", "no such file"
		return finding, true
	case f.SHA256 == "":
		finding.Status, finding.Message, finding.Got = verify.Skipped, name+" was not compared: see package-matches-index", "its bytes are not in the package"
		return finding, true
	case want.Problem == nil && want.Digests.SHA256 == f.SHA256:
		return finding, false
	}
	switch problem := want.Problem; {
	case problem.Is(repo.Absent) && strings.Contains(p.Upstream(), "+"):
		return finding, false // a build between two releases
	case problem.Is(repo.Absent):
		finding.Status, finding.Message = verify.Warn, "the official release has no checksum of a program"
		finding.Want, finding.Got = want.URL, problem.String()
		finding.Hint = "see whether this version was released at all; --official-binaries names another place, or none"
	case problem.Is(repo.Malformed):
		finding.Status, finding.Message = verify.Blocked, "an official checksum cannot be read"
		finding.Want, finding.Got = "a file of SHA-256 checksums", problem.String()
		finding.Hint = "look at the file: the place may answer with a page of its own"
	case problem != nil || want.Digests.SHA256 == "":
		finding.Status, finding.Message = verify.Blocked, "official checksums could not be had"
		finding.Want = want.URL
		switch finding.Got = problem.String(); {
		case want.URL == "":
			finding.Want, finding.Got = "the checksum of "+name, "it was not asked for in time"
		case problem == nil:
			finding.Got = "no SHA-256 among the checksums there"
		}
		finding.Hint = "run again, or switch the check off with --official-binaries none"
	default:
		finding.Message = name + " is not the official binary"
		finding.Want, finding.Got = "sha256 "+want.Digests.SHA256, describeContent(f)
	}
	return finding, true
}

func describeContent(f repo.PayloadFile) string {
	if f.Program != nil && f.Program.ELF != nil {
		return describeProgram(f)
	}
	return "sha256 " + f.SHA256
}

package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Policy 5.6.8: the Architecture field of a binary package is the
// "Debian machine architecture" that it was built for; rpm's Arch tag is the
// same for rpms. The machine of an ELF file is e_machine (System V gABI).
func binaryArchitecture() verify.Check {
	return verify.Check{
		ID:       "binary-architecture",
		Title:    "each program is of the package's architecture",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Doc: `Asks that each ELF program and shared library inside a package is of the architecture that the package is for. The files are read, not run. Packages for all architectures are not asked.

Why: packages are made from binaries that were built elsewhere. One wrong path in the build puts an arm64 program into an amd64 package: it is signed, it installs, and it says "Exec format error" on the user's machine.

When it fails: look at the build of the package: which binary did it pick up? Build and publish it again.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				a := p.Artifact
				want, ok := repo.ParseArch(p.Arch)
				if !intact(p) || !ok {
					return nil // package-checksums or package-matches-index reports it
				}
				var found []verify.Finding
				for _, f := range a.Files {
					if f.Program == nil || f.Program.ELF == nil || f.Program.ELF.Arch == want || !runs(f.Program.ELF) {
						continue
					}
					found = append(found, verify.Finding{
						Message: "a program is of another architecture than its package",
						Want:    string(want),
						Got:     fmt.Sprintf("%s in %s", machine(f.Program.ELF), f.Path),
						Hint:    "build the package again from the binaries of its own architecture",
					})
				}
				return found
			})
		},
	}
}

// runs reports whether the file is loaded by the system, not by a compiler.
func runs(e *repo.ELF) bool { return e.Type == "ET_EXEC" || e.Type == "ET_DYN" }

// machine names the architecture of an ELF file.
func machine(e *repo.ELF) string {
	if e.Arch != "" {
		return string(e.Arch)
	}
	return fmt.Sprintf("%s, %d bits", e.Machine, e.Bits)
}

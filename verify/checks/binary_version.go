package checks

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: "assert that installed packages contain the correct
// binary versions". Go's linker leaves the module's version (debug/buildinfo),
// the flags of the build with their -X values unless -trimpath was given, and
// always the strings that -X has set.
func binaryVersion() verify.Check {
	return verify.Check{
		ID:       "binary-version",
		Title:    "each program carries the version of its package",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Doc: `Asks of each program that the profile names, and of those that are built from the same module beside it, which version is written inside, and that it is the package's: in Go's build information, in a variable that was set while linking, or among the strings that linking left. The first of the places that the profile names and that is there counts. The files are read, not run, so this works for every architecture. A program that tells no version is a warning, since nobody could tell.

Why: the right package with the wrong binary inside passes every checksum and signature. The early packages were tested by the package's version alone.

When it fails: the package was built from the wrong binary. Take it back, build it again under a new revision, and publish.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				x := e.Package(p.Name)
				if x == nil || !intact(p) {
					return nil // package-checksums or package-matches-index reports it
				}
				return versionsInside(p, x)
			})
		},
	}
}

// versionsInside judges the programs of one package.
func versionsInside(p repo.Package, x *verify.PackageExpectation) []verify.Finding {
	var found []verify.Finding
	asked := make(map[string]bool)
	var listed []repo.PayloadFile
	for _, b := range x.Binaries {
		if len(b.Embedded) == 0 || asked[b.Path] {
			continue
		}
		asked[b.Path] = true
		f, ok := fileAt(p.Artifact.Files, b.Path)
		switch {
		case !ok:
			found = append(found, verify.Finding{Status: verify.Skipped, Message: b.Path + " was not asked for its version: see package-files", Got: "no such file"})
			continue
		case f.Mode.IsRegular() && f.SHA256 == "":
			found = append(found, verify.Finding{Status: verify.Skipped, Message: b.Path + " was not asked for its version: see package-matches-index", Got: "its bytes are not in the package"})
			continue
		}
		listed = append(listed, f)
		if finding, ok := versionInside(p, f, b.Embedded); !ok {
			found = append(found, finding)
		}
	}
	for _, b := range x.Binaries {
		for _, f := range p.Artifact.Files {
			if len(b.Embedded) == 0 || asked[f.Path] || !kin(f, b.Path, listed) {
				continue
			}
			asked[f.Path] = true
			// One that says nothing is not among those that were to be asked.
			if finding, ok := versionInside(p, f, b.Embedded); !ok && finding.Status != verify.Warn {
				found = append(found, finding)
			}
		}
	}
	return found
}

// kin reports whether a program was built with the one at path: it is of the
// same Go module and lies beside it.
func kin(f repo.PayloadFile, name string, listed []repo.PayloadFile) bool {
	if f.Program == nil || f.Program.Go == nil || f.Program.Go.Module == "" || path.Dir(f.Path) != path.Dir(name) {
		return false
	}
	return slices.ContainsFunc(listed, func(other repo.PayloadFile) bool {
		return other.Path == name && other.Program != nil && other.Program.Go != nil && other.Program.Go.Module == f.Program.Go.Module
	})
}

// versionInside holds what one program says against the package's version.
func versionInside(p repo.Package, f repo.PayloadFile, places []verify.EmbeddedVersion) (verify.Finding, bool) {
	finding := verify.Finding{Hint: "the package was built from the wrong binary: build it again"}
	if f.Program == nil || f.Program.ELF == nil && f.Program.Go == nil {
		finding.Message, finding.Want, finding.Got = f.Path+" is no program", "an executable file", kindOfFile(f.Mode)
		if f.Program != nil {
			finding.Status = verify.Warn
			finding.Message = f.Path + " is a script, which tells no version without being run"
			finding.Got = "a script of " + f.Program.Interpreter
		}
		return finding, false
	}
	upstream := p.Upstream()
	for rest := places; len(rest) > 0; {
		// All forms that the profile allows at one place are asked at once.
		var wants, says []string
		first := rest[0]
		var others []verify.EmbeddedVersion
		for _, place := range rest {
			if place.Module != first.Module || place.Variable != first.Variable {
				others = append(others, place)
				continue
			}
			wants = append(wants, strings.ReplaceAll(place.Form, "{version}", upstream))
			says = append(says, saidAt(f.Program, place, upstream)...)
		}
		rest = others
		if slices.ContainsFunc(wants, func(want string) bool { return slices.Contains(says, want) }) {
			return finding, true
		}
		if len(says) == 0 {
			continue
		}
		says = slices.Compact(slices.Sorted(slices.Values(says)))
		finding.Message = f.Path + " is of another version than its package"
		finding.Want = strings.Join(wants, " or ") + " as " + placeName(first)
		finding.Got = strings.Join(says[:min(len(says), maxSaid)], ", ")
		return finding, false
	}
	finding.Status = verify.Warn
	finding.Message = f.Path + " tells no version"
	var looked []string
	for _, place := range places {
		if name := placeName(place); !slices.Contains(looked, name) {
			looked = append(looked, name)
		}
	}
	finding.Want = upstream + " as " + strings.Join(looked, " or ")
	finding.Got = "nothing of the kind; install-versions runs it"
	finding.Hint = "set the version when the program is linked, or correct the places in the profile (embedded)"
	return finding, false
}

// maxSaid bounds the versions that a message lists.
const maxSaid = 8

// saidAt returns what the program says at a place. Strings that linking left
// are of any kind; those that are versions in the place's form count.
func saidAt(p *repo.Program, place verify.EmbeddedVersion, upstream string) []string {
	switch {
	case place.Variable != "":
		if p.Go != nil {
			for _, f := range p.Go.Linked {
				if f.Name == place.Variable {
					return []string{f.Value}
				}
			}
		}
	case place.Module != "":
		if g := p.Go; g != nil && g.Module == place.Module && g.Version != "" && g.Version != "(devel)" {
			return []string{g.Version}
		}
	default:
		form := formOf(place.Form)
		var says []string
		for _, s := range p.LinkStrings {
			if s == strings.ReplaceAll(place.Form, "{version}", upstream) || form.MatchString(s) {
				says = append(says, s)
			}
		}
		return says
	}
	return nil
}

// formOf returns what a version in that form looks like: three numbers, and
// what may follow (semver.org).
func formOf(form string) *regexp.Regexp {
	before, after, _ := strings.Cut(form, "{version}")
	return regexp.MustCompile("^" + regexp.QuoteMeta(before) + `[0-9]+\.[0-9]+\.[0-9]+([-+].*)?` + regexp.QuoteMeta(after) + "$")
}

func placeName(place verify.EmbeddedVersion) string {
	switch {
	case place.Variable != "":
		return "the linked variable " + place.Variable
	case place.Module != "":
		return "the version of the module " + place.Module
	}
	return "a string that linking left"
}

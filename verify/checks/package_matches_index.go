package checks

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// dpkg-scanpackages(1): "the contents of its control file [...] are put into
// the index"; createrepo_c copies the rpm header into primary.xml.
func packageMatchesIndex() verify.Check {
	return verify.Check{
		ID:       "package-matches-index",
		Title:    "the control file or rpm header says what the index says",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each package can be read, and that its control file (deb) or header (rpm) says the same as its entry in the index: name, version, architecture, dependencies and the rest.

Why: the package manager chooses and solves by the index, and installs by the package. Where they differ, it installs something else than it said, or fails half way.

When it fails: make the index again from the files that are published, and sign it.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				a := p.Artifact
				if !a.OK() || !p.Claim.Fits(a.Content) {
					return nil // package-checksums reports it; there is nothing to compare
				}
				f := verify.Finding{Hint: "make the index again from the published files, and sign it"}
				if a.Inside != nil {
					f.Message, f.Got = "a package cannot be read", a.Inside.String()
					f.Want = "a well-formed " + string(r.Target.Format) + " file"
					f.Hint = "build the package again; it was published broken"
					return []verify.Finding{f}
				}
				var found []verify.Finding
				for _, p := range a.Faults {
					if p.Is(repo.Misplaced) {
						continue // package-files reports it
					}
					g := f
					g.Message, g.Got = "a package contradicts itself", p.String()
					found = append(found, g)
				}
				for _, d := range differences(r.Target.Format, p.Fields, a.Fields) {
					g := f
					g.Message = "package and index differ in " + d.name
					g.Want, g.Got = d.index+" (index)", d.file+" (package)"
					found = append(found, g)
				}
				return found
			})
		},
	}
}

type difference struct{ name, index, file string }

// differences compares the fields that decide what is installed. Section and
// Priority are left out: an archive may override them (dpkg-scanpackages(1)).
func differences(format repo.Format, index, file repo.Fields) []difference {
	var names []string
	if format == repo.Deb {
		names = []string{
			"Package", "Version", "Architecture", "Source", "Maintainer", "Installed-Size", "Essential", "Protected", "Multi-Arch",
			"Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts", "Replaces", "Provides",
			"Built-Using", "Homepage", "Description",
		}
	} else {
		for name := range index.All() {
			if name != "location-base" {
				names = append(names, name)
			}
		}
	}
	var out []difference
	for _, name := range names {
		want, _ := index.Get(name)
		got, _ := file.Get(name)
		if name == "Description" {
			want, got = synopses(want, got)
		}
		if want != got {
			out = append(out, difference{name, quote(want), quote(got)})
		}
	}
	return out
}

// synopses cuts both descriptions to their first line where the index holds
// only that: apt-ftparchive may leave the long text to Translation files.
func synopses(index, file string) (string, string) {
	if strings.Contains(index, "\n") {
		return index, file
	}
	first, _, _ := strings.Cut(file, "\n")
	return index, first
}

// maxQuoted bounds a value in a message.
const maxQuoted = 200

func quote(s string) string {
	if s == "" {
		return "nothing"
	}
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return fmt.Sprintf("%q", s)
}

package checks

import (
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "Then they see a list of all stable patch versions of
// the kubelet and a preference to install the latest available patch version.
// But they do not see any alpha, beta, release candidate or nightly releases
// [...] And they do not see any packages of any other kubernetes minor releases".
func installList() verify.Check {
	return verify.Check{
		ID:       "install-list",
		Title:    "the package manager lists the expected versions, prefers the latest, and shows nothing else",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks the package manager itself for the versions of each package: every expected one must be there, the latest must be the one that it would install, and none may belong to another channel or minor.

Why: it is the KEP's first user story, in the words of apt-cache policy and dnf list.

When it fails: see packages-published for what is missing, channel-policy and minor-policy for what should not be there.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.List.Outcome, "the packages could not be listed"); bad != nil {
				return bad
			}
			var found []verify.Finding
			for _, p := range e.Packages {
				if expectedHere(e, p) {
					found = append(found, judgeOffers(e, f, p)...)
				}
			}
			return found
		},
	}
}

// expectedHere reports whether p is expected for the cell's architecture.
func expectedHere(e *verify.CellExpectation, p verify.PackageExpectation) bool {
	return len(p.Arches) == 0 || slices.Contains(p.Arches, e.Cell.Arch)
}

func judgeOffers(e *verify.CellExpectation, f *images.CellFacts, p verify.PackageExpectation) []verify.Finding {
	finding := verify.Finding{Subject: verify.Subject{Package: p.Name}, URL: e.Target.URL}
	var offered, strange []string
	newest := ""
	for _, o := range f.List.Offers {
		if o.Package != p.Name {
			continue
		}
		upstream := repo.Package{Version: o.Version}.Upstream()
		offered = append(offered, upstream)
		if newest == "" || vercmp.Compare(e.Target.Format, o.Version, newest) > 0 {
			newest = o.Version
		}
		rule := e.ChannelRule.Match
		if p.OwnVersions {
			rule = e.ChannelRule.Own
		}
		if (rule != nil && !rule.MatchString(upstream)) || (!p.OwnVersions && minorOf(upstream) != e.Target.Minor) {
			strange = append(strange, upstream)
		}
	}
	var missing []string
	for _, v := range p.Versions {
		if !slices.Contains(offered, v) {
			missing = append(missing, v)
		}
	}
	var found []verify.Finding
	add := func(message, want, got, hint string) {
		x := finding
		x.Message, x.Want, x.Got, x.Hint = message, want, got, hint
		found = append(found, x)
	}
	candidate := f.List.Candidates[p.Name]
	switch {
	case len(offered) == 0:
		add(p.Name+" is not offered", orNone(list(p.Versions)), "nothing", "see packages-published")
		return found
	case len(missing) > 0:
		add(p.Name+" is not offered in every expected version", list(p.Versions), list(offered), "see packages-published")
	}
	if len(strange) > 0 {
		add(p.Name+" is offered in versions that do not belong here", e.ChannelRule.Title+" of "+e.Target.Minor,
			list(strange), "see channel-policy and minor-policy")
	}
	if candidate != newest {
		add("the package manager does not prefer the latest "+p.Name, newest, orNone(candidate), "compare the versions in the index by the package manager's order")
	}
	return found
}

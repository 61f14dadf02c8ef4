package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/rpmver"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "Then they see a list of all stable patch versions of
// the kubelet and a preference to install the latest available patch version".
// apt_preferences(5): "If two or more versions have the same priority, install
// the most recent one (that is, the one with the higher version number)." dnf
// and zypper take the highest version by rpm's rpmvercmp.
func latestPreferred() verify.Check {
	return verify.Check{
		ID:       "latest-preferred",
		Title:    "the latest release is the one that package managers choose",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that, for each expected package and architecture, the highest version in the index, by dpkg's or rpm's own order, is the latest release. The latest release is the newest of the expected versions that is there (one that is missing is packages-published's to report). Where the versions come from the user and not from the version marker, a newer release of this channel and minor will do as well; of packages with versions of their own, the newest of them must be the highest.

Why: apt, dnf and zypper know nothing of releases. They install the highest version: a release candidate written without "~", a stray package of the next minor, or an old release that was rebuilt with an epoch, reaches every machine at its next upgrade and cannot be taken back by publishing a normal release.

When it fails: take the package that is named out of the repository and publish again. An epoch that users have installed stays: later releases need it too.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			byName := make(map[string][]repo.Package)
			for _, p := range r.Packages {
				byName[p.Name] = append(byName[p.Name], p)
			}
			var c causes
			for _, x := range e.Packages {
				for _, arch := range spelled(e, x) {
					if f := candidate(e, x, arch, byName[x.Name]); f != nil {
						c.add(*f)
					}
				}
			}
			return c.findings()
		},
	}
}

// candidate compares what a package manager of one architecture would choose
// with the latest release; nil if they are the same.
func candidate(e *verify.Expectation, x verify.PackageExpectation, arch string, packages []repo.Package) *verify.Finding {
	var chosen *repo.Package
	latest := ""
	for i := range packages {
		p := &packages[i]
		if p.Arch != arch && p.Arch != "all" && p.Arch != "noarch" {
			continue
		}
		if chosen == nil || vercmp.Compare(e.Target.Format, p.Version, chosen.Version) > 0 {
			chosen = p
		}
		if u := p.Upstream(); isRelease(e, x, u) && (latest == "" || compareUpstream(e.Target.Format, u, latest) > 0) {
			latest = u
		}
	}
	if latest == "" || chosen.Upstream() == latest {
		return nil
	}
	managers := "apt"
	if e.Target.Format == repo.RPM {
		managers = "dnf and zypper"
	}
	return &verify.Finding{
		Subject: verify.SubjectOf(*chosen),
		Message: fmt.Sprintf("%s would choose %s, and the latest release is %s", managers, chosen.Version, latest),
		Want:    latest,
		Got:     chosen.Version,
		URL:     e.Target.URL,
		Hint:    whyChosen(e, x, *chosen),
	}
}

// isRelease reports whether an upstream version may be the latest one.
func isRelease(e *verify.Expectation, x verify.PackageExpectation, upstream string) bool {
	if slices.Contains(x.Versions, upstream) {
		return true
	}
	rule := e.ChannelRule.Match
	if x.OwnVersions {
		rule = e.ChannelRule.Own
	}
	if rule != nil && !rule.MatchString(upstream) {
		return false
	}
	// A marker names the latest release, so that nothing is newer.
	return x.OwnVersions || (e.Marker == nil || len(x.Versions) == 0) && minorOf(upstream) == e.Target.Minor
}

// whyChosen says what to do about a version that package managers prefer.
func whyChosen(e *verify.Expectation, x verify.PackageExpectation, p repo.Package) string {
	epoch, _, ok := strings.Cut(p.Version, ":")
	switch rule := e.ChannelRule.Match; {
	case ok && epoch != "0":
		return "the epoch " + epoch + " puts it above every version without one: take it out, and publish again"
	case x.OwnVersions:
	case rule != nil && !rule.MatchString(p.Upstream()):
		return "see channel-policy: take it out of this channel, and publish again"
	case minorOf(p.Upstream()) != e.Target.Minor:
		return "see minor-policy: take it out of this repository, and publish again"
	}
	return "take it out, unless it was released since: then name it with --versions, or mend the version marker"
}

// compareUpstream orders upstream versions as a package that carries them is
// ordered.
func compareUpstream(f repo.Format, a, b string) int {
	a, b = strings.ReplaceAll(a, "-", "~"), strings.ReplaceAll(b, "-", "~")
	if f == repo.RPM {
		return rpmver.CompareSegments(a, b)
	}
	n, err := debver.Compare(a, b)
	if err != nil {
		return strings.Compare(a, b)
	}
	return n
}

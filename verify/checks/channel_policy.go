package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "they do not see any alpha, beta, release candidate
// or nightly releases of the kubelet package"; "they see the newly cut releases
// published in the appropriate channel only". The rule by version is that of
// kubernetes/release, pkg/obs/specs/helpers.go; the profile holds it.
func channelPolicy() verify.Check {
	return verify.Check{
		ID:       "channel-policy",
		Title:    "the channel holds only the kind of release it is for",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that stable holds only final releases, dev only alphas, betas and release candidates, nightly only nightlies; and that every package is one that the profile names.

Why: a package manager installs the highest version it sees. A release candidate in stable reaches every cluster that upgrades.

When it fails: take the package out of the channel and publish again; tell users if it was there for long.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var c causes
			for _, p := range r.Packages {
				if e.Package(p.Name) == nil && e.Only == nil {
					c.add(verify.Finding{
						Subject: verify.SubjectOf(p),
						Message: "a package is not one of this product: the profile does not name it",
						URL:     e.Target.URL,
						Hint:    "find out how it came here, and take it out; if it belongs here, add it to the profile",
					})
					continue
				}
				if inChannel(e, p) {
					continue
				}
				c.add(verify.Finding{
					Subject: verify.SubjectOf(p),
					Message: fmt.Sprintf("%s does not belong into the channel %s", p.Upstream(), e.Target.Channel),
					Want:    e.ChannelRule.Title,
					Got:     p.Upstream(),
					URL:     e.Target.URL,
					Hint:    "take it out of this channel and publish again",
				})
			}
			return c.findings()
		},
	}
}

// inChannel reports whether the channel is for versions like that of p.
func inChannel(e *verify.Expectation, p repo.Package) bool {
	rule := e.ChannelRule.Match
	if expected := e.Package(p.Name); expected == nil || expected.OwnVersions {
		rule = e.ChannelRule.Own
	}
	return rule == nil || rule.MatchString(p.Upstream())
}

// belongs reports whether p is of the target's channel and minor.
func belongs(e *verify.Expectation, p repo.Package) bool {
	expected := e.Package(p.Name)
	return inChannel(e, p) && (expected == nil || expected.OwnVersions || minorOf(p.Upstream()) == e.Target.Minor)
}

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
		Doc: `Asks that stable holds only final releases, dev only alphas, betas and release candidates, nightly only nightlies.

Why: a package manager installs the highest version it sees. A release candidate in stable reaches every cluster that upgrades.

When it fails: take the package out of the channel and publish again; tell users if it was there for long.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, p := range r.Packages {
				rule := e.ChannelRule.Match
				if expected := e.Package(p.Name); expected == nil || expected.OwnVersions {
					rule = e.ChannelRule.Own
				}
				if rule == nil || rule.MatchString(p.Upstream()) {
					continue
				}
				found = append(found, verify.Finding{
					Subject: verify.SubjectOf(p),
					Message: fmt.Sprintf("%s does not belong into the channel %s", p.Upstream(), e.Target.Channel),
					Want:    e.ChannelRule.Title,
					Got:     p.Upstream(),
					URL:     e.Target.URL,
					Hint:    "take it out of this channel and publish again",
				})
			}
			return group(found)
		},
	}
}

package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "When they download the public key from the location
// stated in the official documentation [...] Then their package manager does
// not complain about untrusted packages, sources or repositories".
func keyPublished() verify.Check {
	return verify.Check{
		ID:       "key-published",
		Title:    "the key is at its documented place, is the pinned one, and all copies agree",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Beside:   []verify.Beside{verify.BesideSiblings},
		Doc: `Asks that the signing key can be fetched where the documentation says (Release.key for deb, repodata/repomd.xml.key for rpm), that it holds the pinned key, and that the copies that the deb and the rpm repository of one project serve say the same of it.

Why: users set up apt and dnf with this very file. Each repository serves its own copy, and the copies have differed (k/r #3818).

When it fails: publish the project again, so that the file is written anew from the project's key. If the key is another one, see apt-release-signed and rpm-repomd-signed before you trust it.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, k := range r.Keys {
				f := verify.Finding{Subject: verify.Subject{File: k.Path}, URL: k.URL}
				if !k.OK() {
					found = append(found, fileProblem(f, k.Problem))
					continue
				}
				mine, ok := pinnedKey(k, e.Pinned)
				if !ok {
					f.Message = k.Path + " does not hold the pinned key"
					f.Want, f.Got = e.Pinned.String(), fingerprints(k.Keys)
					f.Hint = signHint
					found = append(found, f)
					continue
				}
				found = append(found, disagreements(e, k, mine, r.Siblings)...)
			}
			return found
		},
	}
}

// disagreements compares one copy of the pinned key with those of the siblings.
// The pair is reported once, on the format that comes later.
func disagreements(e *verify.Expectation, k repo.KeyFile, mine repo.Key, siblings []*repo.Repository) []verify.Finding {
	var found []verify.Finding
	for _, s := range siblings {
		if s.Target.Format >= e.Target.Format {
			continue
		}
		for _, other := range s.Keys {
			theirs, ok := pinnedKey(other, e.Pinned)
			if !ok || (mine.Expires.Equal(theirs.Expires) && mine.Revoked == theirs.Revoked) {
				continue
			}
			found = append(found, verify.Finding{
				Subject: verify.Subject{File: k.Path},
				URL:     k.URL,
				Message: fmt.Sprintf("%s and %s of the %s repository are different copies of the key", k.Path, other.Path, s.Target.Format),
				Want:    state(theirs) + " (" + other.URL + ")",
				Got:     state(mine),
				Hint:    "publish the older of the two repositories again",
			})
		}
	}
	return found
}

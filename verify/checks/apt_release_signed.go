package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan: "assert that the packages and the repo metadata is
// signed with the current signing key". apt-secure(8): apt verifies InRelease,
// or Release with Release.gpg.
func aptReleaseSigned() verify.Check {
	return verify.Check{
		ID:       "apt-release-signed",
		Title:    "InRelease and Release.gpg verify under the pinned current key",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that InRelease, and Release with Release.gpg, each carry a signature that verifies under the pinned signing key.

Why: this is the root of apt's chain of trust: the signature covers Release, Release the hashes of Packages, Packages those of the .deb files. A signature by any other key is refused by apt ("NO_PUBKEY ... is not signed"). An expired copy of the key is another matter: see key-current.

When it fails: if the key was rotated, pin the new one (--key) and announce it. If not, the metadata was not made by the publisher.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, x := range []struct {
				signed, holder repo.File
				signatures     []repo.Signature
			}{
				{r.Apt.InRelease, r.Apt.InRelease, r.Apt.InlineSignatures},
				{r.Apt.Release, r.Apt.ReleaseGPG, r.Apt.DetachedSignatures},
			} {
				if !x.signed.OK() || !x.holder.OK() {
					found = append(found, notJudged(x.holder, "apt-release-present"))
					continue
				}
				found = append(found, judgeSignatures(e, x.holder, x.signatures)...)
			}
			return found
		},
	}
}

// notJudged is the finding for a signature that another check reports as
// missing.
func notJudged(holder repo.File, reporter string) verify.Finding {
	status := verify.Skipped
	if holder.Problem.Is(repo.Unreachable) {
		status = verify.Blocked
	}
	return verify.Finding{
		Status:  status,
		Subject: verify.Subject{File: holder.Path},
		Message: fmt.Sprintf("the signature of %s was not judged, see %s", holder.Path, reporter),
		URL:     holder.URL,
	}
}

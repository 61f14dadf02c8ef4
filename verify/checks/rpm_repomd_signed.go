package checks

import (
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Test Plan, as above. dnf.conf(5), repo_gpgcheck: dnf verifies
// repomd.xml against repomd.xml.asc.
func rpmRepomdSigned() verify.Check {
	return verify.Check{
		ID:       "rpm-repomd-signed",
		Title:    "repomd.xml.asc verifies under the pinned current key",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  rpmOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that repodata/repomd.xml.asc is there and is a signature of repomd.xml that verifies under the pinned signing key.

Why: with repo_gpgcheck=1 dnf refuses metadata that is not signed by the key; zypper always asks. The signature covers repomd.xml, which holds the checksums of all indexes.

When it fails: if the key was rotated, pin the new one (--key) and announce it. If not, the metadata was not made by the publisher.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			asc := r.RPM.SignatureFile
			if !asc.OK() {
				f := verify.Finding{Subject: verify.Subject{File: asc.Path}, URL: asc.URL}
				return []verify.Finding{fileProblem(f, asc.Problem)}
			}
			return judgeSignatures(e, asc, r.RPM.Signatures)
		},
	}
}

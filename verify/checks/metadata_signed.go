package checks

import (
	"fmt"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

const signHint = "find out who signed: if the key was rotated on purpose, publish the new key and pin it; else treat the repository as tampered with"

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

// judgeSignatures asks for one good signature by the pinned key. Further
// signatures, by other keys, do no harm: clients look for one that is good.
func judgeSignatures(e *verify.Expectation, holder repo.File, signatures []repo.Signature) []verify.Finding {
	why := signatureFault(e, signatures)
	if why == nil {
		return nil
	}
	why.Subject = verify.Subject{File: holder.Path}
	why.URL = holder.URL
	why.Message = holder.Path + " " + why.Message
	return []verify.Finding{*why}
}

// signatureFault returns why none of the signatures counts, nil if one does.
// The message is to follow the name of what should be signed.
func signatureFault(e *verify.Expectation, signatures []repo.Signature) *verify.Finding {
	f := &verify.Finding{Want: "a good signature by " + e.Pinned, Hint: signHint}
	worst := "is signed, but not by the pinned key"
	for _, s := range signatures {
		switch {
		case s.Verdict == repo.Good && s.Signer == e.Pinned && inForce(s, e.Now):
			return nil
		case s.Verdict == repo.Good && s.Signer == e.Pinned:
			worst = "is signed by the pinned key, but not in force now"
			f.Hint = "sign again"
		case s.Verdict == repo.Bad:
			worst = "was changed after it was signed"
			f.Hint = "the bytes are not those that the key signed: publish again; if that is not the cause, treat the repository as tampered with"
		}
		f.Evidence = append(f.Evidence, describeSignature(s))
	}
	f.Message, f.Got = worst, "no such signature"
	if len(signatures) == 0 {
		f.Message, f.Got = "is not signed", "no signature"
		f.Hint = "sign it with the current key and publish again"
	} else {
		f.Got = f.Evidence[0]
	}
	return f
}

// clockSkew is how far ahead a signer's clock may be.
const clockSkew = 24 * time.Hour

// inForce reports whether a signature counts at the time now, by its own dates
// (RFC 4880 sections 5.2.3.4 and 5.2.3.10).
func inForce(s repo.Signature, now time.Time) bool {
	return !s.Created.After(now.Add(clockSkew)) && (s.Expires.IsZero() || s.Expires.After(now))
}

func describeSignature(s repo.Signature) string {
	by := s.Signer
	if by == "" {
		by = s.Fingerprint
	}
	if by == "" {
		by = "key " + s.KeyID
	}
	text := fmt.Sprintf("%s signature over %s by %s (v%d, %s, %s)", s.Verdict, s.Over, by, s.Version, s.Hash, s.Created.UTC().Format(time.DateOnly))
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	return text
}

package checks

import (
	"fmt"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

const signHint = "find out who signed: if the key was rotated on purpose, publish the new key and pin it; else treat the repository as tampered with"

// judgeSignatures asks for one good signature by the pinned key. Further
// signatures, by other keys, do no harm: clients look for one that is good.
func judgeSignatures(e *verify.Expectation, holder repo.File, signatures []repo.Signature) []verify.Finding {
	var found []verify.Finding
	if why := signatureFault(e, signatures); why != nil {
		why.Message = holder.Path + " " + why.Message
		found = append(found, *why)
	}
	for _, p := range holder.Refusals {
		found = append(found, verify.Finding{
			Status:  verify.Warn,
			Message: holder.Path + " has a signature that some clients refuse",
			Want:    "a signature that every client reads",
			Got:     p.String(),
			Hint:    "sign again with gpg, and publish again",
		})
	}
	for i := range found {
		found[i].Subject, found[i].URL = verify.Subject{File: holder.Path}, holder.URL
	}
	return found
}

// signatureFault returns why none of the signatures counts, nil if one does.
// The message is to follow the name of what should be signed.
func signatureFault(e *verify.Expectation, signatures []repo.Signature) *verify.Finding {
	f := &verify.Finding{Want: "a good signature by " + e.Pinned.String(), Hint: signHint}
	worst := "is signed, but not by the pinned key"
	for _, s := range signatures {
		switch {
		case e.Pinned.Matches(s) && inForce(s, e.Now):
			return nil
		case e.Pinned.Matches(s):
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

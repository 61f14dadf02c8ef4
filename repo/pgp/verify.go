package pgp

import (
	"errors"
	"fmt"
	"io"

	"sigs.k8s.io/pkgverify/repo"
)

// Verification verifies signatures over the bytes written to it. It is for one
// goroutine.
type Verification struct {
	all []*judgement
}

// judgement is one signature on its way to a verdict.
type judgement struct {
	fact repo.Signature
	// hashing is nil when the verdict is there already.
	hashing *hashing
	into    io.Writer // hashing's hash, behind the text filter if need be
	signers []signer
}

// Start begins to verify the signatures in sig over the bytes then written.
// sig is armored or binary and holds one or several signature packets. over
// names the signed bytes in the verdicts ([repo.Signature.Over]).
//
// A [repo.FormatError] is returned when sig is not a detached signature or
// goes past a bound. A packet that cannot be judged is no error: it gets its
// own verdict, [repo.Unsupported].
func (k *Keyring) Start(over string, sig []byte) (*Verification, error) {
	bin, err := dearmor(sig, blockSignature, maxSignatureFile)
	if err != nil {
		return nil, err
	}
	// As many packets again may be there that are passed over.
	packets, err := split(bin, 2*maxSignatures)
	if err != nil {
		return nil, err
	}
	v := &Verification{}
	for _, p := range packets {
		switch {
		case p.tag == tagMarker, p.tag == tagTrust, p.tag == tagPadding, p.tag >= firstNonCritical:
			continue
		case p.tag != tagSignature:
			return nil, malformed(p.offset, "wanted a signature packet, got type %d", p.tag)
		case len(v.all) == maxSignatures:
			return nil, malformed(p.offset, "more than %d signatures", maxSignatures)
		}
		v.all = append(v.all, k.judge(over, p.body))
	}
	if len(v.all) == 0 {
		return nil, &repo.FormatError{Text: "no signature packet"}
	}
	return v, nil
}

// judge reads one packet, and decides what can be decided without the content.
func (k *Keyring) judge(over string, body []byte) *judgement {
	s, err := readSignature(body)
	j := &judgement{fact: s.fact(over)}
	if err != nil {
		return j.decide(repo.Unsupported, "%v", err)
	}
	if s.kind != sigBinary && s.kind != sigText {
		return j.decide(repo.Unsupported, "signature of type %#02x, which is not over a document", s.kind)
	}
	named := k.signers(s)
	if len(named) > 0 {
		j.fact.Fingerprint = named[0].key.fingerprint
	}
	var unbound string
	for _, n := range named {
		if n.bound {
			j.signers = append(j.signers, n)
		} else {
			unbound = fmt.Sprintf("subkey %s of %s is not bound to sign", n.key.fingerprint, n.primary)
		}
	}
	switch {
	case len(j.signers) > 0:
	case unbound != "":
		return j.decide(repo.UnknownKey, "%s", unbound)
	case s.issuerID() == "":
		return j.decide(repo.UnknownKey, "the signature names no key")
	case s.fingerprint != "" && s.keyID != "" && keyID(s.fingerprint) != s.keyID:
		return j.decide(repo.UnknownKey, "the signature names two keys: %s and %s", s.fingerprint, s.keyID)
	default:
		return j.decide(repo.UnknownKey, "no key %s in the ring", s.issuerID())
	}
	if j.hashing, err = prepare(s); err != nil {
		return j.decide(repo.Unsupported, "%v", err)
	}
	j.into = j.hashing.hash
	if s.kind == sigText {
		j.into = &textFilter{to: j.hashing.hash}
	}
	return j
}

// decide sets a verdict that needs no content.
func (j *judgement) decide(v repo.SignatureVerdict, format string, args ...any) *judgement {
	j.fact.Verdict, j.fact.Detail = v, fmt.Sprintf(format, args...)
	j.hashing = nil
	return j
}

// Write adds signed bytes. It never fails.
func (v *Verification) Write(p []byte) (int, error) {
	for _, j := range v.all {
		if j.hashing != nil {
			write(j.into, p)
		}
	}
	return len(p), nil
}

// Signatures returns one verdict for each packet, in order, over the bytes
// written so far.
func (v *Verification) Signatures() []repo.Signature {
	var out []repo.Signature
	for _, j := range v.all {
		out = append(out, j.verdict())
	}
	return out
}

// verdict asks the keys that the signature names. Several can share a key ID.
func (j *judgement) verdict() repo.Signature {
	f := j.fact
	if j.hashing == nil {
		return f
	}
	unsupported := 0
	for _, s := range j.signers {
		err := j.hashing.verify(s.key)
		if err == nil {
			f.Verdict, f.Detail = repo.Good, ""
			f.Fingerprint, f.Signer = s.key.fingerprint, s.primary
			return f
		}
		if errors.Is(err, errUnsupported) {
			unsupported++
		}
		f.Detail = err.Error()
	}
	f.Verdict = repo.Bad
	if unsupported == len(j.signers) {
		f.Verdict = repo.Unsupported
	}
	return f
}

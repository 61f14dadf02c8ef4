package pgp

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Verification verifies signatures over the bytes written to it. It is for one
// goroutine.
type Verification struct {
	all    []*judgement
	faults []repo.Problem
}

// judgement is one signature on its way to a verdict.
type judgement struct {
	fact repo.Signature
	now  time.Time
	// hashing is nil when the verdict is there already.
	hashing *hashing
	into    io.Writer // hashing's hash, behind the text filter if need be
	signers []signer
}

// Start begins to verify the signatures in sig over the bytes then written.
// sig is armored or binary and holds one or several signature packets. over
// names the signed bytes in the verdicts ([repo.Signature.Over]). The present
// time is the clock's, or that of [Keyring.At].
//
// A [repo.FormatError] is returned when sig is not a detached signature or
// goes past a bound. It then holds something else that gpgv or sqv refuses:
// both read nothing but signatures, and some of their versions a compressed
// or private packet among them. A packet that cannot be judged is no error: it
// gets its own verdict, [repo.Unsupported].
func (k *Keyring) Start(over string, sig []byte) (*Verification, error) {
	bin, faults, err := dearmor(sig, blockSignature, MaxSignatureFile)
	if err != nil {
		return nil, err
	}
	v := &Verification{faults: faults}
	now := k.time()
	err = each(bin, func(p rawPacket) error {
		switch {
		case p.tag == tagMarker && string(p.body) == "PGP":
			return nil // RFC 9580 section 5.8
		case p.tag != tagSignature:
			return malformed(p.offset, "wanted a signature packet, got type %d", p.tag)
		case len(v.all) == MaxSignatures:
			return malformed(p.offset, "more than %d signatures", MaxSignatures)
		}
		v.all = append(v.all, k.judge(over, p.body, now))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(v.all) == 0 {
		return nil, &repo.FormatError{Text: "no signature packet"}
	}
	return v, nil
}

// Faults returns what some clients refuse in the signature file itself, apart
// from the signatures.
func (v *Verification) Faults() []repo.Problem { return slices.Clone(v.faults) }

// judge reads one packet, and decides what can be decided without the content.
func (k *Keyring) judge(over string, body []byte, now time.Time) *judgement {
	s, err := readSignature(body)
	j := &judgement{fact: s.fact(over), now: now}
	if err != nil {
		return j.decide(repo.Unsupported, "%v", err)
	}
	if s.kind != sigBinary && s.kind != sigText {
		return j.decide(repo.Unsupported, "signature of type %#02x, which is not over a document", s.kind)
	}
	named := k.signers(s)
	var refused string
	for _, n := range named {
		ok, why := n.may(now)
		if ok {
			j.signers = append(j.signers, n)
		} else if refused == "" {
			refused = why
		}
	}
	switch {
	case len(j.signers) > 0:
		j.by(j.signers[0])
	case len(named) > 0:
		j.by(named[0])
		return j.decide(repo.UnknownKey, "%s", refused)
	case s.issuerID() == "":
		return j.decide(repo.UnknownKey, "the signature names no key")
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

// by adds the facts of the key that made the signature, or claims to.
func (j *judgement) by(s signer) {
	f := &j.fact
	key := s.key()
	f.Fingerprint = key.fingerprint
	f.KeyCurve, f.KeyBits = key.curve.name, 0
	if f.KeyCurve == "" {
		f.KeyBits = key.bits
	}
	f.SelfSignatureHash = s.cert.primary.hash(j.now)
	f.BindingHash = ""
	if s.sub != nil {
		f.BindingHash = s.sub.hash(j.now)
	}
	f.AtSigning, f.Now = s.cert.state(s.sub, f.Created), s.cert.state(s.sub, j.now)
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
	if j.hashing == nil {
		return j.fact
	}
	j.fact.Verdict = repo.Unsupported
	for _, s := range j.signers {
		err := j.hashing.verify(s.key())
		switch {
		case err == nil:
			j.by(s)
			f := j.fact
			f.Verdict, f.Detail = repo.Good, ""
			f.Signer, f.SignerKey = s.cert.primary.key.fingerprint, s.key().fingerprint
			return f
		case !errors.Is(err, errUnsupported):
			j.fact.Verdict = repo.Bad
		}
		j.fact.Detail = err.Error()
	}
	return j.fact
}

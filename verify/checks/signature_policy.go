package checks

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
	"sigs.k8s.io/pkgverify/verify"
)

// apt 3.0, debian/default-sequoia.config, and the policies of the other clients:
// their tables and dates, each with its source, are in package policy. RFC 9580
// section 5.2: signatures of version 3 may be accepted and are no longer to be
// made. rpm-sequoia #26: version 3 is accepted until version 4 is the norm.
func signaturePolicy() verify.Check {
	return verify.Check{
		ID:       "signature-policy",
		Title:    "today's clients accept the signatures: OpenPGP packets of version 4 or later, no SHA-1, no MD5",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that the signatures by the pinned key that clients need are of a kind that every supported client accepts today: those of InRelease and Release.gpg by apt with gpgv and with sqv; that of repomd.xml.asc by GnuPG (zypper, and dnf where librepo uses it) and by rpm-sequoia (dnf where librepo uses rpm), with and without crypto-policies; those of each rpm, as far as packages are read, by rpm with its own parser, with rpm-sequoia, and with Fedora's crypto-policies. It warns where a client will refuse within twelve months, and names the client and the day. Version 3 packets fail in both formats from 2026-02-01 on, the day from which apt refuses them, though rpm-sequoia still makes an exception for them; before that day they warn. Signatures by other keys, which no client needs, do not matter.

Why: a signature can be right and be refused. The build service signed with version 3 packets for years; apt 2.9.19 began to warn ("Signature Packet v3 is not considered secure", k/r #3869), and since 2026-02-01 it refuses (k/k #133098). The days that are known: MD5 and SHA-1 over data are refused since long, SHA-224 by apt since 2026-02-01, version 3 by apt since 2026-02-01, RSA of 2048 bits by apt from 2030-02-01. rpm calls version 3 deprecated; rpm-sequoia makes an exception for it until version 4 is the norm.

What the key itself is, when it expires and what it rests on: see key-strength and key-current.

When it fails: sign with a current gpg (--digest-algo SHA512; obs-sign: version 4 signatures), make and sign the index of re-signed rpms again, and publish. The old minors, too: nobody else will sign them again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			j := newPolicyJudge(e)
			var found []verify.Finding
			root := func(holder repo.File, signatures []repo.Signature, reporter string, clients ...string) {
				f := verify.Finding{Subject: verify.Subject{File: holder.Path}, URL: holder.URL}
				switch needed := j.needed(signatures); {
				case !holder.OK():
					found = append(found, unjudged(holder.Problem, f, "the signature of "+holder.Path+" was not judged", reporter))
				case len(needed) == 0:
					found = append(found, unjudged(nil, f, holder.Path+" has no good signature by the pinned key to judge", reporter))
				default:
					j.oneOf(f, needed, clients...)
				}
			}
			if r.Apt != nil {
				root(r.Apt.InRelease, r.Apt.InlineSignatures, "apt-release-signed", "apt-gpgv", "apt-sqv")
				root(r.Apt.ReleaseGPG, r.Apt.DetachedSignatures, "apt-release-signed", "apt-gpgv", "apt-sqv")
			} else {
				root(r.RPM.SignatureFile, r.RPM.Signatures, "rpm-repomd-signed", "gnupg", "rpm-sequoia", "rpm-fedora")
				for _, p := range r.Packages {
					// rpm verifies all that a package has, and one that it refuses
					// is one too many.
					if p.Artifact != nil {
						f := verify.Finding{Subject: verify.SubjectOf(p), URL: p.Artifact.URL}
						j.allOf(f, j.needed(p.Artifact.Signatures), "rpm-internal", "rpm-sequoia", "rpm-fedora")
					}
				}
			}
			return append(j.findings(), found...)
		},
	}
}

// policyHorizon is how far ahead refusals are warned of, in months: releases of
// distributions and of the product need that long to reach users.
const policyHorizon = 12

// refusal is one cause for which clients refuse, or will.
type refusal struct {
	verify.Finding
	when    when
	clients []string // lines, one a client
	holders lines
	// common are the parts of the subject that all holders share.
	common verify.Subject
}

// when is how near a refusal is, from far to near.
type when int

const (
	noDay when = iota // no client has a day for it yet
	soon
	today
)

// policyJudge gathers the refusals of all signatures, one for each cause.
type policyJudge struct {
	e       *verify.Expectation
	clients map[string]policy.Client
	asked   map[question][]answer
	order   []string
	of      map[string]*refusal
}

func newPolicyJudge(e *verify.Expectation) *policyJudge {
	j := &policyJudge{e: e, clients: make(map[string]policy.Client), asked: make(map[question][]answer), of: make(map[string]*refusal)}
	for _, c := range policy.Clients() {
		j.clients[c.ID] = c
	}
	return j
}

// needed returns the good signatures by the pinned key.
func (j *policyJudge) needed(signatures []repo.Signature) []repo.Signature {
	var all []repo.Signature
	for _, s := range signatures {
		if j.e.Pinned.Matches(s) {
			all = append(all, s)
		}
	}
	return all
}

// oneOf judges a file for which one accepted signature is enough.
func (j *policyJudge) oneOf(f verify.Finding, signatures []repo.Signature, clients ...string) {
	for _, id := range clients {
		best := j.ask(id, signatures[0])
		of := signatures[0]
		for _, s := range signatures[1:] {
			if a := j.ask(id, s); worst(a) < worst(best) {
				best, of = a, s
			}
		}
		j.take(f, best, of)
	}
	if newest := slices.MaxFunc(signatures, func(a, b repo.Signature) int { return a.Version - b.Version }); newest.Version < modern {
		j.deprecated(f, newest)
	}
}

// modern is the first version of signature packets that is not deprecated.
const modern = 4

// tagOpenPGP is the rpm tag whose signatures rpm before 6 does not look at.
const tagOpenPGP = 278

// allOf judges a package whose signatures must all be accepted.
func (j *policyJudge) allOf(f verify.Finding, signatures []repo.Signature, clients ...string) {
	for _, s := range signatures {
		for _, id := range clients {
			if id != "rpm-internal" || s.Tag != tagOpenPGP {
				j.take(f, j.ask(id, s), s)
			}
		}
		if s.Version < modern {
			j.deprecated(f, s)
		}
	}
}

// question is all of a signature that a policy is asked about: the dates and
// the state of the key are other checks'.
type question struct {
	client                         string
	version, bits                  int
	hash, algorithm, curve         string
	selfSignatureHash, bindingHash string
}

// answer is what a client says of one trait of a signature that it does not
// accept for ever.
type answer struct {
	policy.Answer
	client string // by its long name
	what   string // the cause
}

// worst is how bad answers are: 0 for no refusal, and more the sooner it comes.
func worst(all []answer) int64 {
	var most int64
	for _, a := range all {
		bad := int64(math.MaxInt64) // refused today
		if a.Accepted {
			bad = math.MaxInt64/2 - a.RefusedFrom.Unix()
		}
		most = max(most, bad)
	}
	return most
}

// ask asks one client about the traits of a signature, each by itself.
func (j *policyJudge) ask(id string, s repo.Signature) []answer {
	q := question{id, s.Version, s.KeyBits, s.Hash, s.KeyAlgorithm, s.KeyCurve, s.SelfSignatureHash, s.BindingHash}
	if known, ok := j.asked[q]; ok {
		return known
	}
	client := j.clients[id]
	var all []answer
	look := func(what string, change func(*repo.Signature)) {
		x := repo.Signature{Verdict: repo.Good, Version: modern, Hash: "SHA512", KeyAlgorithm: "RSA", KeyBits: 4096, AtSigning: repo.KeyValid, Now: repo.KeyValid}
		change(&x)
		if a := policy.Judge(client, x, repo.Key{}, j.e.Now); !a.Accepted || !a.RefusedFrom.IsZero() {
			all = append(all, answer{a, client.Name, what})
		}
	}
	look(fmt.Sprintf("OpenPGP packets of version %d", s.Version), func(x *repo.Signature) { x.Version = s.Version })
	look("signatures by "+s.Hash, func(x *repo.Signature) { x.Hash = s.Hash })
	if s.KeyAlgorithm != "" && weakKey(repo.Key{Algorithm: s.KeyAlgorithm, Bits: s.KeyBits, Curve: s.KeyCurve}) == "" {
		look("keys of class "+policy.KeyClass(s), func(x *repo.Signature) {
			x.KeyAlgorithm, x.KeyBits, x.KeyCurve = s.KeyAlgorithm, s.KeyBits, s.KeyCurve
		})
	}
	// What key-strength reports, or finds needless, is not asked here.
	for _, hash := range []string{s.SelfSignatureHash, s.BindingHash} {
		if !slices.Contains([]string{"", "MD5", "SHA1", "RIPEMD160"}, hash) {
			look("keys with a self-signature by "+hash, func(x *repo.Signature) { x.SelfSignatureHash = hash })
		}
	}
	j.asked[q] = all
	return all
}

// take notes what a client refuses today or within the horizon.
func (j *policyJudge) take(f verify.Finding, all []answer, s repo.Signature) {
	for _, a := range all {
		switch day := a.RefusedFrom.Format(time.DateOnly); {
		case !a.Accepted && a.RefusedFrom.IsZero():
			j.note(a.what, today, f, a.client+" refuses", s)
		case !a.Accepted:
			j.note(a.what, today, f, a.client+" refuses since "+day, s)
		case !a.RefusedFrom.After(j.e.Now.AddDate(0, policyHorizon, 0)):
			j.note(a.what, soon, f, a.client+" will refuse from "+day, s)
		}
	}
}

// deprecated notes a packet of version 3 or earlier. For apt the day is that of
// its own policy. rpm-sequoia makes an exception of its own; the rule here is the
// policy of everybody else, from the same day on: a
// repository must not wait until the exception ends.
func (j *policyJudge) deprecated(f verify.Finding, s repo.Signature) {
	what := fmt.Sprintf("OpenPGP packets of version %d", s.Version)
	day := time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)
	if j.e.Target.Format == repo.RPM && !j.e.Now.Before(day) {
		j.note(what, today, f, "Sequoia's policy refuses since "+day.Format(time.DateOnly)+" (apt has it so); rpm-sequoia still makes an exception", s)
		return
	}
	j.note(what, noDay, f, "", s)
}

func (j *policyJudge) note(what string, w when, f verify.Finding, client string, s repo.Signature) {
	x := j.of[what]
	if x == nil {
		x = &refusal{Finding: f, when: w, common: f.Subject}
		x.Got = fmt.Sprintf("version %d, %s, %s", s.Version, s.Hash, kindOf(repo.Key{Algorithm: s.KeyAlgorithm, Bits: s.KeyBits, Curve: s.KeyCurve}))
		j.of[what] = x
		j.order = append(j.order, what)
	}
	x.when = max(x.when, w)
	if client != "" && !slices.Contains(x.clients, client) {
		x.clients = append(x.clients, client)
	}
	if name := f.Subject.String(); x.holders.last != name {
		x.holders.last = name
		x.common = common(x.common, f.Subject)
		x.holders.add("%s", name)
	}
}

// findings returns one finding for each cause.
func (j *policyJudge) findings() []verify.Finding {
	var found []verify.Finding
	for _, what := range j.order {
		x := j.of[what]
		f := x.Finding
		by := "clients refuse"
		switch x.when {
		case today:
		case soon:
			f.Status = verify.Warn
			by = "a client will refuse within a year"
		case noDay:
			f.Status = verify.Warn
			by = "are deprecated, and refused by Sequoia's own policy"
		}
		where := x.holders.kept[0]
		if x.holders.count > 1 {
			where = fmt.Sprintf("%d files", x.holders.count)
			f.Subject = x.common
			f.Evidence = x.holders.evidence()
		}
		f.Message = fmt.Sprintf("%s, which %s, are in %s", what, by, where)
		if x.when == noDay {
			f.Message = fmt.Sprintf("%s %s: they are in %s", what, by, where)
		}
		f.Evidence = append(slices.Clone(x.clients), f.Evidence...)
		f.Want = "version 4 or later, SHA-256 or better, and a key that all of these take: " + strings.Join(clientNames(j.e.Target.Format), "; ")
		f.Hint = "sign again with a current gpg or obs-sign (version 4, SHA-256 or better), and publish"
		found = append(found, f)
	}
	return found
}

// clientNames returns the clients that a format's signatures are judged by.
func clientNames(f repo.Format) []string {
	var all []string
	for _, c := range policy.Clients() {
		if strings.HasPrefix(c.ID, "apt-") == (f == repo.Deb) {
			all = append(all, c.Name)
		}
	}
	return all
}

// Package policy says which clients accept an OpenPGP signature, now and later.
//
// It is pure: it takes the facts of a signature and of its key and a date, and
// asks nothing else. What a signature proves is another question, answered by
// the verdict; a weak signature can be good, and a client of today refuses it.
//
// The tables are those of the clients themselves, in clients.go, each with its
// source. They have dates, because Sequoia's policies have: a repository can
// be accepted today and refused on a day that is known.
package policy

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Until says until when something is accepted: the zero time stands for no end
// that is known. What is not in it is refused at all times.
type Until map[string]time.Time

// Moment is the time as of which a client looks at the key.
type Moment int

// The moments. Clients differ in what an expired or revoked key means for a
// signature that it made before.
const (
	// AsOfNow: the key must be in force when the signature is verified. So
	// GnuPG: EXPKEYSIG and REVKEYSIG are no GOODSIG.
	AsOfNow Moment = iota
	// AsOfSigning: the key must have been in force when the signature was made,
	// by a self-signature of that time. So Sequoia's verifier.
	AsOfSigning
	// AsOfSigningOrNow is AsOfSigning, and where the key has no self-signature
	// of that time, the present one counts. So rpm-sequoia, as self-signatures
	// are often stripped from keys.
	AsOfSigningOrNow
	// Never: expiry and revocation are not looked at. So rpm's own parser.
	Never
)

// Client is a program that verifies repositories, with its policy.
type Client struct {
	ID     string // short, for reports: "apt-sqv"
	Name   string // for people, with versions
	Source string // where the tables are from

	Packets Until // by version of the signature packet: "3", "4", "6"
	Keys    Until // by [KeyClass]
	Digests Until // by the hash of the signature
	// SelfSignatures is by the hash of the key's self-signature and of the
	// subkey's binding.
	SelfSignatures Until

	Key Moment
	// Future is how far ahead of the present a signature may be dated; negative
	// for any.
	Future time.Duration
}

// Answer is what a client does with a signature at some time.
type Answer struct {
	Accepted bool
	// Why says why not; where it is accepted and will not be for ever, why it
	// ends.
	Why string
	// RefusedFrom is when the refusal began or will begin; zero where it has no
	// date: accepted without a known end, or refused since ever.
	RefusedFrom time.Time
}

// reason is a refusal from some time on; the zero time means from the start.
type reason struct {
	from time.Time
	text string
}

// Judge says whether c accepts s at the time at, and when that ends. signer is
// the primary key behind s as the client has it, with its subkeys; the zero
// key where it is not known, and then only what s itself says of it counts.
//
// The mathematics is s.Verdict. To ask for twelve months ahead, call it with a
// later time; the answer then supposes that nothing is signed anew.
func Judge(c Client, s repo.Signature, signer repo.Key, at time.Time) Answer {
	if s.Verdict != repo.Good {
		text := "the signature is not good: " + string(s.Verdict)
		if s.Detail != "" {
			text += ": " + s.Detail
		}
		return Answer{Why: text}
	}
	reasons := slices.Concat(c.weak(s), c.dated(s, at), c.key(s, signer))
	if len(reasons) == 0 {
		return Answer{Accepted: true}
	}
	first := slices.MinFunc(reasons, func(a, b reason) int { return a.from.Compare(b.from) })
	return Answer{Accepted: first.from.After(at), Why: first.text, RefusedFrom: first.from}
}

// weak returns what the tables say against the signature.
func (c Client) weak(s repo.Signature) []reason {
	var all []reason
	look := func(table Until, name, what string) {
		end, known := table[name]
		switch {
		case !known:
			all = append(all, reason{text: what + " is refused by " + c.Name})
		case !end.IsZero():
			all = append(all, reason{end, fmt.Sprintf("%s is refused by %s from %s", what, c.Name, end.Format(time.DateOnly))})
		}
	}
	version := fmt.Sprint(s.Version)
	look(c.Packets, version, "a signature packet of version "+version)
	look(c.Digests, s.Hash, "a signature by "+s.Hash)
	class := KeyClass(s)
	look(c.Keys, class, "a key of class "+class)
	if s.SelfSignatureHash != "" {
		look(c.SelfSignatures, s.SelfSignatureHash, "a key whose self-signature is by "+s.SelfSignatureHash)
	}
	if s.BindingHash != "" {
		look(c.SelfSignatures, s.BindingHash, "a subkey that is bound by "+s.BindingHash)
	}
	return all
}

// dated returns what the signature's own dates say against it.
func (c Client) dated(s repo.Signature, at time.Time) []reason {
	var all []reason
	if c.Key == Never {
		return nil
	}
	if !s.Expires.IsZero() {
		all = append(all, reason{s.Expires, "the signature expires at " + s.Expires.UTC().Format(time.RFC3339)})
	}
	if c.Future >= 0 && s.Created.After(at.Add(c.Future)) {
		all = append(all, reason{text: "the signature is dated " + s.Created.UTC().Format(time.RFC3339) + ", in the future"})
	}
	return all
}

// key returns what the key's state says against the signature.
func (c Client) key(s repo.Signature, signer repo.Key) []reason {
	state := s.Now
	switch c.Key {
	case Never:
		return nil
	case AsOfNow:
		return c.present(s, signer)
	case AsOfSigning:
		state = s.AtSigning
	case AsOfSigningOrNow:
		if state = s.AtSigning; state == repo.KeyNotYetValid && !s.Created.Before(born(s, signer)) {
			state = s.Now
		}
	}
	switch state {
	case "", repo.KeyValid:
		return nil
	case repo.KeyNotYetValid:
		return []reason{{text: "when the signature was made the key was not made, or had no self-signature that is kept"}}
	}
	return []reason{{text: "when the signature was made the key was " + string(state)}}
}

// present returns what speaks against the key at the time of looking.
func (c Client) present(s repo.Signature, signer repo.Key) []reason {
	if s.Created.Before(born(s, signer)) {
		return []reason{{text: "the signature is older than the key"}}
	}
	var all []reason
	for _, k := range chain(s, signer) {
		if k.Revoked {
			all = append(all, reason{text: "key " + k.Fingerprint + " is revoked: " + k.RevocationReason})
		}
		if !k.Expires.IsZero() {
			all = append(all, reason{k.Expires, "key " + k.Fingerprint + " expires at " + k.Expires.UTC().Format(time.RFC3339)})
		}
	}
	if len(all) == 0 && s.Now != "" && s.Now != repo.KeyValid {
		// Of a self-signature that was made later than the signature GnuPG does
		// not ask; a present state is a present state.
		all = append(all, reason{text: "the key is " + string(s.Now)})
	}
	return all
}

// chain returns the keys that must be in force: the primary key, and the
// subkey that signed.
func chain(s repo.Signature, signer repo.Key) []repo.Key {
	if signer.Fingerprint == "" {
		return nil
	}
	keys := []repo.Key{signer}
	for _, k := range signer.Subkeys {
		if k.Fingerprint == s.SignerKey {
			keys = append(keys, k)
		}
	}
	return keys
}

// born returns when the youngest key of the chain was made.
func born(s repo.Signature, signer repo.Key) time.Time {
	var youngest time.Time
	for _, k := range chain(s, signer) {
		if k.Created.After(youngest) {
			youngest = k.Created
		}
	}
	return youngest
}

// KeyClass returns the name under which [Client.Keys] has the key of s: for
// RSA and DSA the algorithm with the largest of 1024, 2048, 3072 and 4096 that
// the key reaches ("RSA2048"; 1024 also for less), for EdDSA and ECDSA keys the
// curve as GnuPG names it ("nistp256"), for others the algorithm ("Ed448").
func KeyClass(s repo.Signature) string {
	switch s.KeyAlgorithm {
	case "RSA", "DSA":
		size := 1024
		for _, n := range []int{2048, 3072, 4096} {
			if s.KeyBits >= n {
				size = n
			}
		}
		return fmt.Sprint(s.KeyAlgorithm, size)
	case "EdDSA", "ECDSA":
		return s.KeyCurve
	}
	return s.KeyAlgorithm
}

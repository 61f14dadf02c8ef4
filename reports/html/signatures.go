package html

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
	"sigs.k8s.io/pkgverify/reports"
)

// maxSignatures bounds the rows of a table of signatures.
const maxSignatures = 100

// signatureTable is the signatures that the same clients look at.
type signatureTable struct {
	Title string
	Rows  []signatureView
	Left  string
}

// signatureView is one kind of signature, wherever it is.
type signatureView struct {
	Over, Kind, By, Detail string
	Verdict                string
	Good                   bool
	Where                  placesView
	Answers                []answerView
}

// answerView is what one client says, now and in a year.
type answerView struct {
	Client string
	// Now and Later are "accepts", "refuses" or "no word".
	Now, Later string
	// Why says why not, or why it ends.
	Why string
}

// signatureKind is what signatures have in common that are one row.
type signatureKind struct {
	over                      string
	tag, version, bits        int
	hash, algorithm, curve    string
	verdict                   repo.SignatureVerdict
	by, selfHash, bindingHash string
	atSigning, now            repo.KeyState
	expires, keysEnds         int64
}

// tagOpenPGP is the rpm tag that rpm before 6 does not look at.
const tagOpenPGP = 278

// signatureMaker gathers the rows of one table.
type signatureMaker struct {
	table   signatureTable
	clients []policy.Client
	at      time.Time
	rows    map[signatureKind]int
	where   [][]string
}

func newSignatures(title string, at time.Time, clients ...string) *signatureMaker {
	m := &signatureMaker{table: signatureTable{Title: title}, at: at, rows: map[signatureKind]int{}}
	for _, id := range clients {
		if c, ok := policy.Find(id); ok {
			m.clients = append(m.clients, c)
		}
	}
	return m
}

// signaturesOf returns a table for each kind of file that is signed: the
// clients that read it are other ones.
func signaturesOf(r *reports.Report) []signatureTable {
	apt := newSignatures("apt metadata", r.Started, "apt-gpgv", "apt-sqv")
	rpm := newSignatures("rpm metadata", r.Started, "gnupg", "rpm-sequoia", "rpm-fedora")
	packages := newSignatures("rpm packages", r.Started, "rpm-internal", "rpm-sequoia", "rpm-fedora")
	for i := range r.Repositories {
		x := &r.Repositories[i]
		keys := slices.Clone(x.PinnedKeys)
		for _, f := range x.Keys {
			keys = append(keys, f.Keys...)
		}
		target := x.Target.Name()
		if x.Apt != nil {
			apt.add(x.Apt.InlineSignatures, keys, target, "InRelease")
			apt.add(x.Apt.DetachedSignatures, keys, target, "Release.gpg")
		}
		if x.RPM != nil {
			rpm.add(x.RPM.Signatures, keys, target, "repomd.xml.asc")
		}
		for j := range x.Packages {
			if p := &x.Packages[j]; p.Artifact != nil {
				packages.add(p.Artifact.Signatures, keys, target, "")
			}
		}
	}
	var out []signatureTable
	for _, m := range []*signatureMaker{apt, rpm, packages} {
		if len(m.table.Rows) > 0 {
			out = append(out, m.finish())
		}
	}
	return out
}

// add adds the signatures of one file; of packages only the kind counts, not
// the day.
func (m *signatureMaker) add(signatures []repo.Signature, keys []repo.Key, target, file string) {
	for _, s := range signatures {
		signer := signerOf(s, keys)
		k := signatureKind{
			over: file, version: s.Version, bits: s.KeyBits, hash: s.Hash, algorithm: s.KeyAlgorithm, curve: s.KeyCurve,
			verdict: s.Verdict, by: issuer(s), selfHash: s.SelfSignatureHash, bindingHash: s.BindingHash,
			atSigning: s.AtSigning, now: s.Now, expires: s.Expires.Unix(), keysEnds: signer.Expires.Unix(),
		}
		if file == "" {
			k.over, k.tag = s.Over, s.Tag
		}
		i, ok := m.rows[k]
		if !ok {
			i = len(m.table.Rows)
			m.rows[k] = i
			m.table.Rows = append(m.table.Rows, m.row(s, k, signer))
			m.where = append(m.where, nil)
		}
		if n := len(m.where[i]); n == 0 || m.where[i][n-1] != target {
			m.where[i] = append(m.where[i], target)
		}
	}
}

func (m *signatureMaker) row(s repo.Signature, k signatureKind, signer repo.Key) signatureView {
	v := signatureView{
		Over: name(k.over), Kind: name(fmt.Sprintf("version %d, %s, %s", s.Version, s.Hash, keyKind(s.KeyAlgorithm, s.KeyBits, s.KeyCurve))),
		By: name(grouped(k.by)), Verdict: name(string(s.Verdict)), Good: s.Verdict == repo.Good, Detail: value(s.Detail),
	}
	for _, c := range m.clients {
		if c.ID == "rpm-internal" && k.tag == tagOpenPGP {
			v.Answers = append(v.Answers, answerView{c.Name, "no word", "no word", "rpm before 6 does not look at this tag"})
			continue
		}
		now := policy.Judge(c, s, signer, m.at)
		later := policy.Judge(c, s, signer, m.at.AddDate(1, 0, 0))
		a := answerView{Client: c.Name, Now: word(now), Later: word(later)}
		switch {
		case !now.Accepted:
			a.Why = value(now.Why)
		case !later.Accepted:
			a.Why = value(later.Why)
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

func word(a policy.Answer) string {
	if a.Accepted {
		return "accepts"
	}
	return "refuses"
}

func (m *signatureMaker) finish() signatureTable {
	for i := range m.table.Rows {
		m.table.Rows[i].Where = placesOf(m.where[i])
	}
	if n := len(m.table.Rows) - maxSignatures; n > 0 {
		m.table.Left = plural(n, "more kind", "more kinds")
		m.table.Rows = m.table.Rows[:maxSignatures]
	}
	return m.table
}

// issuer returns who signed, by the best name that is known.
func issuer(s repo.Signature) string {
	for _, x := range []string{s.Signer, s.Fingerprint, s.KeyID} {
		if x != "" {
			return x
		}
	}
	return ""
}

// signerOf returns the primary key behind a signature, the zero key if none of
// the keys is it.
func signerOf(s repo.Signature, keys []repo.Key) repo.Key {
	for _, k := range keys {
		if k.Fingerprint == s.Signer {
			return k
		}
	}
	return repo.Key{}
}

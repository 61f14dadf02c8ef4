package pgp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
)

// clock gives the dates of the matrix. They are relative to the present, as
// neither gpgv nor sqv can be told another.
type clock struct{ made, signed, turned, lapsed, now time.Time }

func newClock() clock {
	now := time.Now().UTC().Truncate(time.Second)
	ago := func(months int) time.Time { return now.AddDate(0, -months, 0) }
	return clock{made: ago(40), signed: ago(30), turned: ago(20), lapsed: ago(10), now: now}
}

func faked(t time.Time) string { return t.Format("20060102T150405") + "!" }

// sqvBuiltin is the policy inside Debian 12's sqv (sequoia-openpgp 1.12): like
// the present one, but version 3 packets ended in 2007, and DSA and RSA 2048
// have no end.
func sqvBuiltin(t *testing.T) policy.Client {
	t.Helper()
	c, ok := policy.Find("rpm-sequoia")
	if !ok {
		t.Fatal("no such client")
	}
	c.Name, c.Key, c.Future = "sqv 1.1", policy.AsOfSigning, 30*time.Minute
	c.Packets["3"] = time.Date(2007, 2, 1, 0, 0, 0, 0, time.UTC)
	delete(c.Packets, "6")
	for _, size := range []int{2048, 3072, 4096} {
		c.Keys[fmt.Sprint("DSA", size)] = time.Time{}
	}
	return c
}

// cell is one signature of the matrix with its ring.
type cell struct {
	name         string
	ring, sig    []byte
	verdict      repo.SignatureVerdict
	signing, now repo.KeyState
	gpgv         string // status
	sqv          bool
	alone        bool // sqv alone accepts what is not good here
}

// TestMatrix crosses key algorithms with states of key and signature. Each
// cell is held against gpgv's status line and sqv's answer, and so is what the
// policies say of it.
func TestMatrix(t *testing.T) {
	g := newGnuPG(t)
	c := newClock()
	for _, algorithm := range []string{"rsa1024", "rsa2048", "rsa3072", "rsa4096", "dsa2048", "nistp256", "nistp384", "brainpoolP256r1", "ed25519"} {
		t.Run(algorithm, func(t *testing.T) { g.matrix(t, c, algorithm, false) })
	}
	t.Run("subkey", func(t *testing.T) { g.matrix(t, c, "rsa2048", true) })
}

func (g *gnupg) matrix(t *testing.T, c clock, algorithm string, subkey bool) {
	gg := *g
	g = &gg
	g.t = t
	data := []byte("Origin: example\nSuite: stable  \r\n\nend")
	name, number := "m"+algorithm, 0
	usage := "sign,cert"
	if subkey {
		name, number, usage = "msub", 1, "cert"
	}
	at := func(t time.Time) []string { return []string{"--faked-system-time", faked(t)} }
	var fpr string
	if subkey {
		fpr = g.key(name, "ed25519", usage, "never", at(c.made)...)
		g.gpg(nil, append(at(c.made), "--quick-add-key", fpr, algorithm, "sign", "never")...)
	} else {
		fpr = g.key(name, algorithm, usage, "never", at(c.made)...)
	}
	valid := g.export(name)
	by := func(when time.Time, more ...string) []byte { return g.sign(name, data, append(at(when), more...)...) }
	plain := by(c.signed)
	text := by(c.signed, "--textmode")
	brief := by(c.signed, "--default-sig-expire", "1d")
	sums := map[string][]byte{}
	for _, h := range []string{"SHA1", "SHA224", "SHA512"} {
		if strings.HasPrefix(algorithm, "rsa") || algorithm == "ed25519" || h == "SHA512" {
			sums[h] = by(c.signed, "--digest-algo", h)
		}
	}
	primary, signer := g.makerOf(name, 0), g.makerOf(name, number)
	// Expiry, by a self-signature made before the signature.
	expire := append(at(c.made.Add(time.Hour)), "--quick-set-expire", fpr, c.turned.Format("20060102T150405"))
	if subkey {
		g.gpg(nil, append(expire, "*")...)
	} else {
		g.gpg(nil, expire...)
	}
	expired := g.export(name)

	const good = repo.Good
	const ok, over, gone, early = repo.KeyValid, repo.KeyExpired, repo.KeyRevoked, repo.KeyNotYetValid
	// revoked puts a revocation of the signing key into the ring.
	revoked := func(reason int) []byte {
		if subkey {
			return concat(valid, primary.revocation(c.turned, reason, &signer))
		}
		return insert(t, valid, primary.revocation(c.turned, reason, nil))
	}
	made := func(s spec) []byte { return signer.sign(s, data) }
	// RSA 1024 ended in 2014, and Brainpool is not in Debian's sqv.
	sqv := algorithm != "rsa1024" && algorithm != "brainpoolP256r1"
	cells := []cell{
		{name: "valid", ring: valid, sig: plain, verdict: good, signing: ok, now: ok, gpgv: "GOODSIG", sqv: sqv},
		{name: "text", ring: valid, sig: text, verdict: good, signing: ok, now: ok, gpgv: "GOODSIG", sqv: sqv},
		{name: "expired signature", ring: valid, sig: brief, verdict: good, signing: ok, now: ok, gpgv: "EXPSIG"},
		{name: "future signature", ring: valid, sig: made(spec{created: c.now.AddDate(2, 0, 0)}), verdict: good, signing: ok, now: ok, gpgv: "GOODSIG"},
		{name: "older than the key", ring: valid, sig: made(spec{created: c.made.AddDate(-1, 0, 0)}), verdict: good, signing: early, now: ok, gpgv: "ERRSIG"},
		{name: "key expired since", ring: expired, sig: plain, verdict: good, signing: ok, now: over, gpgv: "EXPKEYSIG", sqv: sqv},
		{name: "key had expired", ring: expired, sig: made(spec{created: c.lapsed}), verdict: good, signing: over, now: over, gpgv: "EXPKEYSIG"},
		{name: "soft revocation since", ring: revoked(1), sig: plain, verdict: good, signing: ok, now: gone, gpgv: "REVKEYSIG", sqv: sqv},
		{name: "retired since", ring: revoked(3), sig: plain, verdict: good, signing: ok, now: gone, gpgv: "REVKEYSIG", sqv: sqv},
		{name: "soft revocation before", ring: revoked(1), sig: made(spec{created: c.lapsed}), verdict: good, signing: gone, now: gone, gpgv: "REVKEYSIG"},
		{name: "compromised", ring: revoked(2), sig: plain, verdict: good, signing: gone, now: gone, gpgv: "REVKEYSIG"},
		{name: "revoked, reason 0", ring: revoked(0), sig: plain, verdict: good, signing: gone, now: gone, gpgv: "REVKEYSIG"},
		{name: "revoked without reason", ring: revoked(-1), sig: plain, verdict: good, signing: gone, now: gone, gpgv: "REVKEYSIG"},
		{name: "changed data", ring: valid, sig: signer.sign(spec{created: c.signed}, []byte("other")), verdict: repo.Bad, signing: ok, now: ok, gpgv: "BADSIG"},
		{name: "version 3", ring: valid, sig: made(spec{version: 3, created: c.signed}), verdict: good, signing: ok, now: ok, gpgv: "GOODSIG"},
	}
	for h, sig := range sums {
		cells = append(cells, cell{name: h, ring: valid, sig: sig, verdict: good, signing: ok, now: ok, gpgv: "GOODSIG", sqv: sqv && h != "SHA1"})
	}
	if algorithm == "nistp384" {
		cells = append(cells, cell{name: "hash shorter than the curve", ring: valid, sig: made(spec{created: c.signed, hash: 8}), verdict: repo.Unsupported, signing: ok, now: ok, gpgv: "ERRSIG", sqv: true, alone: true})
	}
	if subkey {
		cells = append(cells,
			cell{name: "primary key revoked", ring: insert(t, valid, primary.revocation(c.turned, 2, nil)), sig: plain, verdict: good, signing: gone, now: gone, gpgv: "REVKEYSIG"},
			cell{name: "primary key superseded", ring: insert(t, valid, primary.revocation(c.turned, 1, nil)), sig: plain, verdict: good, signing: ok, now: gone, gpgv: "REVKEYSIG", sqv: true},
			cell{name: "by the certifying key", ring: valid, sig: primary.sign(spec{created: c.signed}, data), verdict: repo.UnknownKey, signing: repo.KeyCannotSign, now: repo.KeyCannotSign, gpgv: "ERRSIG"},
		)
	}
	for _, tt := range cells {
		t.Run(tt.name, func(t *testing.T) { g.cell(t, c, tt, data) })
	}
}

// cell judges one signature four times.
func (g *gnupg) cell(t *testing.T, c clock, tt cell, data []byte) {
	ring, err := pgp.ReadKeyring(tt.ring)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ring.At(c.now).Start("data", tt.sig)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(data); err != nil {
		t.Fatal(err)
	}
	got := v.Signatures()[0]
	if got.Verdict != tt.verdict || got.AtSigning != tt.signing || got.Now != tt.now {
		t.Errorf("got %s, %s at signing, %s now; want %s, %s, %s (%s)",
			got.Verdict, got.AtSigning, got.Now, tt.verdict, tt.signing, tt.now, got.Detail)
	}
	if (got.SignerKey != "") != (got.Verdict == repo.Good) {
		t.Errorf("%s with signing key %q", got.Verdict, got.SignerKey)
	}
	if word := g.word(tt.ring, tt.sig, data); word != tt.gpgv {
		t.Errorf("gpgv says %s, want %s", word, tt.gpgv)
	}
	accepted, why := g.sqv(tt.ring, tt.sig, data)
	if accepted != tt.sqv {
		t.Errorf("sqv accepts: %v, want %v: %s", accepted, tt.sqv, why)
	}
	signer, _ := ring.Find(got.Signer)
	gnupg, _ := policy.Find("gnupg")
	if a := policy.Judge(gnupg, got, signer, c.now); a.Accepted != (tt.gpgv == "GOODSIG") {
		t.Errorf("policy of GnuPG: %+v, gpgv says %s", a, tt.gpgv)
	}
	if a := policy.Judge(sqvBuiltin(t), got, signer, c.now); a.Accepted != (accepted && !tt.alone) {
		t.Errorf("policy of sqv: %+v, sqv: %v %s", a, accepted, why)
	}
}

package pgp_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// entity is a key made without GnuPG, with its packets taken apart.
type entity struct {
	maker
	key, userID, self []byte // packets
	made              time.Time
}

// newEntity makes an Ed25519 key with one user ID and no subkey.
func newEntity(t testing.TB) entity {
	t.Helper()
	made := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	e, err := openpgp.NewEntity("name", "", "name@example.org", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made },
	})
	if err != nil {
		t.Fatal(err)
	}
	m := maker{t, e.PrivateKey}
	id := []byte("name <name@example.org>")
	return entity{
		maker: m, key: old(6, m.publicBody()), userID: old(13, id), made: made,
		self: m.certify(13, id, spec{kind: 0x13, created: made, hashed: sub(27, 3)}),
	}
}

// certify signs a user ID or user attribute of m.
func (m maker) certify(tag byte, id []byte, s spec) []byte {
	head := []byte{0xb4}
	if tag == 17 {
		head[0] = 0xd1
	}
	n := len(id)
	return m.sign(s, concat(m.keyHash(), head, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, id))
}

func (e entity) ring(more ...[]byte) []byte { return concat(e.key, e.userID, e.self, concat(more...)) }

// What stands in a key file and does not matter, or is refused.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	e, other := newEntity(t), newEntity(t)
	id := []byte("name <name@example.org>")
	photo := []byte{5, 1, 0x10, 0, 1, 1}
	foreign := func(hash byte) []byte {
		return maker{t, other.priv}.sign(spec{kind: 0x10, created: e.made, hash: hash}, concat(e.keyHash(), []byte{0xb4, 0, 0, 0, byte(len(id))}, id))
	}
	broken := flip(e.self)
	v5 := append([]byte{5}, e.publicBody()[1:]...)
	keybox := append([]byte{0, 0, 0, 32, 1, 1, 0, 2}, append([]byte("KBXf"), make([]byte, 20)...)...)
	later := func(s spec) []byte { s.created = e.made.Add(time.Hour); return e.certify(13, id, s) }
	day := stampOf(time.Unix(86400, 0))
	base := repo.Key{
		Fingerprint: fmt.Sprintf("%X", e.priv.Fingerprint), KeyID: e.priv.KeyIdString(), UserIDs: []string{string(id)},
		Algorithm: "EdDSA", Bits: 255, Curve: "ed25519", Version: 4, Created: e.made, CanSign: true, SelfSignatureHash: "SHA256",
	}
	with := func(f func(*repo.Key)) repo.Key { k := base; f(&k); return k }
	for _, tt := range []struct {
		name   string
		data   []byte
		want   repo.Key
		faults []string // parts of each
		err    string
	}{
		{name: "plain", data: e.ring(), want: base},
		{name: "certification by another with SHA-1", data: e.ring(foreign(2)), want: base},
		{name: "broken certification by another", data: e.ring(flip(foreign(8)), old(2, []byte{4}), old(2, nil), old(2, []byte{9, 9})), want: base},
		{name: "broken self-signature beside a good one", data: e.ring(broken), want: base},
		{name: "user attribute, trust, marker, padding, unknown", data: e.ring(old(17, photo), e.self, []byte("\xca\x03PGP"), []byte{0xcc, 2, 0, 0, 0xd5, 1, 0, 0xfc, 1, 0, 0xe7, 1, 0}), want: base},
		{name: "user attribute with the expiry", data: e.ring(old(17, photo), e.certify(17, photo, spec{kind: 0x13, created: e.made, hashed: sub(9, day...)})),
			want: with(func(k *repo.Key) { k.Expires = e.made.Add(24 * time.Hour) })},
		{name: "newest self-signature", data: e.ring(later(spec{kind: 0x13, hashed: concat(sub(9, day...), sub(27, 1))})),
			want: with(func(k *repo.Key) { k.Expires, k.CanSign = e.made.Add(24*time.Hour), false })},
		{name: "newest self-signature first", data: concat(e.key, e.userID, later(spec{kind: 0x13, hashed: sub(27, 1)}), e.self),
			want: with(func(k *repo.Key) { k.CanSign = false })},
		{name: "newest self-signature has ended", data: e.ring(later(spec{kind: 0x13, hashed: concat(sub(3, 0, 0, 0, 1), sub(27, 1))})), want: base},
		{name: "direct-key signature", data: insert(t, e.ring(), e.sign(spec{kind: 0x1f, created: e.made, hashed: concat(sub(9, day...), sub(27, 1))}, e.keyHash())),
			want: with(func(k *repo.Key) { k.Expires, k.CanSign = e.made.Add(24*time.Hour), false })},
		{name: "direct-key signature that only names a revoker", data: insert(t, e.ring(later(spec{kind: 0x13, hashed: sub(27, 1)})),
			e.sign(spec{kind: 0x1f, created: e.made.Add(time.Hour), hashed: sub(12, append([]byte{0x80, 22}, other.priv.Fingerprint...)...)}, e.keyHash())),
			want: with(func(k *repo.Key) { k.CanSign = false })},
		{name: "revoked by a designated revoker", data: insert(t, insert(t, e.ring(), maker{t, other.priv}.sign(spec{kind: 0x20, created: e.made}, e.keyHash())),
			e.sign(spec{kind: 0x1f, created: e.made, hashed: sub(12, append([]byte{0x80, 22}, other.priv.Fingerprint...)...)}, e.keyHash())),
			want: base, faults: []string{"may be revoked by"}},
		{name: "revocation by anybody", data: insert(t, e.ring(), maker{t, other.priv}.sign(spec{kind: 0x20, created: e.made}, e.keyHash())), want: base},
		{name: "superseded", data: insert(t, e.ring(), e.revocation(e.made.Add(time.Hour), 1, nil)),
			want: with(func(k *repo.Key) {
				k.Revoked, k.RevokedAt, k.RevocationReason = true, e.made.Add(time.Hour), "superseded"
			})},
		{name: "superseded, then compromised", data: insert(t, insert(t, e.ring(), e.revocation(e.made.Add(time.Hour), 1, nil)), e.revocation(e.made.Add(2*time.Hour), 2, nil)),
			want: with(func(k *repo.Key) {
				k.Revoked, k.RevokedAt, k.RevocationReason = true, e.made.Add(2*time.Hour), "compromised"
			})},
		{name: "user ID withdrawn and certified again", data: e.ring(later(spec{kind: 0x30}), e.certify(13, id, spec{kind: 0x13, created: e.made.Add(2 * time.Hour), hashed: sub(27, 3)})), want: base},
		{name: "second user ID withdrawn", data: e.ring(old(13, []byte("x")), e.certify(13, []byte("x"), spec{kind: 0x13, created: e.made}), e.certify(13, []byte("x"), spec{kind: 0x30, created: e.made.Add(time.Hour)})), want: base},
		{name: "self-signature of version 3", data: concat(e.key, e.userID, e.sign(spec{version: 3, kind: 0x13, created: e.made}, concat(e.keyHash(), id))), want: base},
		{name: "key of version 5 beside it", data: concat(old(6, v5), e.userID, e.self, e.ring()), want: base, faults: []string{"version 5 (LibrePGP)"}},
		{name: "key of version 3 beside it", data: concat(old(6, []byte{3, 0, 0, 0, 0, 0, 0, 1, 0, 8, 9}), e.userID, e.ring()), want: base, faults: []string{"version 3"}},
		{name: "the same key twice", data: concat(e.ring(), e.ring()), want: base},
		{name: "subkey that nothing binds", data: e.ring(old(14, other.publicBody()), e.self), want: base, faults: []string{"no signature of"}},
		{name: "revoked subkey that nothing binds", data: e.ring(old(14, other.publicBody()), e.revocation(e.made, 3, &other.maker)),
			want: with(func(k *repo.Key) {
				k.Subkeys = []repo.Key{{
					Fingerprint: fmt.Sprintf("%X", other.priv.Fingerprint), KeyID: other.priv.KeyIdString(), Algorithm: "EdDSA", Bits: 255, Curve: "ed25519",
					Version: 4, Created: other.made, Revoked: true, RevokedAt: e.made, RevocationReason: "retired",
				}}
			})},
		{name: "no self-signature", data: concat(e.key, e.userID, foreign(8)), err: "no self-signature of it verifies"},
		{name: "only one of RIPEMD160", data: concat(e.key, e.userID, old(2, flipAt(e.body(spec{kind: 0x13, created: e.made, hash: 2}, nil), 3))), err: "RIPEMD160"},
		{name: "only a key of version 5", data: old(6, v5), err: "version 5 (LibrePGP)"},
		{name: "secret key behind", data: e.ring([]byte{0x94, 1, 4}), err: "a secret key in a ring of public keys"},
		{name: "secret key armored", data: []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlAA=\n-----END PGP PRIVATE KEY BLOCK-----\n"), err: "a secret key in a ring of public keys"},
		{name: "keybox", data: keybox, err: "gpg --export"},
		{name: "cut short", data: e.ring()[:len(e.ring())-1], err: "are there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, err := pgp.ReadKeyring(tt.data)
			if tt.err != "" {
				var fe *repo.FormatError
				if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want a FormatError with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			k = k.At(e.made.AddDate(1, 0, 0))
			if d := cmp.Diff([]repo.Key{tt.want}, k.Keys()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			var got []string
			for _, f := range k.Faults() {
				got = append(got, f.Text)
			}
			if !slices.EqualFunc(got, tt.faults, strings.Contains) {
				t.Errorf("faults %q, want %q", got, tt.faults)
			}
		})
	}
}

// TestKeyFilesAgainstGPG asks gpg about the same constructions, where it can
// tell.
func TestKeyFilesAgainstGPG(t *testing.T) {
	g := newGnuPG(t)
	e := newEntity(t)
	id := []byte("name <name@example.org>")
	day := stampOf(time.Unix(86400, 0))
	at := func(h int, s spec) []byte {
		s.created = e.made.Add(time.Duration(h) * time.Hour)
		return e.certify(13, id, s)
	}
	two := []byte("two")
	for name, ring := range map[string][]byte{
		"plain":        e.ring(),
		"newest first": concat(e.key, e.userID, at(1, spec{kind: 0x13, hashed: sub(27, 1)}), e.self),
		"has ended":    e.ring(at(1, spec{kind: 0x13, hashed: concat(sub(3, 0, 0, 0, 1), sub(27, 1))})),
		"direct":       insert(t, e.ring(), e.sign(spec{kind: 0x1f, created: e.made, hashed: concat(sub(9, day...), sub(27, 1))}, e.keyHash())),
		"use and expiry from two user IDs": e.ring(at(2, spec{kind: 0x13, hashed: sub(27, 1)}), old(13, two),
			e.certify(13, two, spec{kind: 0x13, created: e.made.Add(time.Hour), hashed: sub(9, day...)})),
		"same time":     e.ring(old(13, two), e.certify(13, two, spec{kind: 0x13, created: e.made, hashed: sub(27, 1)})),
		"withdrawn":     e.ring(old(13, two), e.certify(13, two, spec{kind: 0x13, created: e.made.Add(time.Hour), hashed: sub(27, 1)}), e.certify(13, two, spec{kind: 0x30, created: e.made.Add(2 * time.Hour)})),
		"superseded":    insert(t, e.ring(), e.revocation(e.made, 1, nil)),
		"attribute":     e.ring(old(17, []byte{5, 1, 0x10, 0, 1, 1}), e.certify(17, []byte{5, 1, 0x10, 0, 1, 1}, spec{kind: 0x13, created: e.made, hashed: sub(9, day...)})),
		"critical":      e.ring(at(1, spec{kind: 0x13, hashed: concat(sub(0x80|101, 0), sub(27, 1))})),
		"zero lifetime": e.ring(at(1, spec{kind: 0x13, hashed: concat(sub(9, 0, 0, 0, 0), sub(27, 3))})),
	} {
		t.Run(name, func(t *testing.T) {
			gg := *g
			gg.t = t
			k, err := pgp.ReadKeyring(ring)
			if err != nil {
				t.Fatal(err)
			}
			theirs := gg.show(gg.file(ring))
			if len(theirs) != 1 {
				t.Fatalf("gpg reads %d keys", len(theirs))
			}
			if d := cmp.Diff(line(theirs[0]), line(k.Keys()[0])); d != "" {
				t.Errorf("-gpg +got:\n%s", d)
			}
		})
	}
}

// A key that vandals flooded with certifications is read in bounded time, and
// not refused.
func TestFlooded(t *testing.T) {
	t.Parallel()
	e, other := newEntity(t), newEntity(t)
	one := other.sign(spec{kind: 0x10, created: e.made}, []byte("anything"))
	flood := bytes.Repeat(one, 5<<20/len(one))
	k, err := pgp.ReadKeyring(e.ring(flood))
	if err != nil {
		t.Fatal(err)
	}
	if keys := k.Keys(); len(keys) != 1 || !keys[0].CanSign || len(k.Faults()) != 0 {
		t.Errorf("got %+v, %+v", keys, k.Faults())
	}
}

// Merge and Restrict together: the first copy's word.
func TestPins(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.key("pinned", "ed25519", "sign,cert", "never")
	g.gpg(nil, "--quick-add-key", fpr, "ed25519", "sign", "never")
	g.gpg(nil, "--quick-add-key", fpr, "rsa2048", "sign", "never")
	g.key("other", "ed25519", "sign,cert", "never")
	k, err := pgp.ReadKeyring(g.export("pinned", "other"))
	if err != nil {
		t.Fatal(err)
	}
	subs := k.Keys()[0].Subkeys
	if len(subs) != 2 {
		t.Fatalf("subkeys: %+v", subs)
	}
	data := []byte("data\n")
	sigs := map[string][]byte{"other": g.sign("other", data)}
	for name, by := range map[string]string{"primary": fpr, "first": subs[0].Fingerprint, "second": subs[1].Fingerprint} {
		sigs[name] = g.gpg(data, "--local-user", by+"!", "--detach-sign")
	}
	for _, tt := range []struct {
		pins []string
		want []string
	}{
		{[]string{fpr}, []string{"first", "primary", "second"}},
		{[]string{"0x" + strings.ToLower(fpr)}, []string{"first", "primary", "second"}},
		{[]string{fpr + "!"}, []string{"primary"}},
		{[]string{subs[0].Fingerprint}, []string{"first"}},
		{[]string{subs[1].Fingerprint + "!"}, []string{"second"}},
		{[]string{subs[0].Fingerprint[:20] + "  " + subs[0].Fingerprint[20:], fpr + "!"}, []string{"first", "primary"}},
		{[]string{fpr, g.fingerprint("other")}, []string{"first", "other", "primary", "second"}},
	} {
		t.Run(strings.Join(tt.pins, ","), func(t *testing.T) {
			var pins []pgp.Pin
			for _, text := range tt.pins {
				p, err := pgp.ParsePin(text)
				if err != nil {
					t.Fatal(err)
				}
				pins = append(pins, p)
			}
			restricted, err := k.Restrict(pins...)
			if err != nil {
				t.Fatal(err)
			}
			// The repository's own copy opens nothing that the pin closed.
			merged := pgp.Merge(restricted, k)
			var good, matched []string
			for name, sig := range sigs {
				s := verdictsOf(t, restricted, sig, data)[0]
				if s.Verdict == repo.Good {
					good = append(good, name)
				} else if s.Verdict != repo.UnknownKey {
					t.Errorf("%s: got %+v", name, s)
				}
				if m := verdictsOf(t, merged, sig, data)[0]; m.Verdict != s.Verdict && name != "other" {
					t.Errorf("%s: %s merged, %s before", name, m.Verdict, s.Verdict)
				}
				if slices.ContainsFunc(pins, func(p pgp.Pin) bool { return p.Matches(verdictsOf(t, k, sig, data)[0]) }) {
					matched = append(matched, name)
				}
			}
			slices.Sort(good)
			slices.Sort(matched)
			if d := cmp.Diff(tt.want, good); d != "" {
				t.Errorf("good (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.want, matched); d != "" {
				t.Errorf("Matches (-want +got):\n%s", d)
			}
		})
	}
	absent, err := pgp.ParsePin(strings.Repeat("0", 40))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Restrict(absent); !errors.Is(err, pgp.ErrPin) {
		t.Errorf("Restrict to an absent key: %v", err)
	}
	if _, err := (*pgp.Keyring)(nil).Restrict(absent); !errors.Is(err, pgp.ErrPin) {
		t.Errorf("Restrict of a nil ring: %v", err)
	}
	if (pgp.Pin{}).Matches(repo.Signature{Verdict: repo.Good}) {
		t.Error("the zero pin matches")
	}
}

func TestParsePin(t *testing.T) {
	t.Parallel()
	const fpr = "DE15B14486CD377B9E876E1A234654DA9A296436"
	for _, text := range []string{fpr, fpr + "!", "0x" + fpr, " " + strings.ToLower(fpr[:4]) + " " + fpr[4:], strings.Repeat("A", 64)} {
		p, err := pgp.ParsePin(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := pgp.ParsePin(p.String()); err != nil || again != p || strings.HasSuffix(text, "!") != strings.HasSuffix(p.String(), "!") {
			t.Errorf("%s: %s, %v", text, p, err)
		}
	}
	for text, want := range map[string]string{
		"":                      "not hexadecimal",
		"me@example.org":        "not hexadecimal",
		fpr[32:]:                "a key ID, which others can forge",
		fpr[24:]:                "a key ID, which others can forge",
		fpr[8:]:                 "version 3",
		fpr[1:]:                 "39 digits",
		fpr + "!!":              "not hexadecimal",
		strings.Repeat("A", 65): "65 digits",
	} {
		if _, err := pgp.ParsePin(text); !errors.Is(err, pgp.ErrPin) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

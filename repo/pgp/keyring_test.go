package pgp_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
)

// facts holds all keys against gpg --with-colons.
func facts(t *testing.T, f *fixture, ring []byte) {
	k, err := pgp.ReadKeyring(ring)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Faults()) != 0 {
		t.Errorf("faults: %+v", k.Faults())
	}
	got := k.Keys()
	want := colons(t, string(f.gpg(nil, "--with-colons", "--fixed-list-mode", "--with-subkey-fingerprint", "--list-sigs")))
	byUserID := cmp.Transformer("sorted", func(ids []string) map[string]bool {
		m := map[string]bool{}
		for _, id := range ids {
			m[id] = true
		}
		return m
	})
	if d := cmp.Diff(want, got, byUserID); d != "" {
		t.Errorf("facts (-gpg +got):\n%s", d)
	}
	// The table has what it is there for.
	for name, is := range map[string]func(repo.Key) bool{
		"revoked": func(k repo.Key) bool { return k.Revoked },
		"expired": func(k repo.Key) bool {
			return k.Expires.Before(time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC)) && !k.Expires.IsZero()
		},
		"subkey": func(k repo.Key) bool {
			return len(k.Subkeys) == 2 && k.Subkeys[0].CanSign && !k.Subkeys[1].CanSign && !k.CanSign
		},
		"certified": func(k repo.Key) bool { return k.Expires.Year() == 2035 && len(k.UserIDs) == 2 },
	} {
		if key, ok := k.Find(f.fingerprint(name)); !ok || !is(key) {
			t.Errorf("%s: got %+v", name, key)
		}
	}
	// Merge: the first copy's word.
	old, err := pgp.ReadKeyring(f.rings["revoked before"])
	if err != nil {
		t.Fatal(err)
	}
	fpr := f.fingerprint("revoked")
	for i, m := range []*pgp.Keyring{pgp.Merge(nil, old, k), pgp.Merge(k, nil, old)} {
		key, ok := m.Find(strings.ToLower(fpr[:20] + " " + fpr[20:]))
		if !ok || key.Revoked != (i == 1) || len(m.Keys()) != len(got) {
			t.Errorf("merge %d: got %+v of %d keys", i, key, len(m.Keys()))
		}
	}
	sub := got[6].Subkeys[0]
	if key, ok := k.Find(sub.Fingerprint); !ok || key.Fingerprint != sub.Fingerprint {
		t.Errorf("Find(subkey) = %+v, %v", key, ok)
	}
	if _, ok := k.Find(fpr[24:]); ok {
		t.Error("Find took a key ID for a fingerprint")
	}
}

// colons reads gpg's machine listing (GnuPG doc/DETAILS).
func colons(t *testing.T, listing string) []repo.Key {
	t.Helper()
	algorithms := map[string]string{"1": "RSA", "2": "RSA", "3": "RSA", "16": "Elgamal", "17": "DSA", "18": "ECDH", "19": "ECDSA", "22": "EdDSA"}
	hashes := map[string]string{"1": "MD5", "2": "SHA1", "3": "RIPEMD160", "8": "SHA256", "9": "SHA384", "10": "SHA512", "11": "SHA224"}
	stamp := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Unix(n, 0).UTC()
	}
	var keys []repo.Key
	var last *repo.Key
	var newest time.Time // self-signature of last
	for line := range strings.Lines(listing) {
		f := strings.Split(line, ":")
		switch f[0] {
		case "pub", "sub":
			newest = time.Time{}
			bits, err := strconv.Atoi(f[2])
			if err != nil {
				t.Fatal(err)
			}
			k := repo.Key{
				KeyID: f[4], Algorithm: algorithms[f[3]], Bits: bits, Created: stamp(f[5]), Expires: stamp(f[6]),
				Curve: f[16], Version: 4, CanSign: strings.Contains(f[11], "s"),
			}
			if f[0] == "pub" {
				keys = append(keys, k)
				last = &keys[len(keys)-1]
			} else {
				p := &keys[len(keys)-1]
				p.Subkeys = append(p.Subkeys, k)
				last = &p.Subkeys[len(p.Subkeys)-1]
			}
		case "fpr":
			last.Fingerprint = f[9]
		case "sig":
			// Field 6 is the time, 11 the class, 16 the hash.
			class, made := f[10][:2], stamp(f[5])
			if f[4] == keys[len(keys)-1].KeyID && (class == "13" || class == "18" || class == "1f") && !made.Before(newest) {
				newest = made
				last.SelfSignatureHash = hashes[f[15]]
			}
		case "rev":
			// Class 20 is over a key, 28 over a subkey. Field 11 may go on with the
			// reason's number.
			if class := f[10][:2]; (class == "20" || class == "28") && f[4] == keys[len(keys)-1].KeyID && !last.Revoked {
				last.Revoked, last.RevokedAt = true, stamp(f[5])
				last.RevocationReason = "none"
				if i := strings.Index(f[10], ","); i >= 0 {
					last.RevocationReason = map[string]string{"00": "none", "01": "superseded", "02": "compromised", "03": "retired"}[f[10][i+1:i+3]]
				}
			}
		case "uid":
			last = &keys[len(keys)-1]
			if p := &keys[len(keys)-1]; f[1] != "r" || p.Revoked {
				p.UserIDs = append(p.UserIDs, f[9])
			}
		}
	}
	return keys
}

// block returns the binary form of an armored file.
func block(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := io.ReadAll(b.Body)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Each self-signature costs a public key operation: their number is bounded.
func TestTooManySelfSignatures(t *testing.T) {
	t.Parallel()
	bin := block(t, "project-key.asc")
	const key, self = 336, 321 // key and user ID, then the self-signature
	ring := concat(bin[:key], repeat(bin[key:key+self], 4097))
	_, err := pgp.ReadKeyring(ring)
	var fe *repo.FormatError
	if !errors.As(err, &fe) || !strings.Contains(err.Error(), "more than 4096 self-signatures over one key or user ID") {
		t.Errorf("got %v", err)
	}
	k, err := pgp.ReadKeyring(ring[:key+2*self])
	if err != nil || len(k.Keys()[0].UserIDs) != 1 {
		t.Errorf("two self-signatures: %+v, %v", k, err)
	}
}

// Version 6 keys (RFC 9580) state their facts in a direct-key signature. GnuPG
// does not read them: the library that made the key is the only other word.
func TestVersion6(t *testing.T) {
	t.Parallel()
	config := &packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd25519, KeyLifetimeSecs: 86400}
	entity, err := openpgp.NewEntity("name", "", "name@example.org", config)
	if err != nil {
		t.Fatal(err)
	}
	var ring, sig bytes.Buffer
	if err := entity.Serialize(&ring); err != nil {
		t.Fatal(err)
	}
	if err := openpgp.DetachSignText(&sig, entity, strings.NewReader("a\nb\n"), config); err != nil {
		t.Fatal(err)
	}
	k, err := pgp.ReadKeyring(ring.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	key := k.Keys()[0]
	want := repo.Key{
		Fingerprint: fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint), KeyID: entity.PrimaryKey.KeyIdString(),
		UserIDs: []string{"name <name@example.org>"}, Algorithm: "Ed25519", Bits: 255, Curve: "ed25519", Version: 6,
		Created: entity.PrimaryKey.CreationTime.UTC(), Expires: entity.PrimaryKey.CreationTime.UTC().Add(24 * time.Hour),
		CanSign: true, SelfSignatureHash: key.SelfSignatureHash, Subkeys: key.Subkeys,
	}
	if d := cmp.Diff(want, key); d != "" || len(key.Subkeys) != 1 || key.Subkeys[0].Algorithm != "X25519" || key.Subkeys[0].CanSign {
		t.Errorf("key (-want +got):\n%s%+v", d, key.Subkeys)
	}
	for data, verdict := range map[string]repo.SignatureVerdict{"a\r\nb\n": repo.Good, "a\nc\n": repo.Bad} {
		got := verdicts(t, ring.Bytes(), sig.Bytes(), []byte(data))[0]
		if got.Verdict != verdict || got.Version != 6 || got.KeyID != want.KeyID || got.Fingerprint != want.Fingerprint {
			t.Errorf("%q: got %+v, want %s", data, got, verdict)
		}
	}
}

// Algorithms that GnuPG 2.2 does not know, by the library that made the keys.
func TestNewAlgorithms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config packet.Config
		class  string
		curve  string
	}{
		{"version 4, Ed25519", packet.Config{Algorithm: packet.PubKeyAlgoEd25519}, "Ed25519", "ed25519"},
		{"version 4, Ed448", packet.Config{Algorithm: packet.PubKeyAlgoEd448}, "Ed448", "ed448"},
		{"version 6, Ed448", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd448}, "Ed448", "ed448"},
		{"version 6, RSA", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, "RSA2048", ""},
		{"version 6, ECDSA", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521, DefaultHash: crypto.SHA512}, "nistp521", "nistp521"},
		{"version 4, EdDSA over Ed448", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve448, DefaultHash: crypto.SHA512}, "ed448", "ed448"},
		{"version 4, Brainpool 384", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP384, DefaultHash: crypto.SHA512}, "brainpoolP384r1", "brainpoolP384r1"},
		{"version 6, ML-DSA", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoMldsa65Ed25519}, "ML-DSA-65+Ed25519", ""},
		{"version 6, SLH-DSA", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoSlhdsaShake128f}, "SLH-DSA-SHAKE-128f", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entity, err := openpgp.NewEntity("name", "", "name@example.org", &tt.config)
			if err != nil {
				t.Fatal(err)
			}
			var ring, sig bytes.Buffer
			if err := entity.Serialize(&ring); err != nil {
				t.Fatal(err)
			}
			if err := openpgp.DetachSign(&sig, entity, strings.NewReader("data"), &tt.config); err != nil {
				t.Fatal(err)
			}
			got := verdicts(t, ring.Bytes(), sig.Bytes(), []byte("data"))[0]
			if got.Verdict != repo.Good || got.AtSigning != repo.KeyValid || got.KeyCurve != tt.curve || policy.KeyClass(got) != tt.class {
				t.Errorf("got %+v of class %s", got, policy.KeyClass(got))
			}
			if bad := verdicts(t, ring.Bytes(), sig.Bytes(), []byte("Data"))[0]; bad.Verdict != repo.Bad {
				t.Errorf("other data: got %+v", bad)
			}
			if bad := verdicts(t, ring.Bytes(), flip(sig.Bytes()), []byte("data"))[0]; bad.Verdict != repo.Bad {
				t.Errorf("changed signature: got %+v", bad)
			}
		})
	}
}

func TestProjectKey(t *testing.T) {
	t.Parallel()
	const fpr = "DE15B14486CD377B9E876E1A234654DA9A296436"
	var rings []*pgp.Keyring
	for _, tt := range []struct {
		file    string
		expires time.Time
	}{
		{"project-key-expired.asc", time.Unix(1730564471, 0).UTC()},
		{"project-key.asc", time.Unix(1798508024, 0).UTC()},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		k, err := pgp.ReadKeyring(data)
		if err != nil {
			t.Fatal(err)
		}
		want := []repo.Key{{
			Fingerprint: fpr, KeyID: "234654DA9A296436",
			UserIDs:   []string{"isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>"},
			Algorithm: "RSA", Bits: 2048, Version: 4, Created: time.Unix(1661444471, 0).UTC(), Expires: tt.expires,
			CanSign: true, SelfSignatureHash: "SHA256",
		}}
		if d := cmp.Diff(want, k.Keys()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.file, d)
		}
		rings = append(rings, k)
		// Several armored blocks, with text between them.
		twice, err := pgp.ReadKeyring([]byte("a comment\n" + string(data) + "\nanother\n\n" + string(data)))
		if err != nil || len(twice.Keys()) != 1 {
			t.Errorf("two blocks: %+v, %v", twice, err)
		}
	}
	if k, ok := pgp.Merge(rings[1], rings[0]).Find(fpr); !ok || k.Expires.Year() != 2026 {
		t.Errorf("merge: got %+v", k)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	key, err := os.ReadFile(filepath.Join("testdata", "project-key.asc"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	signature := []byte{0x88, 2, 4, 0} // cut short, yet a packet
	for _, tt := range []struct {
		name      string
		keyring   bool
		data      []byte
		wantError string
	}{
		{"empty ring", true, nil, "neither binary OpenPGP nor armor"},
		{"html", true, []byte("<html>not found</html>"), "neither binary OpenPGP nor armor"},
		{"ring too large", true, make([]byte, 6<<20+1), "more than 6291456"},
		{"signature for a ring", true, signature, "wanted a public key packet, got type 2"},
		{"secret key", true, []byte{0x94, 1, 0}, "a secret key"},
		{"version 3 key", true, []byte{0x98, 8, 3, 0, 0, 0, 0, 0, 0, 1}, "key packet of version 3"},
		{"packet cut short", true, []byte{0x99, 1, 13, 4}, "packet of 269 bytes, 1 are there"},
		{"huge packet", true, []byte{0xc6, 0xff, 0xff, 0xff, 0xff, 0xff}, "packet of 4294967295 bytes, more than 1048576"},
		{"partial length", true, []byte{0xc6, 0xe1, 0, 0}, "partial"},
		{"indeterminate length", true, []byte{0x9b, 0, 0}, "without a length"},
		{"too many keys", true, repeat([]byte{0xc6, 0}, 16385), "more than 16384 keys"},
		{"empty signature", false, nil, "neither binary OpenPGP nor armor"},
		{"key for a signature", false, key, "wanted a signature packet, got type 6"},
		{"no signature", false, []byte("\xca\x03PGP"), "no signature packet"},
		{"broken marker", false, []byte{0xca, 0}, "wanted a signature packet, got type 10"},
		{"literal data", false, []byte{0xcb, 0}, "wanted a signature packet, got type 11"},
		{"too many signatures", false, repeat(signature, 17), "more than 16 signatures"},
		{"bad base64", false, []byte("-----BEGIN PGP SIGNATURE-----\n\n!!!!\n-----END PGP SIGNATURE-----\n"), "bad armor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var err error
			if tt.keyring {
				_, err = pgp.ReadKeyring(tt.data)
			} else {
				_, err = ring.Start("data", tt.data)
			}
			var fe *repo.FormatError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.wantError) {
				t.Errorf("got %v, want a FormatError with %q", err, tt.wantError)
			}
		})
	}
}

// A packet that cannot be judged has its own verdict beside the others.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	v, err := (*pgp.Keyring)(nil).Start("data", []byte{
		0x88, 2, 4, 0, // cut short
		0x88, 3, 5, 0, 0, // version 5
		0x88, 2, 3, 9, // version 3 with 9 hashed octets, cut short
	})
	if err != nil {
		t.Fatal(err)
	}
	got := v.Signatures()
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []int{4, 5, 3} {
		if got[i].Verdict != repo.Unsupported || got[i].Version != want || got[i].Detail == "" {
			t.Errorf("%d: got %+v", i, got[i])
		}
	}
}

func repeat(b []byte, n int) []byte { return []byte(strings.Repeat(string(b), n)) }

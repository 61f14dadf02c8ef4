package pgp_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// fixture is a GnuPG home with one key of each kind.
type fixture struct {
	*gnupg
	rings map[string][]byte
}

func newFixture(t *testing.T) *fixture {
	g := newGnuPG(t)
	f := &fixture{gnupg: g, rings: map[string][]byte{}}
	for _, k := range []struct{ name, algorithm string }{
		{"rsa2048", "rsa2048"}, {"rsa3072", "rsa3072"}, {"rsa4096", "rsa4096"},
		{"ed25519", "ed25519"}, {"dsa2048", "dsa2048"}, {"p256", "nistp256"},
	} {
		g.key(k.name, k.algorithm, "sign,cert", "never")
	}
	sub := g.key("subkey", "ed25519", "cert", "never")
	g.gpg(nil, "--quick-add-key", sub, "rsa2048", "sign", "2y")
	g.gpg(nil, "--quick-add-key", sub, "cv25519", "encr", "never")
	g.key("expired", "ed25519", "sign,cert", "20210101T000000", "--faked-system-time", "20200101T000000!")
	revoked := g.key("revoked", "ed25519", "sign,cert", "never")
	g.key("certified", "ed25519", "sign,cert", "never", "--faked-system-time", "20240101T000000!")
	g.gpg(nil, "--local-user", "rsa2048@example.org", "--cert-digest-algo", "SHA1", "--allow-weak-key-signatures", "--quick-sign-key", g.fingerprint("certified"))
	// Extended later: the newest self-signature is in force.
	g.gpg(nil, "--faked-system-time", "20240601T000000!", "--quick-set-expire", g.fingerprint("certified"), "20351231T000000")
	g.gpg(nil, "--quick-add-uid", g.fingerprint("certified"), "second <second@example.org>")
	g.gpg(nil, "--quick-add-uid", g.fingerprint("certified"), "withdrawn <withdrawn@example.org>")
	g.gpg(nil, "--quick-revoke-uid", g.fingerprint("certified"), "withdrawn <withdrawn@example.org>")
	f.rings["revoked before"] = g.export("revoked")
	f.rings["revoked signature"] = g.sign("revoked", content())
	g.revoke(revoked)
	return f
}

func content() []byte { return []byte("Origin: example\nSuite: stable  \r\nlast line\r\n\r\r\nend") }

// verdicts runs the code under test, in small writes to cross every boundary.
func verdicts(t *testing.T, ring, sig, data []byte) []repo.Signature {
	t.Helper()
	k, err := pgp.ReadKeyring(ring)
	if err != nil {
		t.Fatalf("ReadKeyring: %v", err)
	}
	v, err := k.Start("data", sig)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	for i := range data {
		if n, err := v.Write(data[i : i+1]); n != 1 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	return v.Signatures()
}

// flip changes one bit near the end.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-4] ^= 0x10
	return b
}

func TestAgainstGPGV(t *testing.T) {
	f := newFixture(t)
	data := content()
	all := f.export()
	const good, bad, unknown = repo.Good, repo.Bad, repo.UnknownKey
	type row struct {
		name            string
		ring, sig       []byte
		data            []byte
		want            []repo.SignatureVerdict
		hash, algorithm string
		version         int
	}
	rows := []row{
		{"rsa2048", all, f.sign("rsa2048", data), data, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"rsa3072", all, f.sign("rsa3072", data), data, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"rsa4096", all, f.sign("rsa4096", data, "--digest-algo", "SHA256"), data, []repo.SignatureVerdict{good}, "SHA256", "RSA", 4},
		{"ed25519", all, f.sign("ed25519", data), data, []repo.SignatureVerdict{good}, "SHA256", "EdDSA", 4},
		{"dsa2048", all, f.sign("dsa2048", data, "--digest-algo", "SHA256"), data, []repo.SignatureVerdict{good}, "SHA256", "DSA", 4},
		{"p256", all, f.sign("p256", data, "--digest-algo", "SHA256"), data, []repo.SignatureVerdict{good}, "SHA256", "ECDSA", 4},
		{"p256 with sha512", all, f.sign("p256", data, "--digest-algo", "SHA512"), data, []repo.SignatureVerdict{good}, "SHA512", "ECDSA", 4},
		{"signing subkey", all, f.sign("subkey", data), data, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"sha1", all, f.sign("rsa2048", data, "--digest-algo", "SHA1"), data, []repo.SignatureVerdict{good}, "SHA1", "RSA", 4},
		{"sha224", all, f.sign("rsa2048", data, "--digest-algo", "SHA224"), data, []repo.SignatureVerdict{good}, "SHA224", "RSA", 4},
		{"sha384", all, f.sign("rsa2048", data, "--digest-algo", "SHA384"), data, []repo.SignatureVerdict{good}, "SHA384", "RSA", 4},
		{"text", all, f.sign("rsa2048", data, "--textmode"), data, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"text, other line endings", all, f.sign("rsa2048", data, "--textmode"), bytes.ReplaceAll(data, []byte("example\n"), []byte("example\r\n")), []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"text, carriage return inside a line", all, f.sign("rsa2048", []byte("a\rb\n\rc\r"), "--textmode"), []byte("a\rb\n\rc\r"), []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"text, spaces at the line's end count", all, f.sign("rsa2048", data, "--textmode"), bytes.ReplaceAll(data, []byte("stable  "), []byte("stable")), []repo.SignatureVerdict{bad}, "SHA512", "RSA", 4},
		{"binary, other line endings", all, f.sign("rsa2048", data), bytes.ReplaceAll(data, []byte("example\n"), []byte("example\r\n")), []repo.SignatureVerdict{bad}, "SHA512", "RSA", 4},
		{"armored", all, f.sign("rsa2048", data, "--armor"), data, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"key certified by another with SHA-1", f.export("certified"), f.sign("certified", data), data, []repo.SignatureVerdict{good}, "SHA256", "EdDSA", 4},
		{"revoked", all, f.rings["revoked signature"], data, []repo.SignatureVerdict{good}, "SHA256", "EdDSA", 4},
		{"expired key", all, f.sign("expired", data, "--faked-system-time", "20200601T000000!"), data, []repo.SignatureVerdict{good}, "SHA256", "EdDSA", 4},
		{"expired signature", all, f.sign("certified", data, "--faked-system-time", "20250101T000000!", "--default-sig-expire", "1d"), data, []repo.SignatureVerdict{good}, "SHA256", "EdDSA", 4},
		{"unknown key", f.export("rsa2048"), f.sign("ed25519", data), data, []repo.SignatureVerdict{unknown}, "SHA256", "EdDSA", 4},
		{"flipped byte in the data", all, f.sign("rsa2048", data), flip(data), []repo.SignatureVerdict{bad}, "SHA512", "RSA", 4},
		{"flipped byte in the signature", all, flip(f.sign("rsa2048", data)), data, []repo.SignatureVerdict{bad}, "SHA512", "RSA", 4},
		{"flipped byte in an eddsa signature", all, flip(f.sign("ed25519", data)), data, []repo.SignatureVerdict{bad}, "SHA256", "EdDSA", 4},
		{"empty data", all, f.sign("rsa2048", nil), nil, []repo.SignatureVerdict{good}, "SHA512", "RSA", 4},
		{"unknown, then good", f.export("rsa2048"), concat(f.sign("ed25519", data), f.sign("rsa2048", data)), data, []repo.SignatureVerdict{unknown, good}, "SHA256", "EdDSA", 4},
		{"bad, then good", all, concat(flip(f.sign("ed25519", data)), f.sign("rsa2048", data)), data, []repo.SignatureVerdict{bad, good}, "SHA256", "EdDSA", 4},
		{"version 3", all, f.signV3("rsa2048", 0, data), data, []repo.SignatureVerdict{good}, "SHA256", "RSA", 3},
		{"version 3, bad", all, f.signV3("rsa2048", 0, data), flip(data), []repo.SignatureVerdict{bad}, "SHA256", "RSA", 3},
		{"version 3, flipped", all, flip(f.signV3("rsa2048", 0, data)), data, []repo.SignatureVerdict{bad}, "SHA256", "RSA", 3},
		{"version 3, unknown key", f.export("ed25519"), f.signV3("rsa2048", 0, data), data, []repo.SignatureVerdict{unknown}, "SHA256", "RSA", 3},
		{"version 3 text", all, f.signV3("rsa2048", 1, []byte("a\r\nb\r\n")), []byte("a\nb\n"), []repo.SignatureVerdict{good}, "SHA256", "RSA", 3},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got := verdicts(t, r.ring, r.sig, r.data)
			var mine []oracle
			var kinds []repo.SignatureVerdict
			for _, s := range got {
				mine = append(mine, oracle{s.Verdict, s.Signer})
				kinds = append(kinds, s.Verdict)
				if (s.Verdict == repo.Good) != (s.Detail == "") {
					t.Errorf("verdict %s with detail %q", s.Verdict, s.Detail)
				}
			}
			if d := cmp.Diff(r.want, kinds); d != "" {
				t.Fatalf("verdicts (-want +got):\n%s%+v", d, got)
			}
			theirs := f.gpgv(r.ring, r.sig, r.data)
			if len(r.want) > 1 {
				// gpgv stops at the first bad one, so it is asked one by one.
				theirs = nil
				for _, part := range packets(t, r.sig) {
					theirs = append(theirs, f.gpgv(r.ring, part, r.data)...)
				}
			}
			if d := cmp.Diff(theirs, mine); d != "" {
				t.Errorf("gpgv says otherwise (-gpgv +got):\n%s", d)
			}
			s := got[0]
			if s.Hash != r.hash || s.KeyAlgorithm != r.algorithm || s.Version != r.version || s.Over != "data" || s.Created.IsZero() || len(s.KeyID) != 16 {
				t.Errorf("got %+v, want %s, %s, version %d", s, r.hash, r.algorithm, r.version)
			}
			if r.name == "expired signature" && s.Expires.Sub(s.Created).Hours() != 24 {
				t.Errorf("expires %v, created %v, want a day between them", s.Expires, s.Created)
			}
		})
	}
	t.Run("sqv", func(t *testing.T) { againstSQV(t, all, f) })
	t.Run("facts", func(t *testing.T) { facts(t, f, all) })
	t.Run("one block for each signature", func(t *testing.T) {
		sig := concat(f.sign("rsa2048", data, "--armor"), f.sign("ed25519", data, "--armor"))
		if got := verdicts(t, all, sig, data); len(got) != 2 || got[0].Verdict != good || got[1].Verdict != good {
			t.Errorf("got %+v, want two good ones", got)
		}
	})
	t.Run("tampered keys", func(t *testing.T) { tampered(t, f, data) })
}

// againstSQV holds the mathematics against a second implementation. sqv
// applies a policy too, so only what that accepts is asked.
func againstSQV(t *testing.T, ring []byte, f *fixture) {
	sqv, err := exec.LookPath("sqv")
	if err != nil {
		t.Fatal("sqv is missing: install sqv (make deps)")
	}
	for _, name := range []string{"rsa2048", "rsa3072", "rsa4096", "ed25519", "p256", "subkey", "certified"} {
		for _, text := range []bool{false, true} {
			args := []string{"--digest-algo", "SHA256"}
			if text {
				args = append(args, "--textmode")
			}
			plain := []byte("a\nb\r\nc\n")
			sig := f.sign(name, plain, args...)
			for _, d := range [][]byte{plain, append([]byte("x"), plain...)} {
				dir := t.TempDir()
				for file, b := range map[string][]byte{"ring": ring, "sig": sig, "data": d} {
					if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				out, err := exec.CommandContext(t.Context(), sqv, "--keyring", filepath.Join(dir, "ring"), filepath.Join(dir, "sig"), filepath.Join(dir, "data")).Output()
				got := verdicts(t, ring, sig, d)[0]
				if (err == nil) != (got.Verdict == repo.Good) {
					t.Errorf("%s, text %v: sqv: %v, got %+v", name, text, err, got)
				}
				if fpr := strings.TrimSpace(string(out)); err == nil && fpr != got.Signer {
					t.Errorf("%s: sqv names %s, got %s", name, fpr, got.Signer)
				}
			}
		}
	}
}

// tampered keys must not be taken at their word.
func tampered(t *testing.T, f *fixture, data []byte) {
	t.Run("self-signature", func(t *testing.T) {
		_, err := pgp.ReadKeyring(flip(f.export("ed25519")))
		var fe *repo.FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), "no self-signature of it verifies") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("left out beside a good one", func(t *testing.T) {
		k, err := pgp.ReadKeyring(concat(flip(f.export("ed25519")), f.export("rsa2048")))
		if err != nil || len(k.Keys()) != 1 || len(k.Faults()) != 1 {
			t.Fatalf("got %+v, %v", k, err)
		}
	})
	t.Run("foreign subkey", func(t *testing.T) {
		// The subkey of one key behind another primary key is not bound to it.
		whole := f.export("subkey")
		primary := f.export("rsa2048")
		at := bytes.Index(whole, []byte{0xb9, 0x01, 0x0d}) // a public subkey packet of RSA 2048
		if at < 0 {
			t.Fatal("no subkey packet in the exported key")
		}
		ring := concat(primary, whole[at:])
		got := verdicts(t, ring, f.sign("subkey", data), data)
		if got[0].Verdict != repo.UnknownKey {
			t.Errorf("got %+v, want %s", got[0], repo.UnknownKey)
		}
	})
	t.Run("signature back by the subkey", func(t *testing.T) {
		// It stands in the unhashed area: the binding itself stays valid.
		ring := f.export("subkey")
		at := bytes.Index(ring, []byte{32, 4, 0x19, 1})
		if at < 0 {
			t.Fatal("no embedded signature in the exported key")
		}
		ring[at+100] ^= 1
		k, err := pgp.ReadKeyring(ring)
		if err != nil {
			t.Fatal(err)
		}
		if sub := k.Keys()[0].Subkeys[0]; sub.CanSign || len(k.Faults()) != 1 || !strings.Contains(k.Faults()[0].Text, "0x19") {
			t.Errorf("got %+v, faults %+v", sub, k.Faults())
		}
		sig := f.sign("subkey", data)
		if got := verdicts(t, ring, sig, data)[0]; got.Verdict != repo.UnknownKey {
			t.Errorf("got %+v, want %s", got, repo.UnknownKey)
		}
		if theirs := f.gpgv(ring, sig, data); len(theirs) == 1 && theirs[0].Verdict == repo.Good {
			t.Errorf("gpgv accepts it: %+v", theirs)
		}
	})
	t.Run("encryption subkey may not sign", func(t *testing.T) {
		name := "encr"
		fpr := f.key(name, "rsa2048", "sign,cert", "never")
		f.gpg(nil, "--quick-add-key", fpr, "rsa2048", "encr", "never")
		k, err := pgp.ReadKeyring(f.export(name))
		if err != nil {
			t.Fatal(err)
		}
		sub := k.Keys()[0].Subkeys[0]
		if sub.CanSign {
			t.Errorf("got %+v", sub)
		}
		// A signature that names it is not one of the ring's.
		sig := f.signV3(name, 0, data)
		copy(sig[3+7:], unhex(t, sub.KeyID))
		got := verdicts(t, f.export(name), sig, data)[0]
		if got.Verdict != repo.UnknownKey || !strings.Contains(got.Detail, "not bound to sign") || got.Fingerprint != sub.Fingerprint {
			t.Errorf("got %+v", got)
		}
	})
}

// packets takes binary signatures of two-octet lengths, as gpg writes them,
// apart.
func packets(t *testing.T, sig []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for len(sig) > 0 {
		n := 0
		switch sig[0] {
		case 0x88:
			n = 2 + int(sig[1])
		case 0x89:
			n = 3 + int(sig[1])<<8 + int(sig[2])
		default:
			t.Fatalf("signature packet with header %#02x", sig[0])
		}
		all = append(all, sig[:n])
		sig = sig[n:]
	}
	return all
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var b []byte
	if _, err := fmt.Sscanf(s, "%x", &b); err != nil {
		t.Fatal(err)
	}
	return b
}

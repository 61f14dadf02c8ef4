package pgp_test

import (
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// TestWeakSelfSignature holds the question whether a key rests on a weak
// self-signature against sqv, which counts no self-signature by SHA-1 that was
// made since 2023: it takes a signature by the key, or it does not.
func TestWeakSelfSignature(t *testing.T) {
	t.Parallel()
	g := newGnuPG(t)
	made := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(months int) []string { return []string{"--faked-system-time", faked(made.AddDate(0, months, 0))} }
	key := func(name, hash, expire string) {
		g.key(name, "rsa2048", "sign,cert", expire, append(at(0), "--cert-digest-algo", hash)...)
	}
	extend := func(name, hash, expire string) {
		g.gpg(nil, append(at(6), "--cert-digest-algo", hash, "--quick-set-expire", g.fingerprint(name), expire)...)
	}
	data := []byte("text\n")
	for _, tt := range []struct {
		name string
		make func(name string) [][]byte // copies of the key, all of which are kept
		weak bool
	}{
		{"strong", func(n string) [][]byte { key(n, "SHA512", "never"); return nil }, false},
		{"weak", func(n string) [][]byte { key(n, "SHA1", "never"); return nil }, true},
		{"weak-extended-strongly", func(n string) [][]byte {
			key(n, "SHA1", "never")
			before := g.export(n)
			extend(n, "SHA256", "seconds=315360000")
			return [][]byte{before, g.export(n)}
		}, false},
		{"strong-repeated-weakly", func(n string) [][]byte {
			key(n, "SHA256", "never")
			before := g.export(n)
			extend(n, "SHA1", "never")
			return [][]byte{before, g.export(n)}
		}, false},
		{"strong-ended-and-extended-weakly", func(n string) [][]byte {
			key(n, "SHA256", "seconds=8640000")
			before := g.export(n)
			extend(n, "SHA1", "never")
			return [][]byte{before, g.export(n)}
		}, true},
		{"strong-replaced-weakly", func(n string) [][]byte {
			key(n, "SHA256", "never")
			extend(n, "SHA1", "never")
			return nil
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) { // gpg homes do not take much at once
			copies := tt.make(tt.name)
			ring := g.export(tt.name)
			if copies != nil {
				all := newGnuPG(t)
				for _, c := range copies {
					all.gpg(c, "--import")
				}
				ring = all.export(tt.name)
			}
			k, err := pgp.ReadKeyring(ring)
			if err != nil {
				t.Fatal(err)
			}
			if got := k.Keys()[0].WeakSelfSignature; got != tt.weak {
				t.Errorf("rests on a weak self-signature: %v, want %v", got, tt.weak)
			}
			sig := g.sign(tt.name, data, at(9)...)
			if v := verdictsOf(t, k, sig, data)[0].Verdict; v != repo.Good {
				t.Fatalf("the signature is %s", v)
			}
			if accepted, said := g.sqv(ring, sig, data); accepted == tt.weak {
				t.Errorf("sqv accepts: %v, want %v: %s", accepted, !tt.weak, said)
			}
		})
	}
}

// TestWeakBinding: a subkey rests on its binding alone.
func TestWeakBinding(t *testing.T) {
	t.Parallel()
	g := newGnuPG(t)
	fingerprint := g.key("x", "rsa2048", "cert", "never", "--cert-digest-algo", "SHA256")
	// gpg 2.2 makes no back signature by SHA-1, so it is a subkey to encrypt.
	g.gpg(nil, "--cert-digest-algo", "SHA1", "--quick-add-key", fingerprint, "rsa2048", "encr", "never")
	g.gpg(nil, "--cert-digest-algo", "SHA256", "--quick-add-key", fingerprint, "rsa2048", "sign", "never")
	k, err := pgp.ReadKeyring(g.export("x"))
	if err != nil {
		t.Fatal(err)
	}
	key := k.Keys()[0]
	if len(key.Subkeys) != 2 || key.WeakSelfSignature || !key.Subkeys[0].WeakSelfSignature || key.Subkeys[1].WeakSelfSignature {
		t.Errorf("want the first binding to be weak, and no more: %+v", key)
	}
	data := []byte("text\n")
	if accepted, said := g.sqv(g.export("x"), g.sign("x", data), data); !accepted {
		t.Errorf("sqv minds a subkey that did not sign: %s", said)
	}
}

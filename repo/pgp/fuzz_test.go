package pgp_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

func FuzzReadKeyring(f *testing.F) {
	for _, name := range []string{"project-key.asc", "project-key-expired.asc"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0x98, 8, 4, 0, 0, 0, 0, 1, 0, 0})
	e, other := newEntity(f), newEntity(f)
	binding := spec{kind: 0x18, created: e.made, hashed: concat(sub(27, 2), sub(32, other.body(spec{kind: 0x19, created: e.made}, concat(e.keyHash(), other.keyHash()))...))}
	for _, data := range [][]byte{
		e.ring(),
		flip(e.ring()),
		concat(e.ring(), other.ring()),
		e.ring(old(14, other.publicBody()), e.sign(binding, concat(e.keyHash(), other.keyHash())), e.revocation(e.made, 1, &other.maker)),
		insert(f, e.ring(old(17, []byte{2, 1, 0})), e.revocation(e.made, 2, nil)),
		insert(f, e.ring(), e.sign(spec{kind: 0x1f, created: e.made, hashed: concat(sub(9, 0, 1, 0, 0), sub(12, append([]byte{0x80, 22}, other.priv.Fingerprint...)...))}, e.keyHash())),
		[]byte("text\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\nmAA=\n=aaaa\n-----END PGP PUBLIC KEY BLOCK-----\n"),
		append(make([]byte, 8), "KBXf"...),
		old(6, append([]byte{5}, e.publicBody()[1:]...)),
	} {
		f.Add(data)
	}
	now := e.made.AddDate(1, 0, 0)
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := pgp.ReadKeyring(data)
		var fe *repo.FormatError
		if err != nil {
			if !errors.As(err, &fe) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		k = k.At(now)
		if len(k.Keys()) == 0 {
			t.Fatal("a ring without keys and no error")
		}
		for _, key := range k.Keys() {
			if found, ok := k.Find(key.Fingerprint); !ok || !cmp.Equal(found, key) {
				t.Fatalf("%+v is not found", key)
			}
		}
	})
}

func FuzzStart(f *testing.F) {
	key, err := os.ReadFile(filepath.Join("testdata", "project-key.asc"))
	if err != nil {
		f.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(key)
	if err != nil {
		f.Fatal(err)
	}
	v3 := append([]byte{0x88, 22, 3, 5, 0, 1, 2, 3, 4, 0x23, 0x46, 0x54, 0xDA, 0x9A, 0x29, 0x64, 0x36, 1, 8, 0, 0}, 0, 8, 1)
	v4 := []byte{0x88, 30, 4, 1, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16, 0x23, 0x46, 0x54, 0xDA, 0x9A, 0x29, 0x64, 0x36, 0, 0, 0, 1, 1, 0}
	f.Add(v3, []byte("data"))
	f.Add(v4, []byte("a\r\nb\n"))
	// Signatures of another key, made to name the ring's.
	e := newEntity(f)
	id := sub(16, 0x23, 0x46, 0x54, 0xDA, 0x9A, 0x29, 0x64, 0x36)
	for _, s := range []spec{
		{kind: 0, created: e.made, algorithm: 1, unhashed: id},
		{kind: 1, created: e.made, algorithm: 1, unhashed: id, hash: 2},
		{kind: 0, created: e.made, algorithm: 1, unhashed: concat(id, sub(0x80|20, 1, 2, 3))},
		{kind: 0, created: e.made, algorithm: 3, hashed: concat(id, sub(3, 0, 0, 1, 0)), unhashed: []byte{}},
		{version: 6, kind: 0, created: e.made, salt: make([]byte, 16), unhashed: id},
		{version: 3, kind: 0, created: e.made, algorithm: 1},
	} {
		f.Add(e.sign(s, []byte("data")), []byte("data"))
	}
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\niA==\n-----END PGP SIGNATURE-----\n"), []byte{})
	f.Fuzz(func(t *testing.T, sig, data []byte) {
		v, err := ring.Start("data", sig)
		var fe *repo.FormatError
		if err != nil {
			if !errors.As(err, &fe) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		if n, err := v.Write(data); n != len(data) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		for _, s := range v.Signatures() {
			if s.Verdict == repo.Good {
				t.Fatalf("a good signature without the private key: %+v", s)
			}
			if s.Detail == "" {
				t.Fatalf("no reason: %+v", s)
			}
		}
	})
}

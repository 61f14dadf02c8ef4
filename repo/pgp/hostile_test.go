package pgp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// TestHostileRings are built to cost time or memory: each ends by a bound or at
// once. Without the bounds several take minutes.
func TestHostileRings(t *testing.T) {
	const size = 1 << 20
	e := newEntity(t)
	id := []byte("name <name@example.org>")
	fill := func(b []byte) []byte { return bytes.Repeat(b, size/len(b)) }
	// Signatures that name the key and do not verify, each for one operation.
	// They differ in their time.
	forged := func(m maker, over byte) []byte {
		var all []byte
		for i := 0; len(all) < size-1000; i++ {
			all = append(all, old(2, flip(m.body(spec{kind: over, created: e.made.Add(time.Duration(i) * time.Second), hashed: sub(27, 3)}, id)))...)
		}
		return all
	}
	userIDs := func() []byte {
		var all []byte
		for i := 0; len(all) < size; i++ {
			id := fmt.Appendf(nil, "%d", i)
			all = append(append(all, old(13, id)...), flip(e.self)...)
		}
		return all
	}
	// A key of 16384 bits with the largest exponent, and junk for signatures.
	huge := func() []byte {
		n := bytes.Repeat([]byte{0xff}, 2048)
		body := concat([]byte{4, 1, 2, 3, 4, 1, 0x40, 0}, n, []byte{0, 31, 0x7f, 0xff, 0xff, 0xff})
		k, err := pgp.ReadKeyring(old(6, body))
		if err == nil {
			t.Fatalf("a key without self-signature: %+v", k.Keys())
		}
		fpr := err.Error()
		fpr = fpr[strings.Index(fpr, "key ")+4:][:40]
		junk := old(2, concat([]byte{4, 0x13, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16}, []byte(unhexText(fpr[24:])), []byte{0, 0, 0x3f, 0xf8}, n[1:]))
		return concat(old(6, body), old(13, id), fill(junk))
	}
	// Signatures within signatures.
	nested := func() []byte {
		inner := []byte{4, 0x19, 22, 8, 0, 0, 0, 0, 0, 0}
		for len(inner) < size/4 {
			s := sub(32, inner...)
			inner = concat([]byte{6, 0x19, 22, 8}, []byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}, s, []byte{0, 0, 0, 0, 0, 0, 0})
		}
		return old(2, inner)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string // part of the error; "" for one key
	}{
		"empty keys":               {fill([]byte{0xc6, 0}), "more than 16384 keys"},
		"smallest keys":            {fill([]byte{0xc6, 6, 4, 0, 0, 0, 0, 99}), "more than 16384 keys"},
		"the same key":             {fill(e.ring()), ""},
		"signatures first":         {fill([]byte{0xc2, 0}), "wanted a public key packet"},
		"empty signatures":         {e.ring(fill([]byte{0xc2, 0})), ""},
		"empty user IDs":           {e.ring(fill([]byte{0xcd, 0})), "more than 16384 keys"},
		"markers":                  {e.ring(fill([]byte("\xca\x03PGP"))), ""},
		"unknown packets":          {e.ring(fill([]byte{0xfc, 0})), "more than 16384 keys"},
		"forged self-signatures":   {e.ring(forged(e.maker, 0x13)), "more than 4096 self-signatures"},
		"forged direct signatures": {insert(t, e.ring(), forged(e.maker, 0x1f)), "more than 4096 self-signatures"},
		"forged revocations":       {insert(t, e.ring(), forged(e.maker, 0x20)), "more than 4096 self-signatures"},
		"self-signatures":          {e.ring(fill(e.self)), "more than 4096 self-signatures"},
		"user IDs":                 {e.ring(userIDs()), ""},
		"subkeys":                  {e.ring(fill(concat(old(14, e.publicBody()), e.self))), ""},
		"subpackets":               {e.ring(old(2, concat([]byte{6, 0x13, 22, 8, 0, 8, 0, 0}, bytes.Repeat([]byte{1, 100}, 1<<18), []byte{0, 0, 0, 0}))), ""},
		"one-octet subpackets":     {e.ring(fill(old(2, concat([]byte{4, 0x13, 22, 8, 2, 0}, bytes.Repeat([]byte{1, 100}, 256), []byte{0, 0, 0, 0})))), ""},
		"huge key":                 {huge(), "more than 20000 units of work"},
		"nested signatures":        {e.ring(nested()), ""},
		"base64 of zeros":          {[]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + strings.Repeat("A", size) + "\n-----END PGP PUBLIC KEY BLOCK-----\n"), "wanted an OpenPGP packet"},
		"empty blocks":             {fill([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n")), "more than 1024 blocks"},
		"begin lines":              {fill([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")), "bad armor"},
		"headers":                  {append([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), fill([]byte("a:\n"))...), "bad armor"},
		"newlines":                 {fill([]byte("\n")), "neither binary"},
		"zeros":                    {make([]byte, size), "neither binary"},
		"ones":                     {fill([]byte{0xff}), "more than 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := pgp.ReadKeyring(tt.data)
			if tt.want == "" {
				if err != nil || len(k.Keys()) != 1 {
					t.Errorf("got %d keys, %v", len(k.Keys()), err)
				}
				return
			}
			var fe *repo.FormatError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a FormatError with %q", err, tt.want)
			}
		})
	}
}

// TestHostileSignatures is the same for signature files.
func TestHostileSignatures(t *testing.T) {
	const size = 1 << 20
	e := newEntity(t)
	ring, err := pgp.ReadKeyring(e.ring())
	if err != nil {
		t.Fatal(err)
	}
	bad := old(2, flip(e.body(spec{created: e.made}, nil)))
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"signatures":       {bytes.Repeat(bad, size/len(bad)), "more than 16 signatures"},
		"sixteen":          {bytes.Repeat(bad, 16), ""},
		"subpackets":       {old(2, concat([]byte{6, 0, 22, 8, 0, 8, 0, 0}, bytes.Repeat([]byte{1, 100}, 1<<18), []byte{0, 0, 0, 0})), ""},
		"one large packet": {append([]byte{0xc2, 0xff, 0, 15, 0xff, 0xf0}, make([]byte, 0xffff0)...), ""},
		"markers":          {bytes.Repeat([]byte("\xca\x03PGP"), size/5), "no signature packet"},
		"begin lines":      {bytes.Repeat([]byte("-----BEGIN PGP SIGNATURE-----\n"), size/30), "bad armor"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ring.Start("data", tt.data)
			if tt.want != "" {
				var fe *repo.FormatError
				if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want a FormatError with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Write(make([]byte, size)); err != nil {
				t.Error(err)
			}
			for _, s := range v.Signatures() {
				if s.Verdict == repo.Good || s.Detail == "" {
					t.Errorf("got %+v", s)
				}
			}
		})
	}
}

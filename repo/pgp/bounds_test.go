package pgp_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// refused holds an error to be a FormatError with a text, or nil if there is
// none to be.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	var fe *repo.FormatError
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case want != "" && (!errors.As(err, &fe) || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want a FormatError with %q", err, want)
	}
}

// padding returns n bytes of packets that a key ring may hold and that say
// nothing (RFC 9580 section 5.14).
func padding(n int) []byte {
	var all []byte
	for n > 0 {
		size := min(n, pgp.MaxPacket)
		if left := n - size; left > 0 && left < 6 {
			size -= 6
		}
		all = append(all, old(21, make([]byte, size-6))...)
		n -= size
	}
	return all
}

// TestRingBounds goes to each bound of a key ring, and one past it.
func TestRingBounds(t *testing.T) {
	t.Parallel()
	e := newEntity(t)
	block := func(label string, b []byte) []byte {
		return fmt.Appendf(nil, "-----BEGIN %s-----\n\n%s\n-----END %s-----\n", label, base64.StdEncoding.EncodeToString(b), label)
	}
	const label = "PGP PUBLIC KEY BLOCK"
	// A signature that names the key, and is of a kind that is not looked at.
	self := old(2, e.body(spec{kind: 0x50, created: e.made}, nil))
	for name, tt := range map[string]struct {
		most int
		ring func(n int) []byte
		past string
	}{
		"bytes":           {pgp.MaxKeyring, func(n int) []byte { return e.ring(padding(n - len(e.ring()))) }, "6291457 bytes, more than 6291456"},
		"packet":          {pgp.MaxPacket, func(n int) []byte { return e.ring(old(21, make([]byte, n))) }, "packet of 1048577 bytes, more than 1048576"},
		"parts":           {pgp.MaxParts, func(n int) []byte { return e.ring(bytes.Repeat([]byte{0xcd, 0}, n-2)) }, "more than 16384 keys and user IDs"},
		"self-signatures": {pgp.MaxSelfSignatures, func(n int) []byte { return e.ring(bytes.Repeat(self, n-1)) }, "more than 4096 self-signatures"},
		"blocks": {pgp.MaxBlocks, func(n int) []byte {
			return concat(block(label, e.ring()), bytes.Repeat(block(label, nil), n-1))
		}, "more than 1024 blocks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := pgp.ReadKeyring(tt.ring(tt.most))
			refused(t, err, "")
			if err == nil && len(k.Keys()) != 1 {
				t.Errorf("%d keys, want 1", len(k.Keys()))
			}
			_, err = pgp.ReadKeyring(tt.ring(tt.most + 1))
			refused(t, err, tt.past)
		})
	}
}

// TestMaxWork goes to the bound with signatures that have no numbers, and so
// cost nothing but their place in the account.
func TestMaxWork(t *testing.T) {
	t.Parallel()
	// A verification with RSA 2048 counts two.
	const each = 2
	n := bytes.Repeat([]byte{0xff}, 256)
	body := concat([]byte{4, 1, 2, 3, 4, 1, 8, 0}, n, []byte{0, 2, 3})
	sum := sha1.Sum(concat([]byte{0x99}, binary.BigEndian.AppendUint16(nil, uint16(len(body))), body))
	one := old(2, concat([]byte{4, 0x13, 1, 8, 0, 6}, sub(2, 1, 2, 3, 4), []byte{0, 10}, sub(16, sum[12:]...), []byte{0, 0}))
	ring := func(signatures int) []byte {
		all := [][]byte{old(6, body)}
		for ; signatures > 0; signatures -= pgp.MaxSelfSignatures {
			all = append(all, old(13, []byte("id")), bytes.Repeat(one, min(signatures, pgp.MaxSelfSignatures)))
		}
		return concat(all...)
	}
	_, err := pgp.ReadKeyring(ring(pgp.MaxWork / each))
	refused(t, err, "no self-signature of it verifies")
	_, err = pgp.ReadKeyring(ring(pgp.MaxWork/each + 1))
	refused(t, err, "more than 20000 units of work")
}

// TestBoundsThatLeaveOut goes to the bounds past which something is left out,
// and one past them.
func TestBoundsThatLeaveOut(t *testing.T) {
	t.Parallel()
	e := newEntity(t)
	ids := func(n int) int {
		id := bytes.Repeat([]byte("x"), n)
		k, err := pgp.ReadKeyring(e.ring(old(13, id), e.certify(13, id, spec{kind: 0x13, created: e.made, hashed: sub(27, 3)})))
		if err != nil {
			t.Fatal(err)
		}
		return len(k.Keys()[0].UserIDs)
	}
	if at, past := ids(pgp.MaxUserID), ids(pgp.MaxUserID+1); at != 2 || past != 1 {
		t.Errorf("%d user IDs with one as long as may be, %d with one longer; want 2 and 1", at, past)
	}

	// The creation time is one of the subpackets.
	subpackets := func(n int) error {
		_, err := pgp.ReadKeyring(concat(e.key, e.userID, e.certify(13, []byte("name <name@example.org>"),
			spec{kind: 0x13, created: e.made, hashed: bytes.Repeat(sub(100), n-1)})))
		return err
	}
	refused(t, subpackets(pgp.MaxSubpackets), "")
	refused(t, subpackets(pgp.MaxSubpackets+1), "no self-signature of it verifies")

	faults := func(blocks, subkeys int) int {
		var all []byte
		for range subkeys {
			all = append(all, old(14, e.publicBody())...) // which nothing binds
		}
		text := "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + base64.StdEncoding.EncodeToString(e.ring(all)) + "\n-----END PGP PUBLIC KEY BLOCK-----\n"
		// Empty blocks lack a checksum and padding.
		k, err := pgp.ReadKeyring([]byte(text + strings.Repeat("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n", blocks)))
		if err != nil {
			t.Fatal(err)
		}
		return len(k.Faults())
	}
	few := faults(0, 1)
	for _, more := range []int{0, 1} {
		if got, want := faults(0, pgp.MaxFaults+more), few-1+pgp.MaxFaults; got != want {
			t.Errorf("%d faults of %d subkeys, want %d", got, pgp.MaxFaults+more, want)
		}
		if got, want := faults(pgp.MaxFaults+more, 1), pgp.MaxFaults+1; got != want {
			t.Errorf("%d faults of %d blocks and a subkey, want %d", got, pgp.MaxFaults+more, want)
		}
	}
}

// TestMaxRevokers looks for the revocation by a designated revoker behind those
// of others.
func TestMaxRevokers(t *testing.T) {
	t.Parallel()
	e, other := newEntity(t), newEntity(t)
	names := func(fingerprint []byte) []byte { return sub(12, append([]byte{0x80, 22}, fingerprint...)...) }
	faults := func(before int, revokers ...byte) int {
		ring := insert(t, e.ring(), other.sign(spec{kind: 0x20, created: e.made}, e.keyHash()))
		for i := range before {
			// A revocation by a key that nobody has.
			ring = insert(t, ring, old(2, concat([]byte{4, 0x20, 22, 8, 0, 6}, sub(2, stampOf(e.made)...), []byte{0, 10}, sub(16, 1, 2, 3, 4, 5, 6, 7, byte(i)), []byte{0, 0})))
		}
		var hashed []byte
		for _, b := range revokers {
			hashed = append(hashed, names(bytes.Repeat([]byte{b}, 20))...)
		}
		k, err := pgp.ReadKeyring(insert(t, ring, e.sign(spec{kind: 0x1f, created: e.made, hashed: append(hashed, names(other.priv.Fingerprint)...)}, e.keyHash())))
		if err != nil {
			t.Fatal(err)
		}
		return len(k.Faults())
	}
	if at, past := faults(pgp.MaxRevokers-1), faults(pgp.MaxRevokers); at != 1 || past != 0 {
		t.Errorf("%d faults with the last revocation that is kept, %d with a later one; want 1 and 0", at, past)
	}
	if at, past := faults(0, make([]byte, pgp.MaxRevokers-1)...), faults(0, make([]byte, pgp.MaxRevokers)...); at != 1 || past != 0 {
		t.Errorf("%d faults with the last revoker that is kept, %d with a later one; want 1 and 0", at, past)
	}
}

// TestKeySizeBounds reads keys of each size that is just taken, and just not.
// Without a self-signature no key is usable, so the words tell them apart.
func TestKeySizeBounds(t *testing.T) {
	t.Parallel()
	number := func(bits int) []byte {
		b := bytes.Repeat([]byte{0xff}, (bits+7)/8)
		b[0] >>= -bits & 7
		return append(binary.BigEndian.AppendUint16(nil, uint16(bits)), b...)
	}
	rsa := func(bits, exponent int) []byte {
		return concat([]byte{4, 1, 2, 3, 4, 1}, number(bits), number(exponent))
	}
	dsa := func(p, q int) []byte {
		return concat([]byte{4, 1, 2, 3, 4, 17}, number(p), number(q), number(8), number(8))
	}
	const taken = "no self-signature of it verifies"
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"largest RSA":        {rsa(pgp.MaxRSABits, 17), taken},
		"larger RSA":         {rsa(pgp.MaxRSABits+1, 17), "RSA key of 16385 bits"},
		"smallest RSA":       {rsa(pgp.MinRSABits, 17), taken},
		"smaller RSA":        {rsa(pgp.MinRSABits-1, 17), "RSA key of 1023 bits"},
		"largest exponent":   {rsa(2048, pgp.MaxExponentBits), taken},
		"larger exponent":    {rsa(2048, pgp.MaxExponentBits+1), "public exponent of 32 bits"},
		"largest DSA":        {dsa(pgp.MaxDSABits, 256), taken},
		"larger DSA":         {dsa(pgp.MaxDSABits+1, 256), "DSA key of 4097 and 256 bits"},
		"largest subgroup":   {dsa(3072, pgp.MaxDSASubgroupBits), taken},
		"larger subgroup":    {dsa(3072, pgp.MaxDSASubgroupBits+1), "DSA key of 3072 and 513 bits"},
		"a key of 8191 byte": {rsa(65528, 17), "RSA key of 65528 bits"},
	} {
		_, err := pgp.ReadKeyring(old(6, tt.body))
		t.Run(name, func(t *testing.T) { refused(t, err, tt.want) })
	}
}

// TestSignatureBounds goes to each bound of a signature file, and one past it.
func TestSignatureBounds(t *testing.T) {
	t.Parallel()
	e := newEntity(t)
	ring, err := pgp.ReadKeyring(e.ring())
	if err != nil {
		t.Fatal(err)
	}
	good := e.sign(spec{created: e.made}, []byte("data"))
	for name, tt := range map[string]struct {
		most int
		file func(n int) []byte
		past string
	}{
		"bytes":      {pgp.MaxSignatureFile, func(n int) []byte { return append(old(2, make([]byte, n-len(good)-5)), good...) }, "1048577 bytes, more than 1048576"},
		"signatures": {pgp.MaxSignatures, func(n int) []byte { return bytes.Repeat(good, n) }, "more than 16 signatures"},
	} {
		v, err := ring.Start("data", tt.file(tt.most))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := v.Write([]byte("data")); err != nil {
			t.Error(err)
		}
		if all := v.Signatures(); all[len(all)-1].Verdict != repo.Good {
			t.Errorf("%s: the last signature is %+v", name, all[len(all)-1])
		}
		_, err = ring.Start("data", tt.file(tt.most+1))
		refused(t, err, tt.past)
	}
	many := func(n int) repo.SignatureVerdict {
		sig := e.sign(spec{created: e.made, hashed: bytes.Repeat(sub(100), n-1)}, []byte("data"))
		return verdictsOf(t, ring.At(e.made.Add(time.Hour)), sig, []byte("data"))[0].Verdict
	}
	if at, past := many(pgp.MaxSubpackets), many(pgp.MaxSubpackets+1); at != repo.Good || past != repo.Unsupported {
		t.Errorf("%s with as many subpackets as may be, %s with one more", at, past)
	}
}

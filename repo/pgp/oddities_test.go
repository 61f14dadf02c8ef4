package pgp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// oddity is a signature file in an unusual form.
type oddity struct {
	name string
	sig  []byte
	// differ says why the verdict is not that of gpgv and sqv together: a
	// signature is good here when both take it.
	differ string
}

// TestOddities holds signature files in every form against gpgv and sqv.
func TestOddities(t *testing.T) {
	g := newGnuPG(t)
	c := newClock()
	g.key("odd", "rsa2048", "sign,cert", "never", "--faked-system-time", faked(c.made))
	g.key("other", "rsa2048", "sign,cert", "never", "--faked-system-time", faked(c.made))
	ring, m := g.export("odd"), g.makerOf("odd", 0)
	data := content()[:20]
	if text := g.export("other"); len(text) == 0 {
		t.Fatal("no other key")
	}
	rows := slices.Concat(g.formats(m, c, data), g.armors(m, c, data), g.criticals(m, c, data), g.issuers(m, c, data))
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			verdict, why := judgeFile(t, ring, tt.sig, data)
			word := ""
			for _, f := range g.statuses(ring, tt.sig, data) {
				switch f[1] {
				case "GOODSIG", "BADSIG", "ERRSIG", "NODATA", "UNEXPECTED":
					word += f[1] + " "
				}
			}
			accepted, said := g.sqv(ring, tt.sig, data)
			both := word == "GOODSIG " && accepted
			if good := verdict == repo.Good; (good == both) == (tt.differ != "") {
				t.Errorf("got %q (%s), gpgv %q, sqv %v (%s); differs on purpose: %q", verdict, why, word, accepted, strings.TrimSpace(said), tt.differ)
			}
		})
	}
}

// judgeFile returns the verdict on the first signature, "" for a file that is
// refused, and the reason.
func judgeFile(t *testing.T, ring, sig, data []byte) (repo.SignatureVerdict, string) {
	t.Helper()
	k, err := pgp.ReadKeyring(ring)
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.Start("data", sig)
	if err != nil {
		var fe *repo.FormatError
		if !errors.As(err, &fe) {
			t.Fatalf("error of type %T: %v", err, err)
		}
		return "", err.Error()
	}
	if _, err := v.Write(data); err != nil {
		t.Fatal(err)
	}
	var faults []string
	for _, f := range v.Faults() {
		faults = append(faults, f.Text)
	}
	s := v.Signatures()[0]
	return s.Verdict, strings.TrimSpace(s.Detail + " " + strings.Join(faults, "; "))
}

// formats are the forms of packets (RFC 9580 section 4.2).
func (g *gnupg) formats(m maker, c clock, data []byte) []oddity {
	body := m.body(spec{created: c.signed}, data)
	n := len(body)
	sig := old(2, body)
	partial := concat([]byte{0xc2, 0xe8}, body[:256], []byte{0xe0 | 4}, body[256:272], []byte{byte(n - 272)}, body[272:])
	literal := concat([]byte{0xcb, byte(6 + len(data)), 'b', 0, 0, 0, 0, 0}, data)
	return []oddity{
		{name: "old format, four octets", sig: sig},
		{name: "old format, two octets", sig: concat([]byte{0x89, byte(n >> 8), byte(n)}, body)},
		{name: "new format, two octets", sig: concat([]byte{0xc2, byte((n-192)>>8 + 192), byte(n - 192)}, body)},
		{name: "new format, five octets", sig: concat([]byte{0xc2, 0xff, 0, 0, byte(n >> 8), byte(n)}, body)},
		{name: "indeterminate length", sig: concat([]byte{0x8b}, body)},
		{name: "partial lengths", sig: partial},
		{name: "marker", sig: concat([]byte("\xca\x03PGP"), sig)},
		{name: "marker behind", sig: concat(sig, []byte("\xca\x03PGP"))},
		{name: "broken marker", sig: concat([]byte{0xca, 0}, sig)},
		{name: "private packet", sig: concat([]byte{0xfc, 1, 0}, sig)},
		{name: "private packet behind", sig: concat(sig, []byte{0xfc, 1, 0})},
		{name: "trust packet", sig: concat([]byte{0xcc, 2, 0, 0}, sig)},
		{name: "padding packet", sig: concat([]byte{0xd5, 2, 0, 0}, sig)},
		{name: "unassigned packet", sig: concat([]byte{0xe7, 2, 0, 0}, sig)},
		{name: "literal data before", sig: concat(literal, sig)},
		{name: "literal data behind", sig: concat(sig, literal)},
		{name: "user ID before", sig: concat([]byte{0xcd, 1, 'x'}, sig)},
		{name: "compressed", sig: concat([]byte{0xa3, 0}, sig)},
		{name: "compressed twice", sig: concat([]byte{0xa3, 0, 0xa3, 0}, sig)},
		{name: "one-pass signature", sig: concat([]byte{0xc4, 13, 3, 0, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1}, sig)},
		{name: "cut short", sig: sig[:len(sig)-1]},
		{name: "one more octet", sig: concat(sig, []byte{0})},
		{name: "octet in the packet", sig: old(2, append(bytes.Clone(body), 0))},
		{name: "empty", sig: nil},
		{name: "wrong digest prefix", sig: old(2, flipAt(body, n-259))},
		{name: "version 5", sig: old(2, append([]byte{5}, body[1:]...))},
		{name: "version 2", sig: old(2, append([]byte{2}, m.body(spec{version: 3, created: c.signed}, data)[1:]...)), differ: "version 2 is version 3 for gpgv, and sqv refuses both by policy"},
		{name: "certification for a signature", sig: m.sign(spec{kind: 0x10, created: c.signed}, data)},
		{name: "timestamp", sig: m.sign(spec{kind: 0x40, created: c.signed}, data)},
		{name: "standalone", sig: m.sign(spec{kind: 2, created: c.signed}, nil)},
		{name: "algorithm RSA sign-only by an RSA key", sig: m.sign(spec{created: c.signed, algorithm: 3}, data)},
		{name: "algorithm DSA by an RSA key", sig: m.sign(spec{created: c.signed, algorithm: 17}, data)},
		{name: "MD5", sig: m.sign(spec{created: c.signed, hash: 1}, data), differ: "MD5 proves little, and that is for a policy to say"},
		{name: "SHA3-256", sig: m.sign(spec{created: c.signed, hash: 12}, data), differ: "GnuPG 2.2 and Sequoia 1 do not know SHA-3, later ones do"},
	}
}

// flipAt changes one bit of the octet at i.
func flipAt(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// armors are the forms of armor (RFC 9580 section 6.2).
func (g *gnupg) armors(m maker, c clock, data []byte) []oddity {
	// A notation of the right length makes the base64 end where it is wanted.
	// An RSA signature is now and then an octet shorter, hence the search.
	var sigs [3][]byte
	for i := 0; slices.ContainsFunc(sigs[:], func(s []byte) bool { return s == nil }); i++ {
		sig := m.sign(spec{created: c.signed, hashed: sub(20, append([]byte{0x80, 0, 0, 0, 0, 3, 0, byte(i), 'a', '@', 'b'}, make([]byte, i)...)...)}, data)
		sigs[len(sig)%3] = sig
	}
	const begin, end = "-----BEGIN PGP SIGNATURE-----\n", "-----END PGP SIGNATURE-----\n"
	lines := func(sig []byte) string {
		text := base64.StdEncoding.EncodeToString(sig)
		var b strings.Builder
		for chunk := range slices.Chunk([]byte(text), 64) {
			b.Write(chunk)
			b.WriteByte('\n')
		}
		return b.String()
	}
	crc := func(sig []byte) string { return "=" + crc24(sig) + "\n" }
	sig := sigs[0]
	body, sum := lines(sig), crc(sig)
	whole := begin + "\n" + body + sum + end
	first, rest, _ := strings.Cut(body, "\n")
	file := func(name, text, differ string) oddity { return oddity{"armor: " + name, []byte(text), differ} }
	return []oddity{
		file("plain", whole, ""),
		file("no checksum, no padding needed", begin+"\n"+body+end, "gpgv 2.2 says NODATA and GOODSIG: a fault"),
		file("no checksum, one padding", begin+"\n"+lines(sigs[2])+end, ""),
		file("no checksum, two paddings", begin+"\n"+lines(sigs[1])+end, ""),
		file("no padding", begin+"\n"+strings.ReplaceAll(lines(sigs[1]), "=", "")+crc(sigs[1])+end, "sqv says no, and gpgv yes: a fault"),
		file("wrong checksum", begin+"\n"+body+"=AAAA\n"+end, ""),
		file("headers", begin+"Version: x\nComment: y: z\n\n"+body+sum+end, ""),
		file("odd header", begin+"no colon\n\n"+body+sum+end, ""),
		file("no empty line", begin+body+sum+end, ""),
		file("empty line of spaces", begin+"  \t\n"+body+sum+end, ""),
		file("CRLF", strings.ReplaceAll(whole, "\n", "\r\n"), ""),
		file("spaces at the ends", strings.ReplaceAll(whole, "\n", " \t\n"), ""),
		file("text before", "text\n\nmore\n"+whole, ""),
		file("text behind", whole+"text\n", ""),
		file("space before", " "+whole, ""),
		file("no end", begin+"\n"+body+sum, ""),
		file("nothing behind the base64", begin+"\n"+body, ""),
		file("another end", strings.ReplaceAll(whole, "END PGP SIGNATURE", "END PGP MESSAGE"), ""),
		file("labelled as a message", strings.ReplaceAll(whole, "PGP SIGNATURE", "PGP MESSAGE"), ""),
		file("labelled as a key", strings.ReplaceAll(whole, "PGP SIGNATURE", "PGP PUBLIC KEY BLOCK"), ""),
		file("one line", begin+"\n"+strings.ReplaceAll(body, "\n", "")+"\n"+sum+end, ""),
		file("empty line inside", begin+"\n"+first+"\n\n"+rest+sum+end, ""),
		file("junk inside", begin+"\n"+first+"\n!!!!\n"+rest+sum+end, ""),
		file("byte order mark", "\ufeff"+whole, ""),
	}
}

// crc24 is RFC 9580 section 6.1.1, bit by bit.
func crc24(b []byte) string {
	crc := uint32(0xb704ce)
	for _, o := range b {
		crc ^= uint32(o) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}

// criticals have one critical subpacket each.
func (g *gnupg) criticals(m maker, c clock, data []byte) []oddity {
	var rows []oddity
	for kind := range 42 {
		body := []byte{0}
		switch kind {
		case 2:
			continue // twice would be another oddity
		case 3, 9:
			body = stampOf(time.Unix(0x7fff0000, 0))
		case 12:
			body = append([]byte{0x80, 1}, make([]byte, 20)...)
		case 16:
			body = fmt.Appendf(nil, "%s", unhexText(m.priv.KeyIdString()))
		case 20:
			body = []byte{0x80, 0, 0, 0, 0, 3, 0, 1, 'a', '@', 'b', 'c'}
		case 37:
			body = make([]byte, 32)
		case 5:
			body = []byte{1, 60}
		case 6:
			body = []byte{'x', 0}
		case 31:
			body = append([]byte{1, 8}, make([]byte, 32)...)
		case 32:
			body = m.body(spec{kind: 0x19, created: c.signed}, nil)
		case 33, 35:
			body = append([]byte{4}, m.priv.Fingerprint...)
		}
		for _, critical := range []byte{0, 0x80} {
			rows = append(rows, oddity{
				name: fmt.Sprintf("subpacket %d, critical %v", kind, critical != 0),
				sig:  m.sign(spec{created: c.signed, hashed: sub(byte(kind)|critical, body...)}, data),
			})
		}
	}
	rows = append(rows, oddity{name: "critical in the unhashed area", sig: m.sign(spec{created: c.signed, unhashed: concat(sub(16, []byte(unhexText(m.priv.KeyIdString()))...), sub(0x80|101, 0))}, data)})
	return rows
}

func unhexText(s string) string {
	var b []byte
	if _, err := fmt.Sscanf(s, "%x", &b); err != nil {
		return ""
	}
	return string(b)
}

// issuers name their key in several ways.
func (g *gnupg) issuers(m maker, c clock, data []byte) []oddity {
	id := sub(16, []byte(unhexText(m.priv.KeyIdString()))...)
	other := sub(16, 1, 2, 3, 4, 5, 6, 7, 8)
	full := sub(33, append([]byte{4}, m.priv.Fingerprint...)...)
	foreign := sub(33, append([]byte{4}, make([]byte, 20)...)...)
	made := func(hashed, unhashed []byte) []byte {
		if unhashed == nil {
			unhashed = []byte{}
		}
		return m.sign(spec{created: c.signed, hashed: hashed, unhashed: unhashed}, data)
	}
	created := sub(2, stampOf(c.signed)...)
	late := m.body(spec{created: c.signed}, data)
	return []oddity{
		{name: "issuer: key ID hashed", sig: made(id, nil)},
		{name: "issuer: key ID not hashed", sig: made(nil, id)},
		{name: "issuer: fingerprint hashed", sig: made(full, nil)},
		{name: "issuer: fingerprint not hashed", sig: made(nil, full)},
		{name: "issuer: key ID hashed, foreign one first", sig: made(id, other)},
		{name: "issuer: both", sig: made(full, id)},
		{name: "issuer: foreign fingerprint not hashed", sig: made(id, foreign)},
		{name: "issuer: foreign fingerprint hashed", sig: made(foreign, id)},
		{name: "issuer: foreign key ID not hashed", sig: made(full, other)},
		{name: "issuer: foreign key ID first", sig: made(nil, concat(other, id))},
		{name: "issuer: none", sig: made(nil, nil)},
		{name: "creation time twice", sig: made(sub(2, stampOf(c.made.Add(time.Hour))...), id)},
		{name: "creation time not hashed", sig: old(2, moveCreated(late, created))},
	}
}

// moveCreated puts the only hashed subpacket, the creation time, into the
// unhashed area.
func moveCreated(body, created []byte) []byte {
	rest := body[6+len(created):]
	n := int(rest[0])<<8 | int(rest[1])
	return concat(body[:4], []byte{0, 0}, []byte{byte((n + len(created)) >> 8), byte(n + len(created))}, created, rest[2:])
}

package rpm_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpm"
)

// TestV6 reads a package of rpmbuild 6.1, signed by two keys with rpmsign 6.1.
// What is wanted is what rpmkeys 6.1 -Kv printed.
func TestV6(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/v6.rpm")
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile("testdata/v6.asc")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.Options{Payload: true}.Read(bytes.NewReader(data), ring)
	if !accepted(p, err) || p.Format != 6 {
		t.Fatalf("%+v, %v", p, err)
	}
	signed := make(map[string]bool)
	for _, s := range p.Signatures {
		if s.Verdict != repo.Good || s.Tag != 278 || s.Over != "rpm header" {
			t.Errorf("%+v", s)
		}
		signed[s.KeyAlgorithm+" "+s.Fingerprint] = true
	}
	if diff := cmp.Diff(map[string]bool{
		"EdDSA CED238A55BB48989E311424E5B2C157573FC1ED9": true, "RSA 719A7EC55192199989623E2033824CA00C38487B": true,
	}, signed); diff != "" {
		t.Error(diff)
	}
	digests := make(map[string]int)
	for _, d := range p.SelfDigests {
		digests[string(d.Algorithm)+" "+d.Part] = d.Tag
	}
	if diff := cmp.Diff(map[string]int{
		"sha3-256 header": 279, "sha256 header": 273,
		"sha3-256 payload": 5123, "sha512 payload": 5121, "sha256 payload": 5092,
		"sha3-256 uncompressed payload": 5124, "sha512 uncompressed payload": 5122, "sha256 uncompressed payload": 5097,
	}, digests); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"postuntrans", "preuntrans"}, p.Scripts); diff != "" {
		t.Error(diff)
	}
	// Any byte of header and payload is covered, and any digest of them.
	for i := int(p.HeaderStart); i < len(data); i++ {
		bad := bytes.Clone(data)
		bad[i] ^= 0x20
		if p, err := rpm.Read(bytes.NewReader(bad), ring); accepted(p, err) {
			t.Fatalf("byte %d changed: %+v", i, p)
		}
	}
	for _, d := range p.SelfDigests {
		bad := bytes.Replace(data, []byte(d.Want), bytes.Repeat([]byte("0"), len(d.Want)), 1)
		if p, err := (rpm.Options{Payload: true}).Read(bytes.NewReader(bad), ring); accepted(p, err) {
			t.Errorf("%s of %s: %+v", d.Algorithm, d.Part, p)
		}
	}
}

// TestV3 reads packages as they were before 2000: without a region, with whole
// paths, and with provides that have no versions.
func TestV3(t *testing.T) {
	t.Parallel()
	files := []sampleFile{{path: "/bin/a", mode: 0o100755, data: "abc"}}
	for what, x := range map[string]struct {
		s    sample
		want int
	}{
		"today": {sample{files: files}, 4},
		"whole paths": {sample{files: files, tags: map[uint32]any{
			1116: nil, 1117: nil, 1118: nil, 1027: []string{"/bin/a"}, 1047: []string{"a"},
		}}, 3},
	} {
		data := x.s.bytes()
		p, err := readDeep(data)
		if !accepted(p, err) || p.Format != x.want || len(p.Files) != 1 || p.Files[0].Path != "/bin/a" {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
		if !queryTakes(t, data) {
			t.Errorf("%s: rpm -qp refuses it", what)
		}
		// The same without the region, which signatures do not cover then.
		main := int(p.HeaderStart)
		count, size := binary.BigEndian.Uint32(data[main+8:]), binary.BigEndian.Uint32(data[main+12:])
		old := bytes.Clone(data[:main+8])
		old = binary.BigEndian.AppendUint32(old, count-1)
		old = binary.BigEndian.AppendUint32(old, size-16)
		old = append(old, data[main+32:main+16+int(count)*16+int(size)-16]...)
		old = append(old, data[p.HeaderEnd:]...)
		p, err = readDeep(old)
		if err != nil || p.Format != 3 || len(p.Files) != 1 || !queryTakes(t, old) {
			t.Errorf("%s, without a region: %+v, %v", what, p, err)
		}
		if provenBy(p) || keysTake(t, old) {
			t.Errorf("%s, without a region: accepted", what)
		}
	}
}

// TestSignatureTags puts things into the signature header that rpm does not
// take, or that nobody may overlook.
func TestSignatureTags(t *testing.T) {
	t.Parallel()
	files := []sampleFile{{path: "/bin/a", mode: 0o100755, data: "abc"}}
	for what, x := range map[string]struct {
		sig, main map[uint32]any
		want      string // an error or a fault
		query     bool   // whether rpm -qp takes it
		keys      bool   // whether rpmkeys -K does
	}{
		"nothing":                    {query: true, keys: true},
		"PGP 5":                      {sig: map[uint32]any{1006: []byte{1}}, want: "PGP 5", query: true, keys: true},
		"signature of no packet":     {sig: map[uint32]any{268: []byte("-----BEGIN")}, want: "not an OpenPGP packet", query: true},
		"empty signature tag":        {sig: map[uint32]any{268: []byte{0x89}}, want: "signature", query: true},
		"short digest":               {sig: map[uint32]any{273: "abcd"}, want: "not 64 hexadecimal digits", query: true},
		"digest that is no number":   {sig: map[uint32]any{273: strings.Repeat("x", 64)}, want: "not 64 hexadecimal digits", query: true},
		"digest of another type":     {sig: map[uint32]any{273: []string{strings.Repeat("0", 64)}}, want: "tag 273 of the signature header has type 8"},
		"MD5 of 15 bytes":            {sig: map[uint32]any{1004: make([]byte, 15)}, want: "tag 1004 of the signature header"},
		"size in two numbers":        {sig: map[uint32]any{1000: []uint32{1, 2}}, want: "tag 1000 of the signature header", keys: true},
		"signature in the header":    {main: map[uint32]any{268: []byte{0x89}}, want: "tag 268 belongs into the signature header", keys: true},
		"digest in the header":       {main: map[uint32]any{273: "00"}, want: "tag 273 belongs into the signature header", keys: true},
		"size in both":               {main: map[uint32]any{1046: []uint32{1}}, want: "tag 1046 belongs into the signature header", keys: true},
		"no base64":                  {sig: map[uint32]any{278: []string{"?"}}, want: "not base64", query: true, keys: true},
		"many signatures":            {sig: map[uint32]any{278: make([]string, rpm.MaxSignatures+1)}, want: "17 signatures, of which 16 are read", query: true, keys: true},
		"many digests":               {main: map[uint32]any{5092: make([]string, rpm.MaxPayloadDigests+1)}, want: "5 digests of the payload", query: true},
		"malformed rich dependency":  {main: deps(1049, 1048, 1050, "(a and)"), want: "nothing after and", query: true, keys: true},
		"rich provide":               {main: deps(1047, 1112, 1113, "(a and b)"), want: "cannot be provided", query: true, keys: true},
		"conflict with a wrong rich": {main: deps(1054, 1053, 1055, "(a if b)"), want: "if cannot stand here", query: true, keys: true},
	} {
		data := sample{files: files, sigTags: x.sig, tags: x.main}.bytes()
		p, err := rpm.Read(bytes.NewReader(data), nil)
		var said string
		if err != nil {
			said = err.Error()
		} else {
			said = faultTexts(p)
		}
		if !strings.Contains(said, x.want) || x.want == "" && said != "" {
			t.Errorf("%s: %q, wanted %q", what, said, x.want)
		}
		if (err == nil) != x.query || queryTakes(t, data) != x.query {
			t.Errorf("%s: rpm -qp takes it: %v, Read: %v", what, queryTakes(t, data), err)
		}
		if got := keysTake(t, data); got != x.keys {
			t.Errorf("%s: rpmkeys takes it: %v", what, got)
		}
	}
	p, err := rpm.Read(bytes.NewReader(sample{files: files, sigTags: map[uint32]any{274: []string{"00"}, 275: []uint32{1}, 276: []string{"AA=="}, 277: []uint32{1}}}.bytes()), nil)
	if err != nil || p.FileSignatures != 1 || p.VeritySignatures != 1 {
		t.Errorf("signatures of files: %+v, %v", p, err)
	}
}

// deps is one dependency without a version.
func deps(names, flags, versions uint32, name string) map[uint32]any {
	return map[uint32]any{names: []string{name}, flags: []uint32{0}, versions: []string{""}}
}

// dribble adds a tag behind a header's region, as rpm does to headers in its
// database: to the index, and to the data after the region's trailer.
func dribble(data []byte, start int, tag uint32, value string) []byte {
	count, size := int(binary.BigEndian.Uint32(data[start+8:])), int(binary.BigEndian.Uint32(data[start+12:]))
	index, store := start+16, start+16+16*count
	out := bytes.Clone(data[:start+8])
	out = binary.BigEndian.AppendUint32(out, uint32(count+1))
	out = binary.BigEndian.AppendUint32(out, uint32(size+len(value)))
	out = append(out, data[index:store]...)
	for _, v := range []uint32{tag, 6, uint32(size), 1} {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	out = append(append(out, data[store:store+size]...), value...)
	end := store + size
	if tag := binary.BigEndian.Uint32(data[index:]); tag == 62 { // with its padding
		out = append(out, make([]byte, -len(out)&7)...)
		end += -end & 7
	}
	return append(out, data[end:]...)
}

// TestRegions puts tags outside of the region that is signed.
func TestRegions(t *testing.T) {
	t.Parallel()
	data := sample{files: sampleFiles()}.bytes()
	p, err := rpm.Read(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	main := int(p.HeaderStart)
	shrunk := func(start int) []byte { // a region that says it has one tag less
		out := bytes.Clone(data)
		count, size := int(binary.BigEndian.Uint32(out[start+8:])), int(binary.BigEndian.Uint32(out[start+12:]))
		trailer := start + 16 + 16*count + size - 16
		binary.BigEndian.PutUint32(out[trailer+8:], uint32(-16*(count-1)))
		return out
	}
	for what, x := range map[string]struct {
		data []byte
		want string // an error or a fault
	}{
		"name behind the main region":        {dribble(data, main, 1000, "evil\x00"), "region of"},
		"new tag behind the main region":     {dribble(data, main, 5000, "evil\x00"), "region of"},
		"main region that is too small":      {shrunk(main), "region of"},
		"new tag behind the signatures":      {dribble(data, 96, 999, "space\x00"), ""},
		"digest twice, once behind":          {dribble(data, 96, 273, strings.Repeat("0", 64)+"\x00"), "more than once"},
		"signature region that is too small": {shrunk(96), ""},
	} {
		p, err := rpm.Read(bytes.NewReader(x.data), nil)
		var said string
		if err != nil {
			said = err.Error()
		} else {
			said = faultTexts(p)
		}
		if !strings.Contains(said, x.want) || x.want == "" && said != "" {
			t.Errorf("%s: %q, wanted %q", what, said, x.want)
		}
		if got := queryTakes(t, x.data); got != (err == nil) {
			t.Errorf("%s: rpm -qp takes it: %v, Read: %v", what, got, err)
		}
		if keysTake(t, x.data) != accepted(p, err) && x.want != "more than once" {
			t.Errorf("%s: rpmkeys takes it: %v, Read: %v %v", what, keysTake(t, x.data), said, err)
		}
	}
}

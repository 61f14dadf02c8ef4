package publish_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// TestSignaturesOfAnyLength signs until the armor of a signature has needed no
// padding: GnuPG 2.2 reads such an armor only with a checksum, and refuses the
// InRelease otherwise. One RSA signature in some hundreds is a byte shorter
// than the others.
func TestSignaturesOfAnyLength(t *testing.T) {
	t.Parallel()
	key, err := publish.GenerateKey("Test", "test@example.org", time.Unix(1700000000, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	lengths := make(map[int][]byte)
	for i := 0; len(lengths) < 2 && i < 5000; i++ {
		text := fmt.Appendf(nil, "Origin: test %d\n- dash\n\nDate: x  \n", i)
		signed, err := key.ClearSignature(text, time.Unix(1700000000, 0))
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := bytes.Cut(signed, []byte("-----BEGIN PGP SIGNATURE-----"))
		lengths[len(signature)] = signed
	}
	if len(lengths) < 2 {
		t.Fatal("no shorter signature came up")
	}
	dir := t.TempDir()
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.asc"), public, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, dir, "gpg", "--batch", "--yes", "--dearmor", "-o", "ring.gpg", "key.asc")
	for n, signed := range lengths {
		if err := os.WriteFile(filepath.Join(dir, "InRelease"), signed, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("armor of %d bytes", n)
		tool(t, dir, "gpgv", "--keyring", filepath.Join(dir, "ring.gpg"), "InRelease")
	}
}

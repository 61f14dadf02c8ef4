package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"sigs.k8s.io/pkgverify/repo"
)

// gnupg is a GnuPG home of its own, the oracle of these tests.
type gnupg struct {
	t    *testing.T
	home string
}

// newGnuPG makes an empty home. Its path is short, as the agent's socket lies
// in it and a socket's path may have 107 bytes.
func newGnuPG(t *testing.T) *gnupg {
	t.Helper()
	for _, tool := range []string{"gpg", "gpgv", "gpgconf"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: install gpg, gpgv (make deps)", tool)
		}
	}
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	g := &gnupg{t: t, home: home}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
			t.Errorf("stop the agent: %v: %s", err, out)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return g
}

// gpg runs gpg and returns its output.
func (g *gnupg) gpg(stdin []byte, args ...string) []byte {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "gpg", append([]string{
		"--homedir", g.home, "--batch", "--yes", "--no-tty", "--quiet",
		"--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always",
	}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gpg %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// key makes a key and returns its fingerprint.
func (g *gnupg) key(name, algorithm, usage, expire string, more ...string) string {
	g.t.Helper()
	g.gpg(nil, append(more, "--quick-generate-key", name+" <"+name+"@example.org>", algorithm, usage, expire)...)
	return g.fingerprint(name)
}

func (g *gnupg) fingerprint(name string) string {
	g.t.Helper()
	for line := range strings.Lines(string(g.gpg(nil, "--with-colons", "--list-keys", name+"@example.org"))) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return f[9]
		}
	}
	g.t.Fatalf("no key %s", name)
	return ""
}

func (g *gnupg) export(names ...string) []byte {
	g.t.Helper()
	args := []string{"--export"}
	for _, n := range names {
		args = append(args, n+"@example.org")
	}
	return g.gpg(nil, args...)
}

func (g *gnupg) sign(name string, data []byte, more ...string) []byte {
	g.t.Helper()
	return g.gpg(data, append(more, "--local-user", name+"@example.org", "--detach-sign")...)
}

// revoke puts the revocation that gpg prepared with the key into force.
func (g *gnupg) revoke(fingerprint string) {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fingerprint+".rev"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.gpg(bytes.Replace(text, []byte("\n:-----"), []byte("\n-----"), 1), "--import")
}

// signV3 signs by hand in the old packet version, which gpg 2 reads and does
// not write.
func (g *gnupg) signV3(name string, kind byte, data []byte) []byte {
	g.t.Helper()
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(g.gpg(nil, "--export-secret-keys", name+"@example.org")))
	if err != nil {
		g.t.Fatal(err)
	}
	priv := ring[0].PrivateKey
	key, ok := priv.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		g.t.Fatalf("key %s is not RSA", name)
	}
	// gpgv refuses a signature that is older than its key.
	trailer := binary.BigEndian.AppendUint32([]byte{kind}, uint32(priv.CreationTime.Unix()))
	sum := sha256.Sum256(append(bytes.Clone(data), trailer...))
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		g.t.Fatal(err)
	}
	number := new(big.Int).SetBytes(value)
	body := append([]byte{3, 5}, trailer...)
	body = binary.BigEndian.AppendUint64(body, priv.KeyId)
	body = append(body, 1, 8, sum[0], sum[1])
	body = binary.BigEndian.AppendUint16(body, uint16(number.BitLen()))
	body = append(body, number.Bytes()...)
	return append(binary.BigEndian.AppendUint16([]byte{0x89}, uint16(len(body))), body...)
}

// oracle is gpgv's word on one signature.
type oracle struct {
	Verdict repo.SignatureVerdict
	Signer  string
}

// statuses returns gpgv's status lines, each by its words. Its exit code is no
// verdict.
func (g *gnupg) statuses(ring, sig, data []byte) [][]string {
	g.t.Helper()
	dir := g.t.TempDir()
	for name, b := range map[string][]byte{"ring.gpg": ring, "sig": sig, "data": data} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(g.t.Context(), "gpgv", "--homedir", g.home, "--status-fd", "1",
		"--keyring", filepath.Join(dir, "ring.gpg"), filepath.Join(dir, "sig"), filepath.Join(dir, "data"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatalf("gpgv: %v", err)
	}
	var all [][]string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 {
			all = append(all, f)
		}
	}
	return all
}

// word returns the first status of gpgv that is about a signature.
func (g *gnupg) word(ring, sig, data []byte) string {
	g.t.Helper()
	for _, f := range g.statuses(ring, sig, data) {
		switch f[1] {
		case "GOODSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "BADSIG", "ERRSIG", "NODATA", "UNEXPECTED":
			return f[1]
		}
	}
	return ""
}

// sqv returns whether sqv accepts the signature, and what it says.
func (g *gnupg) sqv(ring, sig, data []byte) (bool, string) {
	g.t.Helper()
	sqv, err := exec.LookPath("sqv")
	if err != nil {
		g.t.Fatal("sqv is missing: install sqv (make deps)")
	}
	dir := g.t.TempDir()
	for name, b := range map[string][]byte{"ring": ring, "sig": sig, "data": data} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(g.t.Context(), sqv, "--keyring", filepath.Join(dir, "ring"), filepath.Join(dir, "sig"), filepath.Join(dir, "data"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	return err == nil, stderr.String()
}

// gpgv returns gpgv's verdicts, in order.
func (g *gnupg) gpgv(ring, sig, data []byte) []oracle {
	g.t.Helper()
	var all []oracle
	for _, f := range g.statuses(ring, sig, data) {
		switch f[1] {
		case "GOODSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG":
			all = append(all, oracle{Verdict: repo.Good})
		case "VALIDSIG":
			all[len(all)-1].Signer = f[len(f)-1]
		case "BADSIG":
			all = append(all, oracle{Verdict: repo.Bad})
		case "ERRSIG":
			// ERRSIG keyid pkalgo hash class time rc fingerprint; 9 is "no key".
			v := repo.Unsupported
			if f[7] == "9" {
				v = repo.UnknownKey
			}
			all = append(all, oracle{Verdict: v})
		}
	}
	return all
}

// file writes a file and returns its path.
func (g *gnupg) file(data []byte) string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

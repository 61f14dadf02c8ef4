package pgp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
)

// TestPolicyDates asks a newer sqv than Debian 12's, which can be told the date
// of its policy, and holds the tables of package policy against it. The
// variables name the program (1.2 or later, as of Debian 13) and apt's
// default-sequoia.config.
func TestPolicyDates(t *testing.T) {
	sqv, config := os.Getenv("PKGVERIFY_SQV"), os.Getenv("PKGVERIFY_SQV_POLICY")
	if sqv == "" || config == "" {
		t.Skip("PKGVERIFY_SQV and PKGVERIFY_SQV_POLICY name no sqv of Debian 13 and no policy of apt")
	}
	g := newGnuPG(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := []byte("text\n")
	made := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
	signed := made.AddDate(0, 6, 0)
	type signature struct {
		name      string
		ring, sig []byte
	}
	var all []signature
	add := func(name, algorithm, digest string, more ...string) {
		g.key(name, algorithm, "sign,cert", "never", append([]string{"--faked-system-time", faked(made), "--allow-weak-digest-algos"}, more...)...)
		all = append(all, signature{name, g.export(name), g.sign(name, data, "--faked-system-time", faked(signed), "--digest-algo", digest, "--allow-weak-digest-algos")})
	}
	for _, a := range []string{"rsa1024", "rsa2048", "rsa3072", "rsa4096", "dsa1024", "dsa2048", "dsa3072", "nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP512r1", "secp256k1", "ed25519"} {
		add(a, a, "SHA512")
	}
	for _, h := range []string{"MD5", "SHA1", "RIPEMD160", "SHA224", "SHA256", "SHA384"} {
		all = append(all, signature{"digest " + h, g.export("rsa3072"), g.sign("rsa3072", data, "--faked-system-time", faked(signed), "--digest-algo", h, "--allow-weak-digest-algos")})
	}
	for _, h := range []string{"SHA1", "SHA224", "SHA256"} {
		add("self"+h, "rsa3072", "SHA512", "--cert-digest-algo", h)
	}
	all = append(all, signature{"version 3", g.export("rsa3072"), g.makerOf("rsa3072", 0).sign(spec{version: 3, created: signed}, data)})

	for _, client := range []struct{ id, config string }{{"apt-sqv", config}, {"rpm-sequoia", empty}} {
		c, ok := policy.Find(client.id)
		if !ok {
			t.Fatal("no client " + client.id)
		}
		if client.id == "rpm-sequoia" { // which alone takes version 3 for ever
			c.Packets["3"] = time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC)
		}
		for _, s := range all {
			k, err := pgp.ReadKeyring(s.ring)
			if err != nil {
				t.Fatal(err)
			}
			sig := verdictsOf(t, k, s.sig, data)[0]
			signer, _ := k.Find(sig.Signer)
			for _, day := range []string{"2012-01-01", "2013-01-31", "2013-02-02", "2014-01-31", "2014-02-02", "2023-01-31", "2023-02-02", "2024-01-31", "2024-02-02", "2026-01-31", "2026-02-02", "2027-11-01", "2028-02-02", "2030-01-31", "2030-02-02", "2040-01-01"} {
				at, err := time.Parse(time.DateOnly, day)
				if err != nil {
					t.Fatal(err)
				}
				got := policy.Judge(c, sig, signer, at)
				if sig.Verdict != repo.Good && sig.Hash == "RIPEMD160" {
					got = policy.Answer{Accepted: at.Before(c.Digests["RIPEMD160"])} // not computed here
				}
				if want := g.asOf(sqv, client.config, day, s.ring, s.sig, data); got.Accepted != want {
					t.Errorf("%s, %s on %s: sqv %v, got %+v", client.id, s.name, day, want, got)
				}
			}
		}
	}
}

// asOf asks sqv by the policy of a day.
func (g *gnupg) asOf(sqv, config, day string, ring, sig, data []byte) bool {
	g.t.Helper()
	dir := g.t.TempDir()
	for name, b := range map[string][]byte{"ring": ring, "sig": sig, "data": data} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(g.t.Context(), sqv, "--policy-as-of", day, "--keyring", filepath.Join(dir, "ring"),
		"--signature-file", filepath.Join(dir, "sig"), filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), "SEQUOIA_CRYPTO_POLICY="+config)
	return cmd.Run() == nil
}

func verdictsOf(t *testing.T, k *pgp.Keyring, sig, data []byte) []repo.Signature {
	t.Helper()
	v, err := k.Start("data", sig)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(data); err != nil {
		t.Fatal(err)
	}
	return v.Signatures()
}

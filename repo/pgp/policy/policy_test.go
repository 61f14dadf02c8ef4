package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp/policy"
)

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// good is a signature that nobody objects to, and its key.
func good() (repo.Signature, repo.Key) {
	s := repo.Signature{
		Verdict: repo.Good, Version: 4, Hash: "SHA256", KeyAlgorithm: "RSA", KeyBits: 4096, Created: date("2025-01-01"),
		Signer: "AA", SignerKey: "AA", SelfSignatureHash: "SHA512", AtSigning: repo.KeyValid, Now: repo.KeyValid,
	}
	return s, repo.Key{Fingerprint: "AA", Created: date("2020-01-01")}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	type change func(*repo.Signature, *repo.Key)
	for _, tt := range []struct {
		name   string
		change change
		at     string
		// by client; "" accepted for ever, a date until which it is accepted, or
		// "no" for a refusal (with its date, where it has one).
		want map[string]string
	}{
		{"good", nil, "2026-06-01", map[string]string{}},
		{"version 3", func(s *repo.Signature, _ *repo.Key) { s.Version = 3 }, "2026-01-31",
			map[string]string{"apt-sqv": "2026-02-01"}},
		{"version 3, later", func(s *repo.Signature, _ *repo.Key) { s.Version = 3 }, "2026-02-01",
			map[string]string{"apt-sqv": "no 2026-02-01"}},
		{"version 6", func(s *repo.Signature, _ *repo.Key) { s.Version = 6 }, "2026-02-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "rpm-internal": "no"}},
		{"RSA 2048", func(s *repo.Signature, _ *repo.Key) { s.KeyBits = 2048 }, "2026-06-01",
			map[string]string{"apt-sqv": "2030-02-01"}},
		{"RSA 1024", func(s *repo.Signature, _ *repo.Key) { s.KeyBits = 1024 }, "2026-06-01",
			map[string]string{"apt-sqv": "no 2014-02-01", "rpm-sequoia": "no 2014-02-01", "rpm-fedora": "no"}},
		{"DSA 2048", func(s *repo.Signature, _ *repo.Key) { s.KeyAlgorithm, s.KeyBits = "DSA", 2048 }, "2026-06-01",
			map[string]string{"apt-sqv": "no 2024-02-01", "rpm-sequoia": "2030-02-01"}},
		{"Brainpool", func(s *repo.Signature, _ *repo.Key) {
			s.KeyAlgorithm, s.KeyBits, s.KeyCurve = "ECDSA", 0, "brainpoolP256r1"
		}, "2026-06-01",
			map[string]string{"apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no", "rpm-internal": "no"}},
		{"Ed448", func(s *repo.Signature, _ *repo.Key) { s.KeyAlgorithm, s.KeyBits, s.KeyCurve = "Ed448", 0, "ed448" }, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "rpm-internal": "no"}},
		{"SHA-1", func(s *repo.Signature, _ *repo.Key) { s.Hash = "SHA1" }, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "apt-sqv": "no 2013-02-01", "rpm-sequoia": "no 2013-02-01"}},
		{"MD5", func(s *repo.Signature, _ *repo.Key) { s.Hash = "MD5" }, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "apt-sqv": "no 1997-02-01", "rpm-sequoia": "no 1997-02-01", "rpm-fedora": "no"}},
		{"SHA-1 self-signature", func(s *repo.Signature, _ *repo.Key) { s.SelfSignatureHash = "SHA1" }, "2025-06-01",
			map[string]string{"apt-sqv": "2026-02-01", "rpm-sequoia": "no 2023-02-01"}},
		{"SHA-1 binding", func(s *repo.Signature, _ *repo.Key) { s.BindingHash = "SHA1" }, "2026-06-01",
			map[string]string{"apt-sqv": "no 2026-02-01", "rpm-sequoia": "no 2023-02-01"}},
		{"key will expire", func(_ *repo.Signature, k *repo.Key) { k.Expires = date("2026-12-29") }, "2026-06-01",
			map[string]string{"apt-gpgv": "2026-12-29", "gnupg": "2026-12-29"}},
		{"subkey will expire", func(s *repo.Signature, k *repo.Key) {
			s.SignerKey = "BB"
			k.Subkeys = []repo.Key{{Fingerprint: "BB", Expires: date("2026-12-29")}, {Fingerprint: "CC", Expires: date("2026-06-29")}}
		}, "2026-06-01",
			map[string]string{"apt-gpgv": "2026-12-29", "gnupg": "2026-12-29"}},
		{"key had expired when it signed", func(s *repo.Signature, k *repo.Key) {
			k.Expires, s.AtSigning, s.Now = date("2024-12-29"), repo.KeyExpired, repo.KeyExpired
		}, "2026-06-01",
			map[string]string{"apt-gpgv": "no 2024-12-29", "gnupg": "no 2024-12-29", "apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no"}},
		{"superseded since", func(s *repo.Signature, k *repo.Key) {
			k.Revoked, k.RevocationReason, s.Now = true, "superseded", repo.KeyRevoked
		}, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no"}},
		{"compromised", func(s *repo.Signature, k *repo.Key) {
			k.Revoked, k.RevocationReason, s.Now, s.AtSigning = true, "compromised", repo.KeyRevoked, repo.KeyRevoked
		}, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no"}},
		{"older self-signatures are stripped", func(s *repo.Signature, _ *repo.Key) { s.AtSigning = repo.KeyNotYetValid }, "2026-06-01",
			map[string]string{"apt-sqv": "no"}},
		{"older than the key", func(s *repo.Signature, k *repo.Key) {
			s.AtSigning, k.Created = repo.KeyNotYetValid, date("2025-06-01")
		}, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no"}},
		{"from the future", func(s *repo.Signature, _ *repo.Key) { s.Created = date("2026-06-02") }, "2026-06-01",
			map[string]string{"apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no"}},
		{"signature will expire", func(s *repo.Signature, _ *repo.Key) { s.Expires = date("2026-06-02") }, "2026-06-01",
			map[string]string{"apt-gpgv": "2026-06-02", "gnupg": "2026-06-02", "apt-sqv": "2026-06-02", "rpm-sequoia": "2026-06-02", "rpm-fedora": "2026-06-02"}},
		{"key not known to the caller", func(s *repo.Signature, k *repo.Key) { *k, s.Now = repo.Key{}, repo.KeyExpired }, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no"}},
		{"not good", func(s *repo.Signature, _ *repo.Key) { s.Verdict = repo.Bad }, "2026-06-01",
			map[string]string{"apt-gpgv": "no", "gnupg": "no", "apt-sqv": "no", "rpm-sequoia": "no", "rpm-fedora": "no", "rpm-internal": "no"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, k := good()
			if tt.change != nil {
				tt.change(&s, &k)
			}
			got := map[string]string{}
			for _, c := range policy.Clients() {
				a := policy.Judge(c, s, k, date(tt.at))
				text := ""
				if !a.Accepted {
					text = "no "
				}
				if !a.RefusedFrom.IsZero() {
					text += a.RefusedFrom.Format(time.DateOnly)
				}
				if text = strings.TrimSpace(text); text != "" {
					got[c.ID] = text
				}
				if (a.Why == "") != (text == "") {
					t.Errorf("%s: %q with the reason %q", c.ID, text, a.Why)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range policy.Clients() {
		if c.ID == "" || c.Name == "" || c.Source == "" || seen[c.ID] {
			t.Errorf("client %+v", c)
		}
		seen[c.ID] = true
		found, ok := policy.Find(c.ID)
		if d := cmp.Diff(c, found); !ok || d != "" {
			t.Errorf("Find(%s): %s", c.ID, d)
		}
		// What one caller does to a table, another does not see.
		c.Packets["4"] = date("1990-01-01")
		if again, _ := policy.Find(c.ID); !again.Packets["4"].IsZero() {
			t.Errorf("the table of %s is shared", c.ID)
		}
	}
	if _, ok := policy.Find("none"); ok {
		t.Error("found a client that is not there")
	}
}

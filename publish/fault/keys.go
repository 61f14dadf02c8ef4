package fault

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sigs.k8s.io/pkgverify/publish"
)

// keyFaults are copies of the signing key that users would take and should not.
func keyFaults() []Fault {
	return []Fault{
		{
			Name:  "expired-key",
			Title: "Release.key and repomd.xml.key are copies of the key that expired yesterday; the signatures are as before",
			Want:  []string{"key-current", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: keyFiles(func(tree *Tree) ([]byte, error) {
				return tree.Publisher.Key.PublicExpiring(tree.Publisher.Now().Add(-24 * time.Hour))
			}),
		},
		{
			Name:  "expired-key-of-deb",
			Title: "Release.key is a copy of the key that expired yesterday; repomd.xml.key is in force",
			Want:  []string{"key-current", "key-published", "install-setup"},
			May:   refused(),
			apply: keyFile(publish.Deb, func(tree *Tree) ([]byte, error) {
				return tree.Publisher.Key.PublicExpiring(tree.Publisher.Now().Add(-24 * time.Hour))
			}),
		},
		{
			Name:  "expiring-key",
			Title: "Release.key and repomd.xml.key are copies of the key that expire in thirty days",
			Warn:  []string{"key-current"},
			apply: keyFiles(func(tree *Tree) ([]byte, error) {
				return tree.Publisher.Key.PublicExpiring(tree.Publisher.Now().Add(30 * 24 * time.Hour))
			}),
		},
		{
			Name:  "revoked-key",
			Title: "Release.key and repomd.xml.key are copies of the key in which it is revoked as compromised; the signatures are as before",
			Want:  []string{"key-current", "install-setup"},
			// A client that knows of the revocation refuses the signatures.
			May: refused("signature-policy"),
			apply: keyFiles(func(tree *Tree) ([]byte, error) {
				s, err := signerOf(tree.Publisher.Key)
				if err != nil {
					return nil, err
				}
				revocation, err := s.revocation(tree.Publisher.Now().Add(-24 * time.Hour))
				if err != nil {
					return nil, err
				}
				return s.certificate(modern(), revocation)
			}),
		},
		{
			Name:  "other-key",
			Title: "Release.key and repomd.xml.key hold another key, and not the one that signed",
			Want:  []string{"key-published", "install-setup"},
			May:   refused(),
			apply: keyFiles(func(tree *Tree) ([]byte, error) {
				key, err := stranger(tree.Publisher)
				if err != nil {
					return nil, err
				}
				return key.Public()
			}),
		},
		{
			Name:  "release-key-missing",
			Title: "Release.key is not there",
			Want:  []string{"key-published", "install-setup"},
			May:   refused(),
			apply: apt(func(a *aptTree) error { return a.remove("Release.key") }),
		},
		{
			Name:  "repomd-key-missing",
			Title: "repomd.xml.key is not there",
			Want:  []string{"key-published", "install-setup"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error { return r.remove("repodata/repomd.xml.key") }),
		},
		{
			Name:  "truncated-key",
			Title: "Release.key ends in its middle",
			Want:  []string{"key-published", "install-setup"},
			May:   refused(),
			apply: apt(func(a *aptTree) error {
				key, err := a.read("Release.key")
				if err != nil {
					return err
				}
				return a.write("Release.key", key[:len(key)/2])
			}),
		},
		{
			Name:  "sha1-key",
			Title: "the key in Release.key and repomd.xml.key certifies itself over SHA-1 only",
			Want:  []string{"key-strength"},
			// The signature of a key that a client refuses is refused.
			May: refused("signature-policy"),
			apply: keyFiles(func(tree *Tree) ([]byte, error) {
				s, err := signerOf(tree.Publisher.Key)
				if err != nil {
					return nil, err
				}
				return s.certificate(manner{4, crypto.SHA1})
			}),
		},
		{
			Name:  "md5-key",
			Title: "the key in Release.key certifies itself over MD5 only",
			Want:  []string{"key-strength"},
			// The signature of a key that a client refuses is refused.
			May: refused("signature-policy"),
			apply: keyFile(publish.Deb, func(tree *Tree) ([]byte, error) {
				s, err := signerOf(tree.Publisher.Key)
				if err != nil {
					return nil, err
				}
				return s.certificate(manner{4, crypto.MD5})
			}),
		},
		{
			Name:  "weak-key",
			Title: "everything is signed with an RSA key of 1024 bits, which is the pinned one",
			Want:  []string{"key-strength"},
			// Clients refuse every signature of such a key.
			May:   refused("signature-policy"),
			apply: weakKey,
		},
	}
}

// keyFiles replaces both repositories' copies of the key.
func keyFiles(public func(tree *Tree) ([]byte, error)) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		data, err := public(tree)
		if err != nil {
			return nil, err
		}
		var touched []string
		for _, format := range []publish.Format{publish.Deb, publish.RPM} {
			files, err := placeKey(tree, format, data)
			if err != nil {
				return nil, err
			}
			touched = append(touched, files...)
		}
		return touched, nil
	}
}

// keyFile replaces one repository's copy of the key.
func keyFile(format publish.Format, public func(tree *Tree) ([]byte, error)) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		data, err := public(tree)
		if err != nil {
			return nil, err
		}
		return placeKey(tree, format, data)
	}
}

// keyPath is where a repository serves its key.
func keyPath(format publish.Format) string {
	if format == publish.Deb {
		return "Release.key"
	}
	return "repodata/repomd.xml.key"
}

func placeKey(tree *Tree, format publish.Format, public []byte) ([]string, error) {
	repository, dir := tree.repository(format)
	name := keyPath(format)
	return below(repository, name), replace(filepath.Join(dir, filepath.FromSlash(name)), public)
}

// weakBits is half of what is accepted today.
const weakBits = 1024

func weakKey(ctx context.Context, tree *Tree) ([]string, error) {
	created := tree.Publisher.Key.Created()
	entity, err := openpgp.NewEntity("weak", "", "weak@pkgverify.invalid", &packet.Config{
		Algorithm: packet.PubKeyAlgoRSA, RSABits: weakBits, Time: func() time.Time { return created },
	})
	if err != nil {
		return nil, fmt.Errorf("making a key of %d bits: %w", weakBits, err)
	}
	entity.Subkeys = nil
	var private bytes.Buffer
	if err := entity.SerializePrivateWithoutSigning(&private, nil); err != nil {
		return nil, err
	}
	text, err := armored(openpgp.PrivateKeyType, private.Bytes())
	if err != nil {
		return nil, err
	}
	key, err := publish.ReadKey(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	tree.Publisher.Key = key
	var all []string
	for _, format := range []publish.Format{publish.Deb, publish.RPM} {
		touched, err := edit(ctx, tree, format, func(_ context.Context, dir string) ([]string, error) {
			if format == publish.Deb {
				return nil, nil
			}
			return resignAll(tree, dir, key)
		})
		if err != nil {
			return nil, err
		}
		repository, _ := tree.repository(format)
		all = append(append(all, touched...), below(repository, keyPath(format))...)
	}
	return all, nil
}

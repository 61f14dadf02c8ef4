package fault

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// aptTrustFaults are signed roots of the deb repository that are not signed, or
// that sign something else; the first is of both formats.
func aptTrustFaults() []Fault {
	md5Hash, sha1Hash, v3 := manner{4, crypto.MD5}, manner{4, crypto.SHA1}, manner{3, crypto.SHA256}
	return []Fault{
		{
			Name:  "foreign-key",
			Title: "InRelease, Release.gpg and repomd.xml.asc are signed with another key; Release.key and repomd.xml.key are as before",
			Want:  []string{"apt-release-signed", "rpm-repomd-signed", "install-setup"},
			May:   []string{"install-list", "install-latest", "install-versions"},
			apply: foreignKey,
		},
		{
			Name:  "foreign-release-gpg",
			Title: "Release.gpg is signed with another key; InRelease is as before",
			Want:  []string{"apt-release-signed"},
			apply: apt(func(a *aptTree) error {
				key, err := stranger(a.publisher)
				if err != nil {
					return err
				}
				signature, err := key.DetachedSignature(a.release, a.publisher.Now(), true)
				if err != nil {
					return err
				}
				return a.write("Release.gpg", signature)
			}),
		},
		{
			Name:  "inrelease-missing",
			Title: "InRelease is not there; Release and Release.gpg are",
			Want:  []string{"apt-release-present"},
			apply: apt(func(a *aptTree) error { return a.remove("InRelease") }),
		},
		{
			Name:  "release-gpg-missing",
			Title: "Release.gpg is not there; InRelease is",
			Want:  []string{"apt-release-present"},
			apply: apt(func(a *aptTree) error { return a.remove("Release.gpg") }),
		},
		{
			Name:  "text-before",
			Title: "unsigned fields stand before the signed text of InRelease",
			Want:  []string{"apt-release-present"},
			May:   refused(),
			apply: inRelease(func(signed []byte) []byte { return append([]byte(unsignedText), signed...) }),
		},
		{
			Name:  "text-after",
			Title: "unsigned fields stand after the signature of InRelease",
			Want:  []string{"apt-release-present"},
			May:   refused(),
			apply: inRelease(func(signed []byte) []byte { return append(signed, unsignedText...) }),
		},
		{
			Name:  "text-between",
			Title: "InRelease holds its signed text twice, with unsigned fields between",
			Want:  []string{"apt-release-present"},
			May:   refused(),
			apply: inRelease(func(signed []byte) []byte {
				return bytes.Join([][]byte{signed, signed}, []byte(unsignedText))
			}),
		},
		{
			Name:  "edited-inrelease",
			Title: "the signed text of InRelease was changed in its Description after signing",
			Want:  []string{"apt-release-signed", "apt-release-consistent", "install-setup"},
			May:   refused(),
			apply: inRelease(func(signed []byte) []byte { return setField(signed, "Description", "changed") }),
		},
		{
			Name:  "edited-release",
			Title: "Release was changed in its Description after Release.gpg was made; InRelease is as before",
			Want:  []string{"apt-release-signed", "apt-release-consistent"},
			apply: apt(func(a *aptTree) error { return a.write("Release", setField(a.release, "Description", "changed")) }),
		},
		{
			Name:  "other-inrelease",
			Title: "InRelease is that of the repository of the next minor, signed with the same key",
			Want:  []string{"apt-release-consistent", "apt-release-fields", "apt-index-checksums", "install-setup"},
			May:   refused(),
			apply: apt(func(a *aptTree) error {
				release, err := resum(bytes.ReplaceAll(a.release, []byte("v1.26"), []byte("v1.27")),
					bytes.ReplaceAll(a.packages, []byte("1.26."), []byte("1.27.")))
				if err != nil {
					return err
				}
				return a.signIn(release)
			}),
		},
		{
			Name:  "stale-inrelease",
			Title: "InRelease is of the day before the latest version was published; Release, Release.gpg and Packages are new",
			Want:  []string{"apt-release-consistent", "apt-index-checksums", "install-setup"},
			// It is also the older of the two dates that the repository gives.
			May: refused("metadata-fresh"),
			apply: apt(func(a *aptTree) error {
				release, err := a.olderRelease()
				if err != nil {
					return err
				}
				return a.signIn(release)
			}),
		},
		{
			Name:  "v3-release",
			Title: "InRelease and Release.gpg are OpenPGP version 3 signatures by the pinned key",
			Want:  []string{"signature-policy"},
			May:   refused(),
			apply: apt(releaseIn(v3)),
		},
		{
			Name:  "sha1-release",
			Title: "InRelease and Release.gpg are signatures over SHA-1 by the pinned key",
			Want:  []string{"signature-policy", "install-setup"},
			May:   refused(),
			apply: apt(releaseIn(sha1Hash)),
		},
		{
			Name:  "md5-release",
			Title: "InRelease and Release.gpg are signatures over MD5 by the pinned key",
			Want:  []string{"signature-policy", "install-setup"},
			May:   refused(),
			apply: apt(releaseIn(md5Hash)),
		},
		{
			Name:  "rollback",
			Title: "both repositories are as they were, signed, before the latest version was published",
			Want:  []string{"packages-published", "install-list"},
			// The latest version is not there to be the candidate.
			May:   uninstallable("latest-preferred"),
			apply: rollback,
		},
		{
			Name:  "rollback-of-metadata",
			Title: "Packages, Release, InRelease and Release.gpg are as they were, signed, before the latest version was published; its files are there",
			Want:  []string{"packages-published", "format-parity", "install-list"},
			// The latest version is not listed, and so is not the candidate.
			May: uninstallable("latest-preferred"),
			apply: apt(func(a *aptTree) error {
				packages, err := a.older()
				if err != nil {
					return err
				}
				release, err := a.olderRelease()
				if err != nil {
					return err
				}
				if err := a.list(packages); err != nil {
					return err
				}
				return a.sign(release)
			}),
		},
	}
}

// unsignedText is what an attacker adds to a signed file.
const unsignedText = "Origin: somebody else\nSHA256:\n 0000000000000000000000000000000000000000000000000000000000000000 1 Packages\n"

// stranger makes a key that nobody has pinned.
func stranger(p *publish.Publisher) (*publish.Key, error) {
	return publish.GenerateKey("somebody else", "else@pkgverify.invalid", p.Key.Created(), publish.DefaultKeyLifetime)
}

func foreignKey(_ context.Context, tree *Tree) ([]string, error) {
	p := tree.Publisher
	at := p.Now()
	key, err := stranger(p)
	if err != nil {
		return nil, err
	}
	deb, debDir := tree.repository(publish.Deb)
	release, err := os.ReadFile(filepath.Join(debDir, "Release"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	signed := map[string][]byte{}
	if err := publish.SignRelease(signed, release, key, at); err != nil {
		return nil, err
	}
	var touched []string
	for name, data := range signed {
		if err := replace(filepath.Join(debDir, name), data); err != nil {
			return nil, err
		}
		touched = append(touched, below(deb, name)...)
	}
	rpm, rpmDir := tree.repository(publish.RPM)
	repomd, err := os.ReadFile(filepath.Join(rpmDir, "repodata", "repomd.xml"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	signature, err := key.DetachedSignature(repomd, at, true)
	if err != nil {
		return nil, err
	}
	return append(touched, below(rpm, "repodata/repomd.xml.asc")...),
		replace(filepath.Join(rpmDir, "repodata", "repomd.xml.asc"), signature)
}

// inRelease changes InRelease as it is served.
func inRelease(change func(signed []byte) []byte) applyFunc {
	return apt(func(a *aptTree) error {
		signed, err := a.read("InRelease")
		if err != nil {
			return err
		}
		return a.write("InRelease", change(signed))
	})
}

// olderRelease returns the Release that fits the list without the latest
// version, of the day before.
func (a *aptTree) olderRelease() ([]byte, error) {
	packages, err := a.older()
	if err != nil {
		return nil, err
	}
	return resum(dated(a.release, a.publisher.Now().Add(-24*time.Hour)), packages)
}

// releaseIn signs Release as it is, in another manner.
func releaseIn(m manner) func(a *aptTree) error {
	return func(a *aptTree) error {
		s, err := signerOf(a.publisher.Key)
		if err != nil {
			return err
		}
		at := a.publisher.Now()
		inline, err := s.clear(a.release, m, at)
		if err != nil {
			return err
		}
		packet, err := s.detached(a.release, m, at)
		if err != nil {
			return err
		}
		detached, err := armoredSignature(packet)
		if err != nil {
			return err
		}
		if err := a.write("InRelease", inline); err != nil {
			return err
		}
		return a.write("Release.gpg", detached)
	}
}

// rollback takes the latest version out of both repositories, indexes and signs
// them as of the day before.
func rollback(ctx context.Context, tree *Tree) ([]string, error) {
	earlier := *tree.Publisher
	earlier.Now = func() time.Time { return tree.Publisher.Now().Add(-24 * time.Hour) }
	past := &Tree{Publisher: &earlier, Release: tree.Release}
	var all []string
	for _, format := range []publish.Format{publish.Deb, publish.RPM} {
		touched, err := edit(ctx, past, format, func(_ context.Context, dir string) ([]string, error) {
			_, newest, err := latest(dir, format, "kubelet")
			if err != nil {
				return nil, err
			}
			files, err := added(dir, newest, []string{"kubeadm", "kubectl", "kubelet"})
			if err != nil {
				return nil, err
			}
			for _, file := range files {
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					return nil, err
				}
			}
			return files, nil
		})
		if err != nil {
			return nil, err
		}
		all = append(all, touched...)
	}
	return all, nil
}

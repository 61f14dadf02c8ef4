package fault

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/pkgverify/publish"
)

// signedPackageFaults are rpms whose signatures or digests do not say what they
// should. Each is indexed as it is.
func signedPackageFaults() []Fault {
	return []Fault{
		{
			Name:  "unsigned-rpm",
			Title: "the latest kubelet .rpm for x86_64 has no signature; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "install-latest"},
			May:   []string{"install-versions"},
			apply: rebuilt(func(ctx context.Context, _ *Tree, dir, file string) ([]byte, error) {
				return publish.StripSignature(ctx, filepath.Join(dir, file))
			}),
		},
		{
			Name:  "foreign-rpm",
			Title: "the latest kubelet .rpm for x86_64 is signed with another key; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "install-latest"},
			May:   uninstallable(),
			apply: resigned(func(tree *Tree, f *rpmFile) error {
				key, err := stranger(tree.Publisher)
				if err != nil {
					return err
				}
				return signRPM(tree, f, key, modern())
			}),
		},
		{
			Name:  "v3-rpm",
			Title: "the latest kubelet .rpm for x86_64 is signed with OpenPGP version 3 packets; it is indexed as it is",
			Want:  []string{"signature-policy"},
			apply: resigned(signedIn(manner{version: 3, hash: crypto.SHA256})),
		},
		{
			Name:  "sha1-signed-rpm",
			Title: "the latest kubelet .rpm for x86_64 is signed over SHA-1; it is indexed as it is",
			Want:  []string{"signature-policy"},
			May:   uninstallable(),
			apply: resigned(signedIn(manner{version: 4, hash: crypto.SHA1})),
		},
		{
			Name:  "header-signed-rpm",
			Title: "the latest kubelet .rpm for x86_64 is signed over its header only, which has no digest of the payload; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "rpm-package-digests"},
			May:   uninstallable(),
			apply: resigned(func(tree *Tree, f *rpmFile) error {
				if err := f.change(func(h rpmHeader) rpmHeader {
					return h.without(tagPayloadDigest, tagPayloadAlgo, tagPayloadAlt)
				}); err != nil {
					return err
				}
				if err := signRPM(tree, f, tree.Publisher.Key, modern()); err != nil {
					return err
				}
				f.signature = f.signature.without(tagPGP)
				return nil
			}),
		},
		{
			Name:  "no-payload-digest",
			Title: "the latest kubelet .rpm for x86_64 has no digest of its payload, as rpmbuild wrote it in FIPS mode; it is signed and indexed as it is",
			Want:  []string{"rpm-package-digests"},
			May:   uninstallable(),
			apply: resigned(func(tree *Tree, f *rpmFile) error {
				if err := f.change(func(h rpmHeader) rpmHeader {
					return h.without(tagPayloadDigest, tagPayloadAlgo, tagPayloadAlt)
				}); err != nil {
					return err
				}
				return signRPM(tree, f, tree.Publisher.Key, modern())
			}),
		},
		{
			Name:  "sha1-header-digest",
			Title: "the latest kubelet .rpm for x86_64 has SHA-1 for the digest of its header; it is signed and indexed as it is",
			Want:  []string{"rpm-package-digests"},
			May:   uninstallable(),
			apply: resigned(func(_ *Tree, f *rpmFile) error {
				f.signature = f.signature.without(tagSHA256Header).withString(tagSHA1Header, fmt.Sprintf("%x", sha1.Sum(f.header)))
				return nil
			}),
		},
		{
			Name:  "wrong-payload-digest",
			Title: "the header of the latest kubelet .rpm for x86_64 gives a wrong digest of the payload; it is signed and indexed as it is",
			Want:  []string{"rpm-package-digests", "install-latest"},
			May:   uninstallable(),
			apply: resigned(func(tree *Tree, f *rpmFile) error {
				if err := f.change(func(h rpmHeader) rpmHeader {
					for i, t := range h {
						if t.tag == tagPayloadDigest {
							h[i].data = append([]byte(strings.Repeat("0", len(t.data)-1)), 0)
						}
					}
					return h
				}); err != nil {
					return err
				}
				return signRPM(tree, f, tree.Publisher.Key, modern())
			}),
		},
		{
			Name:  "changed-payload",
			Title: "a unit file inside the latest kubelet .rpm for x86_64 has another text; header, signatures and digests are as before; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "rpm-package-digests", "install-latest"},
			// The header has a digest of each file as well.
			May: uninstallable("package-matches-index", "package-files"),
			apply: resigned(func(_ *Tree, f *rpmFile) error {
				return f.changePayload(otherUnit)
			}),
		},
		{
			Name:  "other-payload",
			Title: "the latest kubelet .rpm for x86_64 has the payload of kubeadm behind its header, which is well signed; it is indexed as it is",
			Want:  []string{"rpm-package-signed", "rpm-package-digests", "install-latest"},
			// The files are not those of the header, nor the kubelet's.
			May: uninstallable("package-matches-index", "package-files", "binary-version", "binary-parity",
				"binary-official", "config-references"),
			apply: rebuilt(otherPayload),
		},
	}
}

func signRPM(tree *Tree, f *rpmFile, key *publish.Key, m manner) error {
	s, err := signerOf(key)
	if err != nil {
		return err
	}
	return f.sign(s, m, tree.Publisher.Now())
}

func signedIn(m manner) func(tree *Tree, f *rpmFile) error {
	return func(tree *Tree, f *rpmFile) error { return signRPM(tree, f, tree.Publisher.Key, m) }
}

// otherPayload returns the kubelet's header, with the signature over it, in
// front of the kubeadm's payload.
func otherPayload(_ context.Context, _ *Tree, dir, file string) ([]byte, error) {
	other, _, err := latest(dir, publish.RPM, "kubeadm")
	if err != nil {
		return nil, err
	}
	var parts []*rpmFile
	for _, name := range []string{file, other} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		f, err := parseRPM(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		parts = append(parts, f)
	}
	whole := parts[0]
	whole.payload = parts[1].payload
	// The signature over both would give it away at once.
	whole.signature = whole.signature.without(tagPGP)
	return whole.bytes(), nil
}

// resignAll signs every rpm of the repository's folder with a key, in place.
func resignAll(tree *Tree, dir string, key *publish.Key) ([]string, error) {
	s, err := signerOf(key)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.rpm"))
	if err != nil {
		return nil, err
	}
	var touched []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parseRPM(data)
		if err == nil {
			err = f.sign(s, modern(), tree.Publisher.Now())
		}
		if err == nil {
			err = replace(name, f.bytes())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		touched = append(touched, strings.TrimPrefix(name, dir+string(filepath.Separator)))
	}
	if len(touched) == 0 {
		return nil, fmt.Errorf("%w: no rpm in %s", ErrNoTarget, dir)
	}
	return touched, nil
}

// differentSignature returns an rpm with a signature of another second: the
// same package in other bytes.
func differentSignature(tree *Tree, data []byte) ([]byte, error) {
	f, err := parseRPM(data)
	if err != nil {
		return nil, err
	}
	s, err := signerOf(tree.Publisher.Key)
	if err != nil {
		return nil, err
	}
	if err := f.sign(s, modern(), tree.Publisher.Key.Created()); err != nil {
		return nil, err
	}
	out := f.bytes()
	if bytes.Equal(out, data) {
		return nil, fmt.Errorf("%w: signed again, the package is the same", ErrNoTarget)
	}
	return out, nil
}

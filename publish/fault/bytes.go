package fault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/pkgverify/publish"
)

// packageFaults are package files that are not what they should be: bytes that
// the index does not mean, and rpms that their signatures do not cover.
func packageFaults() []Fault {
	return append([]Fault{
		{
			Name:  "flip-deb",
			Title: "one byte flipped in the middle of the latest kubelet .deb for amd64; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   []string{"install-versions", "package-matches-index"},
			apply: altered(publish.Deb, flip),
		},
		{
			Name:  "flip-rpm",
			Title: "one byte flipped in the middle of the latest kubelet .rpm for x86_64; the index is as before",
			Want:  []string{"package-checksums", "rpm-package-signed", "install-latest"},
			May:   []string{"install-versions", "rpm-package-digests", "package-matches-index"},
			apply: altered(publish.RPM, flip),
		},
		{
			Name:  "truncated-deb",
			Title: "the latest kubelet .deb for amd64 ends after three quarters; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: altered(publish.Deb, truncate),
		},
		{
			Name:  "truncated-rpm",
			Title: "the latest kubelet .rpm for x86_64 ends after three quarters; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			// The bytes that are left are neither those that were signed nor
			// those of the payload digest.
			May:   uninstallable("rpm-package-signed", "rpm-package-digests"),
			apply: altered(publish.RPM, truncate),
		},
		{
			Name:  "appended-deb",
			Title: "one byte more at the end of the latest kubelet .deb for amd64; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: altered(publish.Deb, lengthen),
		},
		{
			Name:  "appended-rpm",
			Title: "one byte more at the end of the latest kubelet .rpm for x86_64; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			// The byte belongs to the payload as signatures and digests see it.
			May:   uninstallable("rpm-package-signed", "rpm-package-digests"),
			apply: altered(publish.RPM, lengthen),
		},
		{
			Name:  "swapped-debs",
			Title: "the latest kubelet and kubeadm .deb for amd64 have each other's bytes; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: swapped(publish.Deb),
		},
		{
			Name:  "swapped-rpms",
			Title: "the latest kubelet and kubeadm .rpm for x86_64 have each other's bytes, well signed both; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: swapped(publish.RPM),
		},
		{
			Name:  "older-deb",
			Title: "the latest kubelet .deb for amd64 is the previous version under the latest one's name; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: downgraded(publish.Deb),
		},
		{
			Name:  "older-rpm",
			Title: "the latest kubelet .rpm for x86_64 is the previous version, well signed, under the latest one's name; the index is as before",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: downgraded(publish.RPM),
		},
		{
			Name:  "absent-deb",
			Title: "the latest kubelet .deb for amd64, which the index lists, is not there",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: absent(publish.Deb),
		},
		{
			Name:  "absent-rpm",
			Title: "the latest kubelet .rpm for x86_64, which the index lists, is not there",
			Want:  []string{"package-checksums", "install-latest"},
			May:   uninstallable(),
			apply: absent(publish.RPM),
		},
	}, signedPackageFaults()...)
}

// altered changes the bytes of the latest kubelet.
func altered(format publish.Format, change func(data []byte) []byte) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		repository, dir := tree.repository(format)
		file, _, err := latest(dir, format, "kubelet")
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		return below(repository, file), replace(filepath.Join(dir, file), change(data))
	}
}

// flip changes the byte in the middle, which is in the compressed payload: the
// metadata before it stays whole.
func flip(data []byte) []byte {
	data[len(data)/2] ^= 0xff
	return data
}

func truncate(data []byte) []byte { return data[:len(data)/4*3] }

func lengthen(data []byte) []byte { return append(data, '\n') }

func swapped(format publish.Format) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		repository, dir := tree.repository(format)
		var files []string
		var contents [][]byte
		for _, name := range []string{"kubelet", "kubeadm"} {
			file, _, err := latest(dir, format, name)
			if err != nil {
				return nil, err
			}
			data, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				return nil, err
			}
			files, contents = append(files, file), append(contents, data)
		}
		for i, file := range files {
			if err := replace(filepath.Join(dir, file), contents[1-i]); err != nil {
				return nil, err
			}
		}
		return below(repository, files...), nil
	}
}

func downgraded(format publish.Format) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		repository, dir := tree.repository(format)
		all, err := versionsOf(dir, format, "kubelet")
		if err != nil {
			return nil, err
		}
		if len(all) < 2 {
			return nil, fmt.Errorf("%w: want two versions of kubelet in %s", ErrNoTarget, dir)
		}
		older, newest := all[len(all)-2], all[len(all)-1]
		data, err := os.ReadFile(filepath.Join(dir, older.file))
		if err != nil {
			return nil, err
		}
		return below(repository, newest.file), replace(filepath.Join(dir, newest.file), data)
	}
}

func absent(format publish.Format) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		repository, dir := tree.repository(format)
		file, _, err := latest(dir, format, "kubelet")
		if err != nil {
			return nil, err
		}
		return below(repository, file), os.Remove(filepath.Join(dir, file))
	}
}

// rebuilt changes the latest kubelet .rpm; the repository is indexed and signed
// with it as it then is.
func rebuilt(change func(ctx context.Context, tree *Tree, dir, file string) ([]byte, error)) applyFunc {
	return func(ctx context.Context, tree *Tree) ([]string, error) {
		return edit(ctx, tree, publish.RPM, func(ctx context.Context, dir string) ([]string, error) {
			file, _, err := latest(dir, publish.RPM, "kubelet")
			if err != nil {
				return nil, err
			}
			data, err := change(ctx, tree, dir, file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			return []string{file}, replace(filepath.Join(dir, file), data)
		})
	}
}

// resigned changes the latest kubelet .rpm taken apart.
func resigned(change func(tree *Tree, f *rpmFile) error) applyFunc {
	return rebuilt(func(_ context.Context, tree *Tree, dir, file string) ([]byte, error) {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		f, err := parseRPM(data)
		if err != nil {
			return nil, err
		}
		if err := change(tree, f); err != nil {
			return nil, err
		}
		return f.bytes(), nil
	})
}

// unitText is a line of kubelet.service and what it becomes: of equal length,
// and of no consequence for anything but digests.
var unitText = [2][]byte{[]byte("The Kubernetes Node Agent"), []byte("The Kubernetes Mode Agent")}

// otherUnit changes the text of kubelet.service in a payload.
func otherUnit(payload []byte) ([]byte, error) {
	if bytes.Count(payload, unitText[0]) != 1 {
		return nil, fmt.Errorf("%w: the payload has no %q", ErrNoTarget, unitText[0])
	}
	return bytes.Replace(payload, unitText[0], unitText[1], 1), nil
}

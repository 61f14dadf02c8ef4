package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"sigs.k8s.io/pkgverify/images/filelock"
)

// DefaultDir returns the folder in which pulled images are kept:
// pkgverify/pulled in the user's cache folder.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder of images: %w", err)
	}
	return filepath.Join(dir, "pkgverify", "pulled"), nil
}

// store is the folder of pulled images. Each image is an OCI layout of its own
// under the digest of its manifest, complete or not there at all; beside it, a
// small file for each reference and platform says which it is.
type store string

// entry is what is known of a reference for a platform.
type entry struct {
	Reference string `json:"reference"`
	Platform  string `json:"platform"`
	// Root is the digest behind the reference, of an index or of the manifest
	// itself; Image that of the platform's own manifest.
	Root  v1.Hash `json:"root"`
	Image v1.Hash `json:"image"`
}

func (s store) entryFile(reference, platform string) string {
	sum := sha256.Sum256([]byte(reference + " " + platform))
	return filepath.Join(string(s), "ref-"+hex.EncodeToString(sum[:])[:32]+".json")
}

// entry returns what is known, and false when nothing of use is.
func (s store) entry(reference, platform string) (entry, bool) {
	e, err := readEntry(s.entryFile(reference, platform))
	// One that was cut short when the machine went down is written anew.
	return e, err == nil && e.Reference == reference && e.Platform == platform && e.Image.Algorithm == "sha256"
}

func readEntry(file string) (entry, error) {
	f, err := os.Open(file)
	if err != nil {
		return entry{}, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	var e entry
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&e); err != nil {
		return entry{}, fmt.Errorf("%s: %w (remove it)", file, err)
	}
	return e, nil
}

// remember writes an entry, whole or not at all.
func (s store) remember(e entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(string(s), ".entry-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after a failure; else it has another name
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.entryFile(e.Reference, e.Platform))
}

func (s store) dir(image v1.Hash) string {
	return filepath.Join(string(s), image.Algorithm+"-"+image.Hex)
}

// has reports whether an image is there; open says whether it is sound.
func (s store) has(image v1.Hash) bool {
	_, err := os.Stat(filepath.Join(s.dir(image), "index.json"))
	return err == nil
}

// heldBy is the file of an OCI layout by which who uses it holds it.
const heldBy = "oci-layout"

// open returns an image, each byte of which was held against the digests. It
// fails with fs.ErrNotExist when there is none. It is not removed from then on.
func (s store) open(image v1.Hash, users *filelock.Users) (v1.Image, error) {
	if err := users.Hold(s.dir(image), heldBy); err != nil {
		return nil, err
	}
	path := layout.Path(s.dir(image))
	img, err := path.Image(image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	raw, err := path.Bytes(image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	blobs := append([]v1.Descriptor{{Digest: image, Size: int64(len(raw))}, m.Config}, m.Layers...)
	for _, b := range blobs {
		if err := sound(path, b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return img, nil
}

// sound holds a blob against its size and digest.
func sound(path layout.Path, want v1.Descriptor) error {
	f, err := path.Blob(want.Digest)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading
	got, n, err := v1.SHA256(io.LimitReader(f, want.Size+1))
	if err != nil {
		return err
	}
	if n != want.Size || got != want.Digest {
		return fmt.Errorf("blob %s: wanted %d bytes, got %d bytes of %s", want.Digest, want.Size, n, got)
	}
	return nil
}

// begin returns a folder in which an image can be put together, after removing
// what pulls of it that were killed have left. Other processes are kept from
// pulling the same image until done is called, which removes the folder.
func (s store) begin(ctx context.Context, image v1.Hash) (work string, done func(), err error) {
	if err := os.MkdirAll(string(s), 0o755); err != nil {
		return "", nil, err
	}
	lock, err := filelock.Lock(ctx, s.lockFile(image))
	if err != nil {
		return "", nil, err
	}
	unlock := func() { _ = lock.Close() } // nothing was written to it
	prefix := ".pulling-" + image.Hex[:16] + "-"
	left, err := filepath.Glob(filepath.Join(string(s), prefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err == nil {
		work, err = os.MkdirTemp(string(s), prefix)
	}
	if err != nil {
		unlock()
		return "", nil, err
	}
	return work, func() {
		_ = os.RemoveAll(work) // what is left after a failure is removed by the next
		unlock()
	}, nil
}

// lockFile is beside the image.
func (s store) lockFile(image v1.Hash) string { return s.dir(image) + ".lock" }

// forget removes an image that is not sound any more.
func (s store) forget(image v1.Hash) error {
	lock, err := filelock.Try(s.lockFile(image))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // nothing was written to it
	return os.RemoveAll(s.dir(image))
}

// prune removes the images to which no reference leads, and that nobody uses.
func (s store) prune() (removed []string, err error) {
	entries, err := os.ReadDir(string(s))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool)
	for _, f := range entries {
		if !strings.HasPrefix(f.Name(), "ref-") {
			continue
		}
		e, err := readEntry(filepath.Join(string(s), f.Name()))
		if err != nil {
			return nil, err // what it leads to is not known
		}
		wanted[s.dir(e.Image)] = true
	}
	var problems []error
	for _, f := range entries {
		dir := filepath.Join(string(s), f.Name())
		if !f.IsDir() || !strings.HasPrefix(f.Name(), "sha256-") || wanted[dir] {
			continue
		}
		switch err := filelock.Remove(dir, heldBy); {
		case errors.Is(err, filelock.ErrHeld):
		case err != nil:
			problems = append(problems, fmt.Errorf("image %s: %w", dir, err))
		default:
			removed = append(removed, dir)
		}
	}
	return removed, errors.Join(problems...)
}

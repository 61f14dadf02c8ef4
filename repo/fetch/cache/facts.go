package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"sigs.k8s.io/pkgverify/repo"
)

// factsMagic is in front of the facts, with their checksum after it.
const factsMagic = "pkgverify facts 1\n"

// PutFacts keeps data as the facts of one kind about the content with these
// digests, which must be observed and not claimed. The kind must name all that
// the facts depend on beside the content: the reader, its version, and its
// options, such as the keys of a verdict. More than MaxFacts bytes are not
// kept.
func (c *Cache) PutFacts(d repo.Digests, kind string, data []byte) {
	k, ok := keyOf(d)
	if c == nil || !ok || len(data) > MaxFacts || c.broken.Load() {
		return
	}
	sum := factsSum(k, kind, data)
	if err := c.write(k.factsOf(kind), []byte(factsMagic), sum[:], data); err != nil {
		c.fail(err)
	}
}

// Facts returns what PutFacts kept. Facts that are damaged are as if they were
// not there.
func (c *Cache) Facts(d repo.Digests, kind string) ([]byte, bool) {
	k, ok := keyOf(d)
	if c == nil || !ok {
		return nil, false
	}
	name := k.factsOf(kind)
	f, info, ok := c.open(name)
	if !ok {
		return nil, false
	}
	defer func() { _ = f.Close() }() // only read
	const head = len(factsMagic) + sha256.Size
	if info.Size() < int64(head) || info.Size() > int64(head+MaxFacts) {
		return nil, false
	}
	all := make([]byte, info.Size())
	if _, err := io.ReadFull(f, all); err != nil || string(all[:len(factsMagic)]) != factsMagic {
		return nil, false
	}
	data := all[head:]
	if factsSum(k, kind, data) != [sha256.Size]byte(all[len(factsMagic):head]) {
		return nil, false
	}
	c.touch(name, info)
	return data, true
}

// factsSum is over the key and the kind as well, so that facts cannot come
// under another name unseen.
func factsSum(k key, kind string, data []byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n", k.name(), kind)
	h.Write(data)
	return [sha256.Size]byte(h.Sum(nil))
}

// factsOf returns where the facts of a kind are. A kind may be any text, so
// its digest is in the name.
func (k key) factsOf(kind string) string {
	sum := sha256.Sum256([]byte(kind))
	return k.in(facts) + "." + hex.EncodeToString(sum[:12])
}

// create makes a temporary file of a name that no other process uses.
func (c *Cache) create() (*os.File, string, error) {
	for range 100 {
		name := path.Join(temps, rand.Text())
		f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
	return nil, "", errors.New("no free name for a temporary file")
}

package crawl

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// factsVersion is part of the name under which facts are cached. Raise it when
// a reader of packages learns more, or judges otherwise.
const factsVersion = 2

// remembered is what the cache keeps of a package file.
type remembered struct {
	Content repo.Content
	Inside  inside
}

// factsKind names facts of one depth. Those of an rpm hold verdicts on its
// signatures, and so depend on the keys.
func (c *crawler) factsKind(depth Depth) string {
	kind := fmt.Sprintf("%s-%d-%d", c.out.Target.Format, depth, factsVersion)
	if c.out.Target.Format == repo.RPM {
		kind += "-" + c.ringID
	}
	return kind
}

// ringID returns a name for a set of keys and all that is known of them.
func ringID(keys []repo.Key) string {
	data, err := json.Marshal(keys)
	if err != nil {
		return "" // plain values: it cannot fail
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))[:16]
}

// remember keeps what was learnt of a file that is what its index says.
func (c *crawler) remember(content repo.Content, kind string, in inside) {
	if c.opts.Cache == nil {
		return
	}
	data, err := json.Marshal(remembered{content, in})
	if err != nil {
		return // a time that JSON cannot hold: the file is read again next time
	}
	c.opts.Cache.PutFacts(content.Digests, kind, data)
}

// recall returns what an earlier run learnt of the content that the index
// claims, nil if that is not known. Only a strong digest names a content.
func (c *crawler) recall(p repo.Package, path, kind string) *repo.Artifact {
	data, ok := c.opts.Cache.Facts(p.Claim.Digests, kind)
	if !ok {
		return nil
	}
	var known remembered
	if json.Unmarshal(data, &known) != nil || !p.Claim.Fits(known.Content) {
		return nil
	}
	for a := range p.Claim.Digests.All() {
		if known.Content.Digests.Get(a) == "" {
			return nil // by this algorithm it was never hashed
		}
	}
	file := repo.File{Path: path, URL: fetch.Address(c.src, path), Content: known.Content, Claims: []repo.Claim{p.Claim}, Cached: true}
	a := &repo.Artifact{File: file}
	known.Inside.into(a)
	for i := range a.Signatures {
		// All else that was remembered of a signature holds for ever: the content
		// is the same, and so is the ring (factsKind). Time alone has passed.
		if s := &a.Signatures[i]; s.Now != "" {
			s.Now = c.ring.State(s.Fingerprint)
		}
	}
	slim(a, p)
	return a
}

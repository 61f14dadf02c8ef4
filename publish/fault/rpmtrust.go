package fault

import (
	"bytes"
	"crypto"
	"fmt"
)

// rpmTrustFaults are signatures of repomd.xml that do not cover it as they
// should.
func rpmTrustFaults() []Fault {
	md5Hash, sha1Hash, v3 := manner{4, crypto.MD5}, manner{4, crypto.SHA1}, manner{3, crypto.SHA256}
	return []Fault{
		{
			Name:  "repomd-asc-missing",
			Title: "repomd.xml.asc is not there",
			Want:  []string{"rpm-repomd-signed", "install-setup"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error { return r.remove("repodata/repomd.xml.asc") }),
		},
		{
			Name:  "other-repomd-asc",
			Title: "repomd.xml.asc is that of another repomd.xml, by the same key",
			Want:  []string{"rpm-repomd-signed", "install-setup"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				other := bytes.ReplaceAll(r.repomd, []byte("v1.26"), []byte("v1.27"))
				signature, err := r.publisher.Key.DetachedSignature(other, r.publisher.Now(), true)
				if err != nil {
					return err
				}
				return r.write("repodata/repomd.xml.asc", signature)
			}),
		},
		{
			Name:  "edited-repomd",
			Title: "repomd.xml was changed in its tags after it was signed",
			Want:  []string{"rpm-repomd-signed", "install-setup"},
			May:   refused(),
			apply: rpmmd(func(r *rpmTree) error {
				changed := setElement(r.repomd, "content", "changed")
				if bytes.Equal(changed, r.repomd) {
					return fmt.Errorf("%w: repomd.xml has no content tag", ErrNoTarget)
				}
				return r.write("repodata/repomd.xml", changed)
			}),
		},
		{
			Name:  "v3-repomd",
			Title: "repomd.xml.asc is an OpenPGP version 3 signature by the pinned key",
			Want:  []string{"signature-policy"},
			apply: rpmmd(repomdIn(v3)),
		},
		{
			Name:  "sha1-repomd-signature",
			Title: "repomd.xml.asc is a signature over SHA-1 by the pinned key",
			Want:  []string{"signature-policy"},
			May:   refused(),
			apply: rpmmd(repomdIn(sha1Hash)),
		},
		{
			Name:  "md5-repomd-signature",
			Title: "repomd.xml.asc is a signature over MD5 by the pinned key",
			Want:  []string{"signature-policy"},
			May:   refused(),
			apply: rpmmd(repomdIn(md5Hash)),
		},
	}
}

// repomdIn signs repomd.xml as it is, in another manner.
func repomdIn(m manner) func(r *rpmTree) error {
	return func(r *rpmTree) error {
		s, err := signerOf(r.publisher.Key)
		if err != nil {
			return err
		}
		packet, err := s.detached(r.repomd, m, r.publisher.Now())
		if err != nil {
			return err
		}
		signature, err := armoredSignature(packet)
		if err != nil {
			return err
		}
		return r.write("repodata/repomd.xml.asc", signature)
	}
}

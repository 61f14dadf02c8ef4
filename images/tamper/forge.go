package tamper

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Metadata that is made again.
//
// That a package manager refuses a package without a signature shows only where
// nothing else is wrong: metadata that has the checksum of that package, and a
// signature by a key that the guest trusts. The repository's key cannot be had
// for that, so the guest is told to trust another key besides, which signs the
// metadata and no package. One more copy, with that metadata and the package as
// it was, shows that this is accepted.

const (
	// MaxIndex bounds an index, packed or open, in bytes.
	MaxIndex = 512 << 20
	// MaxPackage bounds the package whose signature is taken away, in bytes.
	MaxPackage = 1 << 30
)

// ErrNoPackage says that the repository has no package from which a signature
// could be taken away.
var ErrNoPackage = errors.New("no signed package of that name and architecture")

// forgery is a copy whose metadata was made again.
type forgery struct {
	// files are the bodies of the paths that are not the repository's.
	files map[string][]byte
}

// Forge prepares the copies with an unsigned package, by the newest one of that
// name and architecture (by rpm's name). It is for rpm repositories: a .deb has no
// signature that apt would look at. Without it there are no such copies.
func (s *Server) Forge(ctx context.Context, name, arch string) error {
	if s.options.Format != repo.RPM {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("a copy with an unsigned package: %w", err) }
	const root = "repodata/repomd.xml"
	text, err := s.fetch(ctx, root, MaxIndex)
	if err != nil {
		return fail(err)
	}
	md, err := rpmmd.ParseRepomd(bytes.NewReader(text), root)
	if err != nil {
		return fail(err)
	}
	indexes := map[string][]byte{}
	for _, d := range md.Data {
		if d.Type != "primary" && d.Type != "filelists" && d.Type != "other" || d.Base != "" {
			continue
		}
		if indexes[d.Type], err = s.index(ctx, d.Location); err != nil {
			return fail(err)
		}
	}
	newest, err := newestOf(indexes["primary"], name, arch)
	if err != nil {
		return fail(err)
	}
	signed, err := s.fetch(ctx, newest.Path, MaxPackage)
	if err != nil {
		return fail(err)
	}
	unsigned, err := unsign(signed)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", newest.Path, err))
	}
	before, after := sum(signed), sum(unsigned)
	if again, err := s.remake(indexes, "", ""); err != nil {
		return fail(err)
	} else if s.again = again; !bytes.Contains(indexes["primary"], []byte(before)) {
		return fail(fmt.Errorf("%s: its SHA-256 is not in the index", newest.Path))
	}
	if s.unsigned, err = s.remake(indexes, before, after); err != nil {
		return fail(err)
	}
	s.unsigned.files[newest.Path] = unsigned
	return nil
}

// fetch reads a file of the repository.
func (s *Server) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.Root+(&url.URL{Path: name}).EscapedPath(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: HTTP status %s", s.options.Root, name, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", s.options.Root, name, err)
	}
	return data, nil
}

// index reads an index and opens it.
func (s *Server) index(ctx context.Context, name string) ([]byte, error) {
	packed, err := s.fetch(ctx, name, MaxIndex)
	if err != nil {
		return nil, err
	}
	r, err := compress.NewReader(bytes.NewReader(packed), compress.ByName(name), MaxIndex)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	open, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return open, nil
}

// newestOf returns the newest package of that name and architecture.
func newestOf(primary []byte, name, arch string) (repo.Package, error) {
	var newest repo.Package
	for p, err := range rpmmd.Primary(bytes.NewReader(primary), "primary") {
		if err != nil {
			return repo.Package{}, err
		}
		if p.Name == name && (p.Arch == arch || p.Arch == "noarch") && (newest.Name == "" || rpmver.Compare(p.Version, newest.Version) > 0) {
			newest = p
		}
	}
	if newest.Name == "" {
		return newest, fmt.Errorf("%s %s: %w", name, arch, ErrNoPackage)
	}
	return newest, nil
}

// rpm's container: 96 bytes of lead, then the signature header, of which the
// first 16 bytes say how many entries of 16 bytes follow (rpm/lib/header.c).
const (
	leadSize   = 96
	introSize  = 16
	entrySize  = 16
	maxEntries = 4096
)

// unsign returns an rpm without signatures, of the same size: their entries get a
// tag that rpm does not know, and passes over.
func unsign(rpm []byte) ([]byte, error) {
	magic := []byte{0x8e, 0xad, 0xe8, 1}
	if len(rpm) < leadSize+introSize || !bytes.Equal(rpm[leadSize:leadSize+4], magic) {
		return nil, errors.New("no rpm")
	}
	n := int(binary.BigEndian.Uint32(rpm[leadSize+8:]))
	if n > maxEntries || len(rpm) < leadSize+introSize+n*entrySize {
		return nil, errors.New("no rpm: its signature header is cut short")
	}
	out := bytes.Clone(rpm)
	found := false
	for i := range n {
		entry := out[leadSize+introSize+i*entrySize:]
		switch binary.BigEndian.Uint32(entry) {
		// DSA and RSA over the header, PGP, GPG and PGP5 over header and payload,
		// OpenPGP of rpm 6 (rpm/include/rpm/rpmtag.h).
		case 267, 268, 1002, 1005, 1006, 278:
			binary.BigEndian.PutUint32(entry, unknownTag+uint32(i))
			found = true
		}
	}
	if !found {
		return nil, ErrNoPackage
	}
	return out, nil
}

// unknownTag begins a range of tags that rpm has not given a meaning.
const unknownTag = 0x6000_0000

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// repomd is what createrepo_c writes (src/xml_dump_repomd.c), as far as clients
// need it.
type repomd struct {
	XMLName  xml.Name     `xml:"http://linux.duke.edu/metadata/repo repomd"`
	Revision string       `xml:"revision"`
	Data     []repomdData `xml:"data"`
}

type repomdData struct {
	Type         string   `xml:"type,attr"`
	Checksum     checksum `xml:"checksum"`
	OpenChecksum checksum `xml:"open-checksum"`
	Location     struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Timestamp int64 `xml:"timestamp"`
	Size      int   `xml:"size"`
	OpenSize  int   `xml:"open-size"`
}

type checksum struct {
	Type  string `xml:"type,attr"`
	Value string `xml:",chardata"`
}

// remake makes metadata of the indexes, in which one checksum is another, and
// signs it.
func (s *Server) remake(indexes map[string][]byte, before, after string) (*forgery, error) {
	f := &forgery{files: map[string][]byte{}}
	md := repomd{Revision: "1"}
	for _, typ := range []string{"primary", "filelists", "other"} {
		open, ok := indexes[typ]
		if !ok {
			continue
		}
		if before != "" {
			open = bytes.ReplaceAll(open, []byte(before), []byte(after))
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(open); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		d := repomdData{
			Type: typ, Checksum: checksum{"sha256", sum(packed.Bytes())}, OpenChecksum: checksum{"sha256", sum(open)},
			Timestamp: 1, Size: packed.Len(), OpenSize: len(open),
		}
		d.Location.Href = path.Join("repodata", d.Checksum.Value+"-"+typ+".xml.gz")
		md.Data = append(md.Data, d)
		f.files[d.Location.Href] = packed.Bytes()
	}
	text, err := xml.Marshal(md)
	if err != nil {
		return nil, err
	}
	text = append([]byte(xml.Header), text...)
	var signature bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&signature, s.stranger, bytes.NewReader(text), signing()); err != nil {
		return nil, err
	}
	f.files["repodata/repomd.xml"] = text
	f.files["repodata/repomd.xml.asc"] = signature.Bytes()
	f.files["repodata/repomd.xml.key"] = s.both()
	return f, nil
}

// both returns the repository's key and the stranger's, one block each: rpm reads
// one key of a block.
func (s *Server) both() []byte {
	return []byte(strings.TrimRight(string(s.options.Key), "\n") + "\n" + string(s.strangerKey))
}

package rpm

import (
	"bytes"
	"fmt"
	"io"

	lib "github.com/cavaliergopher/rpm"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

// Package is what an rpm file says, and what is true of its signatures and
// digests.
type Package struct {
	Name string
	// Version is [epoch:]version-release, epoch 0 left out.
	Version string
	// Arch is the header's own; a source package has "src", as indexes do.
	Arch   string
	Source bool
	// Fields have the names and the form of [rpmmd.Metadata].
	Fields repo.Fields
	// Files are sorted by path, with %ghost files, which the package owns and
	// does not bring. A hard link has the first of its paths as Link.
	Files []repo.PayloadFile
	// Signatures are one for each packet: those over the header first.
	Signatures []repo.Signature
	// SelfDigests are the digests that the package holds of its parts. A
	// digest of the uncompressed payload is not among them: it is not
	// computed.
	SelfDigests []repo.SelfDigest
	// HeaderStart and HeaderEnd are the offsets of the main header.
	HeaderStart, HeaderEnd int64
	// Faults are what is wrong without hindering the reading: sizes that do
	// not fit, signatures and digests that cannot be read.
	Faults []repo.Problem
}

func (p *Package) fault(where, format string, args ...any) {
	p.Faults = append(p.Faults, repo.Problem{Kind: repo.Malformed, Where: where, Text: fmt.Sprintf(format, args...)})
}

// Read reads an rpm to the end of r, verifying digests and signatures on the
// way; ring may be nil, then every signature is by an unknown key. The size of
// the payload is not bounded here: it is hashed and forgotten.
//
// An error means that the headers cannot be read ([repo.FormatError]) or that r
// failed. A payload that is cut off, longer or changed is no error: it shows in
// SelfDigests, Signatures and Faults.
func Read(r io.Reader, ring *pgp.Keyring) (*Package, error) {
	s := &source{r: r}
	lead, err := readLead(s)
	if err != nil {
		return nil, err
	}
	sig, err := readHeader(s, signatureKind())
	if err != nil {
		return nil, err
	}
	// The main header begins at a multiple of 8. rpm does not look at the
	// padding; nothing signs it, so it must be empty here.
	padding, err := s.take(-s.n&7, "the padding of the signature header")
	if err != nil {
		return nil, err
	}
	if len(bytes.Trim(padding, "\x00")) != 0 {
		return nil, &repo.FormatError{Where: offset(sig.end()), Text: "padding of the signature header is not zero"}
	}
	main, err := readHeader(s, mainKind())
	if err != nil {
		return nil, err
	}
	tags, err := parse(lead, sig, padding, main)
	if err != nil {
		return nil, err
	}
	p := &Package{HeaderStart: main.start, HeaderEnd: main.end()}
	meta, err := metadata(tags, p.HeaderStart, p.HeaderEnd)
	if err != nil {
		return nil, err
	}
	p.Name, p.Version, p.Arch, p.Source = meta.Name, meta.EVR(), meta.Arch, meta.Arch == archSource
	p.Fields = meta.Fields()
	if p.Files, err = payloadFiles(tags, p); err != nil {
		return nil, err
	}
	v := newVerifier(p, tags, ring)
	v.header(main.raw)
	n, err := io.Copy(v.payload(), s.r)
	s.n += n
	if err != nil {
		return nil, fmt.Errorf("%s: reading rpm: %w", offset(s.n), err)
	}
	v.finish(s.n - p.HeaderStart)
	return p, nil
}

// tagSet gives the values of both headers, as the library read them. The types
// of all tags that are asked for were checked before.
type tagSet struct{ main, sig *lib.Header }

// parse lets the library read the headers. It reads from memory, because the
// library takes a short read for a whole one; and what is known to make it
// panic (counts, strings without an end, unknown types) was refused before. The
// recover is the last resort.
func parse(lead []byte, sig *header, padding []byte, main *header) (t tagSet, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &repo.FormatError{Where: offset(sig.start), Text: fmt.Sprintf("headers cannot be read: %v", p)}
		}
	}()
	pkg, err := lib.Read(bytes.NewReader(bytes.Join([][]byte{lead, sig.raw, padding, main.raw}, nil)))
	if err != nil {
		return t, &repo.FormatError{Where: offset(sig.start), Text: "headers cannot be read", Err: err}
	}
	return tagSet{main: &pkg.Header, sig: &pkg.Signature}, nil
}

func (t tagSet) has(tag uint32) bool           { return t.main.GetTag(int(tag)) != nil }
func (t tagSet) strings(tag uint32) []string   { return t.main.GetTag(int(tag)).StringSlice() }
func (t tagSet) numbers(tag uint32) []int64    { return t.main.GetTag(int(tag)).Int64Slice() }
func (t tagSet) number(tag uint32) int64       { return t.main.GetTag(int(tag)).Int64() }
func (t tagSet) signature(tag uint32) *lib.Tag { return t.sig.GetTag(int(tag)) }

// text returns the first string of a tag in UTF-8. Of a translated one that is
// the untranslated: the library's Summary and Description join all languages.
func (t tagSet) text(tag uint32) string { return utf8Text(t.main.GetTag(int(tag)).String()) }

// isSource follows rpm's headerIsSource and applyRetrofits (lib/package.c).
func (t tagSet) isSource() bool {
	if t.has(tagSourceRPM) || t.has(tagSourcePackage) {
		return t.number(tagSourcePackage) != 0
	}
	dirs := t.strings(tagDirNames)
	return len(dirs) == 1 && dirs[0] == ""
}

const archSource = "src"

// metadata mirrors cr_package_from_header (createrepo_c, src/parsehdr.c).
func metadata(t tagSet, start, end int64) (*rpmmd.Metadata, error) {
	m := &rpmmd.Metadata{
		Name: t.text(tagName), Version: t.text(tagVersion), Release: t.text(tagRelease), Arch: t.text(tagArch),
		Epoch:   fmt.Sprint(t.number(tagEpoch)),
		Summary: t.text(tagSummary), Description: t.text(tagDescription),
		Packager: t.text(tagPackager), URL: t.text(tagURL), License: t.text(tagLicense),
		Vendor: t.text(tagVendor), Group: t.text(tagGroup), BuildHost: t.text(tagBuildHost),
		SourceRPM: t.text(tagSourceRPM),
		BuildTime: t.number(tagBuildTime), HeaderStart: start, HeaderEnd: end,
	}
	if t.isSource() {
		m.Arch = archSource
	} else if !t.has(tagSourceRPM) {
		m.SourceRPM = "(none)" // what rpm puts in, so that indexes have it
	}
	m.InstalledSize = t.number(tagSize)
	if t.has(tagLongSize) { // from 4 GiB on, instead
		m.InstalledSize = t.number(tagLongSize)
	}
	// The signature header's word is first, as in rpm's headerMergeLegacySigs.
	m.ArchiveSize = t.number(tagArchiveSize)
	for _, tag := range []uint32{sigPayloadSize, sigLongArchiveSize} {
		if v := t.signature(tag); v != nil {
			m.ArchiveSize = v.Int64()
		}
	}
	if m.InstalledSize < 0 || m.ArchiveSize < 0 {
		return nil, &repo.FormatError{Where: offset(start), Text: "installed size or archive size has more than 63 bits"}
	}
	files, err := headerFiles(t)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if rpmmd.IsPrimary(f.name) {
			m.Files = append(m.Files, rpmmd.FileEntry{Type: f.indexType(), Path: utf8Text(f.name)})
		}
	}
	if err := dependencies(t, m, files); err != nil {
		return nil, err
	}
	return m, m.Check()
}

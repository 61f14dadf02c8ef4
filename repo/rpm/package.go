package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/hashes"
	"sigs.k8s.io/pkgverify/repo/payload"
	"sigs.k8s.io/pkgverify/repo/pgp"
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
	// Format is the format of the package: 3 for one of before 2000, without
	// the region that signatures rely on or without folders, 4, or 6.
	Format int
	// Fields have the names and the form of [rpmmd.Metadata].
	Fields repo.Fields
	// Files are sorted by path, with %ghost files, which the package owns and
	// does not bring. A hard link has the first of its paths as Link. It is nil
	// when they were not asked for.
	Files []repo.PayloadFile
	// Scripts names the scriptlets and triggers as spec files do ("post",
	// "triggerin"), sorted.
	Scripts []string
	// Signatures are one for each packet: those over the header first.
	Signatures []repo.Signature
	// SelfDigests are the digests that the package holds of its parts. Those of
	// the unpacked payload are among them when it was unpacked.
	SelfDigests []repo.SelfDigest
	// FileSignatures and VeritySignatures are how many files have a signature
	// of their own, for IMA or fs-verity. They are not verified.
	FileSignatures, VeritySignatures int
	// HeaderStart and HeaderEnd are the offsets of the main header.
	HeaderStart, HeaderEnd int64
	// Header is the main header, when it was asked for.
	Header *Header
	// Faults are what is wrong without hindering the reading: sizes that do
	// not fit, signatures and digests that cannot be read, files that are not
	// what the header says. They are the first [repo.MaxFaults] of FaultCount.
	Faults     []repo.Problem
	FaultCount int
}

func (p *Package) fault(where, format string, args ...any) {
	p.faultOf(repo.Malformed, where, format, args...)
}

func (p *Package) faultOf(kind repo.ProblemKind, where, format string, args ...any) {
	if p.FaultCount++; p.FaultCount <= repo.MaxFaults {
		p.Faults = append(p.Faults, repo.Problem{Kind: kind, Where: where, Text: fmt.Sprintf(format, args...)})
	}
}

// Options are how much of a package is read. In every depth all of the file is
// read and hashed, so that digests and signatures are verified.
type Options struct {
	// Files fills in [Package.Files] from the header.
	Files bool
	// Payload unpacks the payload and holds every file against the header;
	// their digests and what programs say of themselves are then in
	// [Package.Files]. It includes Files.
	Payload bool
	// Header keeps the main header, which may be large, in [Package.Header].
	Header bool
	// Inspector looks at the files; nil for a new one. One that is used for
	// many packages, one after another, saves its buffers.
	Inspector *payload.Inspector
	// Streams keeps the memory of decoders, Hashes shares the work of hash
	// functions; each may be nil.
	Streams *compress.Pool
	Hashes  *hashes.Set

	// maxPayload lowers MaxPayload where it is not zero, for tests.
	maxPayload int64
}

// Read reads an rpm with the files that its header lists, without unpacking
// the payload: see [Options.Read].
func Read(r io.Reader, ring *pgp.Keyring) (*Package, error) {
	return Options{Files: true}.Read(r, ring)
}

// Read reads an rpm to the end of r, verifying digests and signatures on the
// way; ring may be nil, then every signature is by an unknown key.
//
// An error means that the headers cannot be read ([repo.FormatError]) or that r
// failed. A payload that is cut off, longer or changed is no error: it shows in
// SelfDigests, Signatures and Faults.
func (o Options) Read(r io.Reader, ring *pgp.Keyring) (*Package, error) {
	s := &source{r: r}
	if err := readLead(s); err != nil {
		return nil, err
	}
	p := &Package{}
	sig, main, err := p.readHeaders(s)
	if err != nil {
		return nil, err
	}
	p.HeaderStart, p.HeaderEnd = main.Start(), main.End()
	p.Format = format(main)
	if err := p.merge(sig, main); err != nil {
		return nil, err
	}
	table, err := newFileTable(main)
	if err != nil {
		return nil, err
	}
	meta, err := p.metadata(sig, main, table)
	if err != nil {
		return nil, err
	}
	p.Name, p.Version, p.Arch, p.Source = meta.Name, meta.EVR(), meta.Arch, meta.Arch == archSource
	p.Fields = meta.Fields()
	p.Scripts = scripts(main)
	var files []repo.PayloadFile
	if o.Files || o.Payload {
		files = p.payloadFiles(table)
	}
	if o.Header {
		p.Header = main
	}
	v := newVerifier(p, sig, main, ring, o.Hashes)
	defer v.close()
	v.header(main.raw)
	if o.Payload {
		err = o.unpack(s, v, main, table, files)
	}
	if err == nil {
		_, err = io.Copy(v.payload(), s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading rpm: %w", offset(s.n), err)
	}
	v.finish(s.n)
	if files != nil {
		slices.SortStableFunc(files, func(a, b repo.PayloadFile) int { return strings.Compare(a.Path, b.Path) })
		p.Files = files
	}
	return p, nil
}

// unpack reads the payload. What is wrong inside of it is a fault; what is left
// of it must be read by the caller. An error is that of the reader.
func (o Options) unpack(s *source, v *verifier, main *Header, table *fileTable, files []repo.PayloadFile) error {
	inspector := o.Inspector
	if inspector == nil {
		inspector = payload.NewInspector()
	}
	streams := o.Streams
	if streams == nil {
		streams = &compress.Pool{}
	}
	limit := o.maxPayload
	if limit == 0 {
		limit = MaxPayload
	}
	c := &content{p: v.p, streams: streams, limit: limit, h: main, table: table, files: files, inspector: inspector}
	err := c.read(io.TeeReader(s, v.payload()), v)
	var format *repo.FormatError
	if errors.As(err, &format) {
		v.p.fault(format.Where, "payload: %s", format.Problem().Text)
		return nil
	}
	return err
}

// readHeaders reads both headers and what is between them.
func (p *Package) readHeaders(s *source) (sig, main *Header, err error) {
	if sig, err = readHeader(s, signatureKind()); err != nil {
		return nil, nil, err
	}
	// The main header begins at a multiple of 8. rpm does not look at the
	// padding, and nothing signs it.
	padding, err := s.take(nil, int(-s.n&7), "the padding of the signature header")
	if err != nil {
		return nil, nil, err
	}
	if len(bytes.Trim(padding, "\x00")) != 0 {
		p.fault(offset(sig.End()), "padding of the signature header is not zero")
	}
	if main, err = readHeader(s, mainKind()); err != nil {
		return nil, nil, err
	}
	for _, x := range []struct {
		what string
		h    *Header
	}{{"signature", sig}, {"main", main}} {
		for _, tag := range x.h.doubles {
			p.fault(tagWhere(tag), "tag %d is in the %s header more than once, and programs differ in which one they take", tag, x.what)
		}
	}
	return sig, main, nil
}

// format returns the format of a package by its main header.
func format(main *Header) int {
	switch n := main.Number(tagRPMFormat); {
	case n > 4 && n < 100:
		return int(n)
	case !main.region, main.Has(tagOldFileNames) && !main.Has(tagBaseNames):
		return 3
	}
	return 4
}

// merge checks what rpm checks before it puts values of the signature header
// into the main header (headerMergeLegacySigs in lib/package.c, rpm 6.1). The
// values stay where they are.
func (p *Package) merge(sig, main *Header) error {
	for _, t := range mergedTags() {
		inSig := sig.Has(t.sig)
		if main.Has(t.main) && !(p.Format < 6 && t.either && !inSig) {
			return &repo.FormatError{Where: offset(main.start), Text: fmt.Sprintf("tag %d belongs into the signature header and is in the main header", t.main)}
		}
		if !inSig {
			continue
		}
		if p.Format >= 6 && t.sig >= tagName {
			p.fault(tagWhere(t.sig), "tag %d is not allowed in the signature header of an rpm 6 package", t.sig)
			continue
		}
		if e, _ := sig.find(t.sig); e.kind != t.kind || t.count != 0 && e.count != t.count || e.count > MaxSignatureTag {
			return &repo.FormatError{
				Where: offset(sig.start),
				Text:  fmt.Sprintf("tag %d of the signature header has type %d and %d values, wanted type %d and %s", t.sig, e.kind, e.count, t.kind, wantedCount(t.count)),
			}
		}
	}
	if sig.Has(sigPGP5) {
		p.fault(tagWhere(sigPGP5), "signature of PGP 5, which no rpm reads any more, is not verified")
	}
	p.FileSignatures = max(sig.Count(sigFiles), main.Count(tagFileSignatures))
	p.VeritySignatures = sig.Count(sigVerity)
	return nil
}

func wantedCount(n uint32) string {
	if n == 0 {
		return fmt.Sprintf("at most %d", MaxSignatureTag)
	}
	return fmt.Sprint(n)
}

// tagWhere is where a fault of a tag is.
func tagWhere(tag uint32) string { return fmt.Sprintf("tag %d", tag) }

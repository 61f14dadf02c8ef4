package apt

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// MaxPackages bounds the stanzas of one index; Debian's main has some 65,000.
// Going past it is a [repo.FormatError] that ends the reading.
const MaxPackages = 1_000_000

// Packages reads a Packages index, of which by is the name in the claims that
// it makes. A stanza that does not parse, lacks a required field (Package,
// Version, Architecture, Filename, Size and one digest) or has a bad one
// yields a *[repo.FormatError] with the line, and the reading goes on; so does
// each *[Oddity] of a package, before the package. An error of r, and more
// than MaxPackages stanzas, end it.
//
// A Path is what the index says, without "./" in front: [repopath.Clean] says
// whether it may be followed. The strings of a package are parts of its Fields.
func Packages(r io.Reader, by string) iter.Seq2[repo.Package, error] {
	relations := packageRelationFields()
	return entries(r, packageFields(), func(s deb822.Stanza) (repo.Package, []error, error) {
		bad := checkRelations(s, relations, s.Values[packageRelations:])
		p, err := parsePackage(s, by)
		return p, bad, err
	})
}

// The fields of a Packages index that are read, by their place in
// packageFields.
const (
	fieldPackage = iota
	fieldVersion
	fieldArchitecture
	fieldFilename
	fieldSize
	fieldMD5sum
	fieldSHA1
	fieldSHA256
	fieldSHA512
	packageRelations // the first of the relationship fields
)

func packageFields() []string {
	return append([]string{"Package", "Version", "Architecture", "Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512"},
		packageRelationFields()...)
}

// packageRelationFields are the relationship fields of a binary package
// (Debian Policy 7).
func packageRelationFields() []string {
	return []string{
		"Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Conflicts", "Breaks", "Replaces", "Provides",
		"Built-Using", "Static-Built-Using",
	}
}

func parsePackage(s deb822.Stanza, by string) (repo.Package, error) {
	p := repo.Package{
		Claim:  repo.Claim{By: by, Line: s.Line},
		Fields: s.Fields,
	}
	// apt takes a value that begins on the next line for the same.
	for i, v := range s.Values[:packageRelations] {
		if v != "" && v[0] == '\n' {
			s.Values[i] = strings.TrimLeft(v, "\n ")
		}
	}
	names := func(field int) string { return packageFields()[field] }
	for f := fieldPackage; f <= fieldSize; f++ {
		switch v := s.Values[f]; {
		case v == "":
			return p, fault(s.Line, "no field %s in the stanza of %s", names(f), describe(s))
		case strings.IndexByte(v, '\n') >= 0:
			return p, fault(s.LineOf(names(f)), "%s of %s has more than one line", names(f), describe(s))
		}
	}
	p.Name, p.Version, p.Arch = s.Values[fieldPackage], s.Values[fieldVersion], s.Values[fieldArchitecture]
	if err := deb822.CheckName(p.Name); err != nil {
		return p, fault(s.LineOf("Package"), "Package: %v", err)
	}
	if !debver.Valid(p.Version) {
		_, err := debver.Parse(p.Version)
		return p, fault(s.LineOf("Version"), "Version: %v", err)
	}
	if err := deb822.CheckName(p.Arch); err != nil {
		return p, fault(s.LineOf("Architecture"), "Architecture: %v", err)
	}
	p.Path = repopath.TrimDot(s.Values[fieldFilename])
	n, err := parseSize(s.Values[fieldSize])
	if err != nil {
		return p, fault(s.LineOf("Size"), "Size of %s: %v", describe(s), err)
	}
	p.Claim.Size = n
	for i, alg := range [...]repo.Algorithm{repo.MD5, repo.SHA1, repo.SHA256, repo.SHA512} {
		f := fieldMD5sum + i
		if s.Values[f] == "" {
			continue
		}
		digest, err := parseDigest(alg, s.Values[f])
		if err != nil {
			return p, fault(s.LineOf(names(f)), "%s of %s: %v", names(f), describe(s), err)
		}
		p.Claim.Digests.Set(alg, digest)
	}
	if p.Claim.Digests.IsZero() {
		return p, fault(s.Line, "no digest in the stanza of %s", describe(s))
	}
	return p, nil
}

// parseDigest returns s in lower case if it is a digest of alg in hexadecimal.
func parseDigest(alg repo.Algorithm, s string) (string, error) {
	var all byte
	for i := range len(s) {
		all |= hexDigit(s[i])
	}
	switch {
	case len(s) != alg.HexLen() || all&notHex != 0:
		return "", fmt.Errorf("%s: want %d hexadecimal digits, got %.140q", alg, alg.HexLen(), s)
	case all&upperHex != 0:
		return strings.ToLower(s), nil
	}
	return s, nil
}

const (
	upperHex = 1 << iota
	notHex
)

// hexDigit tells lower-case from upper-case digits and other bytes, without a
// branch: a constant string is a table that nobody can change.
func hexDigit(c byte) byte {
	const (
		no16   = "\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02"
		digits = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x02\x02\x02\x02"
		upper  = "\x02\x01\x01\x01\x01\x01\x01\x02\x02\x02\x02\x02\x02\x02\x02\x02"
		lower  = "\x02\x00\x00\x00\x00\x00\x00\x02\x02\x02\x02\x02\x02\x02\x02\x02"
		no128  = no16 + no16 + no16 + no16 + no16 + no16 + no16 + no16
		table  = no16 + no16 + no16 + digits + upper + no16 + lower + no16 + no128
	)
	return table[c]
}

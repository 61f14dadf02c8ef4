package apt

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// MaxPackages bounds the stanzas of one index; Debian's main has some 65,000.
const MaxPackages = 1_000_000

// Packages reads a Packages index, of which by is the name in the claims that
// it makes. A stanza that does not parse, lacks a required field (Package,
// Version, Architecture, Filename, Size and one digest) or has a bad one
// yields a *[repo.FormatError] with the line, and the reading goes on. An error
// of r, and more than MaxPackages stanzas, end it.
//
// A Path is what the index says, without "./" in front: [repopath.Clean] says
// whether it may be followed.
func Packages(r io.Reader, by string) iter.Seq2[repo.Package, error] {
	return func(yield func(repo.Package, error) bool) {
		n := 0
		for s, err := range deb822.Stanzas(r) {
			if n++; n > MaxPackages {
				yield(repo.Package{}, &repo.FormatError{
					Where: "line " + strconv.Itoa(s.Line), Text: fmt.Sprintf("more than %d packages", MaxPackages),
				})
				return
			}
			var p repo.Package
			if err == nil {
				p, err = parsePackage(s, by)
			}
			if err != nil {
				p = repo.Package{}
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

func parsePackage(s deb822.Stanza, by string) (repo.Package, error) {
	p := repo.Package{
		Claim:  repo.Claim{By: by, Line: s.Line, Digests: repo.Digests{}},
		Fields: s.Fields,
	}
	var size string
	for _, want := range []struct {
		name  string
		value *string
		check func(string) error
	}{
		{"Package", &p.Name, deb822.CheckName},
		{"Version", &p.Version, checkVersion},
		{"Architecture", &p.Arch, deb822.CheckName},
		{"Filename", &p.Path, nil},
		{"Size", &size, nil},
	} {
		v, ok := s.Fields.Get(want.name)
		if !ok || v == "" {
			return p, fault(s.Line, "no field %s in the stanza of %s", want.name, describe(s))
		}
		if strings.Contains(v, "\n") {
			return p, fault(s.LineOf(want.name), "%s of %s has more than one line", want.name, describe(s))
		}
		if want.check != nil {
			if err := want.check(v); err != nil {
				return p, fault(s.LineOf(want.name), "%s: %v", want.name, err)
			}
		}
		*want.value = v
	}
	n, err := parseSize(size)
	if err != nil {
		return p, fault(s.LineOf("Size"), "Size of %s: %v", describe(s), err)
	}
	p.Claim.Size = n
	p.Path = repopath.TrimDot(p.Path)
	for _, name := range []string{"MD5sum", "SHA1", "SHA256", "SHA512"} {
		v, ok := s.Fields.Get(name)
		if !ok {
			continue
		}
		alg, _ := repo.ParseAlgorithm(name)
		if p.Claim.Digests[alg], err = parseDigest(alg, v); err != nil {
			return p, fault(s.LineOf(name), "%s of %s: %v", name, describe(s), err)
		}
	}
	if len(p.Claim.Digests) == 0 {
		return p, fault(s.Line, "no digest in the stanza of %s", describe(s))
	}
	return p, nil
}

func fault(line int, format string, args ...any) error {
	return &repo.FormatError{Where: "line " + strconv.Itoa(line), Text: fmt.Sprintf(format, args...)}
}

// describe names the package of s as far as it has a name.
func describe(s deb822.Stanza) string {
	name, _ := s.Fields.Get("Package")
	version, _ := s.Fields.Get("Version")
	arch, _ := s.Fields.Get("Architecture")
	return fmt.Sprintf("%.80q", strings.TrimSpace(name+" "+version+" "+arch))
}

func checkVersion(s string) error {
	_, err := debver.Parse(s)
	return err
}

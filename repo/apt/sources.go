package apt

import (
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/repopath"
)

// MaxSourceFiles bounds the files of one source package; Debian's largest have
// some 100. Going past it is a [repo.FormatError] of the stanza.
const MaxSourceFiles = 1024

// Sources reads a Sources index, of which by is the name in the claims that it
// makes. A stanza that does not parse, lacks a required field (Package,
// Version, Directory and one list of files) or has a bad one yields a
// *[repo.FormatError] with the line, and the reading goes on; so does each
// *[Oddity] of a package, before the package. An error of r, and more than
// MaxPackages stanzas, end it.
//
// A Path is what the index says, without "./" in front: [repopath.Clean] says
// whether it may be followed.
func Sources(r io.Reader, by string) iter.Seq2[repo.SourcePackage, error] {
	relations := sourceRelationFields()
	return entries(r, relations, func(s deb822.Stanza) (repo.SourcePackage, []error, error) {
		bad := checkRelations(s, relations, s.Values)
		p := sourceParser{stanza: s}
		p.pkg = repo.SourcePackage{By: by, Line: s.Line, Fields: s.Fields}
		err := p.parse()
		return p.pkg, bad, err
	})
}

// sourceRelationFields are the relationship fields of a source package (Debian
// Policy 7.7).
func sourceRelationFields() []string {
	return []string{
		"Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep", "Build-Conflicts", "Build-Conflicts-Arch", "Build-Conflicts-Indep",
	}
}

type sourceParser struct {
	stanza deb822.Stanza
	pkg    repo.SourcePackage
}

func (p *sourceParser) parse() error {
	for _, want := range []struct {
		name  string
		value *string
		check func(string) error
	}{
		{"Package", &p.pkg.Name, deb822.CheckName},
		{"Version", &p.pkg.Version, func(v string) error { _, err := debver.Parse(v); return err }},
		{"Directory", &p.pkg.Directory, nil},
	} {
		v := strings.TrimLeft(p.stanza.Fields.Value(want.name), "\n ")
		switch {
		case v == "":
			return fault(p.stanza.Line, "no field %s in the stanza of %s", want.name, describe(p.stanza))
		case strings.IndexByte(v, '\n') >= 0:
			return fault(p.stanza.LineOf(want.name), "%s of %s has more than one line", want.name, describe(p.stanza))
		}
		if want.check != nil {
			if err := want.check(v); err != nil {
				return fault(p.stanza.LineOf(want.name), "%s: %v", want.name, err)
			}
		}
		*want.value = v
	}
	// dpkg-scansources writes "." and "./" for the root.
	if p.pkg.Directory = strings.TrimSuffix(repopath.TrimDot(p.pkg.Directory+"/"), "/"); p.pkg.Directory == "." {
		p.pkg.Directory = ""
	}
	for _, list := range [...]struct {
		name      string
		algorithm repo.Algorithm
	}{{"Files", repo.MD5}, {"Checksums-Sha1", repo.SHA1}, {"Checksums-Sha256", repo.SHA256}, {"Checksums-Sha512", repo.SHA512}} {
		if err := p.list(list.name, list.algorithm); err != nil {
			return err
		}
	}
	if len(p.pkg.Files) == 0 {
		return fault(p.stanza.Line, "no files in the stanza of %s", describe(p.stanza))
	}
	return nil
}

// list reads one list of "digest size name".
func (p *sourceParser) list(field string, algorithm repo.Algorithm) error {
	value, ok := p.stanza.Fields.Get(field)
	if !ok {
		return nil
	}
	line := p.stanza.LineOf(field) - 1
	for text := range strings.SplitSeq(value, "\n") {
		line++
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		if err := p.file(f, algorithm, line); err != nil {
			return fault(line, "%s of %s: %v", field, describe(p.stanza), err)
		}
	}
	return nil
}

func (p *sourceParser) file(f []string, algorithm repo.Algorithm, line int) error {
	if len(f) != 3 {
		return fmt.Errorf("want \"digest size name\", got %.120q", strings.Join(f, " "))
	}
	digest, err := parseDigest(algorithm, f[0])
	if err != nil {
		return err
	}
	size, err := parseSize(f[1])
	if err != nil {
		return err
	}
	name := f[2]
	if strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return fmt.Errorf("%.120q is not the name of a file", name)
	}
	for i := range p.pkg.Files {
		e := &p.pkg.Files[i]
		if path.Base(e.Path) != name {
			continue
		}
		if e.Digests.Get(algorithm) != "" {
			return fmt.Errorf("%.120q is listed twice", name)
		}
		if e.Size != size {
			return fmt.Errorf("%.120q has %d bytes here and %d bytes on line %d", name, size, e.Size, e.Line)
		}
		e.Digests.Set(algorithm, digest)
		return nil
	}
	if len(p.pkg.Files) == MaxSourceFiles {
		return fmt.Errorf("more than %d files", MaxSourceFiles)
	}
	full := name
	if p.pkg.Directory != "" {
		full = p.pkg.Directory + "/" + name
	}
	e := repo.ReleaseEntry{Path: full, Claim: repo.Claim{By: p.pkg.By, Line: line, Size: size}}
	e.Digests.Set(algorithm, digest)
	p.pkg.Files = append(p.pkg.Files, e)
	return nil
}

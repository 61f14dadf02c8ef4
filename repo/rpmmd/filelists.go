package rpmmd

import (
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// minPkgID is the length of MD5, the shortest digest that was ever a pkgid.
const minPkgID = 32

// Filelists reads the packages of filelists.xml, one at a time, counting their
// files. Errors are as [Primary] has them.
func Filelists(r io.Reader) iter.Seq2[repo.FilelistEntry, error] {
	return func(yield func(repo.FilelistEntry, error) bool) {
		s := newScanner(r)
		packages(s, spaceFilelists, "filelists", yield, func(start xml.StartElement) (repo.FilelistEntry, error, error) {
			return filelistsPackage(s, start)
		})
	}
}

func filelistsPackage(s *scanner, start xml.StartElement) (repo.FilelistEntry, error, error) {
	where, versions := s.where(), 0
	m := Metadata{Name: attr(start, "name"), Arch: attr(start, "arch")}
	x := repo.FilelistEntry{PkgID: strings.ToLower(attr(start, "pkgid")), Name: m.Name, Arch: m.Arch}
	err := s.children(func(e xml.StartElement) error {
		if e.Name.Space == spaceFilelists {
			switch e.Name.Local {
			case "version":
				versions++
				m.Epoch, m.Version, m.Release = attr(e, "epoch"), attr(e, "ver"), attr(e, "rel")
			case "file":
				x.Files++
			}
		}
		return s.skip()
	})
	if err != nil {
		return x, nil, err
	}
	x.Version = m.EVR()
	if versions != 1 {
		return x, located(where, m.Name, fmt.Errorf("%d <version> elements, wanted one", versions)), nil
	}
	if err := m.Check(); err != nil {
		return x, located(where, m.Name, err), nil
	}
	if _, err := hex.DecodeString(x.PkgID); err != nil || len(x.PkgID) < minPkgID {
		return x, located(where, m.Name, fmt.Errorf("pkgid %q is not a digest", cut(x.PkgID))), nil
	}
	return x, nil, nil
}

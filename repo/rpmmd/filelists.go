package rpmmd

import (
	"encoding/hex"
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
	return lists(r, spaceFilelists, "filelists", "file")
}

// FilelistsExt reads filelists-ext.xml as [Filelists] does: createrepo_c's
// --filelists-ext, which gives each file its digest.
func FilelistsExt(r io.Reader) iter.Seq2[repo.FilelistEntry, error] {
	return lists(r, spaceFileExt, "filelists-ext", "file")
}

// Other reads the packages of other.xml as [Filelists] does; Files counts the
// changelog entries.
func Other(r io.Reader) iter.Seq2[repo.FilelistEntry, error] {
	return lists(r, spaceOther, "otherdata", "changelog")
}

// lists reads an index whose packages hold elements of one name.
func lists(r io.Reader, space, root, item string) iter.Seq2[repo.FilelistEntry, error] {
	return func(yield func(repo.FilelistEntry, error) bool) {
		entries(r, space, root, "package", yield, func(s *scanner) (repo.FilelistEntry, error, error) {
			return listed(s, space, item)
		})
	}
}

func listed(s *scanner, space, item string) (x repo.FilelistEntry, fault, err error) {
	where, versions := s.where(), 0
	m := Metadata{Name: s.attr("name"), Arch: s.attr("arch")}
	x = repo.FilelistEntry{PkgID: strings.ToLower(s.attr("pkgid")), Name: m.Name, Arch: m.Arch}
	wrong := func(err error) {
		if fault == nil && err != nil {
			fault = located(where, m.Name, err)
		}
	}
	for {
		more, err := s.child()
		if err != nil {
			return x, nil, err
		}
		if !more {
			break
		}
		if inside, name := s.Name(); inside == space {
			switch string(name) {
			case "version":
				versions++
				m.Epoch, m.Version, m.Release = s.attr("epoch"), s.attr("ver"), s.attr("rel")
			case item:
				x.Files++
				if item == "changelog" {
					_, err := number("changelog date", s.attr("date"))
					wrong(err)
				}
			}
		}
		if err := s.skip(); err != nil {
			return x, nil, err
		}
	}
	x.Version = m.EVR()
	if versions != 1 {
		wrong(fmt.Errorf("%d <version> elements, wanted one", versions))
	}
	wrong(m.Check())
	if _, err := hex.DecodeString(x.PkgID); err != nil || len(x.PkgID) < minPkgID {
		wrong(fmt.Errorf("pkgid %q is not a digest", cut(x.PkgID)))
	}
	return x, fault, nil
}

package rpmmd

import (
	"errors"
	"io"
	"iter"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// KnownType reports whether typ, the type of a data element of repomd.xml, is
// one that createrepo_c, modifyrepo_c or a distribution is known to write.
// Others are facts too, and only their bytes are looked at.
func KnownType(typ string) bool {
	if Readable(typ) {
		return true
	}
	base := strings.TrimSuffix(strings.TrimSuffix(typ, "_db"), "_zck")
	switch base {
	case "primary", "filelists", "filelists_ext", "other", "group", "updateinfo", "modules", "prestodelta":
		return true
	}
	return typ == "productid" || typ == "license"
}

// Readable reports whether [Verify] reads the inside of a file of this type.
func Readable(typ string) bool {
	switch typ {
	case "primary", "filelists", "filelists_ext", "other", "updateinfo", "modules", "group", "group_gz", "group_xz", "group_zst",
		"prestodelta", "susedata", "appdata", "primary_db", "filelists_db", "other_db":
		return true
	}
	return strings.HasPrefix(typ, "susedata.") // a language follows
}

// Verify reads the open (not compressed) file of a data element of type typ,
// whose path is by, to its end, and returns how many entries it has: packages,
// advisories, module documents, groups and environments, or what the type
// holds. What is wrong goes to fault, whether the reading goes on behind it (a
// single entry) or not (the XML itself); an error is one of r. Of a type that
// is not [Readable] nothing is read.
func Verify(typ string, r io.Reader, by string, fault func(repo.Problem)) (int, error) {
	if strings.HasPrefix(typ, "susedata.") {
		typ = "susedata"
	}
	switch typ {
	case "primary":
		return drain(Primary(r, by), fault)
	case "filelists":
		return drain(Filelists(r), fault)
	case "filelists_ext":
		return drain(FilelistsExt(r), fault)
	case "other":
		return drain(Other(r), fault)
	case "updateinfo":
		return drain(Updateinfo(r), fault)
	case "modules":
		return drain(Modules(r), fault)
	case "group", "group_gz", "group_xz", "group_zst":
		return drain(Groups(r), fault)
	case "prestodelta":
		n, err := count(r, "prestodelta", "newpackage")
		return n, asFault(err, fault)
	case "susedata":
		n, err := count(r, "susedata", "package")
		return n, asFault(err, fault)
	case "appdata":
		n, err := count(r, "components", "component")
		return n, asFault(err, fault)
	case "primary_db", "filelists_db", "other_db":
		return 0, asFault(sqlite(r), fault)
	}
	return 0, nil
}

// drain counts the entries of an index.
func drain[T any](all iter.Seq2[T, error], fault func(repo.Problem)) (int, error) {
	n := 0
	for _, err := range all {
		if err == nil {
			n++
		} else if err := asFault(err, fault); err != nil {
			return n, err
		}
	}
	return n, nil
}

// asFault hands a [repo.FormatError] to fault, and returns any other error.
func asFault(err error, fault func(repo.Problem)) error {
	var format *repo.FormatError
	if errors.As(err, &format) {
		fault(*format.Problem())
		return nil
	}
	return err
}

// count reads a document of which nothing but the form is known: the elements
// of one name inside of a root element, in any namespace.
func count(r io.Reader, root, element string) (int, error) {
	s := newScanner(r, xmlstream.Limits{})
	if _, err := s.Next(); err != nil {
		return 0, err
	}
	if _, name := s.Name(); string(name) != root {
		return 0, s.Errorf("root element is <%s>, wanted <%s>", cut(string(name)), root)
	}
	n := 0
	err := s.children(func(_, name string) error {
		if name == element {
			n++
		}
		return s.skip()
	})
	if err == nil {
		err = s.end()
	}
	return n, err
}

// sqliteMagic is what each SQLite 3 database begins with.
const sqliteMagic = "SQLite format 3\x00"

// sqlite looks at the beginning of a database. The rest has no reader here:
// today's clients read the XML only.
func sqlite(r io.Reader) error {
	var b [len(sqliteMagic)]byte
	n, err := io.ReadFull(r, b[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(b[:n]) != sqliteMagic {
		return &repo.FormatError{Where: "offset 0", Text: "not an SQLite 3 database"}
	}
	return nil
}

package rpmmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Metadata is what primary.xml holds of a package, or what it would hold
// according to the package's own header.
type Metadata struct {
	Name, Epoch, Version, Release string
	// Arch is "src" for every source package, as createrepo_c has it.
	Arch                              string
	Summary, Description              string
	Packager, URL                     string
	License, Vendor, Group, BuildHost string
	// SourceRPM is the file name of the source package.
	SourceRPM string
	// LocationBase is location's xml:base. It is a fact of the index only.
	LocationBase string
	// BuildTime in seconds since 1970; InstalledSize and ArchiveSize in bytes.
	// Each is -1 when it is not given.
	BuildTime, InstalledSize, ArchiveSize int64
	// HeaderStart and HeaderEnd are offsets of the main header in the file;
	// HeaderEnd is 0 when they are not given.
	HeaderStart, HeaderEnd int64

	Provides, Requires, Conflicts, Obsoletes    []Entry
	Suggests, Enhances, Recommends, Supplements []Entry
	// Files are the primary files: see [IsPrimary].
	Files []FileEntry
}

// Entry is one dependency. Rich dependencies are whole in Name.
type Entry struct {
	Name string
	// Flags is "LT", "LE", "EQ", "GE", "GT", or empty for any version; then
	// the rest is empty too.
	Flags                   string
	Epoch, Version, Release string
}

// String returns "name" or "name flags epoch:version-release"; parts that are
// empty are left out with what joins them.
func (e Entry) String() string {
	if e.Flags == "" {
		return e.Name
	}
	s := e.Version
	if e.Epoch != "" {
		s = e.Epoch + ":" + s
	}
	if e.Release != "" {
		s += "-" + e.Release
	}
	return e.Name + " " + e.Flags + " " + s
}

// FileEntry is a file as primary.xml lists it.
type FileEntry struct {
	// Type is "dir", "ghost", or empty for any other file.
	Type string
	Path string
}

// String returns the path, and in front of it the type of a folder or ghost.
func (f FileEntry) String() string {
	if f.Type == "" {
		return f.Path
	}
	return f.Type + " " + f.Path
}

// IsPrimary reports whether primary.xml lists path: cr_is_primary in
// createrepo_c's src/misc.h.
func IsPrimary(path string) bool {
	return strings.HasPrefix(path, "/etc/") || path == "/usr/lib/sendmail" || strings.Contains(path, "bin/")
}

// EVR returns [epoch:]version-release, epoch 0 left out.
func (m *Metadata) EVR() string {
	s := m.Version + "-" + m.Release
	if m.Epoch != "" && m.Epoch != "0" {
		s = m.Epoch + ":" + s
	}
	return s
}

// Check returns a [repo.FormatError] when m lacks what every package has, or
// when a name holds characters that would make two readers see two things.
func (m *Metadata) Check() error {
	if err := m.checkNames(); err != nil {
		return err
	}
	if _, err := rpmver.Parse(m.EVR()); err != nil {
		return err
	}
	for _, list := range m.lists() {
		for _, e := range list.entries {
			if hasControl(e.String()) {
				return &repo.FormatError{Text: fmt.Sprintf("%s: %q has a control character", list.name, e)}
			}
		}
	}
	for _, f := range m.Files {
		if hasControl(f.Path) {
			return &repo.FormatError{Text: fmt.Sprintf("path %q has a control character", f.Path)}
		}
	}
	return nil
}

// checkNames checks the name, version, release and architecture.
func (m *Metadata) checkNames() error {
	for _, x := range []struct{ what, value string }{
		{"name", m.Name}, {"version", m.Version}, {"release", m.Release}, {"architecture", m.Arch},
	} {
		switch {
		case x.value == "":
			return &repo.FormatError{Text: "package without " + x.what}
		case strings.ContainsFunc(x.value, spaceOrControl) || strings.Contains(x.value, "/"):
			return &repo.FormatError{Text: fmt.Sprintf("%s %q has a space, a control character or a slash", x.what, x.value)}
		}
	}
	return nil
}

func spaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

type namedList struct {
	name    string
	entries []Entry
}

func (m *Metadata) lists() []namedList {
	return []namedList{
		{"provides", m.Provides}, {"requires", m.Requires}, {"conflicts", m.Conflicts}, {"obsoletes", m.Obsoletes},
		{"suggests", m.Suggests}, {"enhances", m.Enhances}, {"recommends", m.Recommends}, {"supplements", m.Supplements},
	}
}

// field is one field of the canonical form, in its order. Those from
// fieldChecksum on are elements that are no field.
type field uint8

const (
	fieldName field = iota
	fieldEpoch
	fieldVersion
	fieldRelease
	fieldArch
	fieldSummary
	fieldDescription
	fieldPackager
	fieldURL
	fieldBuildTime
	fieldInstalledSize
	fieldArchiveSize
	fieldLicense
	fieldVendor
	fieldGroup
	fieldBuildHost
	fieldSourceRPM
	fieldHeaderRange
	fieldLocationBase
	fieldProvides
	fieldRequires
	fieldConflicts
	fieldObsoletes
	fieldSuggests
	fieldEnhances
	fieldRecommends
	fieldSupplements
	fieldFiles
	fieldCount

	fieldChecksum = fieldCount
	fieldLocation = fieldCount + 1
	fieldSize     = fieldCount + 2
	fieldFormat   = fieldCount + 3
)

func fieldNames() [fieldCount]string {
	return [...]string{
		"name", "epoch", "version", "release", "arch", "summary", "description", "packager", "url",
		"time-build", "size-installed", "size-archive", "license", "vendor", "group", "buildhost", "sourcerpm",
		"header-range", "location-base", "provides", "requires", "conflicts", "obsoletes",
		"suggests", "enhances", "recommends", "supplements", "files",
	}
}

// element returns the name of the element that holds f.
func (f field) element() string {
	switch f {
	case fieldBuildTime:
		return "time"
	case fieldChecksum:
		return "checksum"
	case fieldLocation:
		return "location"
	case fieldSize:
		return "size"
	case fieldFormat:
		return "format"
	}
	return fieldNames()[f]
}

// Fields returns m in canonical form: empty values left out, lists sorted and
// one entry a line.
func (m *Metadata) Fields() repo.Fields {
	number := func(n int64) string {
		if n < 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	values := [fieldCount]string{
		fieldName: m.Name, fieldEpoch: m.Epoch, fieldVersion: m.Version, fieldRelease: m.Release, fieldArch: m.Arch,
		fieldSummary: m.Summary, fieldDescription: m.Description, fieldPackager: m.Packager, fieldURL: m.URL,
		fieldBuildTime: number(m.BuildTime), fieldInstalledSize: number(m.InstalledSize), fieldArchiveSize: number(m.ArchiveSize),
		fieldLicense: m.License, fieldVendor: m.Vendor, fieldGroup: m.Group, fieldBuildHost: m.BuildHost,
		fieldSourceRPM: m.SourceRPM, fieldLocationBase: m.LocationBase, fieldFiles: lines(m.Files),
	}
	if m.HeaderEnd > 0 {
		values[fieldHeaderRange] = number(m.HeaderStart) + "-" + number(m.HeaderEnd)
	}
	for i, list := range m.lists() {
		values[fieldProvides+field(i)] = lines(list.entries)
	}
	var f []byte
	for i, name := range fieldNames() {
		if values[i] != "" {
			f = repo.AppendField(f, name, values[i])
		}
	}
	return repo.EncodedFields(string(f))
}

func lines[T fmt.Stringer](list []T) string {
	all := make([]string, 0, len(list))
	for _, x := range list {
		all = append(all, x.String())
	}
	if !slices.IsSorted(all) {
		slices.Sort(all)
	}
	return strings.Join(all, "\n")
}

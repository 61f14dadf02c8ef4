package apt

import (
	"path"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// IndexKind is what kind of file a Release lists.
type IndexKind string

// The kinds.
const (
	PackagesIndex    IndexKind = "Packages"
	SourcesIndex     IndexKind = "Sources"
	ContentsIndex    IndexKind = "Contents"
	TranslationIndex IndexKind = "Translation"
	// OtherFile is everything else: the Release files of architectures,
	// Packages.diff, AppStream, installer images.
	OtherFile IndexKind = ""
)

// IndexPath is the path of a file that a Release lists, taken apart.
type IndexPath struct {
	Kind IndexKind
	// Stem is the path without the ending of a compression: the same for all
	// forms of one list.
	Stem string
	// Component is that of a dists/ layout: "main", and of the packages of the
	// installer "main/debian-installer". It is empty in a flat repository.
	Component string
	// Arch is the architecture of a list of packages or contents, where the
	// path names one. Contents of the installer's packages are "udeb-ARCH".
	Arch string
	// Language is that of a translation.
	Language string
}

// ParseIndexPath says what kind of list is at a path that a Release names, in
// a flat layout ("Packages.gz") or below dists/ ("main/binary-arm64/Packages.xz",
// "main/source/Sources.gz", "main/Contents-all.gz", "main/i18n/Translation-de.bz2").
func ParseIndexPath(p string) IndexPath {
	x := IndexPath{Stem: p}
	switch ext := path.Ext(p); ext {
	case ".gz", ".xz", ".bz2", ".zst", ".lzma", ".lz4", ".lz":
		x.Stem = strings.TrimSuffix(p, ext)
	}
	dir, base := path.Split(x.Stem)
	dir = strings.TrimSuffix(dir, "/")
	parent, folder := path.Split(dir)
	parent = strings.TrimSuffix(parent, "/")
	switch {
	case base == "Packages":
		x.Kind = PackagesIndex
		if arch, ok := strings.CutPrefix(folder, "binary-"); ok {
			x.Component, x.Arch = parent, arch
		}
	case base == "Sources":
		x.Kind = SourcesIndex
		if folder == "source" {
			x.Component = parent
		}
	case strings.HasPrefix(base, "Contents-"):
		x.Kind, x.Component, x.Arch = ContentsIndex, dir, strings.TrimPrefix(base, "Contents-")
	case strings.HasPrefix(base, "Translation-") && folder == "i18n":
		x.Kind, x.Component, x.Language = TranslationIndex, parent, strings.TrimPrefix(base, "Translation-")
	default:
		x.Stem = p // its ending is its own business
	}
	return x
}

// ByHashPath returns where a file that a Release lists is, by its hash, in a
// repository with Acquire-By-Hash: like apt, by the strongest hash that apt
// knows. It reports false when there is none.
func ByHashPath(e repo.ReleaseEntry) (string, bool) {
	for _, a := range [...]struct {
		algorithm repo.Algorithm
		folder    string
	}{{repo.SHA512, "SHA512"}, {repo.SHA256, "SHA256"}, {repo.SHA1, "SHA1"}, {repo.MD5, "MD5Sum"}} {
		if digest := e.Digests.Get(a.algorithm); digest != "" {
			dir, _ := path.Split(e.Path)
			return dir + "by-hash/" + a.folder + "/" + digest, true
		}
	}
	return "", false
}

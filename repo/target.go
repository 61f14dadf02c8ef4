package repo

// Format is a package format.
type Format string

// The formats, by the name that users and reports know them by.
const (
	Deb Format = "deb"
	RPM Format = "rpm"
)

// Formats returns all formats in the order in which they are reported.
func Formats() []Format { return []Format{Deb, RPM} }

// Target is one repository to be verified: one format of one channel of one
// minor version.
type Target struct {
	Format  Format `json:"format"`
	Channel string `json:"channel"`
	Minor   string `json:"minor"`
	// URL is the root of the repository, with a trailing slash: the folder
	// that holds InRelease, or the one that holds repodata. Paths of packages
	// are relative to it.
	URL string `json:"url"`
	// Suite is the suite of an apt repository that is laid out below dists/,
	// such as "bookworm" or "bookworm-updates"; URL is then the folder that
	// holds dists. It is empty for a flat repository.
	Suite string `json:"suite,omitempty"`
	// MirrorList is the address of the metalink or mirrorlist by which an rpm-md
	// repository is found; URL is then the mirror that was chosen, or this
	// address as long as none was. It is empty for a repository at a known place.
	MirrorList string `json:"mirror_list,omitempty"`
}

// Metadata returns the folder of the signed root, relative to URL: "" or
// ending in a slash.
func (t Target) Metadata() string {
	if t.Format == Deb && t.Suite != "" {
		return "dists/" + t.Suite + "/"
	}
	return ""
}

// Name returns the name of t that is the same on every run and host, such as
// "deb/stable/1.26".
func (t Target) Name() string {
	return string(t.Format) + "/" + t.Channel + "/" + t.Minor
}

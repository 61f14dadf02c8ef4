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
	// that holds InRelease, or the one that holds repodata.
	URL string `json:"url"`
}

// Name returns the name of t that is the same on every run and host, such as
// "deb/stable/1.26".
func (t Target) Name() string {
	return string(t.Format) + "/" + t.Channel + "/" + t.Minor
}

package repo

import "time"

// Repository is everything that a crawl of one target learnt.
type Repository struct {
	Target   Target    `json:"target"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Apt      *Apt      `json:"apt,omitempty"` // set for deb
	RPM      *RPMMD    `json:"rpm,omitempty"` // set for rpm
	// Keys are the copies of the signing key that the repository serves.
	Keys []KeyFile `json:"keys,omitempty"`
	// Sources are the source packages of an apt repository that has them.
	Sources []SourcePackage `json:"sources,omitempty"`
	// Restarts say that, and why, the crawl began again: the repository was
	// being published while it was read.
	Restarts []Restart `json:"restarts,omitempty"`
	// Unsettled says why the repository was not at rest at the last look
	// either, "" when it was.
	Unsettled string `json:"unsettled,omitempty"`
	// Transport is how the servers answer, nil when they were not asked.
	Transport *Transport `json:"transport,omitempty"`
	// Packages come last, so that a report can be written one by one.
	Packages []Package `json:"packages,omitempty"`
}

// Restart is one time that a crawl began again.
type Restart struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// SourcePackage is one stanza of an apt Sources index.
type SourcePackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Directory holds Files, relative to the root.
	Directory string `json:"directory"`
	// By and Line say where the stanza is.
	By   string `json:"by"`
	Line int    `json:"line"`
	// Files are what the package consists of; a Path is Directory and the name.
	Files  []ReleaseEntry `json:"files,omitempty"`
	Fields Fields         `json:"-"`
}

// Apt is the metadata of an apt repository.
type Apt struct {
	InRelease  File `json:"in_release"`
	Release    File `json:"release"`
	ReleaseGPG File `json:"release_gpg"`
	// Inline is InRelease's signed text, Detached is Release; each nil when it
	// could not be read.
	Inline   *Release `json:"inline,omitempty"`
	Detached *Release `json:"detached,omitempty"`
	// InlineSignatures are InRelease's, DetachedSignatures Release.gpg's.
	InlineSignatures   []Signature `json:"inline_signatures,omitempty"`
	DetachedSignatures []Signature `json:"detached_signatures,omitempty"`
	Indexes            []Index     `json:"indexes,omitempty"`
}

// Root returns the release file that apt would use: InRelease, else Release.
func (a *Apt) Root() *Release {
	if a.Inline != nil {
		return a.Inline
	}
	return a.Detached
}

// Release is a parsed Release file (Debian repository format).
type Release struct {
	Origin        string    `json:"origin,omitempty"`
	Label         string    `json:"label,omitempty"`
	Suite         string    `json:"suite,omitempty"`
	Archive       string    `json:"archive,omitempty"`
	Codename      string    `json:"codename,omitempty"`
	Architectures []string  `json:"architectures,omitempty"`
	Components    []string  `json:"components,omitempty"`
	Date          time.Time `json:"date,omitzero"`
	ValidUntil    time.Time `json:"valid_until,omitzero"`
	AcquireByHash bool      `json:"acquire_by_hash,omitempty"`
	// Entries are the files it lists, one a path, in order of first mention.
	Entries []ReleaseEntry `json:"entries,omitempty"`
	// Faults are the fields that do not parse.
	Faults []Problem `json:"faults,omitempty"`
	Fields Fields    `json:"-"`
}

// ReleaseEntry is what a Release says of one file.
type ReleaseEntry struct {
	Path string `json:"path"`
	Claim
}

// RPMMD is the metadata of an rpm-md repository.
type RPMMD struct {
	RepomdFile File `json:"repomd"`
	// SignatureFile is repomd.xml.asc.
	SignatureFile File        `json:"signature_file"`
	Repomd        *Repomd     `json:"parsed,omitempty"`
	Signatures    []Signature `json:"signatures,omitempty"`
	Indexes       []Index     `json:"indexes,omitempty"`
	// Filelists has one entry for each package that filelists.xml names: its
	// pkgid, name, version and architecture.
	Filelists []FilelistEntry `json:"-"`
}

// Repomd is a parsed repomd.xml.
type Repomd struct {
	Revision string       `json:"revision,omitempty"`
	Repo     []string     `json:"repo,omitempty"` // <tags><repo>
	Data     []RepomdData `json:"data"`
}

// RepomdData is one data element of repomd.xml.
type RepomdData struct {
	Type string `json:"type"`
	// Location is the href relative to the target's root; Base is xml:base,
	// which is reported and never followed.
	Location string    `json:"location"`
	Base     string    `json:"base,omitempty"`
	Claim    Claim     `json:"claim"`
	Open     *Claim    `json:"open,omitempty"` // open-checksum and open-size
	Time     time.Time `json:"time,omitzero"`
}

// FilelistEntry names one package of filelists.xml.
type FilelistEntry struct {
	PkgID, Name, Version, Arch string
	Files                      int
}

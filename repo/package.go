package repo

import "strings"

// Package is one entry of an index and, when it was fetched, the package file.
type Package struct {
	Name string `json:"name"`
	// Version is complete as the format writes it: deb
	// "[epoch:]upstream[-revision]", rpm "[epoch:]version-release".
	Version string `json:"version"`
	// Arch is the repository's own spelling ("aarch64", "all").
	Arch string `json:"arch"`
	// Path is where the index says the file is, relative to the target's root
	// with "./" removed. It is as hostile as the rest: the crawl follows it
	// only when it stays inside the root.
	Path string `json:"path"`
	// Claim is the index's word on the file.
	Claim  Claim  `json:"claim"`
	Fields Fields `json:"-"`
	// Artifact is nil when the file was not asked for.
	Artifact *Artifact `json:"artifact,omitempty"`
}

// Upstream returns the upstream version of p as its project writes it: without
// epoch and revision (deb) or release (rpm), and with "~" as "-", which is how
// OBS and krel turn 1.30.0-rc.1 into 1.30.0~rc.1.
func (p Package) Upstream() string {
	v := p.Version
	if _, after, ok := strings.Cut(v, ":"); ok {
		v = after
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		v = v[:i]
	}
	return strings.ReplaceAll(v, "~", "-")
}

// String returns p's name, version and architecture.
func (p Package) String() string { return p.Name + " " + p.Version + " " + p.Arch }

// Artifact is a package file: its bytes, and what is inside.
type Artifact struct {
	// File is the bytes; its Problem says that they could not be had. It has no
	// claims: the one is the package's.
	File
	// Inside says why the package's own format could not be read, nil if it
	// could.
	Inside *Problem `json:"inside,omitempty"`
	// Faults are what is wrong inside a package that can be read.
	Faults []Problem `json:"faults,omitempty"`
	// Fields is the control file or the rpm header. When all of it is in the
	// index too, it is the index's entry, which may hold more.
	Fields Fields `json:"-"`
	// Files lists what the package installs, sorted by path. It is nil when
	// only the bytes and the control data were asked for.
	Files []PayloadFile `json:"-"`
	// Scripts names the maintainer scripts ("postinst") or scriptlets
	// ("posttrans"), sorted.
	Scripts []string `json:"scripts,omitempty"`
	// Signatures are an rpm's own; debs carry none.
	Signatures []Signature `json:"signatures,omitempty"`
	// SelfDigests are the digests that the package holds of its own parts.
	SelfDigests []SelfDigest `json:"self_digests,omitempty"`
}

// SelfDigest is a digest that an rpm carries of a part of itself.
type SelfDigest struct {
	// Part is "header", "payload", "uncompressed payload" or
	// "header and payload".
	Part      string    `json:"part"`
	Tag       int       `json:"tag"`
	Algorithm Algorithm `json:"algorithm"`
	Want      string    `json:"want"`
	Got       string    `json:"got"`
}

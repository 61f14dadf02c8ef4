package repo

import "time"

// Content is what was observed of a run of bytes.
type Content struct {
	Size    int64   `json:"size"`
	Digests Digests `json:"digests,omitzero"`
}

// Claim is what one file of a repository says of another.
type Claim struct {
	// By is the path of the file that says so, and Line the line (0: unknown).
	By   string `json:"by"`
	Line int    `json:"line,omitempty"`
	// Size in bytes; -1 when the claim names none.
	Size    int64   `json:"size"`
	Digests Digests `json:"digests,omitzero"`
}

// Fits reports whether c is what the claim says, in size and in every digest
// that both have.
func (k Claim) Fits(c Content) bool {
	if k.Size >= 0 && k.Size != c.Size {
		return false
	}
	_, differ := k.Digests.Disagreement(c.Digests)
	return !differ
}

// File is one file of a repository as it was served.
type File struct {
	// Path is relative to the target's root, with slashes and not encoded.
	Path string `json:"path"`
	// URL is the address that was asked. Hops are the answers on the way, the
	// last being that of the server that served the bytes or refused; there
	// are none for a folder.
	URL  string `json:"url"`
	Hops []Hop  `json:"hops,omitempty"`
	Content
	Claims   []Claim       `json:"claims,omitempty"`
	Duration time.Duration `json:"-"`
	// Cached says that the bytes were not all fetched in this run: an earlier
	// one fetched and verified them.
	Cached bool `json:"cached,omitempty"`
	// Refusals are what some clients refuse in a file that can be read.
	Refusals []Problem `json:"refusals,omitempty"`
	// Problem is nil when the file was read whole.
	Problem *Problem `json:"problem,omitempty"`
}

// Hop is one answer on the way to a file: a redirect, or the last one.
type Hop struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
	// Address is the IP address and port that answered; a proxy's, if there is
	// one. It is empty when it is not known.
	Address string `json:"address,omitempty"`
	// Headers are those of the answer that name a server, a cache, a mirror or
	// the file's version.
	Headers []Field `json:"headers,omitempty"`
}

// Redirected returns the address that served the bytes, if it is not URL.
func (f *File) Redirected() (string, bool) {
	if n := len(f.Hops); n > 1 {
		return f.Hops[n-1].URL, true
	}
	return "", false
}

// OK reports whether f was read whole. It may be called on nil.
func (f *File) OK() bool { return f != nil && f.Problem == nil }

// Index is a metadata file that a signed root lists, with what is inside its
// compression.
type Index struct {
	File
	// Type is the name that rpm-md gives it ("primary"), or for apt the path
	// without compression ("Packages").
	Type string `json:"type"`
	// Open is the content after decompression, nil when it is not compressed
	// or could not be decompressed. OpenClaims is what is said of it.
	Open       *Content `json:"open,omitempty"`
	OpenClaims []Claim  `json:"open_claims,omitempty"`
	// Parsed is set on the one file of each type whose entries were read.
	Parsed bool `json:"parsed,omitempty"`
	// Entries is how many entries were read: packages, or what the type holds.
	Entries int `json:"entries,omitempty"`
	// Faults are what the reader found wrong inside, in order; at most
	// MaxFaults, FaultCount being how many there were.
	Faults     []Problem `json:"faults,omitempty"`
	FaultCount int       `json:"fault_count,omitempty"`
}

// MaxFaults bounds how many faults of one file are kept. Going past it adds to
// FaultCount only.
const MaxFaults = 100

// AddFault records one more fault, keeping the first MaxFaults.
func (x *Index) AddFault(p Problem) {
	x.FaultCount++
	if len(x.Faults) < MaxFaults {
		x.Faults = append(x.Faults, p)
	}
}

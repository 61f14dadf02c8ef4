package repo

import "time"

// Content is what was observed of a run of bytes.
type Content struct {
	Size    int64   `json:"size"`
	Digests Digests `json:"digests,omitempty"`
}

// Claim is what one file of a repository says of another.
type Claim struct {
	// By is the path of the file that says so, and Line the line (0: unknown).
	By   string `json:"by"`
	Line int    `json:"line,omitempty"`
	// Size in bytes; -1 when the claim names none.
	Size    int64   `json:"size"`
	Digests Digests `json:"digests,omitempty"`
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
	// URL is the address that was asked; Hops are the redirects followed from
	// there, the last being the address that served the bytes.
	URL  string   `json:"url"`
	Hops []string `json:"hops,omitempty"`
	Content
	Claims   []Claim       `json:"claims,omitempty"`
	Duration time.Duration `json:"-"`
	// Problem is nil when the file was read whole.
	Problem *Problem `json:"problem,omitempty"`
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
	// Faults are what the reader found wrong inside, in order; at most
	// MaxFaults, FaultCount being how many there were.
	Faults     []Problem `json:"faults,omitempty"`
	FaultCount int       `json:"fault_count,omitempty"`
}

// MaxFaults bounds how many faults of one file are kept.
const MaxFaults = 100

// AddFault records one more fault, keeping the first MaxFaults.
func (x *Index) AddFault(p Problem) {
	x.FaultCount++
	if len(x.Faults) < MaxFaults {
		x.Faults = append(x.Faults, p)
	}
}

package repo

// ProblemKind says what a [Problem] means for the verdict.
type ProblemKind string

const (
	// Absent: the server answered that the file is not there (404, 410, and
	// 403, which is how pkgs.k8s.io answers for a missing object).
	Absent ProblemKind = "absent"
	// Unreachable: nobody could tell. The network, the server or the time
	// failed; the repository may be right.
	Unreachable ProblemKind = "unreachable"
	// Malformed: the bytes are there and are wrong: they do not parse, or they
	// go past a bound.
	Malformed ProblemKind = "malformed"
	// Misplaced: the bytes are well-formed, and name a place that they must not
	// name: out of the root, through a link, or one that is taken.
	Misplaced ProblemKind = "misplaced"
	// Unread: the bytes were not asked for, because something that leads to
	// them is missing or because the plan does not need them.
	Unread ProblemKind = "unread"
)

// Problem is why a fact is missing.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Where is the place inside the file, such as "line 12" or "offset 4096";
	// it may be empty.
	Where string `json:"where,omitempty"`
	Text  string `json:"text"`
	// Tolerated says that clients read the file all the same.
	Tolerated bool `json:"tolerated,omitempty"`
}

// Is reports whether p is a problem of kind k. It may be called on nil.
func (p *Problem) Is(k ProblemKind) bool { return p != nil && p.Kind == k }

// String returns the text and the place. It may be called on nil.
func (p *Problem) String() string {
	switch {
	case p == nil:
		return ""
	case p.Where == "":
		return p.Text
	}
	return p.Where + ": " + p.Text
}

// FormatError says that bytes from a repository are not what their format
// asks for, or go past a bound. Parsers return it, wrapped or plain; an error
// of the reader underneath is passed on as it is, so that errors.As tells
// "the bytes are wrong" from "the bytes could not be had".
type FormatError struct {
	// Where is the place, such as "line 12" or "offset 4096"; it may be empty.
	Where string
	// Text says what is wrong, wanted and got.
	Text string
	// Err is the cause, if a library reported it.
	Err error
}

// Error returns the place, the text and the cause.
func (e *FormatError) Error() string {
	s := e.Text
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	return s
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Problem returns e as a fact.
func (e *FormatError) Problem() *Problem {
	s := e.Text
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return &Problem{Kind: Malformed, Where: e.Where, Text: s}
}

package reports

import "sigs.k8s.io/pkgverify/verify"

// This file is what renderings outside this package share with those within.

// Cause is one thing that is wrong, with every place in which it shows.
type Cause struct {
	// Text is the message, or for what is blocked the reason.
	Text string
	// Checks and Results are in order of first mention.
	Checks  []string
	Results []*Result
}

// Causes gathers the results of a status by what caused them, in order of first
// mention: equal messages of one check, and for what is blocked equal reasons,
// whatever was asked.
func (r *Report) Causes(s verify.Status) []Cause {
	key := byMessage
	if s == verify.Blocked {
		key = newUnaddress().byReason
	}
	var out []Cause
	for _, c := range r.causesOf(s, key) {
		out = append(out, Cause{Text: c.text, Checks: c.checks, Results: c.results})
	}
	return out
}

// Visible returns s on one line: whatever does not print (control characters,
// direction marks, bytes that are not UTF-8) is written as a Go escape.
func Visible(s string) string { return visible(s) }

// VisibleLines is [Visible] that keeps line ends and tabs.
func VisibleLines(s string) string { return visibleLines(s) }

// Cut returns s, or its start of at most limit bytes with an ellipsis.
func Cut(s string, limit int) string { return cut(s, limit) }

// PlaceOf returns the distribution and the architecture of a cell of the target,
// such as "debian-12 arm64", or the ID when it is not made like that.
func PlaceOf(target, cell string) string { return place(target, cell) }

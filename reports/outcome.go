package reports

import (
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// outcome is one check of one target or cell, with all its results: what
// TestGrid shows as a row.
type outcome struct {
	check    string
	target   string
	cell     string
	status   verify.Status // the one that decides
	severity verify.Severity
	duration float64 // seconds
	results  []*Result
}

// outcomes gathers results by check, target and cell, in the order in which
// each is first met.
func (r *Report) outcomes() []*outcome {
	type key struct{ check, target, cell string }
	seen := map[key]*outcome{}
	var out []*outcome
	for i := range r.Results {
		x := &r.Results[i]
		k := key{x.Check, x.Target, x.Subject.Cell}
		o := seen[k]
		if o == nil {
			o = &outcome{check: k.check, target: k.target, cell: k.cell, status: x.Status, severity: x.Severity}
			seen[k] = o
			out = append(out, o)
		}
		o.status = o.status.Worse(x.Status)
		// Each finding carries the duration of the whole check.
		o.duration = max(o.duration, x.Duration)
		o.results = append(o.results, x)
	}
	return out
}

// with returns the results of o that have the status.
func (o *outcome) with(s verify.Status) []*Result {
	var out []*Result
	for _, r := range o.results {
		if r.Status == s {
			out = append(out, r)
		}
	}
	return out
}

// name is the same on every run: target, place and check, and nothing that
// changes from day to day. The minor is part of the target's identity. It is
// the name that the plan's specs have, so that a row leads to its spec.
func (o *outcome) name() string {
	parts := []string{o.target, o.check}
	if o.cell != "" {
		parts = []string{o.target, place(o.target, o.cell), o.check}
	}
	return visible(strings.TrimPrefix(strings.Join(parts, " "), " ")) // some results are of no target
}

// place returns the distribution and the architecture of a cell of the target,
// such as "debian-12 arm64" for "deb-stable-1.26-debian-12-arm64", or the ID
// when it is not made like that.
func place(target, cell string) string {
	rest, ok := strings.CutPrefix(cell, strings.ReplaceAll(target, "/", "-")+"-")
	if !ok {
		return cell
	}
	// Names of architectures have no hyphen.
	i := strings.LastIndexByte(rest, '-')
	if i <= 0 || i == len(rest)-1 {
		return cell
	}
	return rest[:i] + " " + rest[i+1:]
}

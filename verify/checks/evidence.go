package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// lines gathers evidence, of which the first maxListed lines are kept.
type lines struct {
	kept  []string
	count int
	last  string // for callers that add each thing once
}

func (l *lines) add(format string, args ...any) {
	if l.count++; l.count <= maxListed {
		l.kept = append(l.kept, fmt.Sprintf(format, args...))
	}
}

// evidence returns the lines, and how many more there were.
func (l *lines) evidence() []string {
	if more := l.count - len(l.kept); more > 0 {
		return append(l.kept, fmt.Sprintf("and %d more", more))
	}
	return l.kept
}

// unrest says that the repository was being published while it was read, which
// may be the whole cause of what was found.
func unrest(r *verify.Facts) []string {
	var all []string
	for _, x := range r.Restarts {
		all = append(all, fmt.Sprintf("at %s it was being published: %s", stamp(x.At), x.Why))
	}
	if r.Unsettled != "" {
		all = append(all, "it was not at rest at the last look: "+r.Unsettled)
	}
	return all
}

// lastModified returns when the server that served the file says that it was
// changed, "" if it does not say. It is nobody's signed word.
func lastModified(f repo.File) string {
	if n := len(f.Hops); n > 0 {
		for _, h := range f.Hops[n-1].Headers {
			if h.Name == "Last-Modified" {
				return fmt.Sprintf("the server says that %s was last modified at %s", f.Path, h.Value)
			}
		}
	}
	return ""
}

// unjudged is the finding for a question that cannot be asked because of what
// another check reports; blocked where p says that nobody could tell.
func unjudged(p *repo.Problem, f verify.Finding, what, reporter string) verify.Finding {
	f.Status = verify.Skipped
	if p.Is(repo.Unreachable) {
		f.Status = verify.Blocked
	}
	f.Message = fmt.Sprintf("%s, see %s", what, reporter)
	return f
}

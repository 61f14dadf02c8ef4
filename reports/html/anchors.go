package html

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// anchors are the IDs of the findings on the page: the same on every run for
// the same check of the same thing, so that a link can be kept.
type anchors struct {
	of map[*reports.Result]string
	// first has the worst finding of each check of each target and cell.
	first map[asked]*reports.Result
}

// asked is one check of one target, or of one cell of it.
type asked struct{ check, target, cell string }

// newAnchors gives each finding that the page shows its ID.
func newAnchors(r *reports.Report) *anchors {
	a := &anchors{of: map[*reports.Result]string{}, first: map[asked]*reports.Result{}}
	used := map[string]int{}
	for i := range r.Results {
		x := &r.Results[i]
		for _, k := range []asked{{x.Check, x.Target, x.Subject.Cell}, {x.Check, x.Target, ""}} {
			if worst := a.first[k]; worst == nil || x.Status != worst.Status && x.Status.Worse(worst.Status) == x.Status {
				a.first[k] = x
			}
		}
		if !shown(x.Status) {
			continue
		}
		s := x.Subject
		sum := sha256.Sum256([]byte(strings.Join([]string{x.Check, x.Target, s.Package, s.Version, s.Arch, s.File, s.Distro, s.Cell}, "\x00")))
		id := "f-" + hex.EncodeToString(sum[:6])
		used[id]++
		if n := used[id]; n > 1 {
			id += "-" + strconv.Itoa(n)
		}
		a.of[x] = id
	}
	return a
}

// shown reports whether results of a status are listed one by one.
func shown(s verify.Status) bool {
	return s != verify.Pass && s != verify.NotApplicable
}

// href returns the link to a finding, "" if it is not on the page.
func (a *anchors) href(x *reports.Result) string {
	if id := a.of[x]; id != "" {
		return "#" + id
	}
	return ""
}

// state returns the status that decides a check and the link to its finding;
// both are empty when it was not asked.
func (a *anchors) state(k asked) (verify.Status, string) {
	x := a.first[k]
	if x == nil {
		return "", ""
	}
	return x.Status, a.href(x)
}

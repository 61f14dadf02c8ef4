package html

import (
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of the list of findings.
const (
	// maxFindings bounds the findings that are listed, over all statuses.
	maxFindings = 10000
	// maxEvidence bounds the lines of evidence of one finding.
	maxEvidence = 30
	// maxOpen bounds the causes of a section that begin open. With more, the
	// messages are the overview, and the first of each check is open.
	maxOpen = 8
)

// findingsView is all that is to be said one by one.
type findingsView struct {
	Sections []sectionView
	// Targets, Checks, Packages and Arches are the values to filter by.
	Targets, Checks, Packages, Arches []string
	Total                             int
	// Left is how many findings are not listed, for want of room.
	Left string
}

// sectionView is the findings of one status.
type sectionView struct {
	Status verify.Status
	Title  string
	About  string
	Count  string
	Groups []groupView
}

// groupView is the causes of one check; Check is empty where a cause is not of
// one check.
type groupView struct {
	Check  string
	Count  string
	Causes []causeView
}

// causeView is one thing that is wrong.
type causeView struct {
	Text string
	Open bool
	// Count is how many places there are; of a single one Only says which.
	Count, Only string
	Shared      detailsView
	Places      []placeView
}

// detailsView is what is known of one finding, or of all findings of a cause.
type detailsView struct {
	Want, Got, Hint string
	Evidence        string
	URL             link
}

// placeView is one finding of a cause.
type placeView struct {
	ID, Check, Target, Subject string
	Package, Arch              string // to filter by
	detailsView
}

func findingsOf(r *reports.Report, ids *anchors) findingsView {
	v := findingsView{}
	left := 0
	for _, s := range []sectionView{
		{Status: verify.Fail, Title: "Failed", About: "The repository is wrong."},
		{Status: verify.Blocked, Title: "Blocked", About: "Nobody could tell: the network, a server, the container engine or the time failed. Grouped by reason."},
		{Status: verify.Warn, Title: "Warnings", About: "To be mended; these do not fail the run."},
		{Status: verify.Known, Title: "Known issues", About: "Wrong, and listed among the known issues."},
		{Status: verify.Skipped, Title: "Skipped", About: "Not asked, because what is needed is wrong and is reported by another check."},
	} {
		n := 0
		for _, c := range r.Causes(s.Status) {
			if room := maxFindings - v.Total; len(c.Results) > room {
				left += len(c.Results) - room
				c.Results = c.Results[:room]
			}
			if len(c.Results) == 0 {
				continue
			}
			v.Total += len(c.Results)
			n += len(c.Results)
			s.add(causeOf(c, ids), c)
			v.collect(c)
		}
		if n == 0 {
			continue
		}
		s.Count = thousands(n)
		s.finish()
		v.Sections = append(v.Sections, s)
	}
	for _, list := range []*[]string{&v.Targets, &v.Checks, &v.Packages, &v.Arches} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if left > 0 {
		v.Left = plural(left, "more finding", "more findings")
	}
	return v
}

// add puts a cause where its check is; reasons of what is blocked are of many.
func (s *sectionView) add(c causeView, from reports.Cause) {
	check := name(from.Checks[0])
	if s.Status == verify.Blocked {
		check = ""
	}
	for i := range s.Groups {
		if s.Groups[i].Check == check {
			s.Groups[i].Causes = append(s.Groups[i].Causes, c)
			return
		}
	}
	s.Groups = append(s.Groups, groupView{Check: check, Causes: []causeView{c}})
}

// finish counts, and opens what the reader should see first.
func (s *sectionView) finish() {
	causes := 0
	for _, g := range s.Groups {
		causes += len(g.Causes)
	}
	for i := range s.Groups {
		n := 0
		for j := range s.Groups[i].Causes {
			c := &s.Groups[i].Causes[j]
			n += len(c.Places)
			first := j == 0 && len(s.Groups) <= maxOpen
			c.Open = (causes <= maxOpen || first) && (s.Status == verify.Fail || s.Status == verify.Blocked)
		}
		s.Groups[i].Count = plural(n, "finding", "findings")
	}
}

// collect notes what findings can be filtered by.
func (v *findingsView) collect(c reports.Cause) {
	add := func(list *[]string, s string) {
		// Neighbours are mostly equal: this keeps the list short until it is sorted.
		if n := len(*list); s != "" && (n == 0 || (*list)[n-1] != s) {
			*list = append(*list, name(s))
		}
	}
	for _, x := range c.Results {
		add(&v.Targets, x.Target)
		add(&v.Checks, x.Check)
		add(&v.Packages, x.Subject.Package)
		add(&v.Arches, x.Subject.Arch)
	}
}

// causeOf shows what all places share once, and at each place what is its own.
func causeOf(c reports.Cause, ids *anchors) causeView {
	v := causeView{Text: value(c.Text)}
	if v.Text == "" {
		v.Text = "no message was recorded"
	}
	details := make([]detailsView, len(c.Results))
	for i, x := range c.Results {
		details[i] = detailsOf(x)
	}
	v.Shared = details[0]
	for _, d := range details[1:] {
		v.Shared = v.Shared.shared(d)
	}
	for i, x := range c.Results {
		p := placeView{
			ID: ids.of[x], Check: name(x.Check), Target: name(x.Target), Subject: name(x.Subject.String()),
			Package: name(x.Subject.Package), Arch: name(x.Subject.Arch),
			detailsView: details[i].without(v.Shared),
		}
		if p.Got == v.Text {
			p.Got = "" // the reason of what is blocked
		}
		v.Places = append(v.Places, p)
	}
	if v.Shared.Got == v.Text {
		v.Shared.Got = ""
	}
	if n := len(v.Places); n > 1 {
		v.Count = plural(n, "place", "places")
	} else {
		v.Only = strings.TrimSpace(v.Places[0].Target + " " + v.Places[0].Subject)
	}
	return v
}

func detailsOf(x *reports.Result) detailsView {
	var lines []string
	more := 0
	for _, e := range x.Evidence {
		// No line is looked at beyond what could be shown.
		for l := range strings.SplitSeq(strings.TrimRight(reports.Cut(e, maxEvidence*maxLine), "\n"), "\n") {
			if len(lines) == maxEvidence {
				more++
				continue
			}
			lines = append(lines, reports.VisibleLines(reports.Cut(l, maxLine)))
		}
	}
	if more > 0 {
		lines = append(lines, "("+plural(more, "more line", "more lines")+", see report.json)")
	}
	return detailsView{
		Want: value(x.Want), Got: value(x.Got), Hint: value(x.Hint),
		Evidence: strings.Join(lines, "\n"), URL: linkTo(x.URL),
	}
}

// shared returns what d and o have in common.
func (d detailsView) shared(o detailsView) detailsView {
	same := func(a *string, b string) {
		if *a != b {
			*a = ""
		}
	}
	same(&d.Want, o.Want)
	same(&d.Got, o.Got)
	same(&d.Hint, o.Hint)
	same(&d.Evidence, o.Evidence)
	if d.URL != o.URL {
		d.URL = link{}
	}
	return d
}

// without returns what d has beyond what is shared.
func (d detailsView) without(shared detailsView) detailsView {
	drop := func(a *string, b string) {
		if *a == b {
			*a = ""
		}
	}
	drop(&d.Want, shared.Want)
	drop(&d.Got, shared.Got)
	drop(&d.Hint, shared.Hint)
	drop(&d.Evidence, shared.Evidence)
	if d.URL == shared.URL {
		d.URL = link{}
	}
	return d
}

package html

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// headView is the top of the page.
type headView struct {
	Title   string
	Word    string // PASS, FAIL, BLOCKED, INTERRUPTED
	Class   string // the verdict's colour
	Text    string
	Notes   []string
	Counts  []countView
	Facts   []factView
	Tool    string
	Schema  string
	Started string
}

// countView is how many results have a status.
type countView struct {
	Status verify.Status
	Title  string
	N      string
	Zero   bool
}

// factView is one line of what was asked for.
type factView struct{ Name, Value string }

func headOf(r *reports.Report) headView {
	h := headView{Schema: r.Schema, Started: moment(r.Started)}
	h.Word, h.Text = r.Headline()
	h.Class = map[string]string{"PASS": "pass", "FAIL": "fail"}[h.Word]
	if h.Class == "" {
		h.Class = "blocked"
	}
	what := strings.TrimSpace(strings.Join(some(r.Plan.Channels), ", ") + " " + strings.Join(some(r.Plan.Minors), ", "))
	h.Title = strings.TrimSpace(h.Word + ": " + name(r.Plan.Profile) + " " + what)
	s := r.Summary
	for _, c := range []struct {
		status verify.Status
		title  string
		n      int
	}{
		{verify.Fail, "failed", s.Fail}, {verify.Blocked, "blocked", s.Blocked}, {verify.Warn, "warnings", s.Warn},
		{verify.Known, "known", s.Known}, {verify.Skipped, "skipped", s.Skipped}, {verify.Pass, "passed", s.Pass},
	} {
		h.Counts = append(h.Counts, countView{c.status, c.title, thousands(c.n), c.n == 0})
	}
	h.Notes = notesOf(r)
	h.Tool = strings.TrimSpace("pkgverify " + name(r.Tool.Version) + " " + name(r.Tool.Commit))
	for _, f := range []factView{
		{"Profile", name(r.Plan.Profile)},
		{"Channels", strings.Join(some(r.Plan.Channels), ", ")},
		{"Minor versions", strings.Join(some(r.Plan.Minors), ", ")},
		{"Versions asked for", strings.Join(some(r.Plan.Versions), ", ")},
		{"Architectures", strings.Join(some(r.Plan.Architectures), ", ")},
		{"Looked from", name(r.Vantage)},
		{"Began", moment(r.Started)},
		{"Took", seconds(r.Finished.Sub(r.Started).Seconds())},
	} {
		if f.Value != "" {
			h.Facts = append(h.Facts, f)
		}
	}
	return h
}

// notesOf returns what the reader must know before anything else.
func notesOf(r *reports.Report) []string {
	var notes []string
	if r.Interrupted && r.Summary.Verdict == reports.Fail {
		notes = append(notes, "The run was interrupted: this is what it had learnt by then.")
	}
	for i := range r.Repositories {
		x := &r.Repositories[i]
		switch {
		case x.Unsettled != "":
			notes = append(notes, fmt.Sprintf("%s was read %d times and did not come to rest: %s.", name(x.Target.Name()), len(x.Restarts)+1, value(x.Unsettled)))
		case len(x.Restarts) > 0:
			notes = append(notes, fmt.Sprintf("%s was being published: it was read %d times, and the last time counts (%s).", name(x.Target.Name()), len(x.Restarts)+1, value(x.Restarts[0].Why)))
		}
	}
	return notes
}

// maxListed bounds the names of a list in a line.
const maxListed = 12

// some returns the first few names of a list, and how many more there are.
func some(list []string) []string {
	var out []string
	for i, s := range list {
		if i == maxListed {
			return append(out, fmt.Sprintf("and %s more", thousands(len(list)-i)))
		}
		out = append(out, name(s))
	}
	return out
}

// moment returns a time for people, "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// day returns the day of a time, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// seconds returns a duration in seconds for people: "0.2 s", "1 m 03 s".
func seconds(s float64) string {
	switch {
	case s < 0:
		return ""
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 60:
		return fmt.Sprintf("%.0f s", s)
	case s < 3600:
		return fmt.Sprintf("%d m %02d s", int(s)/60, int(s)%60)
	}
	return fmt.Sprintf("%d h %02d m", int(s)/3600, int(s)/60%60)
}

// thousands returns n with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural returns "1 file" or "2 files".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// size returns a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

package html

import (
	"strings"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// maxChanges bounds the changes that are listed, of each kind.
const maxChanges = 1000

// changesView is what changed since an earlier run.
type changesView struct {
	Earlier, Verdict string
	Lists            []changeList
}

// changeList is the changes of one kind.
type changeList struct {
	Title, Class string
	Count        string
	Rows         []changeView
	Left         string
}

// changeView is one finding in both runs.
type changeView struct {
	Check, Target, Subject, Message string
	Before, After                   verify.Status
}

func changesOf(c *reports.Comparison) *changesView {
	if c == nil {
		return nil
	}
	v := &changesView{Earlier: moment(c.Earlier.Finished), Verdict: string(c.Earlier.Verdict)}
	for _, l := range []struct {
		title, class string
		changes      []reports.Change
	}{
		{"New", "fail", c.New}, {"Mended", "pass", c.Mended},
		{"Could not be told this time", "blocked", c.Untold}, {"Still there", "known", c.Still},
	} {
		list := changeList{Title: l.title, Class: l.class, Count: thousands(len(l.changes))}
		for i, x := range l.changes {
			if i == maxChanges {
				list.Left = plural(len(l.changes)-i, "more", "more")
				break
			}
			list.Rows = append(list.Rows, changeView{
				Check: name(x.Check), Target: name(x.Target), Subject: name(x.Subject.String()), Message: value(x.Message),
				Before: visibleStatus(x.Before), After: visibleStatus(x.After),
			})
		}
		v.Lists = append(v.Lists, list)
	}
	return v
}

// visibleStatus returns a status in words.
func visibleStatus(s verify.Status) verify.Status {
	return verify.Status(name(strings.ReplaceAll(string(s), "-", " ")))
}

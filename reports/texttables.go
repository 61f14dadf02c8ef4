package reports

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// column is a status as it heads a table.
type column struct {
	status verify.Status
	style  style
}

// countColumns are the columns of the table of targets, and the words for
// what a cell's checks came to, the most telling first.
func countColumns() []column {
	return []column{
		{verify.Fail, red}, {verify.Blocked, yellow}, {verify.Warn, yellow},
		{verify.Known, plain}, {verify.Skipped, plain}, {verify.Pass, green},
	}
}

// targets writes how many checks ended how in each repository.
func (t *textReport) targets() {
	var order []string
	counts := map[string]map[verify.Status]int{}
	row := func(name string) map[verify.Status]int {
		if counts[name] == nil {
			counts[name] = map[verify.Status]int{}
			order = append(order, name)
		}
		return counts[name]
	}
	for _, target := range t.r.Plan.Targets {
		row(target.Name())
	}
	for _, o := range t.outcomes {
		if o.target != "" { // such as a warning of the file of known issues
			row(o.target)[o.status]++
		}
	}
	if len(order) == 0 {
		return
	}
	head := []string{"repository"}
	for _, c := range countColumns() {
		head = append(head, string(c.status))
	}
	var rows [][]cellText
	for _, name := range order {
		fields := []cellText{{text: visible(cut(name, maxValue))}}
		for _, c := range countColumns() {
			n, st := counts[name][c.status], plain
			if n > 0 {
				st = c.style
			}
			fields = append(fields, cellText{thousands(n), st})
		}
		rows = append(rows, fields)
	}
	t.rows("REPOSITORIES (checks by result)", head, rows)
}

// cells writes the containers and what came of each.
func (t *textReport) cells() {
	if len(t.r.Cells) == 0 {
		return
	}
	worst := map[string]verify.Status{}
	target := map[string]string{}
	for _, o := range t.outcomes {
		if o.cell != "" {
			worst[o.cell] = o.status.Worse(worst[o.cell])
			target[o.cell] = o.target
		}
	}
	styles := map[verify.Status]style{}
	for _, c := range countColumns() {
		styles[c.status] = c.style
	}
	var rows [][]cellText
	for _, c := range t.r.Cells {
		distro, arch := c.ID, strings.TrimPrefix(c.Platform, "linux/")
		if before, after, ok := strings.Cut(place(target[c.ID], c.ID), " "); ok && target[c.ID] != "" {
			distro, arch = before, after
		}
		emulated := "no"
		if c.Emulated {
			emulated = "yes"
		}
		result, known := worst[c.ID]
		switch {
		case c.Blocked != nil:
			result = result.Worse(verify.Blocked)
		case !known:
			result = "not asked"
		}
		rows = append(rows, []cellText{
			{text: visible(cut(orWord(target[c.ID], "-"), maxValue))}, {text: visible(cut(distro, maxValue))},
			{text: visible(cut(arch, maxValue))}, {text: emulated}, {visible(string(result)), styles[result]},
		})
	}
	t.rows("CONTAINERS", []string{"repository", "distribution", "arch", "emulated", "result"}, rows)
}

// every writes what each check came to, in the order in which they were asked.
func (t *textReport) every() {
	t.blank()
	t.line(t.paint(bold, "CHECKS"))
	for _, o := range t.outcomes {
		t.line("  " + pad(visible(string(o.status)), len(verify.NotApplicable)) + "  " + o.name() + "  " + seconds(o.duration) + " s")
	}
}

// rows writes a table of at most maxRows rows under a title.
func (t *textReport) rows(title string, head []string, rows [][]cellText) {
	t.blank()
	t.line(t.paint(bold, title))
	left := len(rows) - maxRows
	if left > 0 {
		rows = rows[:maxRows]
	}
	t.table("  ", head, rows)
	if left > 0 {
		t.para("  ", "  ", fmt.Sprintf("... and %s, see %s", count(left, "more row", "more rows"), t.rest))
	}
}

// files writes where the files are, one a line and never folded.
func (t *textReport) files(files []string) {
	if len(files) == 0 {
		return
	}
	t.blank()
	t.line(t.paint(bold, "FILES"))
	for _, f := range files {
		t.line("  " + visible(f))
	}
}

package reports

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
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
		if len(counts[name]) == 0 {
			continue // nothing was asked of it
		}
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
	if len(rows) > 0 {
		t.rows("REPOSITORIES (checks by result)", head, rows)
	}
}

// packages writes how many of the files that were asked for are there, format by
// format: where a number is not whole, the sections above say what is wrong.
func (t *textReport) packages() {
	m := t.r.Matrix()
	for _, format := range []repo.Format{repo.Deb, repo.RPM} {
		var arches []string
		for row := range m.rows(format) {
			if !slices.Contains(arches, row.Arch) {
				arches = append(arches, row.Arch)
			}
		}
		if len(arches) == 0 {
			continue
		}
		head := append([]string{"channel", "package"}, arches...)
		for i, a := range head {
			head[i] = visible(cut(a, maxValue))
		}
		var rows [][]cellText
		for _, g := range m.Groups {
			for i := range g.Tables {
				if row := t.packageRow(g, &g.Tables[i], format, arches); row != nil {
					rows = append(rows, row)
				}
			}
		}
		t.rows("PACKAGES ("+string(format)+", files by architecture)", head, rows)
	}
}

// rows gives the rows of a format.
func (m *Matrix) rows(format repo.Format) iter.Seq[MatrixRow] {
	return func(yield func(MatrixRow) bool) {
		for _, g := range m.Groups {
			for _, table := range g.Tables {
				for _, row := range table.Rows {
					if row.Format == format && !yield(row) {
						return
					}
				}
			}
		}
	}
}

// packageRow returns the row of one package, nil where the format has none.
func (t *textReport) packageRow(g MatrixGroup, table *MatrixTable, format repo.Format, arches []string) []cellText {
	byArch := map[string][]Square{}
	for _, row := range table.Rows {
		if row.Format == format {
			byArch[row.Arch] = row.Squares
		}
	}
	if len(byArch) == 0 {
		return nil
	}
	fields := []cellText{
		{text: visible(cut(g.Channel+" "+g.Minor, maxValue))}, {text: visible(cut(table.Package, maxValue))},
	}
	for _, arch := range arches {
		fields = append(fields, countSquares(byArch[arch]))
	}
	return fields
}

// countSquares says in short how many of some files are there: "3", "2/3" where one
// is missing, with what is wrong besides.
func countSquares(squares []Square) cellText {
	n := map[SquareState]int{}
	asked := 0
	for _, s := range squares {
		n[s.State]++
		if s.State != "" {
			asked++
		}
	}
	there := n[SquareThere] + n[SquareWarned] + n[SquareFaulty]
	switch {
	case asked == 0:
		return cellText{text: "-"}
	case n[SquareUnknown] > 0:
		return cellText{"?", yellow}
	}
	c := cellText{text: thousands(there)}
	if n[SquareMissing] > 0 {
		c = cellText{fmt.Sprintf("%s/%s", thousands(there), thousands(there+n[SquareMissing])), red}
	}
	if n[SquareFaulty] > 0 {
		c = cellText{fmt.Sprintf("%s, %s wrong", c.text, thousands(n[SquareFaulty])), red}
	}
	if n[SquareKnown] > 0 {
		c.text += fmt.Sprintf(", %s known", thousands(n[SquareKnown]))
	}
	return c
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

package html

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of what is shown of the laboratory.
const (
	// maxCells bounds the cells.
	maxCells = 1000
	// maxSteps bounds the commands of one cell.
	maxSteps = 100
	// maxArgv bounds the words of one command.
	maxArgv = 60
)

// installsView is distribution by architecture by scenario.
type installsView struct {
	Checks []scenarioView
	Groups []installGroup
	Left   string
	// Columns is how many columns there are.
	Columns int
}

// scenarioView is a check by its name, and by a short one for the head of a
// column.
type scenarioView struct{ Check, Short string }

// installGroup is the cells of one repository.
type installGroup struct {
	Target string
	Rows   []installRow
}

// installRow is one distribution on one architecture.
type installRow struct {
	Distro, Arch string
	Emulated     bool
	States       []stateView
}

// stateView is how a check ended.
type stateView struct {
	Status verify.Status
	Href   string
}

// placeOf returns the repository, the distribution and the architecture of a
// cell, which its ID consists of.
func placeOf(r *reports.Report, cell string) (target, distro, arch string) {
	for _, t := range r.Plan.Targets {
		n := t.Name()
		if strings.HasPrefix(cell, strings.ReplaceAll(n, "/", "-")+"-") && len(n) > len(target) {
			target = n
		}
	}
	if target == "" {
		return "", cell, ""
	}
	distro, arch, _ = strings.Cut(reports.PlaceOf(target, cell), " ")
	return target, distro, arch
}

func installsOf(r *reports.Report, ids *anchors) installsView {
	v := installsView{}
	var checks []string
	for i := range r.Results {
		x := &r.Results[i]
		if x.Subject.Cell != "" && !slices.Contains(checks, x.Check) {
			checks = append(checks, x.Check)
		}
	}
	emulated := map[string]bool{}
	seen := map[string]bool{}
	for _, c := range r.Cells {
		emulated[c.ID], seen[c.ID] = c.Emulated, true
	}
	for i := range r.Results {
		seen[r.Results[i].Subject.Cell] = true
	}
	// In the plan's order, without those that nothing was asked of.
	var cells []string
	for _, id := range r.Plan.Cells {
		if seen[id] {
			cells = append(cells, id)
			delete(seen, id)
		}
	}
	for _, c := range r.Cells {
		if seen[c.ID] {
			cells = append(cells, c.ID)
		}
	}
	if n := len(cells) - maxCells; n > 0 {
		v.Left = plural(n, "more container", "more containers")
		cells = cells[:maxCells]
	}
	groups := map[string]int{}
	for _, id := range cells {
		target, distro, arch := placeOf(r, id)
		i, ok := groups[target]
		if !ok {
			i = len(v.Groups)
			groups[target] = i
			v.Groups = append(v.Groups, installGroup{Target: name(target)})
		}
		row := installRow{Distro: name(distro), Arch: name(arch), Emulated: emulated[id]}
		for _, check := range checks {
			status, href := ids.state(asked{check, target, id})
			row.States = append(row.States, stateView{status, href})
		}
		v.Groups[i].Rows = append(v.Groups[i].Rows, row)
	}
	for _, c := range checks {
		v.Checks = append(v.Checks, scenarioView{name(c), name(strings.TrimPrefix(c, "install-"))})
	}
	v.Columns = 2 + len(v.Checks)
	return v
}

// cellsView is the time line.
type cellsView struct {
	Cells []cellView
	// Took is the length of the line.
	Took string
	Left string
}

// cellView is one cell: a bar of the time line, and what was run.
type cellView struct {
	ID       string
	Began    string // since the run began
	Took     string
	Image    string
	Digest   string
	Platform string
	Engine   string
	Emulated bool
	Blocked  string
	Notice   string
	Bars     []barView
	Steps    []stepView
	Left     string
}

// barView is a piece of a bar, in thousandths of the line: a scenario, or the
// whole behind them.
type barView struct {
	// Class is rest, prepare, step, bad or stuck.
	Class    string
	X, Width string
}

// stepView is one command.
type stepView struct {
	Scenario, Argv, Took, Output string
	Exit                         int
}

// lineWidth is the width of the time line, in its own units.
const lineWidth = 1000

func cellsOf(r *reports.Report, ids *anchors) cellsView {
	v := cellsView{}
	total := r.Finished.Sub(r.Started).Seconds()
	v.Took = seconds(total)
	cells := slices.Clone(r.Cells)
	slices.SortStableFunc(cells, func(a, b reports.Cell) int { return a.Started.Compare(b.Started) })
	for i, c := range cells {
		if i == maxCells {
			v.Left = plural(len(cells)-i, "more container", "more containers")
			break
		}
		v.Cells = append(v.Cells, cellOf(r, ids, c, total))
	}
	return v
}

func cellOf(r *reports.Report, ids *anchors, c reports.Cell, total float64) cellView {
	v := cellView{
		ID: name(c.ID), Image: name(c.Image), Digest: name(c.ImageDigest), Platform: name(c.Platform),
		Engine: name(c.Engine), Emulated: c.Emulated, Blocked: value(c.Blocked.String()), Notice: value(c.Notice),
	}
	// A command may be meant to fail: what a scenario came to, its check says.
	target, _, _ := placeOf(r, c.ID)
	class := func(scenario string) string {
		switch status, _ := ids.state(asked{scenario, target, c.ID}); {
		case status == verify.Fail:
			return "bad"
		case status == verify.Blocked:
			return "stuck"
		case scenario == "prepare":
			return "prepare"
		}
		return "step"
	}
	at := 0.0
	timed := !c.Started.IsZero() && total > 0
	if timed {
		at = c.Started.Sub(r.Started).Seconds()
		v.Began, v.Took = "+"+seconds(max(at, 0)), seconds(c.Duration)
		v.bar("rest", at, c.Duration, total)
		var steps float64
		for _, s := range c.Steps {
			steps += s.Duration
		}
		at += max(0, c.Duration-steps) // images are fetched before the first step
	}
	for first := 0; first < len(c.Steps); {
		last, took := first, 0.0
		for ; last < len(c.Steps) && c.Steps[last].Scenario == c.Steps[first].Scenario; last++ {
			took += c.Steps[last].Duration
		}
		if timed {
			v.bar(class(c.Steps[first].Scenario), at, took, total)
			at += took
		}
		first = last
	}
	for i, s := range c.Steps {
		if i == maxSteps {
			v.Left = plural(len(c.Steps)-i, "more command", "more commands")
			break
		}
		v.Steps = append(v.Steps, stepOf(s))
	}
	return v
}

// bar adds a piece that begins at a time and lasts a while, in seconds.
func (v *cellView) bar(class string, at, lasts, total float64) {
	from := min(max(at/total, 0), 1) * lineWidth
	to := min(max((at+lasts)/total, 0), 1) * lineWidth
	if n := len(v.Bars); n < maxSteps && to > from {
		v.Bars = append(v.Bars, barView{class, fmt.Sprintf("%.1f", from), fmt.Sprintf("%.1f", to-from)})
	}
}

func stepOf(s reports.Step) stepView {
	words := s.Argv
	if len(words) > maxArgv {
		words = append(slices.Clone(words[:maxArgv]), "...")
	}
	v := stepView{Scenario: name(s.Scenario), Argv: value(strings.Join(words, " ")), Took: seconds(s.Duration), Exit: s.Exit}
	if s.Exit != 0 {
		out := s.OutputTail
		if n := len(out) - maxOutput; n > 0 {
			out = strings.ToValidUTF8(out[n:], "")
		}
		v.Output = reports.VisibleLines(strings.TrimSpace(out))
	}
	return v
}

package html

import (
	"strings"

	"sigs.k8s.io/pkgverify/reports"
)

// matrixView is the picture of what is published.
type matrixView struct {
	Groups []matrixGroup
	// There, Missing and Faulty count squares.
	There, Missing, Faulty int
	// Left counts tables, Others packages that were not asked for.
	Left, Others string
}

// matrixGroup is one channel and minor.
type matrixGroup struct {
	Title  string
	Holes  string
	Tables []matrixTable
}

// matrixTable is one package.
type matrixTable struct {
	Package  string
	Versions []string
	Left     string // older versions that are not shown
	Rows     []matrixRow
}

// matrixRow is one architecture of one format.
type matrixRow struct {
	Format, Arch string
	First        bool // the first row of its format
	Cells        []square
}

// square is one package file, or the want of it.
type square struct {
	// Class and Word are one of: yes, missing, bad, warned, known, unknown, none.
	Class string
	Title string
	Href  string
}

func matrixOf(r *reports.Report, ids *anchors) matrixView {
	m := r.Matrix()
	v := matrixView{There: m.There, Missing: m.Missing, Faulty: m.Faulty}
	if m.Left > 0 {
		v.Left = plural(m.Left, "more table", "more tables")
	}
	if m.Others > 0 {
		v.Others = plural(m.Others, "package that was not asked for is not shown", "packages that were not asked for are not shown")
	}
	for _, g := range m.Groups {
		group := matrixGroup{Title: name(g.Channel + " " + g.Minor)}
		if g.Missing > 0 {
			group.Holes = plural(g.Missing, "file missing", "files missing")
		}
		for i := range g.Tables {
			group.Tables = append(group.Tables, tableOf(&g.Tables[i], ids))
		}
		v.Groups = append(v.Groups, group)
	}
	return v
}

func tableOf(t *reports.MatrixTable, ids *anchors) matrixTable {
	v := matrixTable{Package: name(t.Package)}
	if t.Older > 0 {
		v.Left = plural(t.Older, "older version is not shown", "older versions are not shown")
	}
	for _, x := range t.Versions {
		if x == "" {
			x = "any"
		}
		v.Versions = append(v.Versions, name(x))
	}
	for i, row := range t.Rows {
		r := matrixRow{Format: string(row.Format), Arch: name(row.Arch), First: i == 0 || t.Rows[i-1].Format != row.Format}
		for j, s := range row.Squares {
			r.Cells = append(r.Cells, squareOf(s, name(strings.TrimSpace(t.Package+" "+t.Versions[j]+" "+row.Arch)), ids))
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

// squareOf returns how a square is drawn. Its title says what it is of and, unless
// all is well, what is wrong.
func squareOf(s reports.Square, of string, ids *anchors) square {
	v := square{Title: of}
	if s.Finding != nil {
		v.Href = ids.href(s.Finding)
	}
	missing := s.Finding == nil || s.Finding.Check == reports.CheckPublished
	switch s.State {
	case reports.SquareThere:
		v.Class = "yes"
	case reports.SquareMissing:
		v.Class = "missing"
	case reports.SquareFaulty:
		v.Class = "bad"
	case reports.SquareWarned:
		v.Class = "warned"
	case reports.SquareKnown:
		v.Class = "known"
	case reports.SquareUnknown:
		v.Class, v.Title = "unknown", of+": nobody could tell"
		return v
	default:
		return square{Class: "none"}
	}
	switch {
	case v.Class == "yes":
	case missing:
		v.Title += ": missing"
	default:
		v.Title += ": " + name(s.Finding.Check)
	}
	return v
}

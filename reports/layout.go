package reports

import (
	"strings"
	"unicode/utf8"
)

// style is a colour of the terminal, as the parameter of SGR (ECMA-48).
type style string

const (
	plain  style = ""
	bold   style = "1"
	red    style = "1;31"
	green  style = "1;32"
	yellow style = "1;33"
)

// page writes text in lines of a width.
type page struct {
	b     strings.Builder
	width int
	color bool
}

// paint returns s in a style, when the page has colours. The caller has made s
// visible.
func (p *page) paint(st style, s string) string {
	if !p.color || st == plain || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

// line writes one line as it is.
func (p *page) line(s string) { p.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// blank writes an empty line.
func (p *page) blank() { p.b.WriteByte('\n') }

// para writes text from outside after a first prefix, folded at spaces to the
// width, further lines after the second prefix. A word that is wider than the
// line, such as a URL, stays whole.
func (p *page) para(first, rest, text string) {
	p.styled(plain, first, rest, text)
}

// styled is para in a style.
func (p *page) styled(st style, first, rest, text string) {
	prefix, line := first, ""
	flush := func() {
		p.line(prefix + p.paint(st, line))
		prefix, line = rest, ""
	}
	for _, word := range strings.Fields(visible(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text))) {
		if line == "" {
			line = word
			continue
		}
		if columns(prefix)+columns(line)+1+columns(word) > p.width {
			flush()
			line = word
			continue
		}
		line += " " + word
	}
	flush()
}

// columns returns how many columns s takes, one for each character.
func columns(s string) int { return utf8.RuneCountInString(s) }

// pad returns s with spaces up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-columns(s)))
}

// cellText is one field of a table.
type cellText struct {
	text  string
	style style
}

// table writes rows under a head, with columns as wide as they need. When they
// do not fit the width, each row becomes a paragraph of "head value" pairs.
func (p *page) table(indent string, head []string, rows [][]cellText) {
	widths := make([]int, len(head))
	for i, h := range head {
		widths[i] = columns(h)
		for _, r := range rows {
			widths[i] = max(widths[i], columns(r[i].text))
		}
	}
	total := columns(indent) + 2*(len(head)-1)
	for _, w := range widths {
		total += w
	}
	if total > p.width {
		p.list(indent, head, rows)
		return
	}
	var b strings.Builder
	for i, h := range head {
		b.WriteString(pad(h, widths[i]) + "  ")
	}
	p.line(indent + p.paint(bold, strings.TrimRight(b.String(), " ")))
	for _, r := range rows {
		b.Reset()
		for i, c := range r {
			b.WriteString(p.paint(c.style, c.text) + strings.Repeat(" ", widths[i]-columns(c.text)+2))
		}
		p.line(indent + b.String())
	}
}

// list writes a table's rows for a narrow page.
func (p *page) list(indent string, head []string, rows [][]cellText) {
	for _, r := range rows {
		parts := []string{r[0].text + ":"}
		for i := 1; i < len(r); i++ {
			if r[i].text == "" || r[i].text == "0" {
				continue
			}
			sep := ","
			if i == len(r)-1 {
				sep = ""
			}
			parts = append(parts, head[i]+" "+r[i].text+sep)
		}
		p.para(indent, indent+"  ", strings.TrimRight(strings.Join(parts, " "), ","))
	}
}

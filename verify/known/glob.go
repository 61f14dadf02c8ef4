package known

// glob is a pattern, one element for each character that must be there and for
// each star.
type glob []element

type element struct {
	kind kind
	is   rune
}

type kind int

const (
	literal kind = iota
	anyOne
	anyText
)

// parseGlob reads a pattern; every text is one. A backslash at the end is
// itself.
func parseGlob(pattern string) glob {
	var g glob
	quoted := false
	for _, r := range pattern {
		switch {
		case quoted:
			g = append(g, element{literal, r})
			quoted = false
		case r == '\\':
			quoted = true
		case r == '*':
			if len(g) == 0 || g[len(g)-1].kind != anyText {
				g = append(g, element{kind: anyText})
			}
		case r == '?':
			g = append(g, element{kind: anyOne})
		default:
			g = append(g, element{literal, r})
		}
	}
	if quoted {
		g = append(g, element{literal, '\\'})
	}
	return g
}

// fits reports whether g stands for the whole text.
func (g glob) fits(text string) bool { return g.after(text)[len(g)] }

// begins reports whether g can stand for a text that begins with the prefix.
func (g glob) begins(prefix string) bool {
	for _, alive := range g.after(prefix) {
		if alive {
			return true
		}
	}
	return false
}

// after returns in which places of g a reader may be after the text: the
// element that comes next. The cost is that of both lengths multiplied, for any
// pattern.
func (g glob) after(text string) []bool {
	at, next := make([]bool, len(g)+1), make([]bool, len(g)+1)
	at[0] = true
	g.pass(at)
	for _, r := range text {
		clear(next)
		for i, e := range g {
			if !at[i] {
				continue
			}
			switch {
			case e.kind == anyText:
				next[i] = true
			case e.kind == anyOne, e.is == r:
				next[i+1] = true
			}
		}
		at, next = next, at
		g.pass(at)
	}
	return at
}

// pass lets every star stand for nothing, too.
func (g glob) pass(at []bool) {
	for i, e := range g {
		if at[i] && e.kind == anyText {
			at[i+1] = true
		}
	}
}

package systemd

import "strings"

// MaxSettings bounds the assignments that are read of one file; the largest
// unit files have some hundred. Going past it leaves the rest unread.
const MaxSettings = 4096

// Setting is one assignment.
type Setting struct {
	// Section is empty for an environment file.
	Section, Name, Value string
	// Line is where it begins.
	Line int
}

// ParseUnit reads a unit file or drop-in. Lines that are neither a section nor
// an assignment are passed over, as systemd passes over them with a warning.
func ParseUnit(text string) []Setting {
	var all []Setting
	section := ""
	for l := range logicalLines(text, "#;") {
		line := strings.TrimSpace(l.text)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(name, "]")
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || len(all) == MaxSettings {
			continue
		}
		all = append(all, Setting{Section: section, Name: strings.TrimSpace(name), Value: strings.TrimSpace(value), Line: l.number})
	}
	return all
}

// ParseEnvironment reads an environment file: NAME=VALUE, quoted as a shell
// does (systemd.exec(5), "EnvironmentFile=").
func ParseEnvironment(text string) []Setting {
	var all []Setting
	for l := range logicalLines(text, "#;") {
		name, value, ok := strings.Cut(strings.TrimSpace(l.text), "=")
		if !ok || len(all) == MaxSettings {
			continue
		}
		// The quotes of a shell: all words of the value are one.
		all = append(all, Setting{Name: strings.TrimSpace(name), Value: strings.Join(Words(value), " "), Line: l.number})
	}
	return all
}

type line struct {
	text   string
	number int
}

// logicalLines joins lines that end in a backslash; a comment between them is
// left out (systemd.syntax(7)).
func logicalLines(text, comment string) func(func(line) bool) {
	return func(yield func(line) bool) {
		var whole strings.Builder
		begin, number := 0, 0
		for raw := range strings.Lines(text) {
			number++
			raw = strings.TrimRight(raw, "\r\n")
			trimmed := strings.TrimLeft(raw, " \t")
			if trimmed != "" && strings.ContainsRune(comment, rune(trimmed[0])) {
				continue
			}
			if begin == 0 {
				begin = number
			}
			if joined, ok := strings.CutSuffix(raw, `\`); ok {
				whole.WriteString(joined + " ")
				continue
			}
			whole.WriteString(raw)
			if !yield(line{whole.String(), begin}) {
				return
			}
			whole.Reset()
			begin = 0
		}
		if whole.Len() > 0 {
			yield(line{whole.String(), begin})
		}
	}
}

// Words splits a value at white space; quotes keep a word together, and a
// backslash takes away what the next character means. Escapes of C ("\x20") are
// undone only where they stand for themselves; a path has none.
func Words(value string) []string {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && i+1 < len(value):
			i++
			word.WriteByte(value[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

package reports

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// visible returns s on one line, fit for a terminal and for XML 1.0: whatever
// does not print (control characters, escape sequences, direction marks, bytes
// that are not UTF-8) is written as a Go escape such as \x1b or \u202e.
func visible(s string) string { return escape(s, "") }

// visibleLines is visible that keeps line ends and tabs.
func visibleLines(s string) string {
	return escape(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t")
}

// escape writes the runes of s that do not print, but for those to keep, as
// Go escapes.
func escape(s, keep string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// cut returns s, or its start of at most limit bytes with an ellipsis. It
// never splits a character.
func cut(s string, limit int) string {
	const ellipsis = "..."
	if len(s) <= limit {
		return s
	}
	n := max(0, limit-len(ellipsis))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// count returns "1 check" or "2 checks"; many is the plural.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands writes n with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

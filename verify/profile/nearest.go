package profile

import "fmt"

// maxTypos is how many single edits away a word may be and still be suggested.
const maxTypos = 3

// nearest returns "; did you mean X?" for the known word that is the fewest
// edits away, and "" when none is close.
func nearest[T ~string](word string, known []T) string {
	best, distance := "", maxTypos+1
	for _, k := range known {
		if d := edits(word, string(k)); d < distance && d < len(k) {
			best, distance = string(k), d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// edits is the Levenshtein distance of two words, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

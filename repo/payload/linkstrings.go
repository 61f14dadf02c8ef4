package payload

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"time"
)

const (
	// MaxLinkStrings bounds the link strings of a program that are kept, the
	// first ones; kubelet has some ten. Going past it leaves the later ones out.
	MaxLinkStrings = 256
	// MaxLinkString bounds each link string, in bytes; a nightly version has some 50.
	// Going past it makes a string none.
	MaxLinkString = 128
)

// stringScan looks for strings that were set while linking. For -X name=value
// the linker makes a read-only symbol (cmd/link/internal/ld, addstrdata) that
// is ended by a NUL, unlike Go's own strings, and that begins, like all data,
// where its size asks for: at a multiple of the greatest power of two that is
// not above the size, of 8 at least where it is larger. That sets it off from other text, and leaves
// few places to look at.
type stringScan struct {
	in     []region
	at     int64 // looked at up to here
	set    map[string]struct{}
	begins beginTable
}

const (
	minAlign = 4 // of "1.2.3" and its NUL
	maxAlign = 8 // of longer ones on arm; elsewhere it is up to 32
	group    = 32
	// commitLen is that of a SHA-1 in hexadecimal.
	commitLen = 40
	maxNumber = 9 // digits of a number in a version
)

func (s *stringScan) reset() {
	s.in, s.at, s.begins = nil, 0, newBeginTable()
	clear(s.set)
}

func (s *stringScan) window(w window) {
	limit := w.end()
	if !w.last {
		limit -= MaxLinkString + 1 + group // a group is looked at whole
	}
	for _, r := range s.in {
		from := (max(r.start, s.at, w.off) + group - 1) &^ (group - 1)
		if to := min(r.end, limit); from < to {
			s.look(w.b[from-w.off:], int(to-from))
		}
	}
	s.at = max(s.at, limit)
}

// look looks at the strings that begin in the first n bytes of b, which begins
// at a multiple of group, group by group.
func (s *stringScan) look(b []byte, n int) {
	t := &s.begins
	for i := 0; i < n; i += group {
		if len(b)-i >= group {
			g := (*[group]byte)(b[i:])
			if t.first[g[0]]&t.second[g[1]]|t.first[g[4]]&t.second[g[5]]|
				t.first[g[8]]&t.second[g[9]]|t.first[g[12]]&t.second[g[13]]|
				t.first[g[16]]&t.second[g[17]]|t.first[g[20]]&t.second[g[21]]|
				t.first[g[24]]&t.second[g[25]]|t.first[g[28]]&t.second[g[29]] == 0 {
				continue
			}
		}
		for at := i; at < i+group && at < len(b)-1; at += minAlign {
			if t.first[b[at]]&t.second[b[at+1]] != 0 {
				s.try(b[at:], at)
			}
		}
	}
}

// beginTable tells by two bytes, in little time, most of what is none of the
// forms: a bit that both have is of a form that begins so.
type beginTable struct{ first, second [256]byte }

func newBeginTable() (t beginTable) {
	const number, commit = 1, 2
	for _, c := range "0123456789" {
		t.first[c], t.second[c] = number|commit, number|commit
	}
	for _, c := range "abcdef" {
		t.first[c], t.second[c] = commit, commit
	}
	t.first['v'], t.second['.'] = number, number
	return t
}

// try takes the string at the start of b, which is at the offset at, if it has
// one of the forms.
func (s *stringScan) try(b []byte, at int) {
	b = b[:min(len(b), MaxLinkString+1)]
	end := 0
	for end < len(b) && textByte(b[end]) {
		end++
	}
	if end < len("1.2.3") || end == len(b) || b[end] != 0 {
		return
	}
	// The alignment of a symbol of this size.
	size := min(end+1, maxAlign)
	if align := 1 << (bits.Len(uint(size)) - 1); at%align != 0 {
		return
	}
	b = b[:end]
	number := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("v")), "0123456789")
	if end != commitLen && (len(number) == 0 || number[0] != '.' && number[0] != '-') {
		return // a word or a number
	}
	if _, dup := s.set[string(b)]; dup || len(s.set) == MaxLinkStrings {
		return
	}
	text := string(b)
	if isVersion(text) || isCommit(text) || isDate(text) {
		if s.set == nil {
			s.set = make(map[string]struct{})
		}
		s.set[text] = struct{}{}
	}
}

// textByte reports whether one of the forms may have c.
func textByte(c byte) bool {
	return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '.' || c == '-' || c == '+' || c == ':' || c == '_'
}

// found returns the strings, sorted.
func (s *stringScan) found() []string {
	var all []string
	for text := range s.set {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// isVersion takes [v]MAJOR.MINOR.PATCH[-pre][+meta], as semver.org.
func isVersion(s string) bool {
	s = strings.TrimPrefix(s, "v")
	s, meta, hasMeta := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasMeta && !identifiers(meta) || hasPre && !identifiers(pre) {
		return false
	}
	numbers := 0
	for part := range strings.SplitSeq(s, ".") {
		if numbers++; part == "" || len(part) > maxNumber || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return numbers == 3
}

// identifiers takes what may follow "-" or "+".
func identifiers(s string) bool {
	for _, c := range []byte(s) {
		if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != ""
}

// isCommit takes the name of a commit of git.
func isCommit(s string) bool { return len(s) == commitLen && strings.Trim(s, "0123456789abcdef") == "" }

// isDate takes a time of RFC 3339.
func isDate(s string) bool {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(s) < shortest {
		return false
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

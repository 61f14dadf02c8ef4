package payload

import (
	"encoding/binary"
	"runtime/debug"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// MaxBuildInfo bounds the bytes of Go build information; kubelet's has some
	// 20 KB. Going
	// past it leaves the modules and settings out.
	MaxBuildInfo = 1 << 20
	// MaxBuildInfos bounds the places that are taken for build information, and
	// half of it those in read-only data: a program may embed others.
	// Going past it passes over the later ones.
	MaxBuildInfos = 16
	// MaxSettings bounds the build settings that are kept, and the -X values. Going
	// past it leaves the later ones out.
	MaxSettings = 1000

	infoAlign  = 16
	infoHeader = 32
	// infoLook is how much of it must be seen to tell it from a constant of
	// the same beginning; overlap is longer.
	infoLook = infoHeader + 1 + maxGoVersion
	// maxGoVersion is how long a toolchain's version may be to be told wherever
	// it lies. A development version names its experiments too.
	maxGoVersion = 127
)

// goScan looks for Go build information (debug/buildinfo): the linker puts it
// at the start of a section of its own, ".go.buildinfo", else at the start of
// the data segment.
type goScan struct {
	in   []region // where to look
	data []region // those of them that can be written
	at   int64    // looked at up to here
	seen []buildInfo
	// embedded counts the seen ones outside of data.
	embedded int
}

// buildInfo is a place that begins like build information.
type buildInfo struct {
	off  int64
	text []byte // from off on, as far as it has gone by
	done bool   // text is complete, or not needed
	// version and mod are what was found; both are empty in the form of before
	// Go 1.18, which holds only addresses.
	version, mod string
}

func (s *goScan) reset() { *s = goScan{} }

func (s *goScan) window(w window) {
	for i := range s.seen {
		s.seen[i].feed(w)
	}
	limit := w.end() - infoLook
	if w.last {
		limit = w.end() - infoHeader
	}
	limit &^= infoAlign - 1
	for _, r := range s.in {
		from := (max(r.start, s.at, w.off) + infoAlign - 1) &^ (infoAlign - 1)
		for to := min(r.end, limit); from < to && len(s.seen) < MaxBuildInfos; {
			i := indexInfo(w.b[from-w.off : to-w.off])
			if i < 0 {
				break
			}
			s.add(w, from+int64(i))
			from += int64(i) + infoAlign
		}
	}
	s.at = max(s.at, limit)
}

// indexInfo returns the index of the first build information in b that is
// aligned, where b is, or -1.
func indexInfo(b []byte) int {
	const (
		magic = "\xff Go buildinf:"
		// The first half of the magic, as a number.
		half = 0xff | ' '<<8 | 'G'<<16 | 'o'<<24 | ' '<<32 | 'b'<<40 | 'u'<<48 | 'i'<<56
	)
	for i := 0; len(b)-i >= infoAlign; i += infoAlign {
		if binary.LittleEndian.Uint64(b[i:]) == half && string(b[i:i+len(magic)]) == magic {
			return i
		}
	}
	return -1
}

// add takes the place at off, unless what follows is not build information.
func (s *goScan) add(w window, off int64) {
	const (
		flagsAt    = 15
		flagInline = 2
	)
	c, ok := buildInfo{off: off}, false
	head := w.b[off-w.off:]
	if head[flagsAt]&flagInline == 0 {
		c.done, ok = true, head[flagsAt-1] == 4 || head[flagsAt-1] == 8 // the size of a pointer
	} else if v, _, whole := infoString(head[infoHeader:]); whole {
		ok = strings.HasPrefix(v, "go") || strings.HasPrefix(v, "devel")
	}
	if !ok {
		return
	}
	if !s.inData(off) {
		if s.embedded == MaxBuildInfos/2 {
			return
		}
		s.embedded++
	}
	c.feed(w)
	s.seen = append(s.seen, c)
}

func (s *goScan) inData(off int64) bool {
	return slices.ContainsFunc(s.data, func(r region) bool { return r.start <= off && off < r.end })
}

// feed appends what w has of c, and reads c once it is whole.
func (c *buildInfo) feed(w window) {
	from := c.off + int64(len(c.text)) - w.off
	if c.done || from < 0 || from > int64(len(w.b)) {
		return
	}
	add := w.b[from:]
	c.text = append(c.text, add[:min(len(add), MaxBuildInfo-len(c.text))]...)
	version, rest, ok := infoString(c.text[infoHeader:])
	if ok {
		c.version = version
		c.mod, _, ok = infoString(rest)
	}
	c.done = ok || len(c.text) == MaxBuildInfo
	if c.done {
		c.text = nil
	}
}

// infoString reads a string with its length before it, and reports whether it
// is whole.
func infoString(b []byte) (s string, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return "", nil, false
	}
	return string(b[k : k+int(n)]), b[k+int(n):], true
}

// build returns the build information: that at the start of a section, else
// the first in a segment of data, which is where debug/buildinfo looks. What a
// program embeds is elsewhere.
func (s *goScan) build(sections []int64) *repo.GoBuild {
	i := slices.IndexFunc(s.seen, func(c buildInfo) bool { return slices.Contains(sections, c.off) })
	if i < 0 {
		i = slices.IndexFunc(s.seen, func(c buildInfo) bool { return s.inData(c.off) })
	}
	if i < 0 {
		return nil
	}
	return parseBuild(s.seen[i].version, s.seen[i].mod)
}

// parseBuild reads the module information, which is framed by 16 bytes before
// and after. Text that does not parse is left out.
func parseBuild(version, mod string) *repo.GoBuild {
	const frame = 16
	g := &repo.GoBuild{GoVersion: version}
	if len(mod) <= 2*frame || mod[len(mod)-frame-1] != '\n' {
		return g
	}
	info, err := debug.ParseBuildInfo(mod[frame : len(mod)-frame])
	if err != nil {
		return g
	}
	g.Path, g.Module, g.Version = info.Path, info.Main.Path, info.Main.Version
	for _, s := range info.Settings[:min(len(info.Settings), MaxSettings)] {
		g.Settings = append(g.Settings, repo.Field{Name: s.Key, Value: s.Value})
		if s.Key == "-ldflags" {
			g.Linked = linked(s.Value)
		}
	}
	return g
}

// linked returns the -X values of the linker's flags. As for the linker, the
// last of a name counts, and what is not "path.name=value" does not.
func linked(flags string) []repo.Field {
	var all []repo.Field
	words := fields(flags)
	for i := 0; i < len(words); i++ {
		flag := words[i]
		if strings.HasPrefix(flag, "--") {
			flag = flag[1:]
		}
		value, ok := strings.CutPrefix(flag, "-X=")
		if flag == "-X" && i+1 < len(words) {
			i++
			value, ok = words[i], true
		}
		name, text, eq := strings.Cut(value, "=")
		if !ok || !eq || !strings.Contains(name, ".") {
			continue
		}
		if k := slices.IndexFunc(all, func(f repo.Field) bool { return f.Name == name }); k >= 0 {
			all[k].Value = text
		} else if len(all) < MaxSettings {
			all = append(all, repo.Field{Name: name, Value: text})
		}
	}
	return all
}

// fields splits a list of flags as the go command does (cmd/internal/quoted):
// at white space, a word that begins with a quote going up to the next one.
func fields(s string) []string {
	var words []string
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return words
		}
		if q := s[0]; q == '"' || q == '\'' {
			word, rest, ok := strings.Cut(s[1:], string(q))
			if !ok {
				return words
			}
			words, s = append(words, word), rest
			continue
		}
		i := strings.IndexAny(s, " \t\r\n")
		if i < 0 {
			i = len(s)
		}
		words, s = append(words, s[:i]), s[i:]
	}
}

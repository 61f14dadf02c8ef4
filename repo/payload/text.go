package payload

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const (
	// MaxText bounds the text of one file that is kept, in bytes. The largest
	// unit files of distributions have some 5,000. Going past it leaves the text
	// away.
	MaxText = 64 << 10
	// MaxTexts bounds the text that is kept of one package: once for systemd's
	// units, so that nothing else can crowd them out, and once for the rest.
	// Going past it leaves the text of the files that come later away.
	MaxTexts = 256 << 10
	// MaxTextFiles bounds the files of either kind. Going past it leaves the text
	// of the files that come later away.
	MaxTextFiles = 1024
)

// Texts keeps the text of the small configuration files of one package: units
// and drop-ins of systemd, and what is below /etc or sets up a system in its
// stead (environment.d, modules-load.d, sysctl.d). Use one for each package;
// the zero value is ready.
type Texts struct {
	buf   []byte
	kind  textKind
	bytes [2]int // kept, by kind
	files [2]int
}

type textKind int

const (
	textUnit textKind = iota
	textOther
	textNone
)

// Begin begins a regular file, and reports whether its bytes are to be written
// to t.
func (t *Texts) Begin(path string) bool {
	t.buf, t.kind = t.buf[:0], kindOfText(path)
	if t.kind != textNone && (t.files[t.kind] == MaxTextFiles || t.bytes[t.kind] == MaxTexts) {
		t.kind = textNone
	}
	return t.kind != textNone
}

// Write takes the next bytes of the file. It never fails; what goes past a
// bound is left out.
func (t *Texts) Write(p []byte) (int, error) {
	// One byte more than is kept tells that there is more.
	if t.kind != textNone {
		t.buf = append(t.buf, p[:min(len(p), MaxText+1-len(t.buf))]...)
	}
	return len(p), nil
}

// End ends the file and returns its text: "" for a file that is not kept, that
// goes past a bound, or that is not text.
func (t *Texts) End() string {
	kind := t.kind
	t.kind = textNone
	if kind == textNone || len(t.buf) > MaxText || t.bytes[kind]+len(t.buf) > MaxTexts ||
		bytes.IndexByte(t.buf, 0) >= 0 || !utf8.Valid(t.buf) {
		return ""
	}
	t.files[kind]++
	t.bytes[kind] += len(t.buf)
	return string(t.buf)
}

// KeepsText reports whether the text of a regular file at that path is kept if
// the bounds allow it.
func KeepsText(path string) bool { return kindOfText(path) != textNone }

// kindOfText tells by the path, which is absolute and clean: the folders are
// those of systemd.unit(5), environment.d(5), modules-load.d(5), sysctl.d(5).
func kindOfText(path string) textKind {
	rest, found := "", false
	for _, root := range [...]string{"/usr/local/lib/", "/usr/lib/", "/lib/", "/etc/"} {
		if rest, found = strings.CutPrefix(path, root); found {
			break
		}
	}
	first, below, _ := strings.Cut(rest, "/")
	switch {
	case !found || rest == "":
		return textNone
	case first == "systemd" && (strings.HasPrefix(below, "system/") || strings.HasPrefix(below, "user/")):
		return textUnit
	case strings.HasPrefix(path, "/etc/"), first == "environment.d", first == "modules-load.d", first == "sysctl.d":
		return textOther
	}
	return textNone
}

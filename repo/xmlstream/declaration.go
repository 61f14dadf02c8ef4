package xmlstream

import (
	"bytes"
	"strings"
)

// begin looks at the first bytes: a byte order mark and the XML declaration.
func (d *Decoder) begin() error {
	for len(d.buf) < 4 && d.readErr == nil {
		// A reader may give one byte at a time.
		n, err := d.r.Read(d.buf[len(d.buf):cap(d.buf)])
		d.buf, d.readErr = d.buf[:len(d.buf)+n], err
	}
	b := d.buf
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		d.start, d.pos, d.mark = 3, 3, true
	case bytes.HasPrefix(b, []byte("\xfe\xff")), bytes.HasPrefix(b, []byte("\xff\xfe")),
		bytes.HasPrefix(b, []byte("\x00<")), bytes.HasPrefix(b, []byte("<\x00")), bytes.HasPrefix(b, []byte("\x00\x00")):
		return d.Errorf("XML: encoded in UTF-16 or UTF-32, wanted UTF-8")
	case bytes.HasPrefix(b, []byte("\x4c\x6f\xa7\x94")):
		return d.Errorf("XML: encoded in EBCDIC, wanted UTF-8")
	}
	return nil
}

// first reports whether the token is the first of the document, where alone
// the XML declaration may stand.
func (d *Decoder) first() bool {
	at := d.offset + int64(d.start)
	return at == 0 || at == 3 && d.mark
}

// instruction reads a processing instruction or the XML declaration.
func (d *Decoder) instruction(b []byte) error {
	n := bytes.Index(b, []byte("?>"))
	if n < 0 {
		return errShort
	}
	if n < 2 { // "<?>"
		n = bytes.Index(b[2:], []byte("?>")) + 2
		if n < 2 {
			return errShort
		}
	}
	body := b[2:n]
	end := skipName(body, 0)
	target, rest := body[:end], body[end:]
	if end == 0 || !nameStart(target[0]) || bytes.IndexByte(target, ':') >= 0 || len(rest) > 0 && skipSpace(rest, 0) == 0 {
		return d.Errorf("XML: %q is not a processing instruction", b[:min(len(b), 40)])
	}
	if _, _, err := d.check(rest, inCDATA); err != nil {
		return err
	}
	if bytes.EqualFold(target, []byte("xml")) {
		if string(target) != "xml" || !d.first() {
			return d.Errorf("XML: a declaration <?%s?> that is not the first thing in the document", target)
		}
		if err := d.xmlDeclaration(rest); err != nil {
			return err
		}
	}
	d.pos = d.start + n + 2
	return nil
}

// xmlDeclaration reads what stands in <?xml ...?>: version, encoding and
// standalone, in this order (XML 1.0, production 23).
func (d *Decoder) xmlDeclaration(b []byte) error {
	bad := func() error { return d.Errorf("XML: bad declaration <?xml%s?>", cut(b)) }
	names, next := [...]string{"version", "encoding", "standalone"}, 0
	for i := 0; ; {
		at := skipSpace(b, i)
		if at == len(b) {
			break
		}
		end := skipName(b, at)
		if at == i || end == at {
			return bad()
		}
		name := string(b[at:end])
		for next < len(names) && names[next] != name {
			if next == 0 {
				return bad() // the version must come
			}
			next++
		}
		if next == len(names) {
			return bad()
		}
		next++
		i = skipSpace(b, end)
		if i == len(b) || b[i] != '=' {
			return bad()
		}
		i = skipSpace(b, i+1)
		if i == len(b) || b[i] != '"' && b[i] != '\'' {
			return bad()
		}
		n := bytes.IndexByte(b[i+1:], b[i])
		if n < 0 {
			return bad()
		}
		value := string(b[i+1 : i+1+n])
		i += n + 2
		switch {
		case name == "version" && value != "1.0":
			return d.Errorf("XML: version %q, wanted 1.0", cut([]byte(value)))
		case name == "encoding" && !strings.EqualFold(value, "UTF-8"):
			return d.Errorf("XML: encoding %q, wanted UTF-8", cut([]byte(value)))
		case name == "standalone" && value != "yes" && value != "no":
			return bad()
		}
	}
	if next == 0 {
		return bad()
	}
	return nil
}

// declaration reads what begins with "<!": a comment, a CDATA section or a
// document type.
func (d *Decoder) declaration(b []byte) (Kind, error) {
	const comment, cdata, doctype = "<!--", "<![CDATA[", "<!DOCTYPE"
	starts := func(with string) (yes, short bool) {
		n := min(len(b), len(with))
		return string(b[:n]) == with[:n] && n == len(with), string(b[:n]) == with[:n] && n < len(with)
	}
	if yes, short := starts(comment); yes {
		return 0, d.comment(b)
	} else if short {
		return 0, errShort
	}
	if yes, short := starts(cdata); yes && len(d.frames) > 0 {
		return d.cdata(b, len(cdata))
	} else if short {
		return 0, errShort
	}
	if yes, short := starts(doctype); yes {
		return 0, d.documentType(b, len(doctype))
	} else if short {
		return 0, errShort
	}
	return 0, d.Errorf("XML: a declaration %q is not allowed here", b[:min(len(b), 40)])
}

func (d *Decoder) comment(b []byte) error {
	n := bytes.Index(b[4:], []byte("--"))
	if n < 0 || len(b) < 4+n+3 {
		return errShort
	}
	if b[4+n+2] != '>' {
		return d.Errorf("XML: \"--\" inside of a comment")
	}
	if _, _, err := d.check(b[4:4+n], inCDATA); err != nil {
		return err
	}
	d.pos = d.start + 4 + n + 3
	return nil
}

func (d *Decoder) cdata(b []byte, from int) (Kind, error) {
	n := bytes.Index(b[from:], []byte("]]>"))
	if n < 0 {
		return 0, errShort
	}
	text := b[from : from+n]
	d.pos = d.start + from + n + 3
	changes, plain, err := d.check(text, inCDATA)
	if err != nil {
		return 0, err
	}
	if changes {
		d.count(d.pos)
		text, err = d.decode(text, inCDATA)
	}
	d.text, d.plain = text, plain
	return Text, err
}

// documentType refuses a document type, or passes over one that has no
// internal subset: only that could define entities that need no fetching.
func (d *Decoder) documentType(b []byte, from int) error {
	if !d.limits.Doctype {
		return d.Errorf("XML: a document type (<!DOCTYPE>) is not allowed; no entities are read")
	}
	if d.root || d.doctype {
		return d.Errorf("XML: a document type in the wrong place is not allowed")
	}
	var words []string // the name, SYSTEM or PUBLIC, and quoted literals
	for i := from; ; {
		at := skipSpace(b, i)
		if at == len(b) {
			return errShort
		}
		switch c := b[at]; {
		case c == '>' && doctypeWords(words):
			d.doctype = true
			d.pos = d.start + at + 1
			return nil
		case c == '[':
			return d.Errorf("XML: a document type with declarations inside is not allowed; no entities are read")
		case at == i || len(words) > 4:
			return d.Errorf("XML: %q is not a document type", b[:min(len(b), 60)])
		case c == '"' || c == '\'':
			n := bytes.IndexByte(b[at+1:], c)
			if n < 0 {
				return errShort
			}
			if _, _, err := d.check(b[at+1:at+1+n], inCDATA); err != nil {
				return err
			}
			words = append(words, "literal")
			i = at + n + 2
		default:
			if i = skipName(b, at); i == len(b) {
				return errShort
			}
			if i == at || !nameStart(b[at]) {
				return d.Errorf("XML: %q is not a document type", b[:min(len(b), 60)])
			}
			words = append(words, string(b[at:i]))
		}
	}
}

// doctypeWords reports whether they are a name, and nothing more or an
// external identifier (XML 1.0, productions 28 and 75).
func doctypeWords(words []string) bool {
	switch len(words) {
	case 1:
		return words[0] != "literal"
	case 3:
		return words[1] == "SYSTEM" && words[2] == "literal"
	case 4:
		return words[1] == "PUBLIC" && words[2] == "literal" && words[3] == "literal"
	}
	return false
}

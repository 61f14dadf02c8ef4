package xmlstream

import "bytes"

// startTag reads a start tag or an empty-element tag.
func (d *Decoder) startTag(b []byte) error {
	nameEnd := skipName(b, 1)
	if nameEnd == len(b) {
		return errShort
	}
	name := b[1:nameEnd]
	if nameEnd == 1 || !nameStart(name[0]) {
		return d.Errorf("XML: %q is not a name; names here are ASCII", b[1:min(len(b), 20)])
	}
	attrs := d.attrs[:0]
	i, special := nameEnd, false // special: a prefix or a declaration
	for {
		at := skipSpace(b, i)
		if at == len(b) {
			return errShort
		}
		if c := b[at]; c == '>' || c == '/' {
			i = at
			break
		}
		if at == i {
			return d.Errorf("XML: %q is not a tag; names here are ASCII", b[:min(len(b), 40)])
		}
		end := skipName(b, at)
		i = skipSpace(b, end)
		if i == len(b) {
			return errShort
		}
		if end == at || !nameStart(b[at]) || b[i] != '=' {
			return d.Errorf("XML: an attribute of <%s> without a name or a value", cut(name))
		}
		i = skipSpace(b, i+1)
		if i == len(b) {
			return errShort
		}
		quote := b[i]
		if quote != '"' && quote != '\'' {
			return d.Errorf("XML: attribute %s of <%s> is not quoted", cut(b[at:end]), cut(name))
		}
		i++
		n := bytes.IndexByte(b[i:], quote)
		if n < 0 {
			return errShort
		}
		if len(attrs) == d.limits.Attributes {
			return d.Errorf("XML: <%s> has more than %d attributes", cut(name), d.limits.Attributes)
		}
		a := Attr{name: b[at:end], Local: b[at:end], Value: b[i : i+n]}
		a.Plain = printable(a.Value)
		special = special || bytes.IndexByte(a.name, ':') >= 0 || string(a.name) == "xmlns"
		attrs = append(attrs, a)
		i += n + 1
	}
	d.attrs = attrs
	empty := b[i] == '/'
	if empty {
		if i++; i == len(b) {
			return errShort
		}
		if b[i] != '>' {
			return d.Errorf("XML: a slash in the tag <%s>", cut(name))
		}
	}
	// From here on the tag is whole, and may be changed in place.
	d.pos = d.start + i + 1
	d.count(d.pos)
	return d.element(name, empty, special)
}

// element opens the element of a tag that was read.
func (d *Decoder) element(name []byte, empty, special bool) error {
	switch {
	case len(d.frames) == 0 && d.root:
		return d.Errorf("XML: a second root element")
	case len(d.frames) == d.limits.Depth:
		return d.Errorf("XML: elements nest deeper than %d", d.limits.Depth)
	}
	for i := range d.attrs {
		a := &d.attrs[i]
		for j := range d.attrs[:i] {
			if bytes.Equal(a.name, d.attrs[j].name) {
				return d.Errorf("XML: <%s> has two attributes %s", cut(name), cut(a.name))
			}
		}
		if a.Plain {
			continue
		}
		changes, plain, err := d.check(a.Value, inValue)
		if err == nil && changes {
			a.Value, err = d.decode(a.Value, inValue)
		}
		if err != nil {
			return err
		}
		a.Plain = plain
	}
	d.root = true
	d.frames = append(d.frames, frame{len(d.names), len(d.bindings)})
	d.names = append(d.names, name...)
	d.empty = empty
	if special {
		if err := d.declare(); err != nil {
			return err
		}
	}
	var err error
	d.space, d.local, err = d.resolve(name)
	return err
}

// declare takes the namespace declarations out of the attributes, and resolves
// the prefixes of the others.
func (d *Decoder) declare() error {
	rest := d.attrs[:0]
	for _, a := range d.attrs {
		var prefix string
		switch {
		case string(a.name) == "xmlns":
		case bytes.HasPrefix(a.name, []byte("xmlns:")):
			prefix = string(a.name[len("xmlns:"):])
			if !isNCName(prefix) {
				return d.Errorf("XML: %q is not a prefix", cut(a.name))
			}
		default:
			rest = append(rest, a)
			continue
		}
		space := string(a.Value)
		switch {
		case prefix == "xmlns", space == xmlnsSpace, (prefix == "xml") != (space == XMLSpace):
			return d.Errorf("XML: the prefix %q may not stand for %q", cut(a.name), cut(a.Value))
		case prefix != "" && space == "":
			return d.Errorf("XML: the prefix %q stands for nothing", prefix)
		}
		d.bindings = append(d.bindings, binding{prefix, space})
	}
	d.attrs = rest
	for i := range rest {
		a := &rest[i]
		if bytes.IndexByte(a.name, ':') < 0 {
			continue
		}
		var err error
		if a.Space, a.Local, err = d.resolve(a.name); err != nil {
			return err
		}
		for j := range rest[:i] {
			if o := rest[j]; o.Space == a.Space && bytes.Equal(o.Local, a.Local) {
				return d.Errorf("XML: two attributes %s of namespace %q", cut(a.Local), cut([]byte(a.Space)))
			}
		}
	}
	return nil
}

// resolve splits a name and returns its namespace. A name without a prefix is
// in the default namespace; attributes without one do not come here.
func (d *Decoder) resolve(name []byte) (space string, local []byte, err error) {
	prefix, local := name[:0], name
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		prefix, local = name[:i], name[i+1:]
		if len(prefix) == 0 || len(local) == 0 || !nameStart(local[0]) || bytes.IndexByte(local, ':') >= 0 {
			return "", nil, d.Errorf("XML: %q is not a name with a prefix", cut(name))
		}
	}
	for i := len(d.bindings) - 1; i >= 0; i-- {
		if b := &d.bindings[i]; b.prefix == string(prefix) {
			return b.space, local, nil
		}
	}
	return "", nil, d.Errorf("XML: the prefix %q is not declared", cut(prefix))
}

// cut shortens what is quoted in an error.
func cut(b []byte) []byte { return b[:min(len(b), 60)] }

// The bytes that names are made of, 64 to a word: digits, '-', '.', ':',
// letters and '_'.
const (
	nameBytesLow  = 1<<'-' | 1<<'.' | 1<<':' | 0x3ff<<'0'
	nameBytesHigh = (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64) | 1<<('_'-64)
)

func nameByte(c byte) bool {
	switch {
	case c < 64:
		return uint64(nameBytesLow)>>c&1 != 0
	case c < 128:
		return uint64(nameBytesHigh)>>(c-64)&1 != 0
	}
	return false
}

func nameStart(c byte) bool { return nameByte(c) && (c > '9' || c == ':') }

func isNCName(s string) bool {
	for i := range len(s) {
		if s[i] == ':' || !nameByte(s[i]) {
			return false
		}
	}
	return s != "" && nameStart(s[0])
}

// skipName returns the end of the name at i.
func skipName(b []byte, i int) int {
	for i < len(b) && nameByte(b[i]) {
		i++
	}
	return i
}

// skipSpace returns the end of the white space at i.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

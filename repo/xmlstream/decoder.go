package xmlstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"sigs.k8s.io/pkgverify/repo"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds. Comments and processing instructions are checked and passed over.
const (
	// Start is a start tag, or the first half of an empty-element tag.
	Start Kind = iota + 1
	// End is an end tag, or the second half of an empty-element tag.
	End
	// Text is character data or a CDATA section; one run of text may come in
	// several tokens.
	Text
)

// Limits are the bounds of a document. A bound that is zero is taken from
// [DefaultLimits].
type Limits struct {
	// Depth is how deep elements may nest.
	Depth int
	// Attributes is how many attributes one element may have.
	Attributes int
	// Token is the length of one tag, comment, instruction or run of text in
	// bytes. The decoder's buffer grows to twice of it at most.
	Token int
	// Doctype lets a document type pass that has no internal subset. What it
	// refers to is never fetched.
	Doctype bool
}

// The bounds of [DefaultLimits]. Going past one is a [repo.FormatError].
const (
	// DefaultDepth is how deep elements may nest.
	DefaultDepth = 64
	// DefaultAttributes is how many attributes one element may have.
	DefaultAttributes = 64
	// DefaultToken is how many bytes a tag or a run of text may have.
	DefaultToken = 1 << 20
)

// DefaultLimits returns the bounds that are used where none are given.
func DefaultLimits() Limits {
	return Limits{Depth: DefaultDepth, Attributes: DefaultAttributes, Token: DefaultToken}
}

// bufferSize is what the decoder's buffer begins with.
const bufferSize = 128 << 10

// XMLSpace is the namespace of the prefix xml, which needs no declaration.
const XMLSpace = "http://www.w3.org/XML/1998/namespace"

const xmlnsSpace = "http://www.w3.org/2000/xmlns/"

// Attr is one attribute. Its slices are valid until the next call of
// [Decoder.Next].
type Attr struct {
	// Space is the namespace, empty for a name without a prefix.
	Space string
	// Local is the name without its prefix.
	Local []byte
	// Value is decoded and normalised: entities resolved, line ends and tabs
	// turned to spaces.
	Value []byte
	// Plain says that Value has printable ASCII characters only.
	Plain bool

	name []byte // with its prefix
}

// binding is one namespace declaration in force.
type binding struct{ prefix, space string }

// frame is one open element.
type frame struct {
	name     int // where its name begins in names
	bindings int // how many there were outside of it
}

// Decoder reads one document. It is not safe for concurrent use.
type Decoder struct {
	r      io.Reader
	limits Limits
	buf    []byte // what was read and not yet taken begins at pos
	pos    int
	start  int   // of the last token
	offset int64 // of buf[0] in the document
	line   int   // of buf[counted]
	// counted is up to where line ends were counted.
	counted int
	readErr error // of r, io.EOF included
	failed  error // what Next returned

	frames   []frame
	names    []byte // of the open elements, one after the other
	bindings []binding
	root     bool // a root element began
	empty    bool // the last tag was an empty-element tag
	doctype  bool // a document type was seen
	mark     bool // the document begins with a byte order mark

	space string
	local []byte
	attrs []Attr
	text  []byte
	plain bool
}

// NewDecoder returns a decoder of the document that r holds.
func NewDecoder(r io.Reader, limits Limits) *Decoder {
	std := DefaultLimits()
	if limits.Depth <= 0 {
		limits.Depth = std.Depth
	}
	if limits.Attributes <= 0 {
		limits.Attributes = std.Attributes
	}
	if limits.Token <= 0 {
		limits.Token = std.Token
	}
	return &Decoder{r: r, limits: limits, buf: make([]byte, 0, bufferSize), line: 1,
		bindings: []binding{{"xml", XMLSpace}, {"", ""}}}
}

// Name returns the namespace and the local name of the last start tag. The
// slice is valid until the next call of [Decoder.Next].
func (d *Decoder) Name() (space string, local []byte) { return d.space, d.local }

// Attrs returns the attributes of the last start tag, namespace declarations
// left out. The slice is valid until the next call of [Decoder.Next].
func (d *Decoder) Attrs() []Attr { return d.attrs }

// Text returns the last text, decoded, and whether it has printable ASCII
// characters only. The slice is valid until the next call of [Decoder.Next].
func (d *Decoder) Text() (text []byte, plain bool) { return d.text, d.plain }

// Depth returns how many elements are open.
func (d *Decoder) Depth() int { return len(d.frames) }

// Offset returns how many bytes of the document were taken.
func (d *Decoder) Offset() int64 { return d.offset + int64(d.pos) }

// Line returns the line on which the last token begins.
func (d *Decoder) Line() int {
	d.count(d.start)
	return d.line
}

func (d *Decoder) count(to int) {
	if to > d.counted {
		d.line += bytes.Count(d.buf[d.counted:to], []byte{'\n'})
		d.counted = to
	}
}

// Errorf returns a [repo.FormatError] at the last token.
func (d *Decoder) Errorf(format string, args ...any) error {
	return &repo.FormatError{Where: "line " + strconv.Itoa(d.Line()), Text: fmt.Sprintf(format, args...)}
}

// errShort says that the token goes on after what is in the buffer.
var errShort = errors.New("token is not whole")

// Next reads the next token. It returns [io.EOF] after a complete document
// only. Every error is final.
func (d *Decoder) Next() (Kind, error) {
	if d.empty {
		d.empty = false
		d.pop()
		return End, nil
	}
	if d.failed != nil {
		return 0, d.failed
	}
	d.start = d.pos
	for {
		kind, err := d.token()
		switch {
		case err == nil && d.pos-d.start > d.limits.Token:
			err = d.tooLong()
		case err == nil && kind == 0: // passed over
			d.start = d.pos
			continue
		case err == nil:
			return kind, nil
		case errors.Is(err, errShort):
			if err = d.fill(); err == nil {
				continue
			}
		}
		d.failed = err
		return 0, err
	}
}

func (d *Decoder) tooLong() error {
	return d.Errorf("XML: tag or text longer than %d bytes", d.limits.Token)
}

// fill reads on behind an unfinished token. It at least doubles what there is
// of the token, so that reading it again and again costs no more than twice.
func (d *Decoder) fill() error {
	have := len(d.buf) - d.start
	switch {
	case have > d.limits.Token:
		return d.tooLong()
	case errors.Is(d.readErr, io.EOF):
		return d.ended(have)
	case d.readErr != nil:
		return fmt.Errorf("line %d: reading XML: %w", d.Line(), d.readErr)
	}
	d.count(d.start)
	d.offset += int64(d.start)
	d.counted -= d.start
	d.pos -= d.start
	if 2*have > cap(d.buf) {
		grown := make([]byte, have, 2*cap(d.buf))
		copy(grown, d.buf[d.start:])
		d.buf = grown
	} else {
		d.buf = d.buf[:copy(d.buf, d.buf[d.start:])]
	}
	d.start = 0
	n, err := io.ReadAtLeast(d.r, d.buf[have:cap(d.buf)], max(1, min(have, cap(d.buf)-have)))
	d.buf = d.buf[:have+n]
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	d.readErr = err
	if have == 0 && d.offset == 0 {
		return d.begin()
	}
	return nil
}

// ended returns the error for a document that ends here, inside of a token of
// which there are have bytes.
func (d *Decoder) ended(have int) error {
	switch {
	case len(d.frames) > 0:
		f := d.frames[len(d.frames)-1]
		return d.Errorf("XML: the document ends inside of <%s>", d.names[f.name:])
	case have > 0:
		return d.Errorf("XML: the document ends inside of a tag or text")
	case !d.root:
		return d.Errorf("XML: no root element")
	}
	return io.EOF
}

// token reads one token at d.pos. It returns 0 for one that is passed over.
func (d *Decoder) token() (Kind, error) {
	b := d.buf[d.start:]
	if len(b) == 0 {
		return 0, errShort
	}
	if b[0] != '<' {
		return d.characters(b)
	}
	if len(b) == 1 {
		return 0, errShort
	}
	switch b[1] {
	case '/':
		return End, d.endTag(b)
	case '!':
		return d.declaration(b)
	case '?':
		return 0, d.instruction(b)
	}
	return Start, d.startTag(b)
}

// characters reads a run of text.
func (d *Decoder) characters(b []byte) (Kind, error) {
	n := bytes.IndexByte(b, '<')
	if n < 0 {
		if len(d.frames) > 0 || !errors.Is(d.readErr, io.EOF) {
			return 0, errShort
		}
		n = len(b)
	}
	b = b[:n]
	if len(d.frames) == 0 {
		if i := skipSpace(b, 0); i < n {
			return 0, d.Errorf("XML: text outside of the root element")
		}
		d.pos = d.start + n
		return 0, nil
	}
	d.pos = d.start + n
	if d.plain = printable(b); d.plain {
		d.text = b
		return Text, nil
	}
	changes, plain, err := d.check(b, inText)
	if err != nil {
		return 0, err
	}
	if changes {
		d.count(d.pos) // before line ends change
		b, err = d.decode(b, inText)
	}
	d.text, d.plain = b, plain
	return Text, err
}

func (d *Decoder) pop() {
	f := d.frames[len(d.frames)-1]
	d.frames = d.frames[:len(d.frames)-1]
	d.names = d.names[:f.name]
	d.bindings = d.bindings[:f.bindings]
}

func (d *Decoder) endTag(b []byte) error {
	if len(d.frames) == 0 {
		return d.Errorf("XML: an end tag outside of the root element")
	}
	want := d.names[d.frames[len(d.frames)-1].name:]
	i := 2 + len(want)
	if len(b) <= i {
		if bytes.IndexByte(b, '>') < 0 {
			return errShort
		}
		return d.mismatch(b, want)
	}
	if !bytes.Equal(b[2:i], want) {
		return d.mismatch(b, want)
	}
	if b[i] != '>' {
		i = skipSpace(b, i)
		if i == len(b) {
			return errShort
		}
		if b[i] != '>' {
			return d.mismatch(b, want)
		}
	}
	d.pos = d.start + i + 1
	d.pop()
	return nil
}

func (d *Decoder) mismatch(b, want []byte) error {
	return d.Errorf("XML: <%s> is closed by %q", want, b[:min(len(b), 40)])
}

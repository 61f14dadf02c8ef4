package repo

import (
	"bytes"
	"iter"
	"strings"
)

// Field is one named value.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Fields is a package's metadata in its own order: for deb the control fields
// by their own names, for rpm the header's by the names of rpmmd's primary
// ("name", "summary", "requires", "header-range"...), lists sorted and one
// entry a line, so that the index and the package can be compared.
//
// It is one string inside, because an index has some 20 fields for each of
// 100,000 packages. The zero value has no fields.
type Fields struct {
	// text is a name and a value for each field, each ended by a NUL, which
	// neither a control file nor an XML document can hold.
	text string
}

// NewFields returns the fields of a list. A NUL in a name or value would end
// it, so it is left out.
func NewFields(list ...Field) Fields {
	var b []byte
	for _, f := range list {
		b = AppendField(b, f.Name, f.Value)
	}
	return Fields{string(b)}
}

// AppendField appends one field in the form that [EncodedFields] takes.
func AppendField[S string | []byte](b []byte, name, value S) []byte {
	for _, s := range [2]S{name, value} {
		from := len(b)
		b = append(b, s...)
		if bytes.IndexByte(b[from:], 0) >= 0 {
			b = append(b[:from], bytes.ReplaceAll(b[from:], []byte{0}, nil)...)
		}
		b = append(b, 0)
	}
	return b
}

// EncodedFields returns the fields of a text that [AppendField] made, or that
// [Fields.Encoded] returned. The text is kept, not copied, and so may be part
// of a larger one. An unfinished field at its end is left out.
func EncodedFields(text string) Fields {
	text = text[:strings.LastIndexByte(text, 0)+1]
	if strings.Count(text, "\x00")%2 != 0 { // a name without its value
		text = text[:strings.LastIndexByte(text[:len(text)-1], 0)+1]
	}
	return Fields{text}
}

// Encoded returns f as [EncodedFields] takes it.
func (f Fields) Encoded() string { return f.text }

// All returns the names and values in order.
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for text := f.text; text != ""; {
			var name, value string
			name, text, _ = strings.Cut(text, "\x00")
			value, text, _ = strings.Cut(text, "\x00")
			if !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the value of the first field of that name, in any case.
func (f Fields) Get(name string) (string, bool) {
	for n, v := range f.All() {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// Value returns the value of the first field of that name, in any case, or "".
func (f Fields) Value(name string) string {
	v, _ := f.Get(name)
	return v
}

// Len returns the number of fields.
func (f Fields) Len() int { return strings.Count(f.text, "\x00") / 2 }

// Equal reports whether f and o have the same fields in the same order.
func (f Fields) Equal(o Fields) bool { return f == o }

// String returns the fields as lines "name: value".
func (f Fields) String() string {
	var b strings.Builder
	for name, value := range f.All() {
		b.WriteString(name + ": " + value + "\n")
	}
	return b.String()
}

package xmlstream

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// context is where characters stand.
type context uint8

const (
	inText  context = iota // character data
	inValue                // the value of an attribute
	inCDATA                // CDATA, comment or instruction: no markup inside
)

// maxReference bounds a character reference, in bytes between '&' and ';':
// leading zeros are allowed. Going past it is a [repo.FormatError].
const maxReference = 16

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// printable reports whether b has only the bytes 0x20 to 0x7e, without '&',
// '<' and ']'. It looks at eight bytes at a time.
func printable(b []byte) bool {
	for len(b) >= 8 {
		if special(binary.LittleEndian.Uint64(b)) {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e || c == '&' || c == '<' || c == ']' {
			return false
		}
	}
	return true
}

// special reports whether a byte of x is not printable as above. A borrow or
// carry can only come from a byte that is special itself.
func special(x uint64) bool {
	amp, less, bracket := x^(ones*'&'), x^(ones*'<'), x^(ones*']')
	hit := x | (x + ones) | ((x - ones*0x20) &^ x) |
		((amp - ones) &^ amp) | ((less - ones) &^ less) | ((bracket - ones) &^ bracket)
	return hit&highs != 0
}

// check asks for characters that XML allows. changes says that b must go
// through decode; plain that all characters are printable ASCII, and will be
// after decode.
func (d *Decoder) check(b []byte, in context) (changes, plain bool, err error) {
	plain = true
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return false, false, d.Errorf("XML: text is not UTF-8: byte %#02x", c)
			}
			if !allowed(r) {
				return false, false, d.Errorf("XML: character %U is not allowed", r)
			}
			plain = false
			i += n
			continue
		case c == '\t', c == '\n', c == '\r':
			changes = changes || in == inValue || c == '\r'
			plain = plain && in == inValue // there it becomes a space
		case c < 0x20:
			return false, false, d.Errorf("XML: character %U is not allowed", c)
		case c == 0x7f:
			plain = false
		case c == '&' && in != inCDATA:
			changes, plain = true, false // what it stands for is not known yet
		case c == '<' && in == inValue:
			return false, false, d.Errorf("XML: '<' in the value of an attribute")
		case c == ']' && in == inText && bytes.HasPrefix(b[i:], []byte("]]>")):
			return false, false, d.Errorf("XML: \"]]>\" in text")
		}
		i++
	}
	return changes, plain, nil
}

// allowed is production Char of XML 1.0.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r < 0xd800 || r >= 0xe000 && r < 0xfffe || r >= 0x10000 && r <= utf8.MaxRune
}

// decode resolves references and normalises white space in place: no reference
// is shorter than what it stands for.
func (d *Decoder) decode(b []byte, in context) ([]byte, error) {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '\r' || in == inValue && (c == '\n' || c == '\t'):
			if c == '\r' && i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			c = '\n'
			if in == inValue {
				c = ' '
			}
			if b[i] == '\t' {
				c = ' '
			}
		case c == '&' && in != inCDATA:
			ref := b[i+1 : min(len(b), i+2+maxReference)]
			n := bytes.IndexByte(ref, ';')
			if n < 0 {
				return nil, d.Errorf("XML: '&' without the ';' of a reference: %q", cut(ref))
			}
			r, ok := reference(ref[:n])
			if !ok {
				return nil, d.Errorf("XML: the reference &%s; stands for nothing", ref[:n])
			}
			i += n + 1
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

// reference returns what is between '&' and ';' stands for.
func reference(name []byte) (rune, bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	// A sign or underscore, which ParseUint would refuse or take, is no digit.
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune || bytes.ContainsAny(digits, "+_") {
		return 0, false
	}
	return rune(n), allowed(rune(n))
}

package pgp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

// Armor block types (RFC 9580 section 6.2.1).
const (
	blockKey       = "PGP PUBLIC KEY BLOCK"
	blockSignature = "PGP SIGNATURE"
)

const (
	armorBegin = "-----BEGIN PGP "
	armorEnd   = "-----END "
	armorDash  = "-----"
	// crcInit and crcPoly are of the CRC-24 of RFC 9580 section 6.1.1.
	crcInit = 0xb704ce
	crcPoly = 0x1864cfb
)

// dearmor returns the binary form of data, which is binary or one or several
// armored blocks. Text between blocks is passed over: key files carry comments
// there.
//
// It takes what gpgv and sqv both take. Where one of the two refuses the
// armor, so does dearmor; where only some versions do, the faults say so.
func dearmor(data []byte, blockType string, most int) (bin []byte, faults []repo.Problem, err error) {
	switch {
	case len(data) > most:
		return nil, nil, &repo.FormatError{Text: fmt.Sprintf("%d bytes, more than %d", len(data), most)}
	case len(data) >= 12 && string(data[8:12]) == "KBXf":
		return nil, nil, &repo.FormatError{Text: "a GnuPG keybox (.kbx), which no client but gpg reads; write the keys out with gpg --export --armor and publish those"}
	case isBinary(data):
		return data, nil, nil
	}
	a := &armorReader{want: blockType, rest: data}
	for a.find() {
		if err := a.block(); err != nil {
			return nil, nil, err
		}
	}
	if a.blocks == 0 {
		return nil, nil, &repo.FormatError{Text: "neither binary OpenPGP nor armor: no -----BEGIN " + blockType + "----- in it"}
	}
	return a.out, a.faults, nil
}

// isBinary reports whether data begins with the header of a packet that may
// stand first. The byte order mark of UTF-8 looks like one of type 47.
func isBinary(data []byte) bool {
	if len(data) == 0 || data[0]&0x80 == 0 {
		return false
	}
	tag := data[0] & 0x3f
	if data[0]&0x40 == 0 {
		tag = data[0] >> 2 & 0x0f
	}
	return tag < firstNonCritical || tag >= firstPrivate
}

// armorReader reads armored blocks, line by line.
type armorReader struct {
	want   string
	rest   []byte
	number int // of the line last read
	blocks int
	label  string // of the present block
	start  int    // its first line
	out    []byte
	faults []repo.Problem
}

// line returns the next line without white space at its end, false at the end.
func (a *armorReader) line() (string, bool) {
	if len(a.rest) == 0 {
		return "", false
	}
	line, rest, _ := bytes.Cut(a.rest, []byte("\n"))
	a.rest = rest
	a.number++
	return strings.TrimRight(string(line), " \t\r"), true
}

// find goes to the next line that begins a block.
func (a *armorReader) find() bool {
	for {
		line, ok := a.line()
		if !ok {
			return false
		}
		if strings.HasPrefix(line, armorBegin) && strings.HasSuffix(line, armorDash) && len(line) > len(armorBegin)+len(armorDash) {
			a.label = strings.TrimSuffix(strings.TrimPrefix(line, "-----BEGIN "), armorDash)
			a.start = a.number
			return true
		}
	}
}

func (a *armorReader) bad(format string, args ...any) error {
	return &repo.FormatError{Where: fmt.Sprintf("line %d", a.number), Text: "bad armor: " + fmt.Sprintf(format, args...)}
}

// block reads the block that [armorReader.find] found.
func (a *armorReader) block() error {
	if a.blocks++; a.blocks > MaxBlocks {
		return a.bad("more than %d blocks", MaxBlocks)
	}
	switch a.label {
	case a.want:
	case "PGP PRIVATE KEY BLOCK", "PGP SECRET KEY BLOCK":
		return &repo.FormatError{Where: fmt.Sprintf("line %d", a.start), Text: errSecret}
	case "PGP SIGNED MESSAGE":
		return a.bad("wanted %s, got %s", a.want, a.label)
	default:
		// Clients do not mind the label, only what is inside.
		a.fault("the armor calls it %.40q, wanted %q", a.label, a.want)
	}
	text, sum, err := a.body()
	if err != nil {
		return err
	}
	padded := strings.HasSuffix(text, "=")
	bin, err := base64.StdEncoding.DecodeString(text)
	if err != nil && !padded {
		bin, err = base64.RawStdEncoding.DecodeString(text)
		if err == nil {
			a.fault("the base64 lacks its padding")
		}
	}
	if err != nil {
		return a.bad("not base64: %v", err)
	}
	switch want := checksum(bin); {
	case sum != "" && sum != want:
		return a.bad("checksum =%s, wanted =%s: the file was changed or cut short", sum, want)
	case sum == "" && !padded:
		a.fault("armor without a checksum and without padding: gpgv takes the last line for data and reports NODATA")
	}
	a.out = append(a.out, bin...)
	return nil
}

// body reads headers, base64 and the end line. Headers are passed over: they
// are not signed.
func (a *armorReader) body() (text, sum string, err error) {
	var all strings.Builder
	headers := true
	for {
		line, ok := a.line()
		switch {
		case !ok:
			return "", "", a.bad("no %s%s----- after line %d", armorEnd, a.label, a.start)
		case headers && strings.Contains(line, ":"):
		case line == "":
			headers = false
		case line == armorEnd+a.label+armorDash:
			return all.String(), sum, nil
		case strings.HasPrefix(line, armorDash):
			return "", "", a.bad("wanted %s%s-----, got %.60q", armorEnd, a.label, line)
		case sum != "":
			return "", "", a.bad("something follows the checksum: %.60q", line)
		case len(line) == 5 && line[0] == '=':
			sum = line[1:]
		default:
			headers = false
			all.WriteString(line)
		}
	}
}

func (a *armorReader) fault(format string, args ...any) {
	if len(a.faults) < MaxFaults {
		a.faults = append(a.faults, repo.Problem{
			Kind: repo.Malformed, Where: fmt.Sprintf("line %d", a.start), Text: fmt.Sprintf(format, args...),
		})
	}
}

// checksum returns the CRC-24 of RFC 9580 section 6.1 in base64.
func checksum(data []byte) string {
	var table [256]uint32
	for i := range table {
		crc := uint32(i) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= crcPoly
			}
		}
		table[i] = crc
	}
	crc := uint32(crcInit)
	for _, b := range data {
		crc = crc<<8&0xffffff ^ table[byte(crc>>16)^b]
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}

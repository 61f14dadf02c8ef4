package deb

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// block is a tar header made by hand, field by field; what is empty has the
// usual value.
type block struct {
	name, link, magic, prefix, uname string
	mode, uid, size, mtime, sum      string
	major, minor                     string
	kind                             byte
	body                             string
	// signed makes the checksum of signed bytes, as old Sun tars did.
	signed bool
}

func (b block) String() string {
	var h [512]byte
	put := func(at, n int, s, usual string) {
		if s == "" {
			s = usual
		}
		copy(h[at:at+n], s)
	}
	if b.kind == 0 {
		b.kind = '0'
	}
	put(0, 100, b.name, "")
	put(100, 8, b.mode, "0000644\x00")
	put(108, 8, b.uid, "0000000\x00")
	put(116, 8, "", "0000000\x00")
	put(124, 12, b.size, fmt.Sprintf("%011o\x00", len(b.body)))
	put(136, 12, b.mtime, "00000000000\x00")
	h[156] = b.kind
	if b.kind == zeroKind {
		h[156] = 0
	}
	put(157, 100, b.link, "")
	put(257, 8, b.magic, "ustar  \x00")
	put(265, 32, b.uname, "")
	put(329, 8, b.major, "0000000\x00")
	put(337, 8, b.minor, "0000000\x00")
	put(345, 155, b.prefix, "")
	sum := 8 * int(' ')
	for i, c := range h {
		switch {
		case i >= 148 && i < 156:
		case b.signed:
			sum += int(int8(c))
		default:
			sum += int(c)
		}
	}
	put(148, 8, b.sum, fmt.Sprintf("%06o\x00 ", sum))
	return string(h[:]) + b.body + strings.Repeat("\x00", -len(b.body)&511)
}

const (
	v7    = "\x00\x00\x00\x00\x00\x00\x00\x00"
	ustar = "ustar\x0000"
	// zeroKind stands for type NUL, which the zero block does not.
	zeroKind = 'V' + 0x80
)

func end() string { return strings.Repeat("\x00", 1024) }

// unpacks says whether dpkg itself takes the package: unlike dpkg-deb, which
// asks GNU tar, it reads the tar archive with its own code.
func unpacks(t *testing.T, name string) (bool, string) {
	t.Helper()
	root := t.TempDir()
	admin := filepath.Join(root, "var/lib/dpkg")
	for _, dir := range []string{"updates", "info", "triggers"} {
		if err := os.MkdirAll(filepath.Join(admin, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(admin, "status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "dpkg", "--root="+root, "--force-not-root", "--force-bad-path", "--force-architecture",
		"--force-depends", "--force-unsafe-io", "--force-script-chrootless", "--log="+os.DevNull, "--unpack", name)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// TestTarDialects holds what is said of a data.tar against dpkg-deb (which
// runs GNU tar) and dpkg: an error where dpkg-deb refuses, an error or a fault
// where dpkg does.
func TestTarDialects(t *testing.T) {
	t.Parallel()
	long := "./" + strings.Repeat("long-", 40) + "name"
	a := block{name: "./a", body: "x"}.String()
	pax := func(kind byte, records string) string {
		return block{name: "./PaxHeaders/a", kind: kind, body: records}.String()
	}
	for _, tc := range []struct {
		name, tar string
		paths     string // "" when the package must be refused
		// fault is part of the one fault, "" for none.
		fault string
		// stricter is set where a fault is given for what dpkg takes.
		stricter bool
	}{
		{"nothing", end(), "-", "", false},
		{"V7", block{name: "./a", body: "x", magic: v7}.String() + end(), "/a", "", false},
		{"V7 directory", block{name: "./d/", magic: v7, kind: zeroKind, mode: "0000755\x00"}.String() + end(), "/d", "", false},
		{"V7 with a prefix that is none", block{name: "./a", magic: v7, prefix: "p"}.String() + end(), "/a", "", false},
		{"ustar", block{name: "./a", magic: ustar}.String() + end(), "/a", "", false},
		{"ustar with prefix", block{name: "a", magic: ustar, prefix: strings.Repeat("./", 60) + "."}.String() + end(), "/a", "", false},
		{"name of 100 bytes", block{name: "./" + strings.Repeat("n", 98), magic: ustar}.String() + end(), "/" + strings.Repeat("n", 98), "", false},
		{"GNU", a + end(), "/a", "", false},
		{"GNU long name", block{name: "././@LongLink", kind: 'L', body: long + "\x00"}.String() + a + end(), long[1:], "", false},
		{"GNU long name without NUL", block{name: "././@LongLink", kind: 'L', body: long}.String() + a + end(), long[1:], "", false},
		{"GNU long link", block{name: "././@LongLink", kind: 'K', body: long + "\x00"}.String() + block{name: "./l", kind: '2'}.String() + end(), "/l", "", false},
		{"GNU long name and link", block{name: "././@LongLink", kind: 'K', body: "/x" + long + "\x00"}.String() +
			block{name: "././@LongLink", kind: 'L', body: long + "\x00"}.String() + block{name: "./l", kind: '2'}.String() + end(), long[1:], "", false},
		{"base-256 size", block{name: "./a", body: "x", size: "\x80" + strings.Repeat("\x00", 10) + "\x01"}.String() + end(), "/a", "", false},
		{"base-256 uid", block{name: "./a", uid: "\x80\x00\x00\x00\x00\x20\x00\x00"}.String() + end(), "/a", "", false},
		{"negative time", block{name: "./a", mtime: strings.Repeat("\xff", 12)}.String() + end(), "/a", "", false},
		{"blanks before numbers", block{name: "./a", mode: "   644 \x00", uid: "     0 \x00", body: "x", size: "          1 "}.String() + end(), "/a", "", false},
		{"checksum of signed bytes", block{name: "./\xc3\xa4", signed: true}.String() + end(), "/ä", "checksum", false},
		{"checksum with blanks", block{name: "./a", sum: "  6 \x00"}.String() + end(), "", "", false},
		{"wrong checksum", block{name: "./a", sum: "000000\x00 "}.String() + end(), "", "", false},
		{"not octal", block{name: "./a", size: "00000000009\x00"}.String() + end(), "", "", false},
		{"directory without slash", block{name: "./d", kind: '5', mode: "0000755\x00"}.String() + end(), "/d", "", false},
		{"file with a slash", block{name: "./d/", mode: "0000755\x00"}.String() + end(), "/d", "", false},
		{"hard link", a + block{name: "./b", kind: '1', link: "./a"}.String() + end(), "/a /b", "", false},
		{"hard link without ./", a + block{name: "./b", kind: '1', link: "a"}.String() + end(), "/a /b", "", false},
		{"symbolic link", block{name: "./l", kind: '2', link: "/etc/x"}.String() + end(), "/l", "", false},
		{"fifo", block{name: "./f", kind: '6'}.String() + end(), "/f", "", false},
		{"PAX", pax('x', "13 mtime=1.5\n") + block{name: "./a", magic: ustar}.String() + end(), "/a", "has a PAX header", false},
		{"PAX path", pax('x', "13 path=./bc\n") + block{name: "./a", magic: ustar}.String() + end(), "/bc", "has a PAX header", false},
		{"PAX global", pax('g', "13 comment=x\n") + block{name: "./a", magic: ustar}.String() + end(), "/a", "of tar type 'g'", false},
		{"contiguous file", block{name: "./a", kind: '7', body: "x"}.String() + end(), "/a", "of tar type '7'", false},
		{"volume label", block{name: "label", kind: 'V'}.String() + a + end(), "/a", "of tar type 'V'", false},
		{"no end", a, "/a", "", false},
		{"one block of zeros", a + end()[:512], "/a", "", false},
		{"end to 10 KiB", a + strings.Repeat("\x00", 10240-1024), "/a", "", false},
		{"cut in the padding", a[:600], "", "", false},
		{"cut in the body", block{name: "./a", body: strings.Repeat("x", 600)}.String()[:900], "", "", false},
		{"cut in a header", a + a[:300], "", "", false},
		{"cut in the end", a + end()[:700], "/a", "are not blocks of 512", true},
		{"a lone block of zeros", a + end()[:512] + block{name: "./b", body: "y"}.String() + end(), "/a", "data after the end", true},
		{"no name", block{}.String() + end(), "", "", false},
		{"empty", "", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			deb := pack(controlTar(t), tc.tar)
			p, err := Read(bytes.NewReader(deb), Options{Payload: true})
			name := filepath.Join(t.TempDir(), "x.deb")
			if err := os.WriteFile(name, deb, 0o600); err != nil {
				t.Fatal(err)
			}
			list, listErr := exec.CommandContext(t.Context(), "dpkg-deb", "--contents", name).CombinedOutput()
			extract, extractErr := exec.CommandContext(t.Context(), "dpkg-deb", "--extract", name, t.TempDir()).CombinedOutput()
			taken, said := unpacks(t, name)
			if err != nil {
				if listErr == nil && extractErr == nil && taken {
					t.Errorf("refused: %v; dpkg-deb and dpkg take it", err)
				}
				if tc.paths != "" {
					t.Errorf("%v; want paths %s", err, tc.paths)
				}
				return
			}
			if listErr != nil || extractErr != nil {
				t.Errorf("read; dpkg-deb --contents: %v %s--extract: %v %s", listErr, list, extractErr, extract)
			}
			if !taken && len(p.Faults) == 0 {
				t.Errorf("no fault; dpkg: %s", said)
			}
			if taken && !tc.stricter && len(p.Faults) > 0 {
				t.Errorf("faults %v; dpkg unpacks it", p.Faults)
			}
			var paths []string
			for _, f := range p.Files {
				paths = append(paths, f.Path)
			}
			if got := strings.Join(paths, " "); got != strings.TrimPrefix(tc.paths, "-") || tc.paths == "" {
				t.Errorf("paths %q, want %q", got, tc.paths)
			}
			wantFault(t, p, tc.fault)
		})
	}
}

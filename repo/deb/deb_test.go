package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
)

func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, &errs)
	}
	return string(out)
}

// tree writes files for dpkg-deb -b; a path that ends in "/" is a directory.
func tree(t testing.TB, control string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), mode), os.Chmod(p, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("DEBIAN/control", control, 0o644)
	write("DEBIAN/conffiles", "/etc/default/kubelet\n", 0o644)
	write("DEBIAN/postinst", "#!/bin/sh\n", 0o755)
	write("DEBIAN/prerm", "#!/bin/sh\n", 0o755)
	write("DEBIAN/md5sums", "", 0o644)
	write("etc/default/kubelet", "KUBELET_EXTRA_ARGS=\n", 0o644)
	write("usr/bin/kubelet", strings.Repeat("\x7fELF", 5000), 0o755)
	write("usr/bin/odd name", "x", 0o640)
	write("usr/share/"+strings.Repeat("long/", 30)+"name", "x", 0o644)
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "var/lib/kubelet"), 0o755),
		os.Symlink("kubelet", filepath.Join(dir, "usr/bin/link")),
		os.Link(filepath.Join(dir, "usr/bin/kubelet"), filepath.Join(dir, "usr/bin/same")),
		os.Chmod(filepath.Join(dir, "usr/bin/kubelet"), 0o755|fs.ModeSetuid),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

const control = `Package: kubelet
Version: 1:1.28.0~rc.1-1.1
Architecture: amd64
Maintainer: Kubernetes Authors <dev@kubernetes.io>
Depends: iptables (>= 1.4.21), mount
Description: short
 long
 .
 more
`

func build(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.deb")
	tool(t, "dpkg-deb", append(args, "--root-owner-group", "-b", dir, file)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// listing renders files as dpkg-deb -c does, without the times.
func listing(files []repo.PayloadFile) []string {
	var out []string
	for _, f := range files {
		name, size := "."+f.Path, f.Size
		mode := []byte(f.Mode.String())
		mode = mode[len(mode)-10:]
		mode[0] = '-'
		switch {
		case f.Mode.IsDir():
			mode[0] = 'd'
			name += "/"
		case f.Mode&fs.ModeSymlink != 0:
			mode[0] = 'l'
			name += " -> " + f.Link
		case f.Link != "":
			mode[0], size = 'h', 0
			name += " link to ." + f.Link
		}
		if f.Mode&fs.ModeSetuid != 0 {
			mode[3] = 's'
		}
		if f.Mode&fs.ModeSetgid != 0 {
			mode[6] = 's'
		}
		name = strings.ReplaceAll(name, `\`, `\\`)
		out = append(out, fmt.Sprintf("%s %s/%s %d %s", mode, f.Owner, f.Group, size, name))
	}
	slices.Sort(out)
	return out
}

func dpkgListing(t *testing.T, file string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(tool(t, "dpkg-deb", "-c", file)) {
		// mode owner/group size date time name
		f := strings.Fields(line)
		at := strings.Index(line, " ./")
		if name := strings.TrimRight(line[at+1:], "\n"); name != "./" {
			out = append(out, strings.Join(append(f[:3:3], name), " "))
		}
	}
	slices.Sort(out)
	return out
}

func TestReadAgreesWithDpkgDeb(t *testing.T) {
	t.Parallel()
	dir := tree(t, control)
	for _, args := range [][]string{
		{"-Zxz"}, {"-Zgzip"}, {"-Zzstd"}, {"-Znone"}, {"-Zxz", "--no-uniform-compression"}, {"-Zgzip", "-z1"}, {"-Zxz", "-z9"}, {"-Zzstd", "-z22"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			data := build(t, dir, args...)
			file := filepath.Join(t.TempDir(), "x.deb")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for name, r := range map[string]io.Reader{"whole": bytes.NewReader(data), "a byte at a time": iotest.OneByteReader(bytes.NewReader(data))} {
				p, err := Read(r, Options{Payload: true})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(dpkgListing(t, file), listing(p.Files)); diff != "" {
					t.Errorf("%s: files (-dpkg-deb -c +Read)\n%s", name, diff)
				}
				if !slices.IsSortedFunc(p.Files, func(a, b repo.PayloadFile) int { return strings.Compare(a.Path, b.Path) }) {
					t.Error("files are not sorted by path")
				}
				for s, err := range deb822.Stanzas(strings.NewReader(tool(t, "dpkg-deb", "-f", file))) {
					if diff := cmp.Diff(s.Fields, p.Fields); err != nil || diff != "" {
						t.Errorf("%s: control %v (-dpkg-deb -f +Read)\n%s", name, err, diff)
					}
				}
				if p.Name != "kubelet" || p.Version != "1:1.28.0~rc.1-1.1" || p.Arch != "amd64" {
					t.Errorf("%s: %s %s %s", name, p.Name, p.Version, p.Arch)
				}
				if diff := cmp.Diff([]string{"postinst", "prerm"}, p.Scripts); diff != "" {
					t.Errorf("%s: scripts (-want +got)\n%s", name, diff)
				}
				for _, f := range p.Files {
					if f.Config != (f.Path == "/etc/default/kubelet") {
						t.Errorf("%s: %s: Config = %v", name, f.Path, f.Config)
					}
				}
				if len(p.Faults) != 0 {
					t.Errorf("%s: faults %v", name, p.Faults)
				}
			}
		})
	}
}

// gzipped compresses s to an odd number of bytes.
func gzipped(t testing.TB, s string) string {
	t.Helper()
	for _, name := range []string{"x", "xy"} {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Name = name
		_, err := io.WriteString(w, s)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		if b.Len()%2 == 1 {
			return b.String()
		}
	}
	t.Fatal("no odd length")
	return ""
}

// arMember is one member of a container made by hand.
type arMember struct{ name, body string }

func arFile(members ...arMember) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.body), m.body)
		if len(m.body)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func tarFile(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := h.Uname // what is in a file stands in for its owner here
		h.Uname = ""
		h.Size = int64(len(body))
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func file(name, body string) tar.Header {
	return tar.Header{Name: name, Uname: body, Typeflag: tar.TypeReg, Format: tar.FormatGNU}
}

func controlTar(t testing.TB) string { return tarFile(t, file("./control", control)) }

func TestContainer(t *testing.T) {
	t.Parallel()
	format := arMember{"debian-binary", "2.0\n"}
	ctl := arMember{"control.tar", controlTar(t)}
	dat := arMember{"data.tar", tarFile(t, file("./a", "x"))}
	good := arFile(format, ctl, dat)
	patch := func(at int, s string) []byte {
		b := bytes.Clone(good)
		copy(b[at:], s)
		return b
	}
	odd := arMember{"data.tar.gz", gzipped(t, dat.body)}
	oddEnd := arFile(format, ctl, odd)
	oddEnd = oddEnd[:len(oddEnd)-1]
	for _, tc := range []struct {
		name string
		in   []byte
		err  string // "" when it must be read
		// dpkg says whether dpkg-deb refuses it as well.
		dpkg bool
	}{
		{"good", good, "", true},
		{"names with a slash", arFile(arMember{"debian-binary/", "2.0\n"}, arMember{"control.tar/", ctl.body}, arMember{"data.tar/", dat.body}), "", true},
		{"member that may be skipped", arFile(format, arMember{"_gpgorigin", "abc"}, ctl, arMember{"_x", ""}, dat, arMember{"_y", "1"}), "", true},
		{"further lines in debian-binary", arFile(arMember{"debian-binary", "2.9\nmore\n"}, ctl, dat), "", true},
		{"blank mode", patch(8+40, "        "), "", true},
		{"empty", nil, "not a Debian package", true},
		{"magic", patch(0, "!<thin>\n"), "not a Debian package", true},
		{"trailer", patch(8+58, "X\n"), `want it to end in "` + "`", true},
		{"negative size", patch(8+48, "-60       "), `size "-60" is not a number`, true},
		{"no size", patch(8+48, "          "), `want format version 2.x and a newline, got ""`, true},
		{"blanks before the size", patch(8+48, "      4   "), "", true},
		{"text after the size", patch(8+48, "4 x       "), "", true},
		{"NULs after the size", patch(8+48, "4\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "is not a number", true},
		{"NULs after the name", patch(8, "debian-binary\x00\x00\x00"), "", true},
		{"two slashes after the name", patch(8, "debian-binary// "), "want debian-binary", true},
		{"old format", []byte("0.939000\n5\nhello"), "old Debian package format", false}, // dpkg-deb reads it
		{"zeros before the format", arFile(arMember{"debian-binary", "02.00\n"}, ctl, dat), "", true},
		{"text after the format", arFile(arMember{"debian-binary", "2.0x\n"}, ctl, dat), "want format version", true},
		{"data.tar.lz", arFile(format, ctl, arMember{"data.tar.lz", "x"}), `compression ".lz" is not one`, true},
		{"data.tar. without kind", arFile(format, ctl, arMember{"data.tar.", dat.body}), `compression "." is not one`, true},
		{"no padding at the end", oddEnd, "", true},
		{"no padding before data.tar", append(arFile(format, arMember{"_x", "1"})[:8+64+61], arFile(ctl, dat)[8:]...), "bad ar header", true},
		{"hexadecimal size", patch(8+48, "0x4       "), `is not a number`, true},
		{"huge size", patch(8+48, "9999999999"), "9999999999 bytes, more than 256", true},
		{"no members", []byte(arMagic), "no member debian-binary", true},
		{"only the format", arFile(format), "no member control.tar", true},
		{"no data", arFile(format, ctl), "no member data.tar", true},
		{"format 3", arFile(arMember{"debian-binary", "3.0\n"}, ctl, dat), "want format version 2.x", true},
		{"format without newline", arFile(arMember{"debian-binary", "2.0"}, ctl, dat), "want format version 2.x", true},
		{"format without dot", arFile(arMember{"debian-binary", "2\n"}, ctl, dat), "want format version 2.x", true},
		{"other first member", arFile(ctl, format, dat), "want debian-binary as the first member", true},
		{"skipped member first", arFile(arMember{"_x", ""}, format, ctl, dat), "want debian-binary as the first member", true},
		{"data before control", arFile(format, dat, ctl), `member "data.tar" where control.tar belongs`, true},
		{"control twice", arFile(format, ctl, ctl, dat), `member "control.tar" where data.tar belongs`, true},
		{"unknown member", arFile(format, arMember{"extra", ""}, ctl, dat), `member "extra" where control.tar belongs`, true},
		{"BSD long name", arFile(format, arMember{"#1/12", "control.tar\x00"}, ctl, dat), `member "#1/12" where control.tar`, true},
		{"unknown compression", arFile(format, arMember{"control.tar.lz4", "x"}, dat), `compression ".lz4" is not one`, true},
		{"control.tar.bz2", arFile(format, arMember{"control.tar.bz2", "BZh"}, dat), `compression ".bz2" is not one`, true},
		{"name that only begins so", arFile(format, arMember{"control.tarxz", "x"}, dat), `compression "xz" is not one`, true},
		{"not what the name says", arFile(format, arMember{"control.tar.xz", ctl.body}, dat), "control.tar.xz at offset 72", true},
		{"part of a header at the end", append(bytes.Clone(good), "junk"...), "", true},
		{"too many members", arFile(append([]arMember{format}, slices.Repeat([]arMember{{"_x", ""}}, MaxMembers)...)...), "more than 32 members", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := Read(bytes.NewReader(tc.in), Options{Payload: true})
			if tc.err == "" {
				if err != nil || p.Name != "kubelet" || len(p.Files) != 1 {
					t.Errorf("%+v, %v; want it to be read", p, err)
				}
			} else {
				wantFormat(t, err, tc.err)
			}
			if !tc.dpkg {
				return
			}
			name := filepath.Join(t.TempDir(), "x.deb")
			if err := os.WriteFile(name, tc.in, 0o600); err != nil {
				t.Fatal(err)
			}
			ctl, ctlErr := exec.CommandContext(t.Context(), "dpkg-deb", "--control", name, t.TempDir()).CombinedOutput()
			dat, datErr := exec.CommandContext(t.Context(), "dpkg-deb", "--extract", name, t.TempDir()).CombinedOutput()
			if dpkgErr := errors.Join(ctlErr, datErr); (dpkgErr == nil) != (err == nil) {
				t.Errorf("Read: %v; dpkg-deb: %v %s%s", err, dpkgErr, ctl, dat)
			}
		})
	}
}

func wantFormat(t *testing.T, err error, text string) {
	t.Helper()
	if _, ok := errors.AsType[*repo.FormatError](err); !ok || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%T), want a *repo.FormatError with %q", err, err, text)
	}
}

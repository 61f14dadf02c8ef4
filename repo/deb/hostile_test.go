package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"sigs.k8s.io/pkgverify/repo"
)

func pack(ctl, dat string) []byte {
	return arFile(arMember{"debian-binary", "2.0\n"}, arMember{"control.tar", ctl}, arMember{"data.tar", dat})
}

func TestControl(t *testing.T) {
	t.Parallel()
	dat := tarFile(t, file("./etc/a", "x"))
	text := func(s string) string { return tarFile(t, file("./control", s)) }
	with := func(name, s string) string { return tarFile(t, file("./control", control), file("./"+name, s)) }
	for _, tc := range []struct{ name, ctl, err, fault string }{
		{name: "without ./", ctl: tarFile(t, file("control", control))},
		{name: "no control file", ctl: tarFile(t, file("./postinst", "")), err: "no control file"},
		{name: "twice", ctl: tarFile(t, file("./control", control), file("control", control)), err: `"control" is there twice`},
		{name: "a link", ctl: tarFile(t, tar.Header{Name: "./control", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), err: `"control" is not a regular file`},
		{name: "too big", ctl: text(control + "X: " + strings.Repeat("x", MaxControlFile)), err: "more than 1048576"},
		{name: "no newline", ctl: text(strings.TrimSuffix(control, "\n")), err: "does not end in a newline"},
		{name: "two stanzas", ctl: text(control + "\nAA: 1\n"), err: "line 11: control file has more than one stanza"},
		{name: "field twice", ctl: text(control + "package: x\n"), err: "line 10: field \"package\" is there twice"},
		{name: "no version", ctl: text("Package: a\nArchitecture: all\n"), err: "no field Version"},
		{name: "bad version", ctl: text("Package: a\nVersion: 1-\nArchitecture: all\n"), err: "revision is empty"},
		{name: "bad name", ctl: text("Package: -a\nVersion: 1\nArchitecture: all\n"), err: "control field Package"},
		{name: "bad architecture", ctl: text("Package: a\nVersion: 1\nArchitecture: a/b\n"), fault: "control field Architecture"},
		{name: "no architecture", ctl: text("Package: a\nVersion: 1\n"), fault: "control field Architecture: no name"},
		{name: "bad relation", ctl: text(control + "Conflicts: a |\n"), fault: "control field Conflicts"},
		{name: "bad essential", ctl: text(control + "Essential: perhaps\n"), err: "control field Essential: want one of yes, no"},
		{name: "bad multi-arch", ctl: text(control + "Multi-Arch: some\n"), err: "control field Multi-Arch"},
		{name: "multi-arch", ctl: text(control + "Multi-Arch: same\n")},
		{name: "same for all", ctl: text("Package: a\nVersion: 1\nArchitecture: all\nMulti-Arch: same\n"), err: "same is not for architecture"},
		{name: "conffile without newline", ctl: with("conffiles", "/etc/a"), fault: "without newline"},
		{name: "conffile with another flag", ctl: with("conffiles", "keep /etc/a\n"), fault: "want an absolute path"},
		{name: "conffile to be removed and there", ctl: with("conffiles", "remove-on-upgrade /etc/a\n"), fault: `"/etc/a" is to be removed on upgrade`},
		{name: "triggers", ctl: with("triggers", "# text\n\ninterest-noawait /usr/share/x\n activate ldconfig \nactivate-await\tx\n")},
		{name: "unknown trigger", ctl: with("triggers", "interesting /usr\n"), fault: "unknown directive"},
		{name: "trigger without name", ctl: with("triggers", "interest\n"), fault: "bad name of a trigger"},
		{name: "trigger with two names", ctl: with("triggers", "interest a b\n"), fault: "bad name of a trigger"},
		{name: "md5sums", ctl: with("md5sums", "9dd4e461268c8034f5c8564e155c67a6  etc/a\n")},
		{name: "md5sums with ./ and *", ctl: with("md5sums", "9dd4e461268c8034f5c8564e155c67a6 *./etc/a\n")},
		{name: "md5sums with a backslash", ctl: with("md5sums", "\\9dd4e461268c8034f5c8564e155c67a6  etc/a\n")},
		{name: "another MD5", ctl: with("md5sums", "0dd4e461268c8034f5c8564e155c67a6  etc/a\n"), fault: `line 1: "/etc/a" has the MD5 digest 9dd4e461268c8034f5c8564e155c67a6, want 0dd4`},
		{name: "MD5 of nothing", ctl: with("md5sums", "9dd4e461268c8034f5c8564e155c67a6  etc/b\n"), fault: `"/etc/b" is not in the package`},
		{name: "bad MD5", ctl: with("md5sums", "xdd4e461268c8034f5c8564e155c67a6  etc/a\n"), fault: "line 1: bad digest"},
		{name: "md5sums with one space", ctl: with("md5sums", "9dd4e461268c8034f5c8564e155c67a6 etc/a\n"), fault: "want a digest, two spaces and a path"},
		{name: "md5sums twice", ctl: with("md5sums", "9dd4e461268c8034f5c8564e155c67a6  etc/a\n0dd4e461268c8034f5c8564e155c67a6  etc/a\n"), fault: "another digest"},
		{name: "outside", ctl: tarFile(t, file("./control", control), file("../x", "")), fault: `file "../x" outside`},
		{name: "script without x", ctl: tarFile(t, file("./control", control), file("./prerm", "")), fault: "prerm is not executable"},
		{name: "conffile missing", ctl: tarFile(t, file("./control", control), file("./conffiles", "/etc/a\n/etc/b\n")), fault: `conffile "/etc/b" is not in the package`},
		{name: "conffile relative", ctl: tarFile(t, file("./control", control), file("./conffiles", "etc/a\n")), fault: `want an absolute path, got "etc/a"`},
		{name: "conffile with ..", ctl: tarFile(t, file("./control", control), file("./conffiles", "/etc/../a\n")), fault: "want an absolute path"},
		{name: "conffile to be removed", ctl: tarFile(t, file("./control", control), file("./conffiles", "remove-on-upgrade /etc/old\n"))},
		{name: "hidden data", ctl: controlTar(t) + strings.Repeat("\x00", 1024) + "hidden" + strings.Repeat("\x00", 506), fault: "data after the end of the tar archive"},
		{name: "not a tar", ctl: strings.Repeat("x", 1024), err: "bad tar archive"},
		{name: "cut", ctl: controlTar(t)[:600], err: "truncated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := Read(bytes.NewReader(pack(tc.ctl, dat)), Options{Payload: true})
			if tc.err != "" {
				wantFormat(t, err, tc.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantFault(t, p, tc.fault)
		})
	}
	many := []tar.Header{file("./control", control)}
	for i := range MaxControlMembers {
		many = append(many, file(fmt.Sprint("./f", i), ""))
	}
	_, err := Read(bytes.NewReader(pack(tarFile(t, many...), dat)), Options{Payload: true})
	wantFormat(t, err, "more than 256 files")
}

func wantFault(t *testing.T, p *Package, text string) {
	t.Helper()
	kind := repo.Malformed
	if rest, ok := strings.CutPrefix(text, "misplaced: "); ok {
		kind, text = repo.Misplaced, rest
	}
	switch {
	case text == "" && len(p.Faults) == 0:
	case text != "" && len(p.Faults) == 1 && strings.Contains(p.Faults[0].Text, text) && p.Faults[0].Kind == kind:
	default:
		t.Errorf("faults %v, want %q", p.Faults, text)
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	link := func(kind byte, name, to string) tar.Header {
		return tar.Header{Name: name, Linkname: to, Typeflag: kind, Format: tar.FormatGNU}
	}
	for _, tc := range []struct {
		name, fault, paths string
		files              []tar.Header
	}{
		{"nothing", "", "", nil},
		{"the root", "", "", []tar.Header{{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}}},
		{"dot dot", `misplaced: member "./../etc/passwd" leaves the root`, "/a", []tar.Header{file("./../etc/passwd", ""), file("a", "")}},
		{"dot dot inside", `misplaced: member "./usr/../etc/x" leaves the root`, "", []tar.Header{file("./usr/../etc/x", "")}},
		{"absolute", `member "/etc/x" has an absolute name`, "/etc/x", []tar.Header{file("/etc/x", "")}},
		{"file as root", `misplaced: member "." takes the place`, "", []tar.Header{link(tar.TypeSymlink, ".", "/etc")}},
		{"through a link", `misplaced: "/a/passwd" is below "/a", which is no directory`, "/a /a/passwd", []tar.Header{link(tar.TypeSymlink, "./a", "/etc"), file("./a/passwd", "")}},
		{"deep through a link", `misplaced: "/a/b/c" is below "/a"`, "/a /a/b/c", []tar.Header{link(tar.TypeSymlink, "./a", "/etc"), file("./a/b/c", "")}},
		{"twice", `misplaced: "/a" is there twice`, "/a /a", []tar.Header{file("./a", "1"), file("a", "2")}},
		{"directory twice", "", "/a /a", []tar.Header{{Name: "./a/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "./a", Typeflag: tar.TypeDir, Mode: 0o755}}},
		{"hard link", "", "/a /b", []tar.Header{file("./a", "1"), link(tar.TypeLink, "./b", "./a")}},
		{"hard link out", `misplaced: hard link "./b" leaves the root`, "/b", []tar.Header{link(tar.TypeLink, "./b", "../../etc/shadow")}},
		{"hard link to nothing", `hard link "./b" names no file before it`, "/b", []tar.Header{link(tar.TypeLink, "./b", "./etc/shadow")}},
		{"control character", "has a control character", "/a\x1b[2J", []tar.Header{file("./a\x1b[2J", "")}},
		{"PAX", "has a PAX header, which dpkg does not unpack", "/a", []tar.Header{{Name: "a", Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.x": "1"}}}},
		{"long name", "", "/" + strings.Repeat("n/", 200) + "n", []tar.Header{file("./"+strings.Repeat("n/", 200)+"n", "")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := Read(bytes.NewReader(pack(controlTar(t), tarFile(t, tc.files...))), Options{Payload: true})
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, f := range p.Files {
				paths = append(paths, f.Path)
			}
			if got := strings.Join(paths, " "); got != tc.paths {
				t.Errorf("paths %q, want %q", got, tc.paths)
			}
			wantFault(t, p, tc.fault)
		})
	}
	_, err := Read(bytes.NewReader(pack(controlTar(t), tarFile(t, file("./"+strings.Repeat("n/", MaxPath/2)+"n", "")))), Options{Payload: true})
	wantFormat(t, err, "more than 4096 bytes")
}

func TestDataFacts(t *testing.T) {
	t.Parallel()
	p, err := Read(bytes.NewReader(pack(controlTar(t), tarFile(t,
		tar.Header{Name: "./dev/mem", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 1, Format: tar.FormatGNU},
		tar.Header{Name: "./bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uname: "body", Gname: "staff", Gid: 50, Uid: 7, Format: tar.FormatGNU},
		tar.Header{Name: "./run/fifo", Typeflag: tar.TypeFifo, Mode: 0o600, Format: tar.FormatGNU},
	))), Options{Payload: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []repo.PayloadFile{
		{Path: "/bin/su", Mode: fs.ModeSetuid | 0o755, Size: 4, Owner: "7", Group: "staff", SHA256: "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5"},
		{Path: "/dev/mem", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, Owner: "0", Group: "0", Device: 1<<8 | 1},
		{Path: "/run/fifo", Mode: fs.ModeNamedPipe | 0o600, Owner: "0", Group: "0"},
	}
	if fmt.Sprint(p.Files) != fmt.Sprint(want) || len(p.Faults) != 0 {
		t.Errorf("files %v, faults %v; want %v", p.Files, p.Faults, want)
	}
}

func TestAfterData(t *testing.T) {
	t.Parallel()
	dat := tarFile(t, file("./a", "x"))
	p, err := Read(bytes.NewReader(arFile(arMember{"debian-binary", "2.0\n"}, arMember{"control.tar", controlTar(t)},
		arMember{"data.tar", dat}, arMember{"data.tar", tarFile(t, file("./b", "x"))})), Options{Payload: true})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, p, "member after data.tar")
	if len(p.Files) != 1 || p.Files[0].Path != "/a" {
		t.Errorf("files %v, want those of the first data.tar, as dpkg", p.Files)
	}
}

func TestMaxFaults(t *testing.T) {
	t.Parallel()
	var files []tar.Header
	for i := range repo.MaxFaults + 10 {
		files = append(files, file(fmt.Sprint("../", i), ""))
	}
	p, err := Read(bytes.NewReader(pack(controlTar(t), tarFile(t, files...))), Options{Payload: true})
	if err != nil || len(p.Faults) != repo.MaxFaults {
		t.Errorf("%v; %d faults, want %d", err, len(p.Faults), repo.MaxFaults)
	}
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	data := build(t, tree(t, control), "-Zxz")
	for _, n := range []int{0, 4, 30, 70, 100, 400, len(data) / 2, len(data) - 1} {
		_, err := Read(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), Options{Payload: true})
		if _, ok := errors.AsType[*repo.FormatError](err); ok || !errors.Is(err, broken) {
			t.Errorf("broken after %d bytes: %v, want the reader's error", n, err)
		}
	}
}

// small builds the smallest packages that dpkg-deb makes.
func small(t testing.TB) map[string][]byte {
	dir := t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "DEBIAN"), 0o755),
		os.WriteFile(filepath.Join(dir, "DEBIAN/control"), []byte(control), 0o600),
		os.WriteFile(filepath.Join(dir, "file"), []byte("content\n"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, z := range []string{"-Zxz", "-Zgzip", "-Zzstd"} {
		out[z] = build(t, dir, z)
	}
	return out
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	for z, data := range small(t) {
		for n := range len(data) {
			p, err := Read(bytes.NewReader(data[:n]), Options{Payload: true})
			if n == len(data)-1 && err == nil {
				wantFault(t, p, "should pad the odd length") // which dpkg takes
				continue
			}
			if _, ok := errors.AsType[*repo.FormatError](err); !ok {
				t.Errorf("%s cut at %d of %d: %v (%T), want a *repo.FormatError", z, n, len(data), err, err)
			}
		}
	}
}

func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	for z, data := range small(t) {
		for n := range data {
			bad := bytes.Clone(data)
			bad[n] ^= 1 << (n % 8)
			_, err := Read(bytes.NewReader(bad), Options{Payload: true})
			if _, ok := errors.AsType[*repo.FormatError](err); err != nil && !ok {
				t.Errorf("%s with byte %d changed: %v (%T), want a *repo.FormatError", z, n, err, err)
			}
		}
	}
}

func FuzzDeb(f *testing.F) {
	for _, data := range small(f) {
		f.Add(data)
	}
	f.Add(pack(controlTar(f), tarFile(f, file("./a", "x"), file("../b", ""))))
	f.Add(pack(tarFile(f, file("./control", control), file("./md5sums", "9dd4e461268c8034f5c8564e155c67a6  a\n"), file("./conffiles", "/a\n"),
		file("./triggers", "interest x\n")), tarFile(f, file("./a", "x"))))
	f.Add(pack(controlTar(f), block{name: "./a", body: "x", signed: true}.String()+end()[:512]+"more"))
	f.Add(pack(controlTar(f), block{name: "././@LongLink", kind: 'L', body: "./a"}.String()+block{name: "./l", kind: '2', link: "x"}.String()+end()))
	f.Add(arFile(arMember{"debian-binary", "2.0\n"}, arMember{"_x", "1"}))
	f.Add([]byte("0.939000\n1\n"))
	f.Add(arFile(arMember{"debian-binary", "2.0\n"}, arMember{"control.tar.gz", controlTar(f)}, arMember{"data.tar.gz", ""}))
	var r Reader
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := r.Read(bytes.NewReader(data), Options{Payload: true})
		only, onlyErr := r.Read(bytes.NewReader(data), Options{})
		for _, e := range []error{err, onlyErr} {
			if _, ok := errors.AsType[*repo.FormatError](e); e != nil && !ok {
				t.Errorf("%v (%T), want a *repo.FormatError", e, e)
			}
		}
		if err != nil {
			return
		}
		if onlyErr != nil || only.Fields != p.Fields || only.Files != nil {
			t.Errorf("control only: %v, %+v; with the payload %+v", onlyErr, only, p)
		}
		for _, file := range p.Files {
			if !strings.HasPrefix(file.Path, "/") || filepath.Clean(file.Path) != file.Path || file.Size < 0 {
				t.Errorf("bad file %+v", file)
			}
		}
	})
}

package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filter sends in through a tool.
func filter(t testing.TB, in string, name string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// TestCompressions reads what dpkg-deb reads and no longer writes.
func TestCompressions(t *testing.T) {
	t.Parallel()
	format := arMember{"debian-binary", "2.0\n"}
	ctl, dat := controlTar(t), tarFile(t, file("./a", "x"))
	for _, tc := range []struct {
		member  string
		control bool // the control archive too may have it
		tool    []string
	}{
		{"gz", true, []string{"gzip", "-c"}},
		{"xz", true, []string{"xz", "-c"}},
		{"zst", true, []string{"zstd", "-c"}},
		{"bz2", false, []string{"bzip2", "-c"}},
		{"lzma", false, []string{"xz", "--format=lzma", "-c"}},
	} {
		z := func(s string) string { return filter(t, s, tc.tool[0], tc.tool[1:]...) }
		for _, part := range []struct {
			name string
			deb  []byte
			good bool
		}{
			{"data", arFile(format, arMember{"control.tar", ctl}, arMember{"data.tar." + tc.member, z(dat)}), true},
			{"control", arFile(format, arMember{"control.tar." + tc.member, z(ctl)}, arMember{"data.tar", dat}), tc.control},
			{"data that is something else", arFile(format, arMember{"control.tar", ctl}, arMember{"data.tar." + tc.member, dat}), tc.member == "gz"}, // zlib hands it on
			{"data cut", arFile(format, arMember{"control.tar", ctl}, arMember{"data.tar." + tc.member, z(dat)[:60]}), false},
			{"data with more after it", arFile(format, arMember{"control.tar", ctl}, arMember{"data.tar." + tc.member, z(dat) + "more"}), false},
		} {
			name := filepath.Join(t.TempDir(), "x.deb")
			if err := os.WriteFile(name, part.deb, 0o600); err != nil {
				t.Fatal(err)
			}
			out, dpkg := exec.CommandContext(t.Context(), "dpkg-deb", "--extract", name, t.TempDir()).CombinedOutput()
			if _, ctlErr := exec.CommandContext(t.Context(), "dpkg-deb", "--control", name, t.TempDir()).CombinedOutput(); dpkg == nil {
				dpkg = ctlErr
			}
			p, err := Read(bytes.NewReader(part.deb), Options{Payload: true})
			if (err == nil) != part.good || err == nil && len(p.Files) != 1 {
				t.Errorf("%s %s: %v", tc.member, part.name, err)
			}
			// gzip takes what comes after it; that is a strictness of compress.
			if (dpkg == nil) != part.good && part.name != "data with more after it" {
				t.Errorf("%s %s: dpkg-deb: %v %s", tc.member, part.name, dpkg, out)
			}
		}
	}
}

func TestControlOnly(t *testing.T) {
	t.Parallel()
	for z, data := range small(t) {
		whole, err := Read(bytes.NewReader(data), Options{Payload: true})
		if err != nil {
			t.Fatal(err)
		}
		r := bytes.NewReader(data)
		p, err := Read(r, Options{})
		if err != nil || p.Files != nil || r.Len() != 0 {
			t.Errorf("%s: %v; %d files, %d bytes unread", z, err, len(p.Files), r.Len())
		}
		whole.Files = nil
		if diff := cmp.Diff(whole, p); diff != "" {
			t.Errorf("%s: (-payload +control)\n%s", z, diff)
		}
	}
	// data.tar is not opened, so what is wrong inside stays unseen; its name is
	// looked at, and its length.
	bad := arFile(arMember{"debian-binary", "2.0\n"}, arMember{"control.tar", controlTar(t)}, arMember{"data.tar.xz", "no xz"})
	if _, err := Read(bytes.NewReader(bad), Options{}); err != nil {
		t.Error(err)
	}
	_, err := Read(bytes.NewReader(bad[:len(bad)-3]), Options{})
	wantFormat(t, err, "bytes are missing")
	_, err = Read(bytes.NewReader(bytes.Replace(bad, []byte("data.tar.xz"), []byte("data.tar.lz"), 1)), Options{})
	wantFormat(t, err, `compression ".lz"`)
}

func TestExtraMembers(t *testing.T) {
	t.Parallel()
	deb := arFile(arMember{"debian-binary", "2.0\n"}, arMember{"_gpgbuilder", "x"}, arMember{"control.tar", tarFile(t, file("./shlibs", "a 1 b\n"),
		file("./control", control))}, arMember{"data.tar", tarFile(t)}, arMember{"_gpgorigin", "signature"})
	p, err := Read(bytes.NewReader(deb), Options{Payload: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"_gpgbuilder", "_gpgorigin"}, p.Extra); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"control", "shlibs"}, p.Control); diff != "" {
		t.Error(diff)
	}
	if len(p.Faults) != 0 || p.Files == nil {
		t.Errorf("%+v", p)
	}
}

func TestOldFormat(t *testing.T) {
	t.Parallel()
	_, err := Read(strings.NewReader("0.939000\n11\ncontrol....data"), Options{})
	if !errors.Is(err, ErrOldFormat) {
		t.Errorf("%v, want ErrOldFormat", err)
	}
	wantFormat(t, err, "old Debian package format")
}

// TestHardLinks gives a link what its target has.
func TestHardLinks(t *testing.T) {
	t.Parallel()
	const sum = "9dd4e461268c8034f5c8564e155c67a6" // of "x"
	ctl := tarFile(t, file("./control", control), file("./md5sums", sum+"  a\n"+sum+"  b\n0"+sum[1:]+"  c\n"))
	p, err := Read(bytes.NewReader(pack(ctl, tarFile(t, file("./a", "x"),
		tar.Header{Name: "./b", Linkname: "./a", Typeflag: tar.TypeLink, Format: tar.FormatGNU},
		tar.Header{Name: "./c", Linkname: "./b", Typeflag: tar.TypeLink, Format: tar.FormatGNU}))), Options{Payload: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if f.Size != 1 || f.SHA256 != p.Files[0].SHA256 || f.SHA256 == "" {
			t.Errorf("%+v", f)
		}
	}
	wantFault(t, p, `line 3: "/c" has the MD5 digest `+sum)
}

// TestReaderIsReused reads good and bad packages by turns, from many
// goroutines, with one Reader.
func TestReaderIsReused(t *testing.T) {
	t.Parallel()
	var r Reader
	all := small(t)
	want := map[string]*Package{}
	for z, data := range all {
		p, err := Read(bytes.NewReader(data), Options{Payload: true})
		if err != nil {
			t.Fatal(err)
		}
		want[z] = p
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				for z, data := range all {
					if _, err := r.Read(bytes.NewReader(data[:len(data)/2]), Options{Payload: true}); err == nil {
						t.Error("half a package is read")
					}
					p, err := r.Read(bytes.NewReader(data), Options{Payload: true})
					if diff := cmp.Diff(want[z], p); err != nil || diff != "" {
						t.Errorf("%v\n%s", err, diff)
					}
				}
			}
		})
	}
	group.Wait()
}

// TestBounds goes past the bounds that no other test goes past.
func TestBounds(t *testing.T) {
	t.Parallel()
	var many []tar.Header
	for i := range MaxControlMembers {
		many = append(many, file("./x"+strings.Repeat("y", i), ""))
	}
	_, err := Read(bytes.NewReader(pack(tarFile(t, append(many, file("./control", control))...), tarFile(t))), Options{})
	wantFormat(t, err, "more than 256 files")

	var sums strings.Builder
	for range MaxFiles + 1 {
		sums.WriteString("9dd4e461268c8034f5c8564e155c67a6  a\n")
	}
	p, err := Read(bytes.NewReader(pack(tarFile(t, file("./control", control), file("./md5sums", sums.String())), tarFile(t, file("./a", "x")))), Options{Payload: true})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, p, "md5sums: more than 250000 lines")

	_, err = Read(bytes.NewReader(pack(tarFile(t, file("./control", control), file("./x", strings.Repeat("x", MaxControl))), tarFile(t))), Options{})
	wantFormat(t, err, "more than 33554432 bytes")

	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for range MaxFiles + 1 {
		if err := w.WriteHeader(&tar.Header{Name: "d/", Typeflag: tar.TypeDir, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Read(bytes.NewReader(pack(controlTar(t), b.String())), Options{Payload: true})
	wantFormat(t, err, "more than 250000 files")

	_, err = Read(bytes.NewReader(pack(controlTar(t), tarFile(t, file("./"+strings.Repeat("n/", MaxDepth)+"n", "")))), Options{Payload: true})
	wantFormat(t, err, "more than 256 directories")

	b.Reset()
	w = tar.NewWriter(&b)
	for range MaxPaths/MaxPath + 1 {
		if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("n", MaxPath), Typeflag: tar.TypeDir, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Read(bytes.NewReader(pack(controlTar(t), b.String())), Options{Payload: true})
	wantFormat(t, err, "more than 67108864 bytes together")
}

func BenchmarkRead(b *testing.B) {
	data := build(b, tree(b, control), "-Zxz")
	for name, opts := range map[string]Options{"control": {}, "payload": {Payload: true}} {
		b.Run(name, func(b *testing.B) {
			var r Reader
			in := bytes.NewReader(nil)
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(data)
				if _, err := r.Read(in, opts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package rpm_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/compress"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/repo/rpm"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

// tool returns a program's path, or fails with what to do.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	return path
}

// run runs a tool and returns what it printed. A failure fails the test.
func run(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	out, err := try(t, env, argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

func try(t *testing.T, env []string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), tool(t, argv[0]), argv[1:]...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C", "HOME="+t.TempDir()), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAgainstTools holds Read and the indexes' readers against rpm, rpmkeys
// and createrepo_c.
func TestAgainstTools(t *testing.T) {
	t.Parallel()
	b := build(t)
	t.Run("rpm -qp", func(t *testing.T) {
		for _, name := range b.files {
			compareQuery(t, b, name)
		}
	})
	t.Run("rpm2archive", func(t *testing.T) {
		for _, name := range b.files {
			compareContent(t, b, name)
		}
	})
	t.Run("createrepo_c", func(t *testing.T) { compareIndex(t, b) })
	t.Run("rpmkeys -K", func(t *testing.T) { compareVerdicts(t, b) })
}

func compareQuery(t *testing.T, b built, name string) {
	t.Helper()
	p, err := rpm.Read(bytes.NewReader(b.read(t, name)), b.ring)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	file := filepath.Join(b.dir, name)
	query := func(format string) string { return run(t, nil, "rpm", "-qp", "--nosignature", "--qf", format, file) }

	field := func(name string) string { v, _ := p.Fields.Get(name); return v }
	got := strings.Join([]string{p.Name, p.Version, field("summary"), field("description"), field("url"), field("license"),
		field("vendor"), field("packager"), field("group"), field("buildhost"), field("time-build"), field("size-installed"), field("size-archive")}, "|")
	want := query("%{NAME}|%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}|%{SUMMARY}|%{DESCRIPTION}|%{URL}|%{LICENSE}|%{VENDOR}|%{PACKAGER}|%{GROUP}|%{BUILDHOST}|%{BUILDTIME}|%{SIZE}|%{ARCHIVESIZE}")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: rpm (-), Read (+):\n%s", name, diff)
	}
	if source := query("%{SOURCERPM}") == "(none)"; source != p.Source {
		t.Errorf("%s: Source is %v, wanted %v", name, p.Source, source)
	}
	var files []string
	for _, f := range p.Files {
		mode := int64(f.Mode.Perm())
		if f.Mode&os.ModeSetuid != 0 {
			mode |= 0o4000
		}
		path, link := f.Path, f.Link
		if p.Source {
			path = strings.TrimPrefix(path, "/")
		}
		if f.Mode.IsRegular() { // rpm does not show hard links
			link = ""
		}
		files = append(files, fmt.Sprintf("%s|%o|%d|%s|%s|%s|%v", path, mode, f.Size, f.Owner, f.Group, link, f.Config))
	}
	var listed []string
	for line := range strings.SplitSeq(strings.TrimSpace(query(`[%{FILENAMES}|%{FILEMODES}|%{FILESIZES}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{FILELINKTOS}|%{FILEFLAGS}\n]`)), "\n") {
		x := strings.Split(line, "|")
		mode, _ := strconv.ParseInt(x[1], 10, 64)
		flags, _ := strconv.ParseInt(x[6], 10, 64)
		x[1], x[6] = strconv.FormatInt(mode&0o7777, 8), strconv.FormatBool(flags&1 != 0)
		listed = append(listed, strings.Join(x, "|"))
	}
	slices.Sort(listed)
	slices.Sort(files)
	if diff := cmp.Diff(listed, files); diff != "" {
		t.Errorf("%s: files of rpm (-), of Read (+):\n%s", name, diff)
	}
	if !p.Source {
		if hard := p.Files[slices.IndexFunc(p.Files, func(f repo.PayloadFile) bool { return f.Path == "/usr/bin/tool-hard" })]; hard.Link != "/usr/bin/tool" {
			t.Errorf("%s: hard link to %q", name, hard.Link)
		}
	}
	if len(p.Faults) != 0 {
		t.Errorf("%s: faults %v", name, p.Faults)
	}
}

func compareIndex(t *testing.T, b built) {
	run(t, nil, "createrepo_c", "-q", "--no-database", b.dir)
	repodata := filepath.Join(b.dir, "repodata")
	f, err := os.Open(filepath.Join(repodata, "repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	md, err := rpmmd.ParseRepomd(f, "repodata/repomd.xml")
	if err != nil {
		t.Fatal(err)
	}
	read := func(kind string) *bytes.Reader {
		i := slices.IndexFunc(md.Data, func(d repo.RepomdData) bool { return d.Type == kind })
		if i < 0 {
			t.Fatalf("no %s in %+v", kind, md)
		}
		packed, err := os.Open(filepath.Join(b.dir, md.Data[i].Location))
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		open, err := compress.NewReader(packed, compress.ByName(md.Data[i].Location), 1<<24)
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		var all bytes.Buffer
		if _, err := all.ReadFrom(open); err != nil {
			t.Fatal(err)
		}
		if md.Data[i].Open.Size != int64(all.Len()) {
			t.Errorf("%s: open-size %d, got %d", kind, md.Data[i].Open.Size, all.Len())
		}
		return bytes.NewReader(all.Bytes())
	}
	ids := make(map[string]int) // pkgid to number of files
	seen := 0
	for p, err := range rpmmd.Primary(read("primary"), "primary.xml") {
		if err != nil {
			t.Errorf("primary: %v", err)
			continue
		}
		seen++
		data := b.read(t, p.Path)
		got, err := rpm.Read(bytes.NewReader(data), nil)
		if err != nil {
			t.Errorf("%s: %v", p.Path, err)
			continue
		}
		if diff := cmp.Diff(p.Fields.String(), got.Fields.String()); diff != "" {
			t.Errorf("%s: createrepo_c (-), Read (+):\n%s", p.Path, diff)
		}
		if p.Name != got.Name || p.Version != got.Version || p.Arch != got.Arch || p.Claim.Size != int64(len(data)) || p.Claim.Line == 0 {
			t.Errorf("%s: %+v", p.Path, p)
		}
		ids[p.Claim.Digests.SHA256] = len(got.Files)
	}
	if seen != len(b.files) {
		t.Errorf("primary has %d packages, wanted %d", seen, len(b.files))
	}
	for x, err := range rpmmd.Filelists(read("filelists")) {
		if err != nil {
			t.Errorf("filelists: %v", err)
			continue
		}
		if files, ok := ids[x.PkgID]; !ok || files != x.Files {
			t.Errorf("filelists: %+v, wanted %d files (known %v)", x, files, ok)
		}
		delete(ids, x.PkgID)
	}
	if len(ids) != 0 {
		t.Errorf("filelists lacks %v", ids)
	}
}

func compareVerdicts(t *testing.T, b built) {
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 1
		return data
	}
	empty := t.TempDir() // a database without keys
	run(t, nil, "rpm", "--dbpath", empty, "--initdb")
	check := func(what string, data []byte, db string, ring *pgp.Keyring, wantSignatures int) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "x.rpm")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, rpmErr := try(t, nil, "rpmkeys", "-Kv", "--dbpath", db, file) // which says no more than the name of one it cannot read
		p, err := rpm.Read(bytes.NewReader(data), ring)
		if got, want := accepted(p, err), rpmErr == nil; got != want {
			t.Errorf("%s: rpmkeys accepts: %v, Read: %v (%+v, %v)\n%s", what, want, got, p, err, out)
		}
		if err == nil {
			if diff := cmp.Diff(rpmkeysLines(out), factLines(p)); diff != "" {
				t.Errorf("%s: rpmkeys (-), Read (+):\n%s", what, diff)
			}
		}
		if err == nil && wantSignatures >= 0 && len(p.Signatures) != wantSignatures {
			t.Errorf("%s: %d signatures, wanted %d: %+v", what, len(p.Signatures), wantSignatures, p.Signatures)
		}
	}
	for _, name := range b.files {
		data := b.read(t, name)
		p, err := rpm.Read(bytes.NewReader(data), b.ring)
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		switch {
		case p.Name == "zstd":
			want = 0
		case p.Name == "plain":
			want = 2
		}
		check(name, data, b.db, b.ring, want)
		if p.Source {
			continue
		}
		check(name+" with another key", data, empty, b.other, want)
		check(name+" with a header byte flipped", flip(data, bytes.Index(data, []byte("Indented"))), b.db, b.ring, want)
		check(name+" with a payload byte flipped", flip(data, int(p.HeaderEnd)+50), b.db, b.ring, want)
		if p.Name != "plain" && p.Name != "deps" {
			continue
		}
		for _, d := range p.SelfDigests {
			raw, err := hex.DecodeString(d.Want)
			if err != nil {
				t.Fatal(err)
			}
			at := max(bytes.Index(data, []byte(d.Want)), bytes.Index(data, raw))
			check(fmt.Sprintf("%s with its %s digest of the %s changed", name, d.Algorithm, d.Part), flip(data, at), b.db, b.ring, want)
		}
		check(name+" with the lead changed", flip(data, 20), b.db, b.ring, want)
		check(name+" with the last byte flipped", flip(data, len(data)-1), b.db, b.ring, want)
		check(name+" cut off", data[:len(data)-10], b.db, b.ring, want)
		check(name+" with bytes appended", append(bytes.Clone(data), 0, 1, 2), b.db, b.ring, want)
	}
	arch := strings.TrimSpace(run(t, nil, "rpm", "--eval", "%{_arch}"))
	one, two := b.read(t, "deps-2.0-1.1."+arch+".rpm"), b.read(t, "xz-1.0^git1-1.1."+arch+".rpm")
	p1, err1 := rpm.Read(bytes.NewReader(one), nil)
	p2, err2 := rpm.Read(bytes.NewReader(two), nil)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	check("a header in front of another's payload", append(bytes.Clone(one[:p1.HeaderEnd]), two[p2.HeaderEnd:]...), b.db, b.ring, 1)
	for _, s := range p1.Signatures {
		if s.Verdict != repo.UnknownKey || s.Tag != 268 {
			t.Errorf("without a keyring: %+v", s)
		}
	}
}
